//! What a client may do.

use std::time::Duration;

/// Longest command line with its CRLF (RFC 5321, section 4.5.3.1.4).
pub(crate) const MAX_COMMAND_BYTES: usize = 512;
/// Longest line of a message with its CRLF (RFC 5321, section 4.5.3.1.6).
pub(crate) const MAX_LINE_BYTES: usize = 1000;
/// Commands that fail before the connection is closed.
pub(crate) const MAX_BAD_COMMANDS: u32 = 20;
/// Logins that fail before the connection is closed.
pub(crate) const MAX_FAILED_LOGINS: u32 = 3;

/// What a client may do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest message in bytes.
    pub max_message_bytes: usize,
    /// Recipients of one message.
    pub max_recipients: usize,
    /// Connections at a time.
    pub max_connections: usize,
    /// Connections of one network at a time.
    pub max_connections_per_network: usize,
    /// Memory for messages that are being received, of all clients.
    pub max_buffered_bytes: usize,
    /// The same for one network.
    pub max_buffered_bytes_per_network: usize,
    /// Time from the greeting to the login.
    pub login_timeout: Duration,
    /// Time for one command.
    pub command_timeout: Duration,
    /// Time for one message.
    pub data_timeout: Duration,
    /// Time that a message waits for memory.
    pub memory_timeout: Duration,
    /// Pause before a failed login is answered.
    pub failed_login_delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: 25 << 20,
            max_recipients: 100,
            max_connections: 200,
            max_connections_per_network: 8,
            max_buffered_bytes: 128 << 20,
            max_buffered_bytes_per_network: 50 << 20,
            login_timeout: Duration::from_secs(30),
            command_timeout: Duration::from_secs(120),
            data_timeout: Duration::from_secs(600),
            memory_timeout: Duration::from_secs(30),
            failed_login_delay: Duration::from_secs(2),
        }
    }
}
