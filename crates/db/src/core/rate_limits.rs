//! Attempts, counted for all processes together.
//!
//! Each counter is one time: when all of its attempts will be available again (the theoretical arrival time of the
//! generic cell rate algorithm, ITU-T I.371). An attempt moves it into the future by its share of the period; an attempt
//! that would move it further than a period from now is refused.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::{Db, DbError, Tx, codec::ms, db::Raw, entity::rate_limits};

/// A counter of attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name.
    pub name: String,
    /// Attempts within a period; at least one.
    pub attempts: u32,
    /// The period.
    pub period: Duration,
}

impl RateLimit {
    /// When all attempts will be available after one now, or else how many milliseconds that one has to wait.
    fn attempt(&self, full_at: i64, now: i64) -> Result<i64, i64> {
        let period = i64::try_from(self.period.as_millis()).unwrap_or(i64::MAX / 2);
        // Further in the future it was written while the clock was ahead.
        let full_at = if full_at > now.saturating_add(period) { now } else { full_at.max(now) };
        let next = full_at.saturating_add(self.share());
        let wait = next - now.saturating_add(period);
        if wait > 0 { Err(wait) } else { Ok(next) }
    }

    /// What one attempt moves the counter by, in milliseconds.
    fn share(&self) -> i64 {
        let period = i64::try_from(self.period.as_millis()).unwrap_or(i64::MAX / 2);
        period / i64::from(self.attempts.max(1))
    }
}

/// Counts an attempt against all of these limits. If one refuses it, none counts it, and the time until that one would
/// permit it is returned.
pub async fn rate_limit_attempt(db: &Db, limits: &[RateLimit], now: Timestamp) -> Result<Option<Duration>, DbError> {
    // Without the writer, so that a flood of attempts that are refused stops nobody else from writing.
    if let Err(wait) = next_times(limits, &read(db, limits, false).await?, ms(now)) {
        return Ok(Some(wait));
    }
    db.write(|tx| Box::pin(async move { attempt(&tx, limits, ms(now)).await })).await
}

async fn attempt(tx: &Tx, limits: &[RateLimit], now: i64) -> Result<Option<Duration>, DbError> {
    for limit in limits {
        let row = rate_limits::Model { name: limit.name.clone(), full_at: 0 };
        let column = rate_limits::Column::Name;
        let ignore = OnConflict::column(column).do_nothing_on([column]).to_owned();
        let insert = rate_limits::Entity::insert(row.into_active_model()).on_conflict(ignore);
        insert.exec_without_returning(tx.raw()).await?;
    }
    let next = match next_times(limits, &read(tx, limits, true).await?, now) {
        Ok(next) => next,
        Err(wait) => return Ok(Some(wait)),
    };
    for (limit, next) in limits.iter().zip(next) {
        let update = rate_limits::Entity::update_many()
            .col_expr(rate_limits::Column::FullAt, Expr::value(next))
            .filter(rate_limits::Column::Name.eq(&limit.name));
        update.exec(tx.raw()).await?;
    }
    Ok(None)
}

/// Returns one attempt to each of these limits, as far as it was counted.
pub async fn rate_limit_return(tx: &Tx, limits: &[RateLimit]) -> Result<(), DbError> {
    use sea_orm::ExprTrait as _;
    for limit in limits {
        let full_at = rate_limits::Column::FullAt;
        let update = rate_limits::Entity::update_many()
            .col_expr(full_at, Expr::col(full_at).sub(limit.share()))
            .filter(rate_limits::Column::Name.eq(&limit.name));
        update.exec(tx.raw()).await?;
    }
    Ok(())
}

fn next_times(limits: &[RateLimit], full_at: &[i64], now: i64) -> Result<Vec<i64>, Duration> {
    let next = limits.iter().zip(full_at).map(|(limit, full_at)| limit.attempt(*full_at, now));
    next.collect::<Result<_, _>>().map_err(|wait| Duration::from_millis(wait.unsigned_abs()))
}

/// The stored times, in the order of `limits`; 0 if there is none. `lock` keeps them from others until the transaction
/// ends.
async fn read(c: &impl crate::Conn, limits: &[RateLimit], lock: bool) -> Result<Vec<i64>, DbError> {
    let names = rate_limits::Column::Name.is_in(limits.iter().map(|limit| &limit.name));
    let rows = rate_limits::Entity::find().filter(names).order_by_asc(rate_limits::Column::Name);
    let rows = if lock { rows.lock_exclusive() } else { rows }.all(c.raw()).await?;
    let stored = |limit: &RateLimit| rows.iter().find(|row| row.name == limit.name).map_or(0, |row| row.full_at);
    Ok(limits.iter().map(stored).collect())
}

/// Deletes counters whose attempts were all available before `before`.
pub async fn rate_limits_prune(tx: &Tx, before: Timestamp) -> Result<(), DbError> {
    rate_limits::Entity::delete_many().filter(rate_limits::Column::FullAt.lt(ms(before))).exec(tx.raw()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_back_one_by_one() {
        let limit = RateLimit { name: String::new(), attempts: 5, period: Duration::from_secs(60) };
        let (mut full_at, now) = (0, 1_000_000);
        for _ in 0..5 {
            full_at = limit.attempt(full_at, now).unwrap();
        }
        assert_eq!(full_at, now + 60_000);
        assert_eq!(limit.attempt(full_at, now), Err(12_000));
        assert_eq!(limit.attempt(full_at, now + 11_999), Err(1));
        let later = limit.attempt(full_at, now + 12_000).unwrap();
        assert_eq!(limit.attempt(later, now + 12_000), Err(12_000));
    }

    #[test]
    fn a_clock_that_was_ahead_locks_nobody_out() {
        let limit = RateLimit { name: String::new(), attempts: 1, period: Duration::from_secs(60) };
        let full_at = limit.attempt(0, 86_400_000).unwrap();
        assert_eq!(limit.attempt(full_at, 1_000), Ok(61_000));
    }
}
