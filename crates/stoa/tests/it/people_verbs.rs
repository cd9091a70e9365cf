//! The verbs of passwords, tokens and the audit log.

use std::fs;

use stoa_db::{
    Db,
    core::audit_key::AuditKey,
    history::{AuditEvent, audit},
};
use stoa_model::account::Actor;

use crate::{
    domain_verbs::{home, refused, said},
    verbs::{Home, text},
};

#[test]
fn passwords_tokens_and_the_audit_log() {
    let home = home();
    let file = home.0.path().join("password");
    fs::write(&file, "correct horse battery").unwrap();
    let file = file.to_str().unwrap();
    assert!(said(&home, &["customers", "list"]).contains("jane@example.com"));
    let add = |email| ["customers", "add", email, "--company", "The Bakery", "--password-file", file];
    let added = said(&home, &add("amy@example.com"));
    assert!(added.contains("/login") && added.contains("stoa sites order NAME --customer amy@example.com"), "{added}");
    assert!(said(&home, &["customers", "show", "amy@example.com"]).contains(" verified"));
    let again = refused(&home, &add("amy@example.com"));
    assert!(again.contains("has an account already") && again.contains("stoa customers show"), "{again}");
    assert!(said(&home, &["mail", "list"]).contains("stoa mail test"));
    assert!(said(&home, &["customers", "password", "jane@example.com", "--password-file", file]).contains("changed"));
    let error = refused(&home, &["customers", "password", "joe@example.com", "--password-file", file]);
    assert!(error.contains("no such customer. List them: stoa customers list"), "{error}");

    said(&home, &["staff", "add", "op@example.com", "--role", "support", "--password-file", file]);
    assert!(said(&home, &["staff", "list"]).contains("support"));
    assert!(said(&home, &["staff", "tokens", "op@example.com"]).contains("no API tokens"));
    said(&home, &["staff", "token", "op@example.com", "--name", "metrics"]);
    let json = said(&home, &["--json", "staff", "tokens", "op@example.com"]);
    let tokens: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(tokens[0]["name"], "metrics");
    said(&home, &["staff", "revoke", "--yes", tokens[0]["id"].as_str().unwrap()]);
    assert!(said(&home, &["staff", "tokens", "op@example.com"]).contains("no API tokens"));

    let audit = said(&home, &["audit", "list", "--limit", "4"]);
    let did: Vec<_> = audit.lines().skip(1).filter_map(|line| line.split_whitespace().nth(3)).collect();
    assert_eq!(did, ["token.revoke", "token.create", "staff.create", "customer.password"], "{audit}");
    let done = home.stoa(&["audit", "list", "--limit", "0"]);
    assert!(text(&done.stderr).contains("1..=1000"), "{}", text(&done.stderr));

    let tokens = ["--json", "audit", "list", "--action", "token", "--since", "1h", "--actor", "system"];
    let tokens: serde_json::Value = serde_json::from_str(&said(&home, &tokens)).unwrap();
    assert_eq!(tokens.as_array().map(Vec::len), Some(2), "{tokens}");
    let exported = said(&home, &["audit", "export", "--action", "token"]);
    let first: serde_json::Value = serde_json::from_str(exported.lines().next().unwrap()).unwrap();
    assert_eq!(first["action"], "token.create");
    let check = said(&home, &["audit", "verify"]);
    assert!(check.contains("everything is as it was written"), "{check}");
    let check: serde_json::Value = serde_json::from_str(&said(&home, &["--json", "audit", "verify"])).unwrap();
    assert!(check["problems"].as_array().unwrap().is_empty() && check["unsealed"].as_u64().unwrap() > 4, "{check}");

    // Somebody with access to the database only.
    insert_entry(&home);
    let done = home.stoa(&["audit", "verify"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stdout).contains("was inserted or changed"), "{}", text(&done.stdout));
}

/// An entry that says that the platform did something, signed with a key that is not its own.
fn insert_entry(home: &Home) {
    let url = format!("sqlite://{}", home.0.path().join("data/stoa.db").display());
    let event = &AuditEvent {
        at: jiff::Timestamp::now(),
        actor: Actor::System,
        action: "staff.create".into(),
        target: "stf_1".into(),
        outcome: "done".into(),
        request_id: "r".into(),
        detail: serde_json::json!({}),
        address: None,
        credential: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::connect(&url).await.unwrap().with_audit_key(AuditKey::new([0; 32]));
        db.write(|tx| Box::pin(async move { audit(&tx, event).await })).await.unwrap();
        db.close().await;
    });
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
