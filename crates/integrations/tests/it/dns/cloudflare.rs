//! Cloudflare, as <https://developers.cloudflare.com/api/resources/dns/> describes it.

use http::Method;
use serde_json::{Value, json};

use super::fake::{Ask, FakeService, Record, Reply, ZONE, Zone};

const ZONE_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";

/// So few on a page that pages have to be turned.
const PAGE: usize = 2;

pub async fn start() -> FakeService {
    let refusal = failure(403, 10000, "Authentication error");
    FakeService::start(("authorization", "Bearer good"), refusal, behave).await
}

fn behave(zone: &mut Zone, ask: &Ask) -> Reply {
    let path = ask.path.iter().map(String::as_str).collect::<Vec<_>>();
    match (ask.method.as_str(), path.as_slice()) {
        ("GET", ["zones"]) => {
            let known = ask.query.get("name").is_some_and(|name| name == ZONE);
            let zones = if known { vec![json!({ "id": ZONE_ID, "name": ZONE })] } else { Vec::new() };
            success(zones.into(), json!({ "page": 1, "total_pages": 1 }))
        }
        ("GET", ["zones", ZONE_ID, "dns_records"]) => list(zone, ask),
        ("POST", ["zones", ZONE_ID, "dns_records"]) => create(zone, ask),
        ("PATCH" | "DELETE", ["zones", ZONE_ID, "dns_records", id]) => change(zone, ask, id),
        _ => failure(404, 7003, "Could not route to the request, perhaps your object identifier is invalid?"),
    }
}

fn list(zone: &Zone, ask: &Ask) -> Reply {
    let page = ask.query["page"].parse::<usize>().expect("a page");
    let found = zone.of(&ask.query["name"], &ask.query["type"]);
    let records = found.chunks(PAGE).nth(page - 1).unwrap_or_default().iter().map(shown).collect::<Value>();
    let pages = found.len().div_ceil(PAGE);
    success(records, json!({ "page": page, "per_page": PAGE, "total_count": found.len(), "total_pages": pages }))
}

fn create(zone: &mut Zone, ask: &Ask) -> Reply {
    let [name, kind, content] = ["name", "type", "content"].map(|key| ask.body[key].as_str().unwrap_or_default());
    let ttl = ask.body["ttl"].as_u64().unwrap_or(1);
    if ttl != 1 && !(60..=86400).contains(&ttl) {
        return failure(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.");
    }
    if !name.ends_with(ZONE) || content.is_empty() {
        return failure(400, 9000, "DNS name is invalid.");
    }
    let content = content.trim_matches('"');
    if zone.of(name, kind).iter().any(|record| record.content == content) {
        return failure(400, 81058, "An identical record already exists.");
    }
    let record = zone.add(name, kind, u32::try_from(ttl).expect("a time"), content);
    success(shown(&record), Value::Null)
}

fn change(zone: &mut Zone, ask: &Ask, id: &str) -> Reply {
    let Some(record) = zone.by_id(id) else {
        return failure(404, 81044, "Record does not exist.");
    };
    if ask.method == Method::DELETE {
        zone.records.retain(|record| record.id.to_string() != id);
        // This one answer has no `success`.
        return Reply::new(200, json!({ "result": { "id": id } }));
    }
    record.ttl = ask.body["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok()).expect("a time");
    success(shown(record), Value::Null)
}

fn shown(record: &Record) -> Value {
    let Record { id, name, kind, ttl, content } = record;
    let content = if kind == "TXT" { format!("\"{content}\"") } else { content.clone() };
    let proxied = content == super::PROXIED;
    json!({
        "id": id.to_string(), "name": name, "type": kind, "content": content, "ttl": ttl, "proxied": proxied,
        "proxiable": kind != "TXT", "comment": null, "tags": [],
    })
}

fn success(result: Value, info: Value) -> Reply {
    Reply::new(200, json!({ "success": true, "errors": [], "messages": [], "result": result, "result_info": info }))
}

fn failure(status: u16, code: u32, message: &str) -> Reply {
    let errors = json!([{ "code": code, "message": message }]);
    Reply::new(status, json!({ "success": false, "errors": errors, "messages": [], "result": null }))
}
