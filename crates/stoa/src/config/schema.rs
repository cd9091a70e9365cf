//! What a setting is. [`settings!`] declares a section of the configuration, one entry a setting:
//! documentation, name, type and default. The keys and variables that set it, the text of
//! `stoa config`, the handling of secrets and the errors follow from that entry.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Deserializer, de::Error};
use stoa_model::secret::SecretString;
use toml::Value;

/// The end of the name of a key that holds the path of a file with the secret.
pub const FILE_SUFFIX: &str = "_file";

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Name of its section; empty for the top level.
    pub section: &'static str,
    /// Name within the section.
    pub name: &'static str,
    /// Documentation, one line of text a line.
    pub doc: &'static str,
    /// The default as TOML.
    pub default: &'static str,
    /// A value that its type accepts.
    pub example: &'static str,
    /// Never shown, and accepted from a file of its own.
    pub is_secret: bool,
}

/// The settings of one section.
#[derive(Debug)]
pub struct Section {
    /// As in `[name]`; empty for the top level.
    pub name: &'static str,
    /// Documentation.
    pub doc: &'static str,
    /// In the order in which they are shown.
    pub settings: &'static [Setting],
}

impl Setting {
    /// The key as messages name it, like `acme.directory`.
    pub fn key(&self) -> String {
        if self.section.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.section, self.name) }
    }

    /// The environment variable that sets it, like `STOA_ACME_DIRECTORY`.
    pub fn variable(&self) -> String {
        format!("STOA_{}", self.key().replace('.', "_").to_uppercase())
    }

    /// The key of the file that holds a secret, like `dns.token_file`.
    pub fn file_key(&self) -> Option<String> {
        self.is_secret.then(|| self.key() + FILE_SUFFIX)
    }

    /// The environment variable of that file, like `STOA_DNS_TOKEN_FILE`.
    pub fn file_variable(&self) -> Option<String> {
        self.is_secret.then(|| self.variable() + &FILE_SUFFIX.to_uppercase())
    }

    /// The default.
    pub fn default_value(&self) -> Value {
        let table: toml::Table = toml::from_str(&format!("value = {}", self.default)).expect("a TOML literal");
        table.into_iter().next().expect("one key").1
    }

    /// A value from text that has no types: a variable or a command-line option. Lists are separated by commas.
    pub fn parse_text(&self, text: &str) -> Result<Value, String> {
        let expected = |what: &str| format!("{text:?} is not {what}, such as {}", self.example);
        Ok(match self.default_value() {
            Value::Integer(_) => Value::Integer(text.trim().parse().map_err(|_| expected("a whole number"))?),
            Value::Float(_) => Value::Float(text.trim().parse().map_err(|_| expected("a number"))?),
            Value::Boolean(_) => Value::Boolean(text.trim().parse().map_err(|_| expected("true or false"))?),
            Value::Array(_) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
            _ => Value::String(text.to_owned()),
        })
    }

    /// What the setting's entry in `stoa config` says.
    fn describe(&self, text: &mut String) {
        for line in self.doc.lines() {
            let _ = writeln!(text, "#{line}");
        }
        if self.is_secret {
            let _ = writeln!(text, "# Secret: {}{FILE_SUFFIX} names a file that holds it.", self.name);
        }
        let _ = writeln!(text, "{} = {}", self.name, self.default);
    }
}

/// A configuration file with every setting at its default and its documentation.
pub fn describe(sections: &[Section]) -> String {
    let mut text = String::from(
        "# Every setting of Stoa with its default. A setting that is left out keeps its default; an unknown\n\
         # one is refused.\n\
         #\n\
         # Each setting also has an environment variable: STOA_NAME at the top level, STOA_SECTION_NAME in a\n\
         # section, such as STOA_LISTEN and STOA_ACME_DIRECTORY. Lists are separated by commas. Variables win\n\
         # over this file, and `stoa --set section.name=value` wins over both.\n\
         #\n\
         # A secret can be in a file of its own: NAME_file here, STOA_SECTION_NAME_FILE in the environment, or\n\
         # a credential of systemd called section.name.\n",
    );
    for section in sections {
        text.push('\n');
        if !section.name.is_empty() {
            for line in section.doc.lines() {
                let _ = writeln!(text, "#{line}");
            }
            let _ = writeln!(text, "[{}]", section.name);
        }
        for (index, setting) in section.settings.iter().enumerate() {
            if section.name.is_empty() && index > 0 {
                text.push('\n');
            }
            setting.describe(&mut text);
        }
    }
    text
}

/// An address, or none where the text is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionalAddress(pub Option<SocketAddr>);

impl<'de> Deserialize<'de> for OptionalAddress {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        let text = String::deserialize(text)?;
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(Some).map(Self).map_err(D::Error::custom) }
    }
}

/// A type that a setting can have.
pub trait SettingType {
    /// A value, as messages show it.
    const EXAMPLE: &'static str;
    /// Never shown.
    const IS_SECRET: bool = false;
}

macro_rules! setting_types {
    ($($kind:ty: $example:literal,)*) => { $(impl SettingType for $kind { const EXAMPLE: &'static str = $example; })* };
}

setting_types! {
    bool: "true",
    u16: "8080",
    u32: "30",
    usize: "8",
    f64: "1.5",
    String: "text",
    PathBuf: "/path/name",
    SocketAddr: "192.0.2.1:8080",
    OptionalAddress: "192.0.2.1:8080",
    Vec<String>: "a,b",
    Vec<IpAddr>: "192.0.2.1,2001:db8::1",
    Vec<SocketAddr>: "192.0.2.1:8080,[2001:db8::1]:8080",
}

impl SettingType for SecretString {
    const EXAMPLE: &'static str = "secret-text";
    const IS_SECRET: bool = true;
}

/// Declares a section: a struct whose fields are the settings, and its [`Section`]. A default is TOML.
/// Fields after `with` are no settings.
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        pub struct $section:ident in $path:literal {
            $($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:tt,)*
        }
        $(with { $($(#[$meta:meta])* $extra:ident: $extra_kind:ty,)* })?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, serde::Deserialize)]
        pub struct $section {
            $($(#[doc = $doc])+ pub $name: $kind,)*
            $($($(#[$meta])* pub $extra: $extra_kind,)*)?
        }

        impl $section {
            /// The settings of the section.
            pub const SECTION: $crate::config::schema::Section = $crate::config::schema::Section {
                name: $path,
                doc: concat!($($about, "\n"),*),
                settings: &[$($crate::config::schema::Setting {
                    section: $path,
                    name: stringify!($name),
                    doc: concat!($($doc, "\n"),+),
                    default: stringify!($default),
                    example: <$kind as $crate::config::schema::SettingType>::EXAMPLE,
                    is_secret: <$kind as $crate::config::schema::SettingType>::IS_SECRET,
                },)*],
            };
        }
    };
}
pub(crate) use settings;
