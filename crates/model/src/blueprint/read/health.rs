//! Reads `healthcheck` of a service.

use std::time::Duration;

use super::{cursor::Cursor, node::Value};
use crate::stack::Health;

const LONGEST: Duration = Duration::from_secs(600);

pub(super) fn health(at: &Cursor) -> Option<Health> {
    let mut fields = at.fields()?;
    fields.refuse(&[
        ("disable", "leave healthcheck out, or write one that the platform can wait for"),
        ("start_interval", "checks come at one interval: write interval"),
    ]);
    let test = fields.need("test").and_then(|at| test(&at));
    let mut time = |key, otherwise| {
        fields.take(key).map_or(Some(Duration::from_secs(otherwise)), |at: Cursor| at.duration(LONGEST))
    };
    let (interval, timeout, start_period) = (time("interval", 30), time("timeout", 30), time("start_period", 0));
    let retries = fields.take("retries").map_or(Some(3), |at| at.number(1..=100));
    fields.finish();
    Some(Health {
        test: test?,
        interval: interval?,
        timeout: timeout?,
        retries: u32::try_from(retries?).ok()?,
        start_period: start_period?,
    })
}

fn test(at: &Cursor) -> Option<Vec<String>> {
    if let Value::Text(_) = at.node.value {
        at.problem("write the test as a list: [CMD, program, argument], or [CMD-SHELL, line] if it needs a shell");
        return None;
    }
    let test = at.arguments()?;
    let fine = match test[0].as_str() {
        "CMD" => test.len() > 1,
        "CMD-SHELL" => test.len() == 2,
        _ => false,
    };
    if !fine {
        at.problem("begin the test with CMD and a program, or with CMD-SHELL and one line");
        return None;
    }
    Some(test)
}
