//! Replies (RFC 5321, section 4.2) with enhanced status codes (RFC 3463).

use std::{borrow::Cow, fmt};

/// A reply of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code, such as 250.
    pub code: u16,
    /// The enhanced code, such as `2.1.0`; empty where RFC 2034 has none.
    pub enhanced: &'static str,
    /// For people; without line ends.
    pub text: Cow<'static, str>,
}

impl Reply {
    /// A reply.
    pub fn new(code: u16, enhanced: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced, text: text.into() }
    }

    /// The reply to what can't be done now; the client should try again.
    pub fn unavailable(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(451, "4.3.0", text)
    }

    /// Whether it refuses what was asked.
    pub fn is_error(&self) -> bool {
        self.code >= 400
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        if !self.enhanced.is_empty() {
            write!(f, "{} ", self.enhanced)?;
        }
        f.write_str(&self.text)
    }
}
