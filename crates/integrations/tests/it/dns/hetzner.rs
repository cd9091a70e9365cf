//! Hetzner, as <https://docs.hetzner.cloud/reference/cloud#zone-rrsets> describes it. Actions end when
//! somebody asks for them, and lock the zone until then.

use serde_json::{Value, json};

use super::fake::{Ask, FakeService, Record, Reply, ZONE, Zone};

pub async fn start() -> FakeService {
    let refusal = failure(401, "unauthorized", "unable to authenticate");
    FakeService::start(("authorization", "Bearer good"), refusal, behave).await
}

fn behave(zone: &mut Zone, ask: &Ask) -> Reply {
    let path = ask.path.iter().map(String::as_str).collect::<Vec<_>>();
    if ask.method != http::Method::GET && !zone.running.is_empty() {
        return failure(423, "locked", "the zone is locked by a running action");
    }
    match (ask.method.as_str(), path.as_slice()) {
        ("GET", ["actions", id]) => {
            let id = id.parse::<u64>().expect("a number");
            zone.running.retain(|&action| action != id);
            Reply::new(200, json!({ "action": action(id, false) }))
        }
        ("GET", ["zones", ZONE, "rrsets"]) => {
            let (name, kind) = (&ask.query["name"], &ask.query["type"]);
            let found = zone.of(&whole(name), kind);
            let sets = if found.is_empty() { Vec::new() } else { vec![shown(name, &found)] };
            Reply::new(200, json!({ "rrsets": sets, "meta": { "pagination": { "page": 1, "last_page": 1 } } }))
        }
        ("POST", ["zones", ZONE, "rrsets"]) => {
            let (name, kind) = (text(&ask.body["name"]), text(&ask.body["type"]));
            if !zone.of(&whole(&name), &kind).is_empty() {
                return failure(409, "uniqueness_error", "the RRSet exists");
            }
            put(zone, &name, &kind, &ask.body["records"], ttl(&ask.body))
        }
        ("POST", ["zones", ZONE, "rrsets", name, kind, "actions", what]) => {
            let found = zone.of(&whole(name), kind);
            let Some(first) = found.first() else { return missing() };
            match *what {
                "set_records" => put(zone, name, kind, &ask.body["records"], Some(first.ttl)),
                "change_ttl" => put(zone, name, kind, &shown(name, &found)["records"], ttl(&ask.body)),
                _ => missing(),
            }
        }
        ("DELETE", ["zones", ZONE, "rrsets", name, kind]) => {
            if zone.of(&whole(name), kind).is_empty() {
                return missing();
            }
            put(zone, name, kind, &json!([]), Some(60))
        }
        _ => missing(),
    }
}

fn put(zone: &mut Zone, name: &str, kind: &str, records: &Value, ttl: Option<u32>) -> Reply {
    let Some(ttl) = ttl.filter(|ttl| *ttl >= 60) else {
        return failure(422, "invalid_input", "ttl must be at least 60");
    };
    let values = records.as_array().expect("a list").iter().map(|record| text(&record["value"])).collect::<Vec<_>>();
    if kind == "TXT" && !values.iter().all(|value| value.starts_with('"') && value.ends_with('"')) {
        return failure(422, "invalid_input", "TXT records must be quoted");
    }
    zone.remove(&whole(name), kind);
    for value in values {
        zone.add(&whole(name), kind, ttl, value.trim_matches('"'));
    }
    zone.last_id += 1;
    let id = zone.last_id;
    zone.running.push(id);
    Reply::new(201, json!({ "action": action(id, true) }))
}

fn action(id: u64, running: bool) -> Value {
    let (status, progress) = if running { ("running", 0) } else { ("success", 100) };
    json!({ "id": id, "command": "change", "status": status, "progress": progress, "error": null })
}

fn shown(name: &str, found: &[Record]) -> Value {
    let quote =
        |record: &Record| if record.kind == "TXT" { format!("\"{}\"", record.content) } else { record.content.clone() };
    let records = found.iter().map(|record| json!({ "value": quote(record), "comment": null })).collect::<Value>();
    json!({ "id": format!("{name}/{}", found[0].kind), "name": name, "type": found[0].kind, "ttl": found[0].ttl, "records": records })
}

fn whole(name: &str) -> String {
    if name == "@" { ZONE.to_owned() } else { format!("{name}.{ZONE}") }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn ttl(body: &Value) -> Option<u32> {
    body["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok())
}

fn missing() -> Reply {
    failure(404, "not_found", "the resource was not found")
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    Reply::new(status, json!({ "error": { "code": code, "message": message, "details": null } }))
}
