//! The verbs of passwords, tokens and the audit log.

use std::fs;

use crate::{
    domain_verbs::{home, refused, said},
    verbs::text,
};

#[test]
fn passwords_tokens_and_the_audit_log() {
    let home = home();
    let file = home.0.path().join("password");
    fs::write(&file, "correct horse battery").unwrap();
    let file = file.to_str().unwrap();
    assert!(said(&home, &["customers", "list"]).contains("jane@example.com"));
    assert!(said(&home, &["customers", "password", "jane@example.com", "--password-file", file]).contains("changed"));
    let error = refused(&home, &["customers", "password", "joe@example.com", "--password-file", file]);
    assert!(error.contains("no such customer"), "{error}");

    said(&home, &["staff", "add", "op@example.com", "--role", "support", "--password-file", file]);
    assert!(said(&home, &["staff", "list"]).contains("support"));
    assert!(said(&home, &["staff", "tokens", "op@example.com"]).contains("no API tokens"));
    said(&home, &["staff", "token", "op@example.com", "--name", "metrics"]);
    let json = said(&home, &["--json", "staff", "tokens", "op@example.com"]);
    let tokens: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(tokens[0]["name"], "metrics");
    said(&home, &["staff", "revoke", "--yes", tokens[0]["id"].as_str().unwrap()]);
    assert!(said(&home, &["staff", "tokens", "op@example.com"]).contains("no API tokens"));

    let audit = said(&home, &["audit", "--limit", "4"]);
    let did: Vec<_> = audit.lines().skip(1).filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(did, ["token.revoke", "token.create", "staff.create", "customer.password"], "{audit}");
    let done = home.stoa(&["audit", "--limit", "0"]);
    assert!(text(&done.stderr).contains("1..=1000"), "{}", text(&done.stderr));
}
