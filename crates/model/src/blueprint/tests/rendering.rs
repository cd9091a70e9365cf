//! A stack from a blueprint.

use super::{GOOD, good, inputs, parsed, strings};
use crate::{
    blueprint::{HookName, ImageNotice, RenderError},
    image::ImageId,
    limits::{Bytes, Limits, MilliCpu},
    stack::{ReplaceStrategy, ServiceName},
};

const FILLED: &[(&str, &str)] = &[("TITLE", "Jane's"), ("PASSWORD", "secret")];

#[test]
fn values_and_defaults_are_filled_in() {
    let stack = good().render(&inputs(FILLED)).unwrap();
    let web = stack.service("web").unwrap();
    assert_eq!(web.image.as_str(), "stoa/app:1");
    assert_eq!(web.environment["TITLE"].0, "Jane's");
    assert_eq!(web.environment["FLAG"].0, "off");
    assert_eq!(web.limits, Limits::DEFAULT);
    assert_eq!(stack.services.len(), 2);
    assert_eq!(stack.volumes.len(), 1);
}

#[test]
fn the_operator_may_choose_an_image_and_a_flag() {
    let mut inputs = inputs(FILLED);
    inputs.values.extend(strings(&[("IMAGE", "r.example/app:2"), ("FLAG", "")]));
    let stack = good().render(&inputs).unwrap();
    assert_eq!(stack.service("web").unwrap().image.as_str(), "r.example/app:2");
    assert_eq!(stack.service("web").unwrap().environment["FLAG"].0, "", "an empty setting is a setting");
}

#[test]
fn an_engine_places_services_of_all_profiles() {
    let names: Vec<_> = good().service_names().into_iter().map(|name| name.0).collect();
    assert_eq!(names, ["web", "db", "tool", "cache"]);
}

#[test]
fn a_profile_changes_no_other_service() {
    let blueprint = good();
    let mut with = inputs(FILLED);
    with.profiles = vec!["caching".into()];
    let (without, with) = (blueprint.render(&inputs(FILLED)).unwrap(), blueprint.render(&with).unwrap());
    for service in &without.services {
        assert_eq!(with.service(&service.name.0), Some(service));
    }
    assert_eq!(with.services.len(), without.services.len() + 1);
}

#[test]
fn a_pin_stands_beside_the_reference() {
    let mut inputs = inputs(FILLED);
    let id: ImageId = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    inputs.images.insert(ServiceName("web".into()), id.clone());
    let stack = good().render(&inputs).unwrap();
    let web = stack.service("web").unwrap();
    assert_eq!((web.image.as_str(), web.image_id.as_ref()), ("stoa/app:1", Some(&id)));
    assert_eq!(stack.service("db").unwrap().image_id, None);
}

#[test]
fn only_a_routed_service_without_data_or_dependents_starts_first() {
    let free = GOOD.replace("    volumes: [\"data:/srv/data\"]\n", "    tmpfs: [\"/srv/data\"]\n");
    let free = free.replace("volumes:\n  data: {}\n", "").replace("volumes: [data], ", "");
    let depended_on = free.replace("    image: stoa/cache:1\n", "    image: stoa/cache:1\n    depends_on: [web]\n");
    for (text, start_first) in [(GOOD, &[][..]), (&free, &["web"]), (&depended_on, &[])] {
        let names: Vec<_> = parsed(text).start_first_names().into_iter().map(|name| name.0).collect();
        assert_eq!(names, start_first);
        let stack = parsed(text).render(&inputs(FILLED)).unwrap();
        let rendered: Vec<_> = stack.services.iter().filter(|s| s.replace == ReplaceStrategy::StartFirst).collect();
        assert_eq!(rendered.len(), start_first.len());
    }
}

#[test]
fn the_plan_limits_one_service_only() {
    let mut inputs = inputs(FILLED);
    let plan = Limits { memory: Bytes::mib(4096), cpu: MilliCpu(2000), pids: 400 };
    inputs.main_limits = Some(plan);
    let named = GOOD.replace("  health: /health\n", "  health: /health\n  limits: { service: db }\n");
    for (text, limited, other) in [(GOOD, "web", "db"), (&named, "db", "web")] {
        let stack = parsed(text).render(&inputs).unwrap();
        assert_eq!(stack.service(limited).unwrap().limits, plan);
        assert_eq!(
            stack.service(other).unwrap().limits,
            parsed(text).service(&ServiceName(other.into())).unwrap().limits
        );
    }
}

#[test]
fn what_cannot_be_rendered_is_named() {
    let missing = good().render(&inputs(&[("TITLE", "x")])).unwrap_err();
    assert_eq!(missing, RenderError::Missing { variable: "PASSWORD".into() });
    let nul = good().render(&inputs(&[("TITLE", "a\0b"), ("PASSWORD", "x")])).unwrap_err();
    assert_eq!(nul, RenderError::Nul { variable: "TITLE".into() });
    let mut image = inputs(FILLED);
    image.values.insert("IMAGE".into(), "a b".into());
    assert!(matches!(good().render(&image), Err(RenderError::Image { .. })));
    let mut profile = inputs(FILLED);
    profile.profiles = vec!["nope".into()];
    assert_eq!(good().render(&profile).unwrap_err().to_string(), "the blueprint has no profile \"nope\"");
}

#[test]
fn hooks_get_json_with_any_value() {
    let blueprint = good();
    let title = "\"}, {\"admin\": true}\n${PASSWORD} \u{1f600}\t\\";
    let json = blueprint.hook(HookName::Claim).unwrap().stdin_json(&strings(&[("TITLE", title)])).unwrap().unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value, serde_json::json!({ "title": title }));
    assert_eq!(blueprint.hook(HookName::Dump).unwrap().stdin_json(&strings(&[])), Ok(None));
    assert!(blueprint.hook(HookName::Login).is_none());
    assert!(blueprint.hook(HookName::Claim).unwrap().stdin_json(&strings(&[])).is_err());
}

#[test]
fn secrets_do_not_print() {
    let inputs = inputs(&[("TITLE", "x"), ("PASSWORD", "hunter2")]);
    let stack = good().render(&inputs).unwrap();
    assert!(!format!("{inputs:?}{stack:?}").contains("hunter2"));
}

#[test]
fn an_image_notice_understands_absence() {
    let mut notice =
        ImageNotice { service: ServiceName("web".into()), label: "l".into(), equals: None, message: "m".into() };
    for (labels, raised) in [(&[][..], true), (&[("l", "")], true), (&[("l", "absent")], true), (&[("l", "9")], false)]
    {
        assert_eq!(notice.applies(&strings(labels)), raised, "{labels:?}");
    }
    notice.equals = Some("9".into());
    assert!(notice.applies(&strings(&[("l", "9")])) && !notice.applies(&strings(&[])));
}

#[test]
fn anchors_and_merges_of_ordinary_compose_work() {
    let text = format!(
        "x-common: &common\n  user: \"1000:1000\"\n  read_only: true\n{}",
        GOOD.replace("    image: stoa/db:1\n", "    <<: *common\n    image: stoa/db:1\n")
    );
    let stack = parsed(&text).render(&inputs(FILLED)).unwrap();
    assert_eq!(stack.service("db").unwrap().user.as_deref(), Some("1000:1000"));
    assert!(stack.service("db").unwrap().read_only);
}
