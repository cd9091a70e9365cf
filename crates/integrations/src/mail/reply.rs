//! What an SMTP server answers (RFC 5321, section 4.2), with its enhanced status code (RFC 3463).

use std::fmt;

/// An enhanced status code, such as 5.1.1.
pub(super) type Status = (u16, u16, u16);

/// A whole answer, of one or several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code of three digits.
    code: u16,
    /// The lines after the code.
    lines: Vec<String>,
}

impl Reply {
    /// Reads an answer from its lines.
    ///
    /// # Errors
    /// The line that is none of an answer.
    pub(super) fn parse(lines: &[String]) -> Result<Self, String> {
        let mut reply = Self { code: 0, lines: Vec::new() };
        for line in lines {
            let (code, rest) = split(line).ok_or_else(|| line.clone())?;
            if reply.code != 0 && reply.code != code {
                return Err(line.clone());
            }
            reply.code = code;
            reply.lines.push(rest.to_owned());
        }
        if reply.code == 0 { Err(String::new()) } else { Ok(reply) }
    }

    /// The code of three digits.
    pub(super) fn code(&self) -> u16 {
        self.code
    }

    /// Whether the server goes along: 2xx, or 3xx where it waits for more.
    pub(super) fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// The texts of the lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// The enhanced status code, if the server gives one.
    pub(super) fn status(&self) -> Option<Status> {
        let word = self.lines.first()?.split_whitespace().next()?;
        let mut parts = word.split('.').map(|part| part.parse().ok());
        let status = (parts.next()??, parts.next()??, parts.next()??);
        // The class repeats the first digit of the code.
        (parts.next().is_none() && status.0 == self.code / 100).then_some(status)
    }
}

/// Whether the line is the last one of its answer; `None` if it is none of an answer.
pub(super) fn is_last(line: &str) -> Option<bool> {
    split(line)?;
    Some(line.as_bytes().get(3) != Some(&b'-'))
}

fn split(line: &str) -> Option<(u16, &str)> {
    let (code, rest) = (line.get(..3)?, line.get(3..)?);
    let code = code.parse().ok().filter(|code| (200..600).contains(code))?;
    if rest.is_empty() {
        return Some((code, ""));
    }
    rest.strip_prefix(['-', ' ']).map(|rest| (code, rest))
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.lines.join(" / "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(lines: &[&str]) -> Result<Reply, String> {
        Reply::parse(&lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn answers_are_read_with_their_status() {
        let many = reply(&["550-5.1.1 No such user", "550 5.1.1 Ask postmaster"]).unwrap();
        assert_eq!((many.code(), many.status(), many.is_positive()), (550, Some((5, 1, 1)), false));
        assert_eq!(many.to_string(), "550 5.1.1 No such user / 5.1.1 Ask postmaster");
        assert_eq!(reply(&["250"]).unwrap().status(), None);
        assert_eq!(reply(&["550 4.1.1 which is it"]).unwrap().status(), None, "the class contradicts the code");
        assert_eq!(reply(&["220 10.0.0.1 ESMTP"]).unwrap().status(), None);
        assert_eq!(
            (is_last("250-PIPELINING"), is_last("250 OK"), is_last("250")),
            (Some(false), Some(true), Some(true))
        );
        for bad in ["", "25", "HTTP/1.1 400 Bad Request", "199 x", "25é x", "250_x", "+50 x"] {
            assert!(reply(&[bad]).is_err() && is_last(bad).is_none(), "{bad:?}");
        }
        assert!(reply(&["250-a", "251 b"]).is_err());
    }
}
