//! Delivery to an SMTP server (RFC 5321) that takes mail to its recipients: the operator's relay or mail provider.
//!
//! Whatever it answers, sending again is safe: the message and its Message-ID stay the same.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_pki_types::ServerName;
use stoa_model::secret::{ExposeSecret, SecretString};
use stoa_util::error_chain;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{
    connection::{Connection, SmtpError, Step},
    reply::Reply,
};
use crate::http_client::trusted_roots;

/// How long a look at the server may take; somebody waits for it.
const CHECK_TIMEOUT: Duration = Duration::from_secs(15);

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the beginning (RFC 8314).
    Tls,
    /// TLS after STARTTLS (RFC 3207), never without.
    StartTls,
    /// None, for a server on this machine.
    None,
}

/// An SMTP server and our account there.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Its hostname or address, which its certificate must be valid for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User and password, if it requires them.
    pub login: Option<(String, SecretString)>,
    /// PEM file of roots to trust in addition to the machine's own.
    pub roots: Option<PathBuf>,
    /// How we introduce ourselves.
    pub hello: String,
    /// How long one message may take, from the connection to the final answer.
    pub timeout: Duration,
}

/// A client of one SMTP server. Cheap to clone.
#[derive(Clone)]
pub struct Smtp {
    config: Arc<SmtpConfig>,
    tls: TlsConnector,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

impl Smtp {
    /// Reads the trusted roots. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the roots.
    pub fn new(config: SmtpConfig) -> Result<Self, String> {
        let tls = client_config(config.roots.as_deref())?;
        Ok(Self { config: Arc::new(config), tls: TlsConnector::from(Arc::new(tls)) })
    }

    /// Host and port.
    pub fn server(&self) -> String {
        format!("{}:{}", self.config.host, self.config.port)
    }

    /// Connects and logs in, and sends nothing. Each step that succeeded is noted in `steps`.
    pub async fn check(&self, steps: &mut Vec<String>) -> Result<(), SmtpError> {
        let checked = async {
            let mut connection = self.connect(steps).await?;
            connection.quit().await;
            Ok(())
        };
        timeout(CHECK_TIMEOUT, checked).await.unwrap_or(Err(SmtpError::Timeout(CHECK_TIMEOUT)))
    }

    /// Hands a message over. Returns the server's answer, from which on it is responsible for the message. Each step that
    /// succeeded is noted in `steps`.
    pub(crate) async fn deliver(
        &self,
        (from, to): (&str, &str),
        message: &[u8],
        steps: &mut Vec<String>,
    ) -> Result<Reply, SmtpError> {
        let delivered = async {
            let mut connection = self.connect(steps).await?;
            let reply = transmit(&mut connection, (from, to), message, steps).await;
            if !matches!(reply, Err(SmtpError::Broken { .. })) {
                connection.quit().await;
            }
            reply
        };
        let limit = self.config.timeout;
        timeout(limit, delivered).await.unwrap_or(Err(SmtpError::Timeout(limit)))
    }

    async fn connect(&self, steps: &mut Vec<String>) -> Result<Connection, SmtpError> {
        let SmtpConfig { host, port, security, login, hello, .. } = &*self.config;
        let (mut connection, address) = Connection::open(host, *port).await?;
        steps.push(format!("Connected to {} ({address}).", connection.server()));
        if *security == Security::Tls {
            connection = self.encrypt(connection, steps).await?;
        }
        let greeting = connection.reply(Step::Greeting).await?;
        steps.push(format!("The server greets: {greeting}"));
        let mut offer = connection.command(Step::Greeting, &format!("EHLO {hello}")).await?;
        if *security == Security::StartTls {
            if !offers(&offer, "STARTTLS") {
                return Err(SmtpError::NoStartTls { server: connection.server() });
            }
            connection.command(Step::StartTls, "STARTTLS").await?;
            connection = self.encrypt(connection, steps).await?;
            // What it offered in plain text doesn't count.
            offer = connection.command(Step::Greeting, &format!("EHLO {hello}")).await?;
        }
        if let Some((user, password)) = login {
            log_in(&mut connection, &offer, user, password).await?;
            steps.push(format!("Logged in as {user}."));
        }
        Ok(connection)
    }

    async fn encrypt(&self, connection: Connection, steps: &mut Vec<String>) -> Result<Connection, SmtpError> {
        let host = &self.config.host;
        let name = ServerName::try_from(host.clone())
            .map_err(|error| SmtpError::Tls { server: self.server(), source: std::io::Error::other(error) })?;
        let encrypted = connection.encrypt(&self.tls, name).await?;
        steps.push(format!("Encrypted; the certificate is valid for {host}."));
        Ok(encrypted)
    }
}

/// Whether an address or name can only be this machine's.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn transmit(
    connection: &mut Connection,
    (from, to): (&str, &str),
    message: &[u8],
    steps: &mut Vec<String>,
) -> Result<Reply, SmtpError> {
    let accepted = connection.command(Step::Sender, &format!("MAIL FROM:<{from}>")).await?;
    steps.push(format!("Sender {from}: {accepted}"));
    let accepted = connection.command(Step::Recipient, &format!("RCPT TO:<{to}>")).await?;
    steps.push(format!("Recipient {to}: {accepted}"));
    let data = connection.command(Step::Data, "DATA").await?;
    if data.code() != 354 {
        return Err(SmtpError::Protocol { step: Step::Data, text: data.to_string() });
    }
    let accepted = connection.message(message).await?;
    steps.push(format!("The server has taken the message: {accepted}"));
    Ok(accepted)
}

/// Logs in by PLAIN (RFC 4616), or by LOGIN where only that is offered.
async fn log_in(
    connection: &mut Connection,
    offer: &Reply,
    user: &str,
    password: &SecretString,
) -> Result<(), SmtpError> {
    let password = password.expose_secret();
    let encode = |text: &str| BASE64_STANDARD.encode(text);
    let mechanisms = parameters(offer, "AUTH");
    let knows = |name: &str| mechanisms.iter().any(|known| known.eq_ignore_ascii_case(name));
    if knows("PLAIN") {
        let text = encode(&format!("\0{user}\0{password}"));
        connection.command(Step::LogIn, &format!("AUTH PLAIN {text}")).await?;
    } else if knows("LOGIN") {
        connection.command(Step::LogIn, "AUTH LOGIN").await?;
        connection.command(Step::LogIn, &encode(user)).await?;
        connection.command(Step::LogIn, &encode(password)).await?;
    } else {
        return Err(SmtpError::NoLogin { server: connection.server() });
    }
    Ok(())
}

fn offers(offer: &Reply, keyword: &str) -> bool {
    offer
        .lines()
        .skip(1)
        .any(|line| line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case(keyword)))
}

/// The parameters of an extension that the server offers.
fn parameters<'a>(offer: &'a Reply, keyword: &str) -> Vec<&'a str> {
    let mut lines = offer.lines().skip(1).map(|line| line.split_whitespace());
    let line = lines.find_map(|mut words| words.next()?.eq_ignore_ascii_case(keyword).then_some(words));
    line.into_iter().flatten().collect()
}

fn client_config(roots: Option<&Path>) -> Result<ClientConfig, String> {
    let roots = trusted_roots(roots).map_err(|error| error_chain(&error))?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
