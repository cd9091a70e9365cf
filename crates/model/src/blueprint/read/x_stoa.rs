//! Reads the parts of `x-stoa`.

use std::{collections::BTreeMap, time::Duration};

use super::{
    cursor::Cursor,
    names::{Names, Place},
    service::user,
};
use crate::{
    blueprint::{Backup, Credential, Entry, Hook, HookName, ImageNotice, Kind, NextStep, template},
    stack::ServiceName,
};

const HOOK_TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_HOOK: Duration = Duration::from_secs(6 * 3600);

pub(super) fn name(at: &Cursor) -> Option<String> {
    let fine = |text: &str| {
        text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    at.text_if(fine, "is no name for a blueprint: use a-z, 0-9 and -, at most 40 of them")
}

pub(super) fn kind(at: &Cursor) -> Option<Kind> {
    let text = at.text_if(|text| ["store", "site"].contains(&text), "is no kind of blueprint: write store or site")?;
    Some(if text == "store" { Kind::Store } else { Kind::Site })
}

pub(super) fn route(at: &Cursor, names: &Names) -> Option<Entry> {
    let mut fields = at.fields()?;
    let service = fields.need("service").and_then(|at| names.service(&at));
    let port = fields.need("port").and_then(|at| at.number(1..=65_535));
    fields.finish();
    Some(Entry { service: service?, port: u16::try_from(port?).ok()? })
}

pub(super) fn main_service(at: &Cursor, names: &Names) -> Option<ServiceName> {
    let mut fields = at.fields()?;
    let service = fields.need("service").and_then(|at| names.service(&at));
    fields.finish();
    service
}

pub(super) fn credentials(at: &Cursor, names: &Names) -> Vec<Credential> {
    let one = |at: &Cursor| {
        let mut fields = at.fields()?;
        let label = fields.need("label").and_then(|at| at.words());
        let url = fields.need("url").and_then(|at| at.url_path());
        let user = fields.need("user").and_then(|at| names.variable(&at));
        let password = fields.need("password").and_then(|at| names.variable(&at));
        fields.finish();
        Some(Credential { label: label?, url: url?, user: user?, password: password? })
    };
    at.items().iter().filter_map(one).collect()
}

pub(super) fn hooks(at: &Cursor, names: &Names) -> BTreeMap<HookName, Hook> {
    let mut hooks = BTreeMap::new();
    for (key, at) in at.entries() {
        let Some(name) = HookName::ALL.into_iter().find(|name| name.as_str() == key) else {
            let known = HookName::ALL.map(HookName::as_str).join(", ");
            at.key_problem(format!("{key:?} is no hook; there are: {known}"));
            continue;
        };
        if let Some(hook) = hook(name, &at, names) {
            hooks.insert(name, hook);
        }
    }
    hooks
}

fn hook(name: HookName, at: &Cursor, names: &Names) -> Option<Hook> {
    let mut fields = at.fields()?;
    let service = fields.need("service").and_then(|at| names.service(&at));
    let command = fields.need("command").and_then(|at| at.arguments());
    let stdin = fields.take("stdin");
    if let (HookName::Dump | HookName::Restore, Some(at)) = (name, &stdin) {
        at.key_problem("the dump itself goes through standard streams: remove it");
    }
    let stdin = stdin.map(|at| {
        let member = |(key, at): (&str, Cursor)| {
            if !template::is_name(key) {
                at.key_problem(format!("{key:?} is no name for a member: use letters, digits and _"));
            }
            Some((key.to_owned(), names.template(&at, at.raw()?, Place::Value)?))
        };
        at.entries().into_iter().filter_map(member).collect()
    });
    let timeout = fields.take("timeout").map_or(Some(HOOK_TIMEOUT), |at| at.duration(LONGEST_HOOK));
    let user = fields.take("user").and_then(|at| user(&at));
    fields.finish();
    Some(Hook { service: service?, command: command?, stdin, timeout: timeout?, user })
}

pub(super) fn backup(at: &Cursor, names: &Names) -> Option<Backup> {
    let mut fields = at.fields()?;
    let volumes = fields.take("volumes").map(|at| at.items()).unwrap_or_default();
    let volumes = volumes.iter().filter_map(|at| names.volume(at, &at.text()?)).collect();
    let database = fields.take("database").and_then(|at| at.flag()).unwrap_or(false);
    fields.finish();
    Some(Backup { volumes, database })
}

pub(super) fn sleep_allowed(at: &Cursor) -> Option<bool> {
    let mut fields = at.fields()?;
    let allowed = fields.need("allowed").and_then(|at| at.flag());
    fields.finish();
    allowed
}

pub(super) fn notices(at: &Cursor, names: &Names) -> Vec<ImageNotice> {
    let one = |at: &Cursor| {
        let mut fields = at.fields()?;
        let service = fields.need("service").and_then(|at| names.service(&at));
        let label = fields.need("label").and_then(|at| at.words());
        let equals = fields.need("equals").and_then(|at| at.text());
        let message = fields.need("message").and_then(|at| at.words());
        fields.finish();
        let equals = equals.map(|text| (text != "absent").then_some(text));
        Some(ImageNotice { service: service?, label: label?, equals: equals?, message: message? })
    };
    at.items().iter().filter_map(one).collect()
}

pub(super) fn next_steps(at: &Cursor, names: &Names) -> Vec<NextStep> {
    let one = |at: &Cursor| {
        let mut fields = at.fields()?;
        let title = fields.need("title").and_then(|at| at.words());
        let path = fields.need("path").and_then(|at| at.url_path());
        let needs = fields.take("needs").map_or(Some(None), |at| needed_label(&at, names).map(Some));
        fields.finish();
        Some(NextStep { title: title?, path: path?, needs: needs? })
    };
    at.items().iter().filter_map(one).collect()
}

fn needed_label(at: &Cursor, names: &Names) -> Option<(ServiceName, String)> {
    let mut fields = at.fields()?;
    let service = fields.need("service").and_then(|at| names.service(&at));
    let label = fields.need("label").and_then(|at| at.words());
    fields.finish();
    Some((service?, label?))
}
