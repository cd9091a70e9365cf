//! What people write about themselves and their stores. These texts are kept exactly as typed and
//! shown escaped; they never become part of a command, a configuration line or a template.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::field::Invalid;

/// Refuses what no text field may hold: nothing at all, too much, and control characters other
/// than tab and line breaks.
fn checked(field: &'static str, what: &str, text: &str, max: usize) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new(field, format!("Please enter {what}.")));
    }
    if text.chars().count() > max {
        return Err(Invalid::new(field, format!("Use at most {max} characters.")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(Invalid::new(field, "Remove the invisible control characters."));
    }
    Ok(())
}

/// Characters that a reader does not see, or that turn the text around them: what they are for is to deceive. The
/// joiners of emoji and of Persian are not among them.
fn deceives(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}' | '\u{200e}'
        | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

/// Refuses what no name of one line may have: several lines, characters that nobody sees, nothing to see at all, and the
/// address of a website, because names stand in e-mail that we send to others.
///
/// # Errors
/// Says what to remove.
pub fn check_line(field: &'static str, text: &str) -> Result<(), Invalid> {
    let is_joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    if text.chars().any(|c| c.is_control() || deceives(c) || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Invalid::new(field, "Use one line, without invisible characters."));
    }
    if text.chars().all(|c| c.is_whitespace() || is_joiner(c)) {
        return Err(Invalid::new(field, "Please enter something that can be read."));
    }
    if text.contains("://") {
        return Err(Invalid::new(field, "Leave out the address of a website."));
    }
    Ok(())
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $field:literal, $what:literal, $max:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name(String);

        impl $name {
            /// Takes the text exactly as typed.
            ///
            /// # Errors
            /// If it is blank, too long or holds control characters.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                checked($field, $what, text, $max)?;
                Ok(Self(text.to_owned()))
            }

            /// Takes a name of one line, exactly as typed. Names that earlier releases took are read by
            /// [`parse`](Self::parse).
            ///
            /// # Errors
            /// As [`parse`](Self::parse) and [`check_line`].
            pub fn parse_line(text: &str) -> Result<Self, Invalid> {
                let parsed = Self::parse(text)?;
                check_line($field, text)?;
                Ok(parsed)
            }

            /// The text as typed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

texts! {
    /// A customer's company or own name, 1 to 120 characters.
    CompanyName: "company", "the name of your company, or your own", 120;
    /// A site's title, 1 to 120 characters, shown by the store itself.
    SiteTitle: "title", "a title for the store", 120;
    /// The name of a person of the operator, 1 to 120 characters.
    StaffName: "name", "the person's name", 120;
    /// The name of a plan, 1 to 60 characters.
    PlanName: "name", "the plan's name", 60;
    /// A note of staff about a customer, 1 to 4,000 characters.
    NoteText: "note", "the note", 4_000;
}

/// An e-mail address that mail systems and shop software both accept: `local@domain`, ASCII, the
/// local part without quotes (RFC 5321 allows quoted ones; WordPress and many mailers don't), the
/// domain a hostname with a dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Whether it stands for an address that is gone: no mail can reach names below `invalid` (RFC 6761, section 6.4).
    pub fn is_placeholder(&self) -> bool {
        self.0.ends_with(".invalid")
    }

    /// Parses what somebody typed; surrounding blanks are dropped and the address is lower-cased,
    /// so that one person can't hold two accounts by the case of a letter.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad = |message: &str| Err(Invalid::new("email", message));
        let text = text.trim();
        if text.len() > 254 {
            return bad("Use at most 254 characters.");
        }
        let Some((local, domain)) = text.rsplit_once('@') else {
            return bad("Please enter an e-mail address, like name@example.com.");
        };
        if local.starts_with('"') {
            return bad("Addresses with quotation marks are not possible here: shop software refuses them.");
        }
        let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
        if local.is_empty() || local.len() > 64 || dots || !local.bytes().all(atom) {
            return bad("The part before the @ is not valid.");
        }
        match crate::host::Hostname::parse(domain) {
            Ok(host) if host.as_str().contains('.') && !domain.ends_with('.') => {
                Ok(Self(format!("{}@{host}", local.to_ascii_lowercase())))
            }
            _ => bad("The part after the @ is not a valid domain."),
        }
    }

    /// The address, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Login name of a store's administrator: 3 to 40 of `a-z`, `0-9`, `.`, `_`, `-`, beginning with a
/// letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminUser(String);

impl AdminUser {
    /// Parses a login name; upper case is lowered.
    ///
    /// # Errors
    /// If it breaks the rule above.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.trim().to_ascii_lowercase();
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if !begins || !(3..=40).contains(&name.len()) || !name.bytes().all(inner) {
            return Err(Invalid::new(
                "admin_user",
                "Use 3 to 40 letters, digits, dots, hyphens or underscores, beginning with a letter or digit.",
            ));
        }
        Ok(Self(name))
    }

    /// The name, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AdminUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_titles_are_kept_verbatim() {
        for text in [
            "Jane's \"Shop\"",
            "a\nprivileged: true",
            "${HOME} $(id) `id`",
            "'; DROP TABLE sites; --",
            " {{7*7}} ",
            "🛒",
        ] {
            assert_eq!(SiteTitle::parse(text).map(|t| t.0), Ok(text.to_owned()));
        }
        for text in ["", "  \n", "a\0b", "a\u{1b}[31m", &"x".repeat(121)] {
            assert!(SiteTitle::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn names_of_one_line_can_be_read() {
        for name in
            ["Jane's \"Shop\"", "Müller & Söhne", "👨\u{200d}👩\u{200d}👧 family", "می\u{200c}خواهم", "booking.com"]
        {
            assert_eq!(CompanyName::parse_line(name).map(|n| n.0), Ok(name.to_owned()));
        }
        for name in [
            "two\nlines",
            "\u{202e}gnp.exe",
            "\u{200b}",
            "a\u{200b}b",
            "\u{3164}",
            "\u{2800}",
            "\u{200d}",
            "\u{e0041}x",
            "a\u{fffd}",
            "log in at http://evil.test",
            "a\u{2028}b",
        ] {
            assert!(CompanyName::parse_line(name).is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn e_mail_addresses() {
        assert_eq!(EmailAddress::parse(" Jane.Doe+x@Example.COM ").map(|e| e.0), Ok("jane.doe+x@example.com".into()));
        for text in [
            "",
            "jane",
            "@b.c",
            "jane@",
            "jane@localhost",
            "\"a`id`\"@b.c",
            "a b@c.d",
            "a..b@c.d",
            ".a@b.c",
            "a@b..c",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a\n@b.c",
            "jané@b.c",
            "a@b.c\r\nBcc: x@y.z",
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn admin_users() {
        assert_eq!(AdminUser::parse(" Jane_Doe ").map(|a| a.0), Ok("jane_doe".into()));
        for text in ["", "ab", "-abc", "a b c", "a@b.c", "x'y", &"x".repeat(41)] {
            assert!(AdminUser::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn lengths_are_limited_exactly() {
        // In characters, not bytes.
        assert!(SiteTitle::parse(&"é".repeat(120)).is_ok() && SiteTitle::parse(&"é".repeat(121)).is_err());
        let address =
            |local: usize, domain: usize| format!("{}@{}.{}", "a".repeat(local), "b".repeat(domain), "c".repeat(60));
        assert!(EmailAddress::parse(&address(64, 10)).is_ok());
        assert!(EmailAddress::parse(&address(65, 10)).is_err_and(|error| error.message.contains("before the @")));
        let long = |domain: usize| format!("{}@{}.{2}.{2}", "a".repeat(64), "b".repeat(domain), "c".repeat(63));
        assert_eq!((long(61).len(), long(62).len()), (254, 255));
        assert!(EmailAddress::parse(&long(61)).is_ok());
        assert!(EmailAddress::parse(&long(62)).is_err_and(|error| error.message.contains("254")));
        for (length, fits) in [(2, false), (3, true), (40, true), (41, false)] {
            assert_eq!(AdminUser::parse(&"a".repeat(length)).is_ok(), fits, "a user of {length}");
        }
    }

    #[test]
    fn dots_and_symbols_have_their_places() {
        for text in ["a.@b.c", ".a@b.c", "a..b@c.d", "a@b.c.", "a@.b.c"] {
            assert!(EmailAddress::parse(text).is_err(), "{text} was accepted");
        }
        assert!(EmailAddress::parse("a.b!#$%&'*+-/=?^_`{|}~@c.d").is_ok());
        for text in [".abc", "_abc", "-abc"] {
            assert!(AdminUser::parse(text).is_err(), "{text} was accepted");
        }
        assert!(AdminUser::parse("0.b_c-d").is_ok());
    }

    #[test]
    fn texts_print_as_they_are() {
        let title = SiteTitle::parse(" A & B ").expect("a title");
        assert_eq!((title.as_str(), title.to_string().as_str()), (" A & B ", " A & B "));
        let company = CompanyName::parse("Jane & Co").expect("a name");
        assert_eq!((company.as_str(), company.to_string().as_str()), ("Jane & Co", "Jane & Co"));
        assert!(SiteTitle::parse("tab\tline\r\nend").is_ok(), "these control characters are text");
        let email = EmailAddress::parse("Jane@Example.com").expect("an address");
        assert_eq!((email.as_str(), email.to_string().as_str()), ("jane@example.com", "jane@example.com"));
        let user = AdminUser::parse("Jane").expect("a user");
        assert_eq!((user.as_str(), user.to_string().as_str()), ("jane", "jane"));
    }
}
