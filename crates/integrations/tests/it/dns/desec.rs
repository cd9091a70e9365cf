//! deSEC, as <https://desec.readthedocs.io/en/latest/dns/rrsets.html> describes it.

use serde_json::{Value, json};

use super::fake::{Ask, FakeService, Reply, ZONE, Zone};

pub async fn start() -> FakeService {
    let refusal = Reply::new(401, json!({ "detail": "Invalid token." }));
    FakeService::start(("authorization", "Token good"), refusal, behave).await
}

fn behave(zone: &mut Zone, ask: &Ask) -> Reply {
    let path = ask.path.iter().map(String::as_str).collect::<Vec<_>>();
    match (ask.method.as_str(), path.as_slice()) {
        ("PATCH", ["domains", ZONE, "rrsets", ""]) => patch(zone, ask),
        _ => Reply::new(404, json!({ "detail": "Not found." })),
    }
}

/// All sets of the request, or none.
fn patch(zone: &mut Zone, ask: &Ask) -> Reply {
    let Some(sets) = ask.body.as_array() else {
        return Reply::new(400, json!({ "detail": "Expected a list of items." }));
    };
    let errors = sets.iter().map(check).collect::<Vec<_>>();
    if errors.iter().any(|error| *error != json!({})) {
        return Reply::new(400, errors.into());
    }
    for set in sets {
        let (subname, kind) = (set["subname"].as_str().unwrap_or_default(), set["type"].as_str().expect("checked"));
        let name = if subname.is_empty() { ZONE.to_owned() } else { format!("{subname}.{ZONE}") };
        zone.remove(&name, kind);
        for record in set["records"].as_array().expect("checked") {
            let ttl = set["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok()).expect("checked");
            zone.add(&name, kind, ttl, record.as_str().expect("checked").trim_matches('"'));
        }
    }
    Reply::new(200, ask.body.clone())
}

fn check(set: &Value) -> Value {
    let Some(records) = set["records"].as_array() else {
        return json!({ "records": ["This field is required."] });
    };
    if !records.is_empty() && set["ttl"].as_u64().is_none_or(|ttl| !(3600..=86400).contains(&ttl)) {
        return json!({ "ttl": ["Ensure this value is greater than or equal to 3600."] });
    }
    let quoted = |record: &Value| record.as_str().is_some_and(|text| text.starts_with('"') && text.ends_with('"'));
    if set["type"] == "TXT" && !records.iter().all(quoted) {
        return json!({ "records": ["Data for TXT records must be given using quotation marks."] });
    }
    if set["subname"] == "@" {
        return json!({ "subname": ["Subname can only use (lowercase) a-z, 0-9, ., -, _, and *."] });
    }
    json!({})
}
