//! The submission server for sites (RFC 6409): the SMTP relay that the containers of sites hand their mail to.
//!
//! - **Clients are hostile.** A site that was broken into sends what it likes. Every line has a maximum length, every
//!   message a maximum size, every wait a deadline, and memory is taken from a budget before it is filled.
//! - **Only CRLF ends a line, only CRLF.CRLF ends a message.** A bare CR or LF ends the connection: servers that disagree
//!   about line ends are how one message becomes two (SMTP smuggling).
//! - **Nothing is relayed without a login.** The [`Backend`] checks the login against the network that the connection
//!   comes from, stores an accepted message and only then is it acknowledged.
//! - **The header is rebuilt**, not passed on: [`message::prepare`] writes the sender that the rules permit.
//!
//! There is no TLS here: see `docs/decisions/033-submission-relay.md`.

mod command;
mod data;
mod limits;
mod line_reader;
mod login;
pub mod message;
mod reply;
mod server;
mod session;

use std::net::IpAddr;

use async_trait::async_trait;
use stoa_model::{id::SiteId, text::EmailAddress};

pub use limits::Limits;
pub use login::Login;
pub use reply::Reply;
pub use server::Server;

/// What the server asks the platform.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The network of a site that this address lies in, as a number; `None` if it lies in none: the connection is closed
    /// without a greeting. Connections and memory are limited by network.
    fn network_of(&self, source: IpAddr) -> Option<i64>;

    /// The site that this login belongs to, if it is right and the site has this network.
    ///
    /// # Errors
    /// A temporary failure.
    async fn authenticate(&self, network: i64, login: &Login) -> Result<Option<SiteId>, Reply>;

    /// Stores a message; returns its id. The message is acknowledged after that.
    ///
    /// # Errors
    /// Why it is refused.
    async fn accept(&self, site: SiteId, message: Submission) -> Result<String, Reply>;
}

/// A message as it was submitted.
#[derive(Debug)]
pub struct Submission {
    /// The name that the client gave itself: letters, digits, dots, hyphens.
    pub client_name: String,
    /// The sender of the envelope; `None`: `<>`, as replies of programs have.
    pub sender: Option<EmailAddress>,
    /// The recipients of the envelope, each once, at least one.
    pub recipients: Vec<EmailAddress>,
    /// Header and body: lines that end in CRLF.
    pub data: Vec<u8>,
}
