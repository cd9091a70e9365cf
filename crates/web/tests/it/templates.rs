//! Rules for all templates.

use std::{fs, path::Path};

fn files(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

fn templates() -> Vec<(String, String)> {
    let mut all = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut all);
    assert!(all.len() > 15);
    all
}

#[test]
fn nothing_is_inline_or_third_party() {
    for (name, text) in templates() {
        // One frame is allowed: the preview of an e-mail, which can do nothing.
        let lower = text.to_lowercase().replace("<iframe class=\"mail-preview\" sandbox title=", "");
        for word in [" style=", "<style", "javascript:", "<iframe", "src=\"http", "href=\"http"] {
            assert!(!lower.contains(word), "{name}: {word}");
        }
        let handler = lower.split_whitespace().find(|w| w.starts_with("on") && w.contains("=\""));
        assert_eq!(handler, None, "{name}");
        for script in lower.split("<script").skip(1) {
            assert!(script.starts_with(" type=\"module\" src=\"{{"), "{name}: inline script");
        }
    }
}

#[test]
fn nothing_is_marked_safe_by_hand() {
    for (name, text) in templates() {
        assert!(!text.contains("|safe") && !text.contains("| safe") && !text.contains("autoescape"), "{name}");
    }
}

#[test]
fn every_form_carries_the_token() {
    for (name, text) in templates() {
        // Searching changes nothing.
        for form in text
            .split("<form")
            .skip(1)
            .filter(|form| !form.starts_with(" class=\"finder\"") && !form.starts_with(" class=\"search\""))
        {
            let form = form.split("</form>").next().unwrap();
            assert!(form.contains("part/csrf.html") || form.contains("name=\"csrf\""), "{name}: {form}");
        }
    }
}

#[test]
fn every_icon_is_drawn() {
    let sprite = include_str!("../../assets/icons.svg");
    let mut sources = templates();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    for (name, text) in sources {
        for icon in text.split("ui::icon(\"").skip(1) {
            let icon = icon.split('"').next().unwrap();
            assert!(sprite.contains(&format!("id=\"{icon}\"")), "{name}: {icon}");
        }
    }
}

/// Words of UX.md part 2 that customers stumble over, and what to write instead. Screens have none of them; other text is
/// held to its words by `words.rs` of the program.
const BANNED: &[(&str, &str)] = &[
    ("anew", "again"),
    ("mend", "fix"),
    ("mending", "a problem"),
    ("by itself", "automatically"),
    ("by themselves", "automatically"),
    ("bring along", "connect, upload"),
    ("brought along", "uploaded"),
    ("proven", "verified"),
    ("prove", "verify"),
    ("leads to", "points to"),
    ("leads here", "points here"),
    ("off the air", "offline"),
    ("taken back", "undone"),
    ("take back", "undo"),
    ("be had", "available"),
    ("look at it", "check"),
    ("looked at", "checked"),
    ("made from", "type"),
    ("no more", "no longer"),
    ("so many", "how many"),
    ("is told", "is notified"),
    ("runs out", "expires"),
    ("withdraw my", "remove"),
];

#[test]
fn no_screen_has_a_banned_word() {
    let mut sources = templates();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages"), &mut sources);
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui"), &mut sources);
    let mut found = Vec::new();
    for (name, text) in sources {
        // Of Rust, only what can be on a screen: literals.
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines.map(|line| if name.ends_with(".rs") { literals(line) } else { line.to_owned() }) {
            let line = format!(" {} ", line.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " "));
            found.extend(
                BANNED
                    .iter()
                    .filter(|(word, _)| line.contains(&format!(" {word} ")))
                    .map(|(word, better)| format!("{name}: {word:?}, write {better:?}: {}", line.trim())),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What a line of Rust has between quotation marks.
fn literals(line: &str) -> String {
    line.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(" ")
}
