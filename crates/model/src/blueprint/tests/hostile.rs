//! Whatever a customer types stays what he typed, all the way through Compose.

use std::collections::BTreeMap;

use super::{Blueprint, compose_config, good, inputs, undollar};
use crate::compose;

const NASTY: &[&str] = &[
    "My shop\n    privileged: true\n    volumes: [\"/:/host\"]",
    "\"\n  evil: {image: x}\n#",
    "'; DROP TABLE users; --",
    "${PASSWORD}",
    "$PASSWORD $$ $$$ ${ $} ${A:-b} $${A}",
    "$$",
    "!!python/object/apply:os.system [id]",
    "!include /etc/passwd",
    "&a *a <<: {{ env }} {% x %}",
    "\t leading tab, trailing blanks  \n\n",
    "  two\r\nlines\r",
    "😀 Ωmega \u{85}\u{2028}\u{2029}\u{feff}\u{fffd}\u{7f}\u{1}\u{1b}[31m",
    "---\n...\n%YAML 1.1\n",
    "- - - -\n? x\n: y",
    "yes",
    "NO",
    "on",
    "null",
    "~",
    "",
    " ",
    "1e3",
    "0x10",
    "0o7",
    "012",
    "1_000",
    "1:20",
    "2001-01-01",
    ".inf",
    "=",
    "<<",
    "\\ \\n \\\" \\u0041 %41 `id` $(id)",
    "{a: b}",
    "[a, b]",
    "| literal",
    "> folded",
    "# comment",
    "a: b",
    "a #b",
    "@x",
    "%x",
    "`x`",
];

/// As much of Compose's own output as matters here. Typed, as YAML 1.1 prints the text `1e3` bare.
#[derive(serde::Deserialize)]
struct Config {
    services: BTreeMap<String, Environment>,
}

#[derive(serde::Deserialize)]
struct Environment {
    environment: BTreeMap<String, String>,
}

/// The title after rendering, and after our own parser has read the Compose file again.
fn titles(blueprint: &Blueprint, title: &str) -> (String, String, String) {
    let stack = blueprint.render(&inputs(&[("TITLE", title), ("PASSWORD", "p")])).unwrap();
    let text = compose::render(&stack, None);
    let file: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let read = undollar(&file["services"]["web"]["environment"]["TITLE"]);
    assert_eq!(file["services"].as_object().unwrap().len(), 2, "{text}");
    assert_eq!(file["services"]["web"].get("privileged"), None);
    (stack.service("web").unwrap().environment["TITLE"].0.clone(), read, text)
}

#[test]
fn nasty_titles_come_back_verbatim() {
    let blueprint = good();
    let long = "x".repeat(200_000);
    let mixed = "${X} $$ \"'\n\té😀 ".repeat(10_000);
    for title in NASTY.iter().copied().chain([long.as_str(), mixed.as_str()]) {
        let (rendered, read, _) = titles(&blueprint, title);
        assert_eq!(rendered, title);
        assert_eq!(read, title);
    }
}

#[test]
fn every_character_comes_back() {
    let blueprint = good();
    let all: Vec<char> = (1..=0x10_ffff).filter_map(char::from_u32).collect();
    for chunk in all.chunks(20_000) {
        let title: String = chunk.iter().collect();
        assert!(titles(&blueprint, &title).1 == title, "from {:?} on", chunk[0]);
    }
}

#[test]
fn random_titles_come_back_verbatim() {
    let blueprint = good();
    let pieces = [
        "\n", "  ", "\t", "$", "{", "}", ":", ": ", "- ", "#", "'", "\"", "\\", "a", "Ω", "😀", "|", ">", "&x", "*x",
        "!!", "%", "\r", "---", "\u{85}",
    ];
    let mut state = 7u64;
    for _ in 0..3000 {
        let mut title = String::new();
        for _ in 0..state % 17 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            title.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 1;
        assert_eq!(titles(&blueprint, &title).1, title);
    }
}

#[test]
fn compose_itself_reads_nasty_titles_verbatim() {
    // One call for all of them: starting Compose takes half a second.
    let long = "x${Y}".repeat(40_000);
    let titles: Vec<&str> = NASTY.iter().copied().chain([long.as_str()]).collect();
    let mut stack = good().render(&inputs(&[("TITLE", ""), ("PASSWORD", "p")])).unwrap();
    let environment = &mut stack.services[0].environment;
    for (index, title) in titles.iter().enumerate() {
        environment.insert(format!("T{index}"), crate::stack::EnvValue((*title).to_owned()));
    }
    let Some(config) = compose_config::<Config>(&compose::render(&stack, None)) else { return };
    for (index, title) in titles.iter().enumerate() {
        assert_eq!(config.services["web"].environment[&format!("T{index}")].replace("$$", "$"), *title);
    }
}
