//! DigitalOcean, as <https://docs.digitalocean.com/reference/api/reference/domain-records/> describes it.

use http::Method;
use serde_json::{Value, json};

use super::fake::{Ask, FakeService, Record, Reply, ZONE, Zone};

/// So few on a page that pages have to be turned.
const PAGE: usize = 2;

pub async fn start() -> FakeService {
    let refusal = failure(401, "Unauthorized", "Unable to authenticate you");
    FakeService::start(("authorization", "Bearer good"), refusal, behave).await
}

fn behave(zone: &mut Zone, ask: &Ask) -> Reply {
    let path = ask.path.iter().map(String::as_str).collect::<Vec<_>>();
    match (ask.method.as_str(), path.as_slice()) {
        ("GET", ["v2", "domains", ZONE, "records"]) => list(zone, ask),
        ("POST", ["v2", "domains", ZONE, "records"]) => create(zone, ask),
        ("PATCH" | "DELETE", ["v2", "domains", ZONE, "records", id]) => change(zone, ask, id),
        _ => failure(404, "not_found", "The resource you were accessing could not be found."),
    }
}

fn list(zone: &Zone, ask: &Ask) -> Reply {
    let page = ask.query["page"].parse::<usize>().expect("a page");
    let found = zone.of(&ask.query["name"], &ask.query["type"]);
    let records = found.chunks(PAGE).nth(page - 1).unwrap_or_default().iter().map(shown).collect::<Value>();
    let more = found.len() > page * PAGE;
    let pages = if more { json!({ "next": "https://api.digitalocean.com/…" }) } else { json!({}) };
    Reply::new(200, json!({ "domain_records": records, "links": { "pages": pages }, "meta": { "total": found.len() } }))
}

fn create(zone: &mut Zone, ask: &Ask) -> Reply {
    let [name, kind, data] = ["name", "type", "data"].map(|key| ask.body[key].as_str().unwrap_or_default());
    let ttl = ask.body["ttl"].as_u64().unwrap_or(1800);
    // A whole name would make a record of NAME.ZONE.ZONE.
    if name.is_empty() || data.is_empty() || name.ends_with(ZONE) || ttl < 30 {
        return failure(422, "unprocessable_entity", "Data needs to be valid, TTL at least 30.");
    }
    let whole = if name == "@" { ZONE.to_owned() } else { format!("{name}.{ZONE}") };
    let record = zone.add(&whole, kind, u32::try_from(ttl).expect("a time"), data);
    Reply::new(201, json!({ "domain_record": shown(&record) }))
}

fn change(zone: &mut Zone, ask: &Ask, id: &str) -> Reply {
    let Some(record) = zone.by_id(id) else {
        return failure(404, "not_found", "The resource you were accessing could not be found.");
    };
    if ask.method == Method::DELETE {
        zone.records.retain(|record| record.id.to_string() != id);
        return Reply::new(204, Value::Null);
    }
    if ask.body["type"] != record.kind.as_str() {
        return failure(422, "unprocessable_entity", "Type is required.");
    }
    record.ttl = ask.body["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok()).expect("a time");
    Reply::new(200, json!({ "domain_record": shown(record) }))
}

fn shown(record: &Record) -> Value {
    let Record { id, name, kind, ttl, content } = record;
    let inside = name.strip_suffix(ZONE).expect("a name in the zone").trim_end_matches('.');
    let inside = if inside.is_empty() { "@" } else { inside };
    json!({
        "id": id, "type": kind, "name": inside, "data": content, "ttl": ttl,
        "priority": null, "port": null, "weight": null, "flags": null, "tag": null,
    })
}

fn failure(status: u16, id: &str, message: &str) -> Reply {
    Reply::new(status, json!({ "id": id, "message": message, "request_id": "4d9d8375" }))
}
