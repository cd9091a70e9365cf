//! Notes of staff about customers. Customers never see them.

use serde_json::json;
use stoa_db::{
    accounts::{
        self,
        notes::{Note, note_delete, note_get, note_insert, note_list},
        staff_accounts::{StaffAccount, staff_accounts},
    },
    history,
};
use stoa_model::{
    account::{Actor, Role},
    id::{CustomerId, NoteId},
    text::NoteText,
};

use crate::{Accounts, view::NoteView};
use stoa_core::{Error, RequestContext, Result, random};

/// Notes that a screen shows of a customer.
const SHOWN: u64 = 100;

impl Accounts {
    /// The newest notes about a customer, at most 100.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn list_notes(&self, cx: &RequestContext, customer: CustomerId) -> Result<Vec<NoteView>> {
        cx.require(Role::Support)?;
        let notes = note_list(&self.core.db, customer, SHOWN).await?;
        let staff = staff_accounts(&self.core.db).await?;
        let view = |note: Note| NoteView {
            id: note.id,
            author: staff.iter().find(|found| found.staff.id == note.author).map(StaffAccount::display_name),
            text: note.text.to_string(),
            created_at: note.created_at,
            is_removable: may_delete(cx, &note),
        };
        Ok(notes.into_iter().map(view).collect())
    }

    /// Adds a note about a customer.
    ///
    /// # Errors
    /// Who is no member of staff; no such customer; a blank or too long text.
    pub async fn add_note(&self, cx: &RequestContext, customer: CustomerId, text: &str) -> Result<NoteId> {
        cx.require(Role::Support)?;
        let Actor::Staff(author, _) = cx.actor else {
            return Err(Error::Forbidden("Only staff write notes."));
        };
        let text = NoteText::parse(text)?;
        accounts::customer_get(&self.core.db, customer).await?.ok_or(Error::NotFound("customer"))?;
        let id = NoteId::from_uuid(random::uuid_at(cx.now));
        let note = &Note { id, customer, author, text, created_at: cx.now };
        let event = &cx.audit("note.add", customer, json!({ "note": id }));
        let insert = self.core.db.write(|tx| {
            Box::pin(async move {
                note_insert(&tx, note).await?;
                history::audit(&tx, event).await
            })
        });
        insert.await?;
        Ok(id)
    }

    /// Deletes a note, and returns whom it was about.
    ///
    /// # Errors
    /// Below the role support; another author's note below the role admin; no such note.
    pub async fn delete_note(&self, cx: &RequestContext, id: NoteId) -> Result<CustomerId> {
        cx.require(Role::Support)?;
        let note = note_get(&self.core.db, id).await?.ok_or(Error::NotFound("note"))?;
        if !may_delete(cx, &note) {
            return Err(Error::Forbidden("Only its author or an administrator can delete a note."));
        }
        let event = &cx.audit("note.delete", note.customer, json!({ "note": id }));
        let delete = self.core.db.write(|tx| {
            Box::pin(async move {
                note_delete(&tx, id).await?;
                history::audit(&tx, event).await
            })
        });
        delete.await?;
        Ok(note.customer)
    }
}

fn may_delete(cx: &RequestContext, note: &Note) -> bool {
    cx.actor.has_role(Role::Admin) || matches!(cx.actor, Actor::Staff(id, _) if id == note.author)
}
