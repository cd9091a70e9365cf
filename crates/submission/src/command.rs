//! Commands (RFC 5321, section 4.1.1), read strictly.

use stoa_model::text::EmailAddress;

use crate::Reply;

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Ehlo(String),
    Helo(String),
    /// Mechanism in upper case, and the initial response.
    Auth(String, Option<String>),
    /// Sender, and the declared size.
    Mail(Option<EmailAddress>, Option<u64>),
    Rcpt(EmailAddress),
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
}

impl Command {
    /// Reads a line.
    ///
    /// # Errors
    /// The reply to a line that is no command.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Reply> {
        let printable = |byte: &u8| (0x20..0x7f).contains(byte);
        let Some(text) = std::str::from_utf8(line).ok().filter(|_| line.iter().all(printable)) else {
            return Err(syntax("Use printable ASCII characters"));
        };
        let (verb, rest) = text.split_once(' ').map_or((text, ""), |(verb, rest)| (verb, rest.trim()));
        match (verb.to_ascii_uppercase().as_str(), rest) {
            ("EHLO", name) => Ok(Self::Ehlo(client_name(name)?)),
            ("HELO", name) => Ok(Self::Helo(client_name(name)?)),
            ("AUTH", rest) => auth(rest),
            ("MAIL", rest) => mail(rest),
            ("RCPT", rest) => recipient(rest),
            ("DATA", "") => Ok(Self::Data),
            ("RSET", "") => Ok(Self::Rset),
            ("NOOP", _) => Ok(Self::Noop),
            ("QUIT", "") => Ok(Self::Quit),
            ("VRFY", _) => Ok(Self::Vrfy),
            ("DATA" | "RSET" | "QUIT", _) => Err(argument("No argument is permitted")),
            _ => Err(syntax("Unknown command")),
        }
    }
}

fn syntax(text: &'static str) -> Reply {
    Reply::new(500, "5.5.2", text)
}

fn argument(text: &'static str) -> Reply {
    Reply::new(501, "5.5.4", text)
}

/// The name goes into the trace header, so what is no name or address is replaced there; it is required here.
fn client_name(name: &str) -> Result<String, Reply> {
    if name.is_empty() {
        return Err(argument("A hostname is required"));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    Ok(if name.len() <= 255 && name.chars().all(is_name) { name.to_owned() } else { "unknown".to_owned() })
}

fn auth(rest: &str) -> Result<Command, Reply> {
    let (mechanism, initial) = match rest.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial.trim().to_owned())),
        None => (rest, None),
    };
    if mechanism.is_empty() {
        return Err(argument("A mechanism is required"));
    }
    Ok(Command::Auth(mechanism.to_ascii_uppercase(), initial))
}

fn mail(rest: &str) -> Result<Command, Reply> {
    let (path, parameters) = path(rest, "FROM:")?;
    let sender = match path {
        "" => None,
        path => Some(address(path).map_err(|()| Reply::new(501, "5.1.7", "Invalid sender address"))?),
    };
    let mut size = None;
    for parameter in parameters.split_ascii_whitespace() {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match key.to_ascii_uppercase().as_str() {
            // 20 digits at most (RFC 1870): more than fits is more than any limit.
            "SIZE" if (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit()) => {
                size = Some(value.parse().unwrap_or(u64::MAX));
            }
            "BODY" if ["7BIT", "8BITMIME"].contains(&value.to_ascii_uppercase().as_str()) => {}
            // RFC 4954, section 5: who submitted it first is of no interest here.
            "AUTH" => {}
            "SIZE" | "BODY" => return Err(argument("Invalid value of a parameter")),
            _ => return Err(Reply::new(555, "5.5.4", "Unknown parameter of MAIL")),
        }
    }
    Ok(Command::Mail(sender, size))
}

fn recipient(rest: &str) -> Result<Command, Reply> {
    let (path, parameters) = path(rest, "TO:")?;
    if !parameters.is_empty() {
        return Err(Reply::new(555, "5.5.4", "Unknown parameter of RCPT"));
    }
    address(path).map(Command::Rcpt).map_err(|()| Reply::new(553, "5.1.3", "Invalid recipient address"))
}

/// What stands between `FROM:<` and `>`, and what follows.
fn path<'a>(rest: &'a str, keyword: &str) -> Result<(&'a str, &'a str), Reply> {
    let wrong = || argument("Write the address in angle brackets");
    let (head, tail) = rest.split_at_checked(keyword.len()).ok_or_else(wrong)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(wrong());
    }
    // RFC 5321 has no space here, but many clients do.
    let (path, parameters) =
        tail.trim_start().strip_prefix('<').and_then(|tail| tail.split_once('>')).ok_or_else(wrong)?;
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return Err(wrong());
    }
    Ok((path, parameters.trim()))
}

/// An address without quotes, source route or address literal. An encoded word is a valid local part, but some programs
/// decode it, and what it contains then is another address.
pub(crate) fn address(text: &str) -> Result<EmailAddress, ()> {
    if text.bytes().any(|byte| !(0x21..0x7f).contains(&byte)) || text.contains("=?") {
        return Err(());
    }
    EmailAddress::parse(text).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> u16 {
        Command::parse(line.as_bytes()).map_or_else(|reply| reply.code, |_| 250)
    }

    #[test]
    fn commands_are_read_in_any_case() {
        let jane = EmailAddress::parse("jane@example.com").expect("an address");
        let mail = Command::parse(b"mail from:<jane@example.com> size=10 BODY=8BITMIME AUTH=<>");
        assert_eq!(mail, Ok(Command::Mail(Some(jane.clone()), Some(10))));
        assert_eq!(Command::parse(b"MAIL FROM:<>"), Ok(Command::Mail(None, None)));
        assert_eq!(Command::parse(b"RCPT TO: <Jane@Example.com>"), Ok(Command::Rcpt(jane)));
        assert_eq!(Command::parse(b"EHLO evil) by bank.example"), Ok(Command::Ehlo("unknown".into())));
        assert_eq!(Command::parse(b"AUTH plain AGEAYg=="), Ok(Command::Auth("PLAIN".into(), Some("AGEAYg==".into()))));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for line in ["", "X", "EHL O", "\0", "NOOP\0", "MAIL", "M\u{e4}IL FROM:<a@b.c>"] {
            assert!(code(line) >= 500, "{line:?}");
        }
        for line in
            ["EHLO", "DATA now", "QUIT x", "AUTH", "MAIL FROM:", "MAIL FROM:a@b.c", "MAIL FROM:<a@b.c", "RCPT TO:"]
        {
            assert_eq!(code(line), 501, "{line:?}");
        }
        for line in
            ["MAIL FROM:<a@b.c>X", "MAIL FROM:<a@b.c> SIZE=", "MAIL FROM:<a@b.c> SIZE=-1", "MAIL FROM:<a@b.c> BODY=X"]
        {
            assert_eq!(code(line), 501, "{line:?}");
        }
        assert_eq!((code("MAIL FROM:<a@b.c> RET=FULL"), code("RCPT TO:<a@b.c> NOTIFY=NEVER")), (555, 555));
        for path in [
            "",
            "a",
            "a@b",
            "a b@c.d",
            "@x.y:a@b.c",
            "\"a\"@b.c",
            "a@[127.0.0.1]",
            "a@b.c,d@e.f",
            "postmaster",
            " a@b.c",
        ] {
            assert_eq!(code(&format!("RCPT TO:<{path}>")), 553, "{path:?}");
        }
        assert_eq!(
            Command::parse(b"MAIL FROM:<a@b.c> SIZE=99999999999999999999"),
            Ok(Command::Mail(EmailAddress::parse("a@b.c").ok(), Some(u64::MAX)))
        );
    }
}
