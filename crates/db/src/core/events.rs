//! Messages between processes, over PostgreSQL's LISTEN and NOTIFY. They are hints: one can get lost, and everything
//! that they are about is also in a table.

use sea_orm::sqlx::{self, postgres::PgListener};

use crate::{Backend, Db, DbError, db::Raw};

const CHANNEL: &str = "stoa_events";
/// PostgreSQL's own limit for a message is 8,000 bytes.
pub const MAX_MESSAGE_BYTES: usize = 7_900;

/// Receives the messages of all processes, one's own included.
pub struct EventListener(PgListener);

impl EventListener {
    /// Waits for the next message. `None`: the connection was lost meanwhile, and with it perhaps messages.
    ///
    /// # Errors
    /// If the database can't be reached.
    pub async fn next(&mut self) -> Result<Option<String>, DbError> {
        Ok(self.0.try_recv().await?.map(|message| message.payload().to_owned()))
    }
}

impl Db {
    /// Listens to the messages of all processes; `None` if this database passes none on.
    ///
    /// # Errors
    /// If the database can't be reached.
    pub async fn listen(&self) -> Result<Option<EventListener>, DbError> {
        if self.backend() != Backend::Postgres {
            return Ok(None);
        }
        let mut listener = PgListener::connect_with(self.raw().get_postgres_connection_pool()).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(EventListener(listener)))
    }

    /// Sends a message to all processes that [listen](Self::listen). It is at most [`MAX_MESSAGE_BYTES`] long.
    ///
    /// # Errors
    /// If the database can't be reached, or passes no messages on.
    pub async fn notify(&self, message: &str) -> Result<(), DbError> {
        if self.backend() != Backend::Postgres {
            return Err(DbError::other("only PostgreSQL passes messages on"));
        }
        let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message);
        notify.execute(self.raw().get_postgres_connection_pool()).await?;
        Ok(())
    }
}
