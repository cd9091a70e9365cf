//! `$$` is a dollar everywhere in a blueprint, and stays one on the way back into Compose.

use super::{GOOD, compose_config, inputs, parsed, undollar};
use crate::compose;

#[test]
fn a_dollar_survives_every_field() {
    let text = GOOD
        .replace(
            "    image: stoa/db:1\n",
            concat!(
                "    image: stoa/db:1\n",
                "    command: [sh, -c, \"echo $${HOME} $$5\"]\n",
                "    entrypoint: [\"$$\"]\n",
                "    healthcheck: {test: [CMD-SHELL, \"test $$A\"], interval: 1m30s, timeout: 1500ms}\n",
            ),
        )
        .replace("title: App", "title: Costs $$5");
    let blueprint = parsed(&text);
    assert_eq!(blueprint.title, "Costs $5");
    let stack = blueprint.render(&inputs(&[("TITLE", "$"), ("PASSWORD", "$${X}")])).unwrap();
    let db = stack.service("db").unwrap();
    assert_eq!(db.command.as_ref().unwrap()[2], "echo ${HOME} $5");
    assert_eq!(db.health.as_ref().unwrap().test[1], "test $A");
    assert_eq!(db.environment["PASSWORD"].0, "$${X}");

    let Some(config) = compose_config::<serde_json::Value>(&compose::render(&stack, None)) else { return };
    let db = &config["services"]["db"];
    assert_eq!(undollar(&db["command"][2]), "echo ${HOME} $5");
    assert_eq!(undollar(&db["entrypoint"][0]), "$");
    assert_eq!(undollar(&db["healthcheck"]["test"][1]), "test $A");
    assert_eq!(db["healthcheck"]["interval"], "90s");
    assert_eq!(undollar(&db["environment"]["PASSWORD"]), "$${X}");
}
