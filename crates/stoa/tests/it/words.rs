//! Holds the names and the English of the workspace to a list of words that readers stumble over. It only reads
//! files: code, comments and literals of all crates (the text of CLI help is among the comments of
//! `crates/stoa/src`), `docs/` and the documents at the top. Screens are not held to it: templates are not read.
//!
//! A false alarm is a reason to make a pattern narrower, not to leave a file out.

use std::{
    cell::OnceCell,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

/// Parts of the workspace that have not been rewritten yet. An entry for a part that is clean fails the test.
const PENDING: &[&str] = &[
    "crates/control/",
    "crates/db/",
    "crates/docker/",
    "crates/domains/",
    "crates/edge/",
    "crates/integrations/",
    "crates/model/",
    "crates/provider/",
    "crates/saga/",
    "crates/sites/",
    "crates/testkit/",
    "crates/util/",
    "crates/web/",
];

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Comments, literals and documents.
    Text,
    /// The declared name of a type.
    Type,
    /// The declared name of a function, tests included.
    Function,
    /// The declared name of a constant.
    Constant,
    /// The name of a module in `src`.
    Module,
}

/// Where, a pattern, and what to write instead. Patterns of text ignore case and match whole words; those of names
/// match the whole name.
const RULES: &[(Place, &str, &str)] = &[
    // Text.
    (Place::Text, "anew", "again"),
    (Place::Text, "afresh", "again"),
    (Place::Text, "(?:mend|mends|mended|mending)", "fix, repair"),
    (Place::Text, "hasten(?:s|ed)?", "retry now"),
    (Place::Text, "(?:bring|brings|brought) along", "add (the customer's own domain), upload (a certificate)"),
    (Place::Text, "(?:is|are|was|were|be|been) told", "is reported, is notified, is given"),
    (Place::Text, "told of", "reported, notified of"),
    (Place::Text, "(?:lead|leads|led) here", "points to this machine"),
    (Place::Text, "(?:can|could|may) be had", "is available"),
    (Place::Text, "(?:can|could)(?:n't|not| not) be had", "is unavailable, failed"),
    (Place::Text, "off the air", "offline"),
    (Place::Text, "(?:taken|takes?|took) back", "undone, canceled, withdrawn"),
    (Place::Text, "at th(?:is|at) moment", "now, then, currently"),
    (Place::Text, "in the same moment", "at the same time"),
    (Place::Text, "(?:gone|goes|going|go|went) on with", "continue"),
    (Place::Text, "this is no (?:domain|address|folder|file|name|number|certificate|key)", "enter a valid …"),
    (Place::Text, "(?:served|shown|used|read|sent|asked|needed) no more", "no longer …"),
    (Place::Text, "lead(?:s)? (?:to it|there|here) no more", "no longer points to …"),
    (Place::Text, "(?:he|him|his|himself)", "they, them, their"),
    (Place::Text, "keeps? nobody from", "doesn't prevent anyone from"),
    (Place::Text, "falls? silent", "stops responding, sends no heartbeat"),
    (Place::Text, "(?:beats?|beating) its heart", "sends its heartbeat"),
    (Place::Text, "by hand of", "by"),
    // Types.
    (Place::Type, "Held", "LoadedCertificate"),
    (Place::Type, "Shelf", "CertificateCache"),
    (Place::Type, "Told", "AlertHistory, ApplicationUrl"),
    (Place::Type, "Wanted", "CertificateSpec"),
    (Place::Type, "UnderWay", "InFlightOrders"),
    (Place::Type, "First", "InitialIssuance"),
    (Place::Type, "Ordering", "OrderLocks: don't shadow std's name"),
    (Place::Type, "Danger", "CertificateAlert"),
    (Place::Type, "Allowance", "IssuanceLimits"),
    (Place::Type, "Spent", "LimitReached"),
    (Place::Type, "Unopened", "AccountError"),
    (Place::Type, "Followed", "RouteVersionTracker"),
    (Place::Type, "Behind", "EdgeLag"),
    (Place::Type, "Readdressed", "AddressCooldown"),
    (Place::Type, "Readdress", "ChangeDomain"),
    (Place::Type, "Leads", "DnsTarget"),
    (Place::Type, "TellApplication", "UpdateApplicationUrl"),
    (Place::Type, "Settle", "CommitState"),
    (Place::Type, "Explain", "ResultExt"),
    (Place::Type, "Try", "Attempt"),
    (Place::Type, "Moved", "StaleWrite"),
    (Place::Type, "(?:Front|Doors)", "Ingress, Listeners"),
    (Place::Type, "Elsewhere", "NoopEdge"),
    (Place::Type, "Looker", "StateSource"),
    (Place::Type, "Visit", "RequestAuth"),
    (Place::Type, "OwnSite", "AccessibleSite"),
    (Place::Type, "Door", "ListenerState"),
    (Place::Type, "Places", "ClientLimiter"),
    (Place::Type, "Room", "UpstreamLimiter"),
    (Place::Type, "(?:Errand|Arrival|Entrance)", "WorkerMessage, Accepted, Acceptor"),
    (Place::Type, "Passage", "RequestHandler"),
    (Place::Type, "Pump", "BodyForwarder"),
    (Place::Type, "Letter", "Email"),
    (Place::Type, "Cx", "RequestContext"),
    (Place::Type, "Ground", "Fixtures"),
    (Place::Type, "[A-Z][A-Za-z]*Maker", "…Provider"),
    // Functions: `_` separates the words of a name.
    (
        Place::Function,
        "(?:.*_)?(?:anew|afresh|mend|mends|mended|hasten|hastened|untold)(?:_.*)?",
        "again, fix, retry_now",
    ),
    (Place::Function, "(?:.*_)?(?:told)(?:_.*)?", "reported, notified"),
    (Place::Function, "(?:.*_)?(?:he|his|him)(?:_.*)?", "they, their, them"),
    (Place::Function, "(?:.*_)?tend", "reconcile_…"),
    (Place::Function, "(?:.*_)?must_last", "ensure_not_deleting"),
    (Place::Function, "(?:.*_)?reins", "run_signals"),
    (Place::Function, "(?:.*_)?brought_along(?:_.*)?", "custom_domain, uploaded"),
    (Place::Function, "site_moves", "site_updates"),
    (Place::Function, "(?:living|durable)", "active_actor, wal_sync"),
    // Constants: a quantity and its unit.
    (Place::Constant, "(?:.*_)?(?:MOST|LONGEST|LARGEST)(?:_.*)?", "MAX_…_UNIT"),
    (Place::Constant, "(?:.*_)?(?:LEAST|SHORTEST|SMALLEST)(?:_.*)?", "MIN_…_UNIT"),
    (Place::Constant, "(?:.*_)?LAST", "MAX_…, …_LIFETIME"),
    (Place::Constant, "(?:.*_)?APART", "…_INTERVAL"),
    (Place::Constant, "(?:.*_)?MOMENT", "…_DURATION"),
    (Place::Constant, "(?:.*_)?TOGETHER", "MAX_CONCURRENT_…"),
    (Place::Constant, "(?:.*_)?WORDS?", "name what the text says"),
    (Place::Constant, "(?:.*_)?PATIENCE", "…_TIMEOUT"),
    (Place::Constant, "(?:.*_)?(?:NOBODY|ENOUGH|SOON|OFTEN|WHILE|LONG)", "name the quantity and its unit"),
    // Modules.
    (
        Place::Module,
        "(?:held|told|followed|former|touched|wanted|behind|leads|keep|tend|words|people|wire|front|checked|vendors|shelf|\
         under_way|take|tell|answers|tidy|living|shape)",
        "a noun: what the module contains",
    ),
];

/// A pattern of text as a regular expression: between two words there may be the end of a line and the marker of a
/// comment.
fn text_pattern(pattern: &str) -> String {
    format!(r"(?i-u)\b(?:{})\b", pattern.replace(' ', r"[\s/!\\]+"))
}

fn name_pattern(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// All rules of a place in one pattern. Most files have no finding, so only this one is matched against them.
struct Rules {
    place: Place,
    any: Regex,
    /// Compiled at the first finding.
    each: OnceCell<Vec<(Regex, &'static str)>>,
}

impl Rules {
    fn new(place: Place) -> Self {
        let patterns: Vec<_> = RULES.iter().filter(|rule| rule.0 == place).map(|rule| rule.1).collect();
        Self { place, any: Regex::new(&Self::complete(place, &patterns.join("|"))).unwrap(), each: OnceCell::new() }
    }

    fn complete(place: Place, pattern: &str) -> String {
        if place == Place::Text { text_pattern(pattern) } else { name_pattern(pattern) }
    }

    /// What to write instead of what `any` has found.
    fn replacement(&self, found: &str) -> &'static str {
        let each = self.each.get_or_init(|| {
            let rules = RULES.iter().filter(|rule| rule.0 == self.place);
            rules.map(|rule| (Regex::new(&Self::complete(self.place, rule.1)).unwrap(), rule.2)).collect()
        });
        each.iter()
            .find(|(pattern, _)| pattern.is_match(found))
            .map_or("something else", |(_, replacement)| replacement)
    }
}

/// A Rust source in two layers of the same lines: its code without literals, and the text of comments and literals.
#[derive(Default)]
struct Source {
    code: String,
    text: String,
}

impl Source {
    fn parse(source: &str) -> Self {
        let mut layers = Self::default();
        let mut rest = source;
        while let Some(next) = rest.chars().next() {
            let (length, is_text) = if rest.starts_with("//") {
                (rest.find('\n').unwrap_or(rest.len()), true)
            } else if rest.starts_with("/*") {
                (rest.find("*/").map_or(rest.len(), |end| end + 2), true)
            } else if let Some(length) = raw_string(rest) {
                (length, true)
            } else if next == '"' {
                (string(rest), true)
            } else if next == '\'' {
                (character(rest), false)
            } else if next.is_alphanumeric() || next == '_' {
                (rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()), false)
            } else {
                (next.len_utf8(), false)
            };
            let (token, after) = rest.split_at(length);
            let (layer, other) =
                if is_text { (&mut layers.text, &mut layers.code) } else { (&mut layers.code, &mut layers.text) };
            layer.push_str(token);
            // Keeps line numbers, and words apart.
            other.extend(token.chars().filter(|c| *c == '\n' || *c == ' '));
            rest = after;
        }
        layers
    }
}

/// The length of a raw string at the start of `rest`.
fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = body.bytes().take_while(|byte| *byte == b'#').count();
    let open = rest.len() - body.len() + hashes + 1;
    if !body[hashes..].starts_with('"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    Some(rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len()))
}

fn string(rest: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal, or of the apostrophe of a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(rest.len(), |end| 3 + end + 1),
        Some((start, character)) if rest[start + character.len_utf8()..].starts_with('\'') => {
            start + character.len_utf8() + 1
        }
        _ => 1,
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files below `folder` with this extension, as paths from the root.
fn files(folder: &str, extension: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return };
    for entry in entries.map(|entry| entry.unwrap()) {
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files(&path, extension, found);
        } else if path.ends_with(extension) {
            found.push(path);
        }
    }
}

struct Search {
    rules: [Rules; 5],
    declaration: Regex,
    findings: Vec<(String, String)>,
}

impl Search {
    fn new() -> Self {
        let declaration = r"(?-u)\b(?:const\s+)?(?P<kind>fn|struct|enum|union|trait|type|const|static|mod)\s+(?:mut\s+)?(?P<name>[A-Za-z_]\w*)";
        let places = [Place::Text, Place::Type, Place::Function, Place::Constant, Place::Module];
        Self { rules: places.map(Rules::new), declaration: Regex::new(declaration).unwrap(), findings: Vec::new() }
    }

    fn text(&mut self, path: &str, text: &str) {
        let rules = &self.rules[Place::Text as usize];
        for found in rules.any.find_iter(text) {
            let (line, found) = (line_of(text, found.start()), found.as_str());
            let replacement = rules.replacement(found);
            self.findings.push((path.to_owned(), format!("{path}:{line}: {found:?}: write {replacement}")));
        }
    }

    fn code(&mut self, path: &str, code: &str) {
        for found in self.declaration.captures_iter(code) {
            let place = match &found["kind"] {
                "fn" => Place::Function,
                "const" | "static" => Place::Constant,
                "mod" if path.contains("/tests/") => continue,
                "mod" => Place::Module,
                _ => Place::Type,
            };
            let rules = &self.rules[place as usize];
            let (line, name) = (line_of(code, found.get(0).unwrap().start()), &found["name"]);
            if rules.any.is_match(name) {
                let replacement = rules.replacement(name);
                let finding = format!("{path}:{line}: {place:?} `{name}`: call it {replacement}");
                self.findings.push((path.to_owned(), finding));
            }
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn search_workspace() -> Search {
    let mut search = Search::new();
    let (mut sources, mut documents) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name();
        for part in ["src", "tests"] {
            files(&format!("crates/{}/{part}", name.to_str().unwrap()), ".rs", &mut sources);
        }
    }
    files("docs", ".md", &mut documents);
    documents.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(str::to_owned));
    sources.sort();
    // This file names every word.
    for path in sources.iter().filter(|path| !path.ends_with("tests/it/words.rs")) {
        let source = Source::parse(&fs::read_to_string(root().join(path)).unwrap());
        search.text(path, &source.text);
        search.code(path, &source.code);
    }
    documents.sort();
    for path in documents {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        search.text(&path, &text);
    }
    search
}

#[test]
fn names_and_texts_use_plain_words() {
    let findings = search_workspace().findings;
    let is_pending = |path: &str| PENDING.iter().find(|pending| path.starts_with(**pending));
    let done: Vec<_> = findings.iter().filter(|(path, _)| is_pending(path).is_none()).map(|(_, text)| text).collect();
    let texts: Vec<_> = done.iter().map(|text| text.as_str()).collect();
    assert!(texts.is_empty(), "{} words to replace:\n{}", texts.len(), texts.join("\n"));
    let used: BTreeSet<_> = findings.iter().filter_map(|(path, _)| is_pending(path)).collect();
    let is_stale = |pending: &&&str| !used.contains(*pending) && root().join(pending).exists();
    let stale: Vec<_> = PENDING.iter().filter(is_stale).collect();
    assert!(stale.is_empty(), "these are clean now; remove them from PENDING in words.rs: {stale:?}");
}

#[test]
fn each_kind_of_place_is_searched() {
    let source = "mod told;\n/// Look anew.\nstruct Shelf;\nconst PATIENCE: u8 = b'\"';\nconst fn bad_one_is_told() { \
                  let _: &'static str = r#\"a \" brought\nalong his\"#; let anew = \"\\\"\"; } // off the air\n";
    let parsed = Source::parse(source);
    let mut search = Search::new();
    search.text("a.rs", &parsed.text);
    search.code("a.rs", &parsed.code);
    let found: Vec<_> =
        search.findings.iter().map(|(_, text)| text.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        found,
        [
            "a.rs:2 \"anew\"",
            "a.rs:5 \"brought\\nalong\"",
            "a.rs:6 \"his\"",
            "a.rs:6 \"off the air\"",
            "a.rs:1 Module `told`",
            "a.rs:3 Type `Shelf`",
            "a.rs:4 Constant `PATIENCE`",
            "a.rs:5 Function `bad_one_is_told`",
        ]
    );
}
