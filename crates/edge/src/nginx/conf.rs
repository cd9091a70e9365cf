//! Writes nginx's configuration language. Only an [`Arg`] gets into a file, and none can end its
//! directive: each is either a fixed text of ours, built from a type with harmless characters (a hostname,
//! an id, a number, an address), or quoted after a check of every byte.

use std::{fmt::Write, net::SocketAddr, path::Path};

use stoa_model::{
    host::Hostname,
    id::{CertificateId, SiteId},
};

/// Text that can't be quoted in nginx's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "writing {0:?} into nginx's configuration: only printable ASCII without double quotes, backslashes and dollar signs is possible there"
)]
pub(crate) struct InvalidText(String);

/// One argument of a directive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arg(String);

impl Arg {
    /// Text of ours; it may contain variables.
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

    /// The host and the domains above it.
    pub(crate) fn domains(host: &Hostname) -> impl Iterator<Item = Self> {
        let text = host.as_str();
        let labels = std::iter::once(0).chain(text.match_indices('.').map(|(at, _)| at + 1));
        labels.map(|at| Self(text[at..].to_owned()))
    }

    /// All names exactly one label below a host, as a regular expression.
    pub(crate) fn below(host: &Hostname) -> Self {
        Self(format!("~^[^.]+[.]{}$", host.as_str().replace('.', "[.]")))
    }

    pub(crate) fn site(site: SiteId) -> Self {
        Self(site.to_string())
    }

    /// The digits of a site's id in reverse order.
    pub(crate) fn reversed(site: SiteId) -> Self {
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

    /// Arguments without space between them; none of them may be quoted.
    pub(crate) fn joined(parts: &[Self]) -> Self {
        Self(parts.iter().map(|part| part.0.as_str()).collect())
    }
}

/// A file that is being written.
#[derive(Debug, Default)]
pub(crate) struct Conf {
    text: String,
    depth: usize,
}

impl Conf {
    /// A file with a header for whoever opens it.
    pub(crate) fn new() -> Self {
        let mut conf = Self::default();
        conf.comment("Written by stoa, which overwrites changes.");
        conf
    }

    pub(crate) fn comment(&mut self, text: &'static str) {
        self.indent();
        self.text.push_str("# ");
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A simple directive.
    pub(crate) fn line(&mut self, name: &'static str, arguments: &[Arg]) {
        self.begin(name, arguments);
        self.text.push_str(";\n");
    }

    /// A directive that begins with a value, as in a `map`.
    pub(crate) fn pair(&mut self, key: &Arg, value: &Arg) {
        self.indent();
        let _ = writeln!(self.text, "{} {};", key.0, value.0);
    }

    /// A directive that contains others.
    pub(crate) fn block(&mut self, name: &'static str, arguments: &[Arg], inside: impl FnOnce(&mut Self)) {
        self.begin(name, arguments);
        self.text.push_str(" {\n");
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.indent();
        self.text.push_str("}\n");
    }

    /// Lines of ours, at the outermost depth.
    pub(crate) fn raw(&mut self, text: &'static str) {
        self.text.push_str(text);
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn begin(&mut self, name: &'static str, arguments: &[Arg]) {
        self.indent();
        self.text.push_str(name);
        for argument in arguments {
            self.text.push(' ');
            self.text.push_str(&argument.0);
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
    fn hostile_text_is_rejected() {
        for text in ["a\"b", "a\nb", "a\\", "a$host", "\u{7f}", "ü", "a\rb", "a\tb", "a\0b"] {
            assert_eq!(Arg::quoted(text), Err(InvalidText(text.into())), "{text:?} was accepted");
            assert!(Arg::path(Path::new(text)).is_err(), "{text:?} was accepted as a path");
        }
        for text in ["a.com;\n}\nserver{", "*.com", "a{b}", "a b", "~^.*$", "", ".a", "\"a\"", "a#b"] {
            assert!(Hostname::parse(text).is_err(), "{text:?} was accepted as a hostname");
        }
        // What would end a directive outside quotes does not inside them.
        assert_eq!(Arg::quoted("a; } server {"), Ok(Arg("\"a; } server {\"".into())));
    }

    #[test]
    fn directives_nest() {
        let mut conf = Conf::default();
        conf.block("server", &[], |conf| {
            conf.line("listen", &[Arg::address(([127, 0, 0, 1], 80).into()), Arg::fixed("ssl")]);
            conf.block("location", &[Arg::fixed("/")], |conf| conf.line("return", &[Arg::number(404)]));
        });
        assert_eq!(
            conf.finish(),
            "server {\n    listen 127.0.0.1:80 ssl;\n    location / {\n        return 404;\n    }\n}\n"
        );
    }
}
