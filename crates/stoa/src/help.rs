//! What `stoa` says about itself: verbs in groups, with examples. clap has no groups of subcommands.

use std::process::ExitCode;

use clap::{Command, CommandFactory};

use crate::Cli;

/// The verbs as people look for them.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Set up", &["init", "trial", "config", "migrate", "completions", "man"]),
    ("Run", &["serve", "doctor", "health", "firewall"]),
    ("Manage", &["sites", "domains", "certificates", "customers", "plans", "subscriptions", "staff", "blueprints"]),
    ("Maintain", &["jobs", "tasks", "mail", "audit", "sync", "cleanup", "nginx"]),
];

/// Examples of a verb with several subcommands.
const EXAMPLES: [(&str, &[&str]); 13] = [
    (
        "sites",
        &[
            "stoa sites list --status attention",
            "stoa sites order bakery --customer jane@example.com --title 'The Bakery'",
            "stoa sites logs -f bakery",
        ],
    ),
    (
        "domains",
        &[
            "stoa domains add bakery shop.example.com --www --main",
            "stoa domains check shop.example.com",
            "stoa domains list bakery",
        ],
    ),
    (
        "certificates",
        &[
            "stoa certificates list",
            "stoa certificates upload bakery --chain fullchain.pem --key privkey.pem",
            "stoa certificates withdraw bakery",
        ],
    ),
    ("plans", &["stoa plans list", "stoa plans import deploy/plans.toml", "stoa plans sync --dry-run"]),
    (
        "subscriptions",
        &[
            "stoa subscriptions list --status past_due",
            "stoa subscriptions orders",
            "stoa subscriptions pay SUBSCRIPTION --reference 2026-17",
        ],
    ),
    (
        "customers",
        &[
            "stoa customers add jane@example.com --company 'The Bakery'",
            "stoa customers list --search example.com",
            "stoa customers show jane@example.com",
            "stoa customers verify jane@example.com",
        ],
    ),
    (
        "staff",
        &[
            "stoa staff list",
            "stoa staff add anna@example.com --role support",
            "stoa staff token anna@example.com --name deploys",
        ],
    ),
    ("jobs", &["stoa jobs list --state stuck", "stoa jobs show -f JOB", "stoa jobs resume JOB"]),
    ("tasks", &["stoa tasks list", "stoa tasks retry TASK", "stoa tasks discard TASK --yes"]),
    ("blueprints", &["stoa blueprints check ./my-shop", "stoa blueprints outdated"]),
    ("mail", &["stoa mail test jane@example.com", "stoa mail list --state failed"]),
    ("audit", &["stoa audit list --limit 20", "stoa audit verify", "stoa audit export > audit.jsonl"]),
    ("firewall", &["stoa firewall status", "stoa firewall apply"]),
];

/// What an error says, and which verb lists the things of which one was not found.
pub fn with_list(text: String, error: &stoa_core::Error) -> String {
    let stoa_core::Error::NotFound(what) = error else { return text };
    let verb = match *what {
        "customer" => "customers",
        "site" => "sites",
        "job" => "jobs",
        "staff account" => "staff",
        "failed task" => "tasks",
        _ => return text,
    };
    format!("{text} List them: stoa {verb} list")
}

/// The command line with its help.
pub fn command() -> Command {
    let mut command = Cli::command();
    for (verb, examples) in EXAMPLES {
        let text = examples.iter().fold("Examples:".to_owned(), |text, example| format!("{text}\n  {example}"));
        command = command.mut_subcommand(verb, |verb| verb.after_help(text));
    }
    let template =
        format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}{{after-help}}", groups(&command));
    let after = "`stoa VERB --help` shows the details of a verb, `stoa doctor` what needs attention.";
    command.help_template(template).after_help(after)
}

/// Prints the help of `stoa`, or of the verb that was given without one of its own.
pub fn print() -> ExitCode {
    let mut command = command();
    command.build();
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.find(|argument| command.find_subcommand(argument).is_some());
    let shown = verb.and_then(|verb| command.find_subcommand_mut(verb).cloned()).unwrap_or(command);
    shown.clone().print_help().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn groups(command: &Command) -> String {
    let mut text = String::new();
    for (title, verbs) in GROUPS {
        text.push_str(&format!("{title}:\n"));
        for verb in verbs {
            let about = command.find_subcommand(verb).and_then(|verb| verb.get_about()).map(ToString::to_string);
            text.push_str(&format!("  {verb:<13} {}\n", about.unwrap_or_default()));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_one_group_and_every_example_is_one() {
        let command = command();
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).collect();
        grouped.sort_unstable();
        let mut verbs: Vec<_> =
            command.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect();
        verbs.sort_unstable();
        assert_eq!(grouped, verbs);
        for example in EXAMPLES.iter().flat_map(|(_, examples)| examples.iter()) {
            let example = example
                .replace("'The Bakery'", "Bakery")
                .replace("-f JOB", JOB)
                .replace("JOB", JOB)
                .replace(" > audit.jsonl", "");
            let example = example.replace("TASK", "task_01ba60d33ce17146a93c0a9388f384e6");
            let example = example.replace("SUBSCRIPTION", "sub_01ba60d33ce17146a93c0a9388f384e6");
            let parsed = command.clone().try_get_matches_from(example.split(' '));
            assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
        }
    }

    const JOB: &str = "job_01ba60d33ce17146a93c0a9388f384e6";
}
