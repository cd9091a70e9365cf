//! Notes of staff about customers.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use stoa_model::{
    id::{CustomerId, NoteId, StaffId},
    text::NoteText,
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::customer_notes,
};

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// Whom it is about.
    pub customer: CustomerId,
    /// Who has written it.
    pub author: StaffId,
    /// The note.
    pub text: NoteText,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Inserts a note.
pub async fn note_insert(tx: &Tx, note: &Note) -> Result<(), DbError> {
    let row = customer_notes::Model {
        id: note.id.uuid(),
        customer: note.customer.uuid(),
        author: note.author.uuid(),
        text: note.text.as_str().to_owned(),
        created_at: ms(note.created_at),
    };
    customer_notes::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A note by id.
pub async fn note_get(c: &impl Conn, id: NoteId) -> Result<Option<Note>, DbError> {
    customer_notes::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(note).transpose()
}

/// The newest notes about a customer, at most `limit`.
pub async fn note_list(c: &impl Conn, customer: CustomerId, limit: u64) -> Result<Vec<Note>, DbError> {
    let about = customer_notes::Entity::find().filter(customer_notes::Column::Customer.eq(customer.uuid()));
    let newest = about.order_by_desc(customer_notes::Column::Id).limit(limit);
    newest.all(c.raw()).await?.into_iter().map(note).collect()
}

/// Deletes a note.
pub async fn note_delete(tx: &Tx, id: NoteId) -> Result<(), DbError> {
    customer_notes::Entity::delete_by_id(id.uuid()).exec(tx.raw()).await?;
    Ok(())
}

/// Deletes all notes about a customer.
pub async fn notes_delete_of(tx: &Tx, customer: CustomerId) -> Result<(), DbError> {
    let about = customer_notes::Entity::delete_many().filter(customer_notes::Column::Customer.eq(customer.uuid()));
    about.exec(tx.raw()).await?;
    Ok(())
}

fn note(row: customer_notes::Model) -> Result<Note, DbError> {
    let id = NoteId::from_uuid(row.id);
    let read = Row { table: "customer_notes", id: &id };
    Ok(Note {
        id,
        customer: CustomerId::from_uuid(row.customer),
        author: StaffId::from_uuid(row.author),
        text: NoteText::parse(&row.text).map_err(|why| read.bad(why))?,
        created_at: read.time(row.created_at)?,
    })
}
