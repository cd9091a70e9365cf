//! Where settings come from. Each source is read into a [`Layer`]; of two layers the later one wins, setting by
//! setting. Within one layer a setting is given once.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use toml::{Table, Value, de::DeTable};

use super::{
    SECTIONS,
    mistake::Mistake,
    schema::{FILE_SUFFIX, Setting},
};

/// Old keys that still work, with the present ones.
const RENAMED: &[(&str, &str)] = &[("dns.maker", "dns.provider")];

/// Variables that begin like those of settings.
const OTHER_VARIABLES: &[&str] = &["STOA_CONFIG"];

/// How many typing mistakes a suggestion may correct.
const MAX_SUGGESTION_EDITS: usize = 2;

/// The place where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A line of the configuration file.
    File { path: PathBuf, line: usize },
    /// A file that systemd passes to the service (systemd.exec(5), `LoadCredential=`).
    Credential(PathBuf),
    /// An environment variable.
    Variable(String),
    /// `--set` on the command line.
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Credential(path) => write!(f, "credential {}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::CommandLine => write!(f, "option --set"),
        }
    }
}

/// A value as it was given.
pub enum Content {
    /// The value.
    Value(Value),
    /// The file that holds a secret.
    SecretFile(PathBuf),
}

impl Content {
    /// An empty secret counts as none, so that a copy of the defaults may stand beside its file.
    fn is_empty(&self, setting: &Setting) -> bool {
        setting.is_secret && matches!(self, Self::Value(Value::String(text)) if text.is_empty())
    }
}

/// A setting's value and its place.
pub struct Given {
    pub setting: &'static Setting,
    pub content: Content,
    pub source: Source,
}

/// What one source sets.
#[derive(Default)]
pub struct Layer {
    /// By key.
    pub given: BTreeMap<String, Given>,
    pub mistakes: Vec<Mistake>,
}

impl Layer {
    /// The configuration file.
    pub fn file(path: &Path, text: &str) -> Result<Self, anyhow::Error> {
        // The library's own message quotes the line, which can contain a secret.
        let syntax_error = |error: toml::de::Error| {
            let line = line_of(text, error.span().map_or(0, |span| span.start));
            anyhow::anyhow!("reading the configuration {} line {line}: {}", path.display(), error.message())
        };
        let parsed = DeTable::parse(text).map_err(syntax_error)?;
        let mut lines = BTreeMap::new();
        for (name, value) in parsed.get_ref() {
            lines.insert(name.get_ref().to_string(), line_of(text, name.span().start));
            for (key, _) in value.get_ref().as_table().into_iter().flatten() {
                lines.insert(format!("{}.{}", name.get_ref(), key.get_ref()), line_of(text, key.span().start));
            }
        }
        let at = |key: &str| Source::File { path: path.to_owned(), line: lines.get(key).copied().unwrap_or(1) };
        let mut layer = Self::default();
        for (name, value) in toml::from_str::<Table>(text).map_err(syntax_error)? {
            if !SECTIONS.iter().any(|section| section.name == name) {
                layer.add_key(&name, value, at(&name));
                continue;
            }
            let Value::Table(section) = value else {
                layer
                    .mistakes
                    .push(Mistake::new(&name, format!("this is a section: write [{name}]")).at(Some(&at(&name))));
                continue;
            };
            for (key, value) in section {
                let key = format!("{name}.{key}");
                let source = at(&key);
                layer.add_key(&key, value, source);
            }
        }
        Ok(layer)
    }

    /// systemd's credentials: files named like the keys of secrets.
    pub fn credentials(folder: &Path) -> Self {
        let mut layer = Self::default();
        for setting in all_settings().filter(|setting| setting.is_secret) {
            let path = folder.join(setting.key());
            if path.exists() {
                layer.add(setting, Content::SecretFile(path.clone()), Source::Credential(path));
            }
        }
        layer
    }

    /// Environment variables.
    pub fn environment(variables: &BTreeMap<OsString, OsString>) -> Self {
        let mut layer = Self::default();
        for setting in all_settings() {
            let (variable, file_variable) = (setting.variable(), setting.file_variable());
            if let Some(text) = layer.variable(setting, &variable, variables) {
                layer.add_text(setting, &text, Source::Variable(variable));
            }
            if let Some(variable) = file_variable
                && let Some(path) = layer.variable(setting, &variable, variables).filter(|path| !path.is_empty())
            {
                layer.add(setting, Content::SecretFile(path.into()), Source::Variable(variable));
            }
        }
        layer
    }

    /// Options of the form `KEY=VALUE`.
    pub fn command_line(options: &[String]) -> Self {
        let mut layer = Self::default();
        for option in options {
            let Some((key, text)) = option.split_once('=') else {
                let mistake = Mistake::new("--set", "write it as KEY=VALUE");
                layer.mistakes.push(mistake);
                continue;
            };
            let key = current_key(key);
            match find(key) {
                Some(setting) if setting.is_secret => layer.mistakes.push(
                    Mistake::new(
                        key,
                        format!(
                            "other users can read command lines: use --set {key}{FILE_SUFFIX}=PATH or {}",
                            setting.variable()
                        ),
                    )
                    .at(Some(&Source::CommandLine)),
                ),
                Some(setting) => layer.add_text(setting, text, Source::CommandLine),
                None => layer.add_key(key, Value::String(text.to_owned()), Source::CommandLine),
            }
        }
        layer
    }

    fn variable(&mut self, setting: &Setting, name: &str, variables: &BTreeMap<OsString, OsString>) -> Option<String> {
        let text = variables.get(&OsString::from(name))?;
        let text = text.to_str().map(str::to_owned);
        if text.is_none() {
            let mistake = Mistake::new(setting.key(), "the value is not UTF-8");
            self.mistakes.push(mistake.at(Some(&Source::Variable(name.to_owned()))));
        }
        text
    }

    fn add_text(&mut self, setting: &'static Setting, text: &str, source: Source) {
        match setting.parse_text(text) {
            Ok(value) => self.add(setting, Content::Value(value), source),
            Err(problem) => self.mistakes.push(Mistake::new(setting.key(), problem).at(Some(&source))),
        }
    }

    fn add_key(&mut self, key: &str, value: Value, source: Source) {
        if let Some(setting) = find(current_key(key)) {
            return self.add(setting, Content::Value(value), source);
        }
        let Some(setting) = key.strip_suffix(FILE_SUFFIX).and_then(find).filter(|setting| setting.is_secret) else {
            let problem = format!("unknown setting{}", suggestion(key));
            return self.mistakes.push(Mistake::new(key, problem).at(Some(&source)));
        };
        match value {
            Value::String(path) if path.is_empty() => {}
            Value::String(path) => self.add(setting, Content::SecretFile(path.into()), source),
            _ => self.mistakes.push(Mistake::new(key, "this is not the path of a file").at(Some(&source))),
        }
    }

    fn add(&mut self, setting: &'static Setting, content: Content, source: Source) {
        let is_empty = content.is_empty(setting);
        let given = Given { setting, content, source };
        match self.given.entry(setting.key()) {
            Entry::Vacant(entry) => drop(entry.insert(given)),
            Entry::Occupied(_) if is_empty => {}
            Entry::Occupied(mut entry) if entry.get().content.is_empty(setting) => drop(entry.insert(given)),
            Entry::Occupied(entry) => {
                let problem = format!("given twice, also by {}: remove one", entry.get().source);
                self.mistakes.push(Mistake::new(setting.key(), problem).at(Some(&given.source)));
            }
        }
    }
}

/// Warnings about variables that look like misspelled ones of settings. Other programs may set variables that begin
/// with `STOA_` (Kubernetes does for a service of this name), so an unknown one is no mistake.
pub fn misspelled_variables(variables: &BTreeMap<OsString, OsString>) -> Vec<String> {
    let known: Vec<String> =
        all_settings().flat_map(|setting| [Some(setting.variable()), setting.file_variable()]).flatten().collect();
    let names = variables.keys().filter_map(|name| name.to_str()).filter(|name| name.starts_with("STOA_"));
    let unknown = names.filter(|name| !OTHER_VARIABLES.contains(name) && !known.iter().any(|known| known == name));
    unknown
        .filter_map(|name| {
            let meant = nearest(name, known.iter().map(String::as_str))?;
            Some(format!("the variable {name} sets nothing; did you mean {meant}?"))
        })
        .collect()
}

/// All settings, section by section.
pub fn all_settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

fn find(key: &str) -> Option<&'static Setting> {
    all_settings().find(|setting| setting.key() == key)
}

fn current_key(key: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == key).map_or(key, |(_, new)| new)
}

/// `; did you mean …?` for an unknown key, or nothing.
fn suggestion(key: &str) -> String {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    if let Some(elsewhere) = all_settings().find(|setting| setting.name == name) {
        return match elsewhere.section {
            "" => format!("; did you mean `{name}` at the top level, before the first [section]?"),
            other => format!("; did you mean `{name}` in [{other}]?"),
        };
    }
    let keys: Vec<String> =
        all_settings().flat_map(|setting| [Some(setting.key()), setting.file_key()]).flatten().collect();
    let sections = SECTIONS.iter().map(|section| section.name).filter(|_| section.is_empty());
    let candidates = keys.iter().map(String::as_str).chain(sections);
    nearest(key, candidates).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(text, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= MAX_SUGGESTION_EDITS && *edits < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
