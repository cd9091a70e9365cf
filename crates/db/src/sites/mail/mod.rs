//! Mail that sites send: a message, its content in parts, and a row for each recipient.
//!
//! `due_at` is when a worker may claim a recipient: the end of the lease while a worker has it, NULL once its state is
//! final. The content is deleted when the last recipient of a message has reached a final state; the rest is the log that
//! people see.

mod delivery;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait},
};
use stoa_model::{
    id::{SiteId, SiteMailId},
    site_mail::DeliveryState,
    text::EmailAddress,
};
use uuid::Uuid;

pub use self::delivery::{Delivery, Outcome, mail_claim, mail_finish, mail_hold, mail_sites_due};
use crate::{
    Conn, DbError, Tx,
    codec::{Row, clip, int, ms},
    db::Raw,
    entity::{site_mail_parts, site_mail_recipients, site_mails},
    listing::Window,
};

/// Size of a part: far below what any database server accepts as one statement.
const PART_BYTES: usize = 512 << 10;
/// Rows that one call deletes at most.
const BATCH: u64 = 500;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteMail {
    /// Its id.
    pub id: SiteMailId,
    /// Who sends it.
    pub site: SiteId,
    /// The address in `From`.
    pub sender: EmailAddress,
    /// What the site wrote there, if it may not send as that.
    pub replaced_sender: Option<EmailAddress>,
    /// The sender of the envelope; `None`: `<>`.
    pub return_path: Option<EmailAddress>,
    /// Subject, for display.
    pub subject: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// A message for one recipient, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailLine {
    /// The message.
    pub mail: SiteMail,
    /// The recipient.
    pub recipient: EmailAddress,
    /// How far it got.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// The mail server's last answer, or why it waits.
    pub answer: Option<String>,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// When its state became final.
    pub ended_at: Option<Timestamp>,
}

/// Messages, counted once for each recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailVolume {
    /// How many.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Inserts a message, due at once for each of its recipients.
pub async fn mail_insert(
    tx: &Tx,
    mail: &SiteMail,
    recipients: &[EmailAddress],
    content: &[&[u8]],
) -> Result<(), DbError> {
    let address = |address: &EmailAddress| address.as_str().to_owned();
    let row = site_mails::Model {
        id: mail.id.uuid(),
        site: mail.site.uuid(),
        sender: address(&mail.sender),
        replaced_sender: mail.replaced_sender.as_ref().map(address),
        return_path: mail.return_path.as_ref().map(address),
        subject: clip(&mail.subject, 255),
        size: int(mail.size),
        created_at: ms(mail.created_at),
    };
    site_mails::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    let parts = content.iter().flat_map(|bytes| bytes.chunks(PART_BYTES));
    for (ordinal, part) in (0..).zip(parts) {
        let row = site_mail_parts::Model { mail: mail.id.uuid(), ordinal, data: part.to_vec() };
        site_mail_parts::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    }
    let rows = (0..).zip(recipients).map(|(ordinal, recipient)| {
        let row = site_mail_recipients::Model {
            mail: mail.id.uuid(),
            ordinal,
            site: mail.site.uuid(),
            address: address(recipient),
            state: DeliveryState::Queued.to_string(),
            attempts: 0,
            epoch: 0,
            due_at: Some(ms(mail.created_at)),
            ended_at: None,
            size: int(mail.size),
            answer: None,
        };
        row.into_active_model()
    });
    site_mail_recipients::Entity::insert_many(rows).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The content of a message; empty once nobody waits for it.
pub async fn mail_content(c: &impl Conn, mail: SiteMailId) -> Result<Vec<u8>, DbError> {
    let parts = site_mail_parts::Entity::find().filter(site_mail_parts::Column::Mail.eq(mail.uuid()));
    let ordinals = parts.clone().select_only().column(site_mail_parts::Column::Ordinal);
    let ordinals: Vec<i64> = ordinals.order_by_asc(site_mail_parts::Column::Ordinal).into_tuple().all(c.raw()).await?;
    let mut content = Vec::new();
    // One part at a time, so that the message is in memory once.
    for ordinal in ordinals {
        let part = parts.clone().filter(site_mail_parts::Column::Ordinal.eq(ordinal)).one(c.raw()).await?;
        content.extend(part.map(|part| part.data).unwrap_or_default());
    }
    Ok(content)
}

/// What of a site waits.
pub async fn mail_waiting(c: &impl Conn, site: SiteId) -> Result<MailVolume, DbError> {
    volume(c, of_site(site).filter(site_mail_recipients::Column::DueAt.is_not_null())).await
}

/// What of a site has left, or was refused, after `since`.
pub async fn mail_ended(c: &impl Conn, site: SiteId, since: Timestamp) -> Result<MailVolume, DbError> {
    volume(c, of_site(site).filter(site_mail_recipients::Column::EndedAt.gt(ms(since)))).await
}

async fn volume(c: &impl Conn, rows: Select<site_mail_recipients::Entity>) -> Result<MailVolume, DbError> {
    // Except on SQLite, a sum of bigints has a wider type.
    let integer = match sea_orm::ConnectionTrait::get_database_backend(c.raw()) {
        sea_orm::DbBackend::MySql => "signed",
        _ => "bigint",
    };
    let sum = Expr::col(site_mail_recipients::Column::Size).sum().cast_as(integer);
    let row = rows.select_only().expr(site_mail_recipients::Column::Ordinal.count()).expr(sum);
    let (messages, bytes): (i64, Option<i64>) = row.into_tuple().one(c.raw()).await?.unwrap_or_default();
    let read = Row { table: "site_mail_recipients", id: &"(sum)" };
    Ok(MailVolume { messages: read.number(messages)?, bytes: read.number(bytes.unwrap_or(0))? })
}

/// The log of a site, newest first, of one state or all.
pub async fn mail_list(
    c: &impl Conn,
    site: SiteId,
    state: Option<DeliveryState>,
    window: Window,
) -> Result<Vec<MailLine>, DbError> {
    let mut found = of_site(site);
    if let Some(state) = state {
        found = found.filter(site_mail_recipients::Column::State.eq(state.as_str()));
    }
    let rows = found
        .order_by_desc(site_mail_recipients::Column::Mail)
        .order_by_asc(site_mail_recipients::Column::Ordinal)
        .offset(window.offset)
        .limit(window.limit)
        .all(c.raw())
        .await?;
    let ids = site_mails::Column::Id.is_in(rows.iter().map(|row| row.mail));
    let mails = site_mails::Entity::find().filter(ids).all(c.raw()).await?;
    let mut lines = Vec::new();
    for row in rows {
        if let Some(mail) = mails.iter().find(|mail| mail.id == row.mail) {
            lines.push(line(row, from_row(mail.clone())?)?);
        }
    }
    Ok(lines)
}

/// How many lines of a site's log are in each state; states without any are left out.
pub async fn mail_by_state(c: &impl Conn, site: SiteId) -> Result<Vec<(DeliveryState, u64)>, DbError> {
    let counted = of_site(site)
        .select_only()
        .column(site_mail_recipients::Column::State)
        .column_as(site_mail_recipients::Column::Ordinal.count(), "n")
        .group_by(site_mail_recipients::Column::State);
    let rows: Vec<(String, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "site_mail_recipients", id: &"(counts)" };
    rows.into_iter().map(|(state, n)| Ok((read.parse(&state)?, read.number(n)?))).collect()
}

/// Deletes messages that were accepted before `before`, however far they got, a bounded number at a time. Returns how many.
pub async fn mail_prune(tx: &Tx, before: Timestamp) -> Result<usize, DbError> {
    let old = site_mails::Entity::find()
        .select_only()
        .column(site_mails::Column::Id)
        .filter(site_mails::Column::CreatedAt.lt(ms(before)))
        .limit(BATCH);
    let old: Vec<Uuid> = old.into_tuple().all(tx.raw()).await?;
    let ids = || old.iter().copied();
    let (parts, recipients) = (site_mail_parts::Entity::delete_many(), site_mail_recipients::Entity::delete_many());
    parts.filter(site_mail_parts::Column::Mail.is_in(ids())).exec(tx.raw()).await?;
    recipients.filter(site_mail_recipients::Column::Mail.is_in(ids())).exec(tx.raw()).await?;
    site_mails::Entity::delete_many().filter(site_mails::Column::Id.is_in(ids())).exec(tx.raw()).await?;
    Ok(old.len())
}

/// Deletes all mail of a site, what waits too.
pub async fn mail_delete_of(tx: &Tx, site: SiteId) -> Result<(), DbError> {
    let own = site_mails::Column::Site.eq(site.uuid());
    let mails = || site_mails::Entity::find().select_only().column(site_mails::Column::Id).filter(own.clone());
    let parts = site_mail_parts::Column::Mail.in_subquery(mails().into_query());
    site_mail_parts::Entity::delete_many().filter(parts).exec(tx.raw()).await?;
    let recipients = site_mail_recipients::Column::Site.eq(site.uuid());
    site_mail_recipients::Entity::delete_many().filter(recipients).exec(tx.raw()).await?;
    site_mails::Entity::delete_many().filter(own.clone()).exec(tx.raw()).await?;
    Ok(())
}

fn of_site(site: SiteId) -> Select<site_mail_recipients::Entity> {
    site_mail_recipients::Entity::find().filter(site_mail_recipients::Column::Site.eq(site.uuid()))
}

fn from_row(row: site_mails::Model) -> Result<SiteMail, DbError> {
    let id = SiteMailId::from_uuid(row.id);
    let read = Row { table: "site_mails", id: &id };
    let maybe = |text: Option<String>| text.map(|text| address(&read, &text)).transpose();
    Ok(SiteMail {
        id,
        site: SiteId::from_uuid(row.site),
        sender: address(&read, &row.sender)?,
        replaced_sender: maybe(row.replaced_sender)?,
        return_path: maybe(row.return_path)?,
        subject: row.subject,
        size: read.number(row.size)?,
        created_at: read.time(row.created_at)?,
    })
}

fn line(row: site_mail_recipients::Model, mail: SiteMail) -> Result<MailLine, DbError> {
    let id = mail.id;
    let read = Row { table: "site_mail_recipients", id: &id };
    Ok(MailLine {
        mail,
        recipient: address(&read, &row.address)?,
        state: read.parse(&row.state)?,
        attempts: read.number(row.attempts)?,
        answer: row.answer,
        due_at: read.maybe_time(row.due_at)?,
        ended_at: read.maybe_time(row.ended_at)?,
    })
}

fn address(read: &Row<'_>, text: &str) -> Result<EmailAddress, DbError> {
    EmailAddress::parse(text).map_err(|error| read.bad(error))
}
