//! Writes nginx's configuration language. Only a [`Argument`] gets into a file, and no word can end the
//! directive that it stands in: each is either fixed text of ours, made of a type whose characters
//! are harmless (a hostname, an id, a number, an address), or quoted after a look at every byte.

use std::{fmt::Write, net::SocketAddr, path::Path};

use stoa_model::{
    host::Hostname,
    id::{CertificateId, SiteId},
};

/// Text that can't stand in nginx's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "writing {0:?} into nginx's configuration: only printable ASCII without double quotes, backslashes and dollar signs can stand there"
)]
pub(crate) struct InvalidText(String);

/// One argument of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument(String);

impl Argument {
    /// Text that we wrote ourselves; it may hold variables.
    pub(crate) fn fixed(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn number(number: u64) -> Self {
        Self(number.to_string())
    }

    /// A number with fixed text around it, as in `zone=x:8m` or `30s`.
    pub(crate) fn amount(before: &'static str, number: u64, after: &'static str) -> Self {
        Self(format!("{before}{number}{after}"))
    }

    pub(crate) fn address(address: SocketAddr) -> Self {
        Self(address.to_string())
    }

    pub(crate) fn host(host: &Hostname) -> Self {
        Self(host.to_string())
    }

    /// All names exactly one label below a host, as a regular expression.
    pub(crate) fn below(host: &Hostname) -> Self {
        Self(format!("~^[^.]+[.]{}$", host.as_str().replace('.', "[.]")))
    }

    pub(crate) fn site(site: SiteId) -> Self {
        Self(site.to_string())
    }

    /// The digits of a site's id, the last one first.
    pub(crate) fn backwards(site: SiteId) -> Self {
        Self(site.uuid().simple().to_string().chars().rev().collect())
    }

    /// A file in a directory, quoted.
    pub(crate) fn file(
        directory: &Path,
        certificate: CertificateId,
        extension: &'static str,
    ) -> Result<Self, InvalidText> {
        Self::path(&directory.join(format!("{certificate}.{extension}")))
    }

    pub(crate) fn path(path: &Path) -> Result<Self, InvalidText> {
        Self::quoted(path.to_str().ok_or_else(|| InvalidText(path.to_string_lossy().into_owned()))?)
    }

    /// Any printable text without variables.
    pub(crate) fn quoted(text: &str) -> Result<Self, InvalidText> {
        let harmless = |b: u8| (b' '..=b'~').contains(&b) && !matches!(b, b'"' | b'\\' | b'$');
        if text.bytes().all(harmless) { Ok(Self(format!("\"{text}\""))) } else { Err(InvalidText(text.to_owned())) }
    }

    /// Words written without space between them; none of them may be quoted.
    pub(crate) fn joined(words: &[Self]) -> Self {
        Self(words.iter().map(|word| word.0.as_str()).collect())
    }
}

/// A file that is being written.
#[derive(Debug, Default)]
pub(crate) struct Conf {
    text: String,
    depth: usize,
}

impl Conf {
    /// A file that begins by saying whose it is.
    pub(crate) fn new() -> Self {
        let mut conf = Self::default();
        conf.comment("Written by stoa, and written anew when it changes: what you change here is lost.");
        conf
    }

    pub(crate) fn comment(&mut self, text: &'static str) {
        self.indent();
        self.text.push_str("# ");
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A simple directive.
    pub(crate) fn line(&mut self, name: &'static str, words: &[Argument]) {
        self.begin(name, words);
        self.text.push_str(";\n");
    }

    /// A directive whose first word is not ours, as within a `map`.
    pub(crate) fn pair(&mut self, key: &Argument, value: &Argument) {
        self.indent();
        let _ = writeln!(self.text, "{} {};", key.0, value.0);
    }

    /// A directive with others inside.
    pub(crate) fn block(&mut self, name: &'static str, words: &[Argument], inside: impl FnOnce(&mut Self)) {
        self.begin(name, words);
        self.text.push_str(" {\n");
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.indent();
        self.text.push_str("}\n");
    }

    /// Lines that we wrote ourselves, at the outermost depth.
    pub(crate) fn raw(&mut self, text: &'static str) {
        self.text.push_str(text);
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn begin(&mut self, name: &'static str, words: &[Argument]) {
        self.indent();
        self.text.push_str(name);
        for word in words {
            self.text.push(' ');
            self.text.push_str(&word.0);
        }
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n("    ", self.depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_no_word() {
        for text in ["a\"b", "a\nb", "a\\", "a$host", "\u{7f}", "ü", "a\rb", "a\tb", "a\0b"] {
            assert_eq!(Argument::quoted(text), Err(InvalidText(text.into())), "{text:?} was accepted");
            assert!(Argument::path(Path::new(text)).is_err(), "{text:?} was accepted as a path");
        }
        for text in ["a.com;\n}\nserver{", "*.com", "a{b}", "a b", "~^.*$", "", ".a", "\"a\"", "a#b"] {
            assert!(Hostname::parse(text).is_err(), "{text:?} was accepted as a hostname");
        }
        // What could end a directive outside of quotes can't inside of them.
        assert_eq!(Argument::quoted("a; } server {"), Ok(Argument("\"a; } server {\"".into())));
    }

    #[test]
    fn directives_nest() {
        let mut conf = Conf::default();
        conf.block("server", &[], |conf| {
            conf.line("listen", &[Argument::address(([127, 0, 0, 1], 80).into()), Argument::fixed("ssl")]);
            conf.block("location", &[Argument::fixed("/")], |conf| conf.line("return", &[Argument::number(404)]));
        });
        assert_eq!(
            conf.finish(),
            "server {\n    listen 127.0.0.1:80 ssl;\n    location / {\n        return 404;\n    }\n}\n"
        );
    }
}
