//! The script formats durations as the pages do.

use std::process::Command;

use stoa_web::ui::time::duration;

const MOMENTS: [u64; 13] = [0, 4, 40, 99, 100, 199, 340, 1_900, 9_999, 10_000, 59_999, 125_000, 3_780_000];

#[test]
fn durations_are_the_same_with_and_without_the_script() {
    let script = include_str!("../../assets/stoa.js");
    let from = script.find("function duration(ms)").expect("the function");
    let function = script[from..].split_inclusive("\n}\n").next().expect("its end");
    // The script counts in fractions of milliseconds.
    let program = format!("{function}console.log({MOMENTS:?}.map((ms) => duration(ms + 0.7)).join(\"\\n\"));");
    let Ok(output) = Command::new("node").args(["-e", &program]).output() else {
        println!("SKIPPED: node is not installed");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().collect::<Vec<_>>(), MOMENTS.map(duration));
}
