//! Text of strangers on a terminal: what a terminal obeys, or what changes the order in which people read, is shown
//! instead of sent.

use std::borrow::Cow;

/// One line: control characters, line breaks among them, and marks of the bidirectional algorithm are escaped as in
/// Rust, such as `\n` and `\u{1b}`. Tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\t' && is_deceptive(c))
}

/// The same for text of several lines, whose `\n` stay.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| !matches!(c, '\t' | '\n') && is_deceptive(c))
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Control characters, other line breaks, and the `Bidi_Control` characters of Unicode (UAX #9).
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        for (text, line) in [
            ("Bücher – 書籍 👩‍💻\tok", "Bücher – 書籍 👩‍💻\tok"),
            ("\u{1b}]0;title\u{7}\u{1b}[2J", "\\u{1b}]0;title\\u{7}\\u{1b}[2J"),
            ("a\r\nb\u{85}c\u{2028}d", "a\\r\\nb\\u{85}c\\u{2028}d"),
            ("\u{9b}31m\u{7f}\0", "\\u{9b}31m\\u{7f}\\u{0}"),
            ("user\u{202e}gpj.exe\u{2066}", "user\\u{202e}gpj.exe\\u{2066}"),
        ] {
            assert_eq!(visible(text), line);
        }
        assert_eq!(visible_lines("a\n\u{1b}b\r\n"), "a\n\\u{1b}b\\r\n");
    }
}
