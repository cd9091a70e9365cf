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

#[test]
fn staff_come_change_and_go() {
    let home = home();
    let state = |email: &str| {
        let all: serde_json::Value = serde_json::from_str(&said(&home, &["--json", "staff", "list"])).unwrap();
        let account = all.as_array().unwrap().iter().find(|account| account["email"] == email).cloned();
        account.map(|account| {
            (account["role"].as_str().unwrap().to_owned(), account["state"].as_str().unwrap().to_owned())
        })
    };
    let is = |role: &str, state: &str| Some((role.to_owned(), state.to_owned()));
    let anna = "anna@example.com";
    assert!(refused(&home, &["staff", "add", anna, "--invite"]).contains("--name"), "an e-mail needs a name");
    let added = said(&home, &["staff", "add", anna, "--name", "Anna Berg", "--role", "admin", "--invite"]);
    assert!(added.contains("on its way"), "{added}");
    assert_eq!(state(anna), is("admin", "invited"));
    assert!(said(&home, &["staff", "list"]).contains("Anna Berg"));
    said(&home, &["staff", "role", anna, "support"]);
    assert_eq!(state(anna), is("support", "invited"));
    said(&home, &["staff", "reset-password", "--yes", anna, "--temporary-password"]);
    let locked = said(&home, &["staff", "deactivate", "--yes", anna]);
    assert!(locked.contains("stoa staff reactivate anna@example.com"), "{locked}");
    assert_eq!(state(anna), is("support", "deactivated"));
    assert!(refused(&home, &["staff", "reset-password", "--yes", anna]).contains("Reactivate it"));
    said(&home, &["staff", "reactivate", anna]);
    assert_eq!(state(anna), is("support", "invited"));
    said(&home, &["staff", "delete", "--yes", anna]);
    assert_eq!(state(anna), None);
    assert!(refused(&home, &["staff", "delete", "--yes", anna]).contains("no such staff account"));
}
