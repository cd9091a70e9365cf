//! Claims: which message of which site is next, and what became of it.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    sea_query::{Expr, ExprTrait},
};
use stoa_model::{
    id::{SiteId, SiteMailId},
    site_mail::DeliveryState,
    text::EmailAddress,
};
use stoa_saga::Epoch;
use uuid::Uuid;

use super::{SiteMail, address, from_row};
use crate::{
    Conn, Db, DbError,
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::{site_mail_parts, site_mail_recipients, site_mails},
};

/// A message for one recipient, claimed by a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub mail: SiteMail,
    /// Position among its recipients.
    pub ordinal: u32,
    /// The recipient.
    pub recipient: EmailAddress,
    /// Attempts, this one included.
    pub attempts: u32,
    /// The claim.
    pub epoch: Epoch,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The state.
    pub state: DeliveryState,
    /// The mail server's answer, or why it waits.
    pub answer: String,
    /// When it is tried again; `None` for a final state.
    pub due_at: Option<Timestamp>,
}

/// Sites with mail that is due, from the one after `after` on, except for some. They take turns, so this is asked again from
/// the start after the last one.
pub async fn mail_sites_due(
    c: &impl Conn,
    now: Timestamp,
    after: Option<SiteId>,
    except: &[SiteId],
    limit: u64,
) -> Result<Vec<SiteId>, DbError> {
    let mut due = site_mail_recipients::Entity::find()
        .select_only()
        .column(site_mail_recipients::Column::Site)
        .distinct()
        .filter(site_mail_recipients::Column::DueAt.lte(ms(now)));
    if let Some(after) = after {
        due = due.filter(site_mail_recipients::Column::Site.gt(after.uuid()));
    }
    if !except.is_empty() {
        due = due.filter(site_mail_recipients::Column::Site.is_not_in(except.iter().map(|site| site.uuid())));
    }
    let due = due.order_by_asc(site_mail_recipients::Column::Site).limit(limit);
    let sites: Vec<Uuid> = due.into_tuple().all(c.raw()).await?;
    Ok(sites.into_iter().map(SiteId::from_uuid).collect())
}

/// Claims the oldest message of a site that is due.
///
/// # Errors
/// `Corrupt` if the stored row can't be read; it stays leased, so that it doesn't block the queue.
pub async fn mail_claim(db: &Db, site: SiteId, now: Timestamp, lease: Duration) -> Result<Option<Delivery>, DbError> {
    let until = ms(now).saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
    loop {
        let due = site_mail_recipients::Entity::find()
            .filter(site_mail_recipients::Column::Site.eq(site.uuid()))
            .filter(site_mail_recipients::Column::DueAt.lte(ms(now)))
            .order_by_asc(site_mail_recipients::Column::Mail)
            .order_by_asc(site_mail_recipients::Column::Ordinal);
        let Some(row) = due.one(db.raw()).await? else { return Ok(None) };
        let key = (row.mail, row.ordinal);
        let take = || {
            site_mail_recipients::Entity::update_many()
                .col_expr(site_mail_recipients::Column::State, Expr::value(DeliveryState::Sending.as_str()))
                .col_expr(site_mail_recipients::Column::DueAt, Expr::value(until))
                .col_expr(
                    site_mail_recipients::Column::Epoch,
                    Expr::col(site_mail_recipients::Column::Epoch).add(1_i64),
                )
                .col_expr(
                    site_mail_recipients::Column::Attempts,
                    Expr::col(site_mail_recipients::Column::Attempts).add(1_i64),
                )
                .filter(is(key, row.epoch))
                .filter(site_mail_recipients::Column::DueAt.lte(ms(now)))
        };
        if change(db, take).await? {
            return claimed(db, row).await.map(Some);
        }
    }
}

async fn claimed(db: &Db, row: site_mail_recipients::Model) -> Result<Delivery, DbError> {
    let id = SiteMailId::from_uuid(row.mail);
    let read = Row { table: "site_mail_recipients", id: &id };
    let mail = site_mails::Entity::find_by_id(row.mail).one(db.raw()).await?.ok_or(DbError::Missing("site_mails"))?;
    Ok(Delivery {
        mail: from_row(mail)?,
        ordinal: read.number(row.ordinal)?,
        recipient: address(&read, &row.address)?,
        attempts: read.number(row.attempts + 1)?,
        epoch: Epoch(row.epoch + 1),
    })
}

/// Records what became of an attempt; returns `false` if another worker has claimed the message since. With the last
/// recipient's final state the content is deleted.
pub async fn mail_finish(db: &Db, delivery: &Delivery, outcome: &Outcome, now: Timestamp) -> Result<bool, DbError> {
    let mail = delivery.mail.id.uuid();
    let key = (mail, i64::from(delivery.ordinal));
    let ended_at = outcome.state.is_final().then(|| ms(now));
    let update = &|| {
        site_mail_recipients::Entity::update_many()
            .col_expr(site_mail_recipients::Column::State, Expr::value(outcome.state.as_str()))
            .col_expr(site_mail_recipients::Column::Answer, Expr::value(clip(&outcome.answer, MAX_TEXT_BYTES)))
            .col_expr(site_mail_recipients::Column::DueAt, Expr::value(outcome.due_at.map(ms)))
            .col_expr(site_mail_recipients::Column::EndedAt, Expr::value(ended_at))
            .filter(is(key, delivery.epoch.0))
    };
    db.write(|tx| {
        Box::pin(async move {
            if update().exec(tx.raw()).await?.rows_affected != 1 {
                return Ok(false);
            }
            // Of two recipients that end at the same time, neither would see the other's end: lock the message.
            site_mails::Entity::find_by_id(mail).lock_exclusive().one(tx.raw()).await?;
            let waiting = site_mail_recipients::Entity::find()
                .select_only()
                .column(site_mail_recipients::Column::Ordinal)
                .filter(site_mail_recipients::Column::Mail.eq(mail))
                .filter(site_mail_recipients::Column::DueAt.is_not_null());
            let waiting: Option<i64> = waiting.limit(1).into_tuple().one(tx.raw()).await?;
            if waiting.is_none() {
                let parts = site_mail_parts::Entity::delete_many().filter(site_mail_parts::Column::Mail.eq(mail));
                parts.exec(tx.raw()).await?;
            }
            Ok(true)
        })
    })
    .await
}

/// Marks what a site has queued as held, with the reason. It stays due, in its order. Returns how much was marked.
pub async fn mail_hold(db: &Db, site: SiteId, reason: &str) -> Result<u64, DbError> {
    let hold = &|| {
        site_mail_recipients::Entity::update_many()
            .col_expr(site_mail_recipients::Column::State, Expr::value(DeliveryState::Held.as_str()))
            .col_expr(site_mail_recipients::Column::Answer, Expr::value(reason))
            .filter(site_mail_recipients::Column::Site.eq(site.uuid()))
            .filter(site_mail_recipients::Column::DueAt.is_not_null())
            .filter(site_mail_recipients::Column::State.eq(DeliveryState::Queued.as_str()))
    };
    db.write(|tx| Box::pin(async move { Ok(hold().exec(tx.raw()).await?.rows_affected) })).await
}

fn is((mail, ordinal): (Uuid, i64), epoch: i64) -> Condition {
    Condition::all()
        .add(site_mail_recipients::Column::Mail.eq(mail))
        .add(site_mail_recipients::Column::Ordinal.eq(ordinal))
        .add(site_mail_recipients::Column::Epoch.eq(epoch))
}

async fn change(
    db: &Db,
    update: impl Fn() -> UpdateMany<site_mail_recipients::Entity> + Send + Sync,
) -> Result<bool, DbError> {
    let update = &update;
    db.write(|tx| Box::pin(async move { Ok(update().exec(tx.raw()).await?.rows_affected == 1) })).await
}
