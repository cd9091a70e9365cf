//! The verbs that need neither a server nor Docker, run as a person runs them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

pub struct Home(pub tempfile::TempDir);

impl Home {
    pub fn new(extra: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let blueprints = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints");
        let config = format!(
            "data_dir = {:?}\nblueprints = {:?}\ndocker_socket = \"/nowhere/docker.sock\"\nlisten = \"127.0.0.1:1\"\n{extra}",
            dir.path().join("data"),
            blueprints.canonicalize().unwrap()
        );
        fs::write(dir.path().join("stoa.toml"), config).unwrap();
        Self(dir)
    }

    pub fn stoa(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stoa"));
        without_settings(&mut command).args(args).env("STOA_CONFIG", self.0.path().join("stoa.toml"));
        command
    }
}

/// Without the settings, faults and configuration of this process's environment.
pub fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"STOA_")) {
        command.env_remove(name);
    }
    // It would change this machine's rules.
    command.env("STOA_FIREWALL_ENABLED", "false")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_blueprint_is_checked_and_its_stack_printed() {
    let home = Home::new("");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints/woocommerce");
    let done = home.stoa(&["blueprints", "check", folder.to_str().unwrap()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("stoa/wordpress:1"), "{}", text(&done.stdout));
}

#[test]
fn a_dangerous_blueprint_is_refused_with_its_line() {
    let home = Home::new("");
    let folder = home.0.path().join("evil");
    fs::create_dir(&folder).unwrap();
    let good = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints/ebuilder/compose.yaml"))
        .unwrap();
    let evil = good.replace("name: ebuilder", "name: evil").replacen(
        "  web:\n    image:",
        "  web:\n    privileged: true\n    image:",
        1,
    );
    assert!(evil.contains("privileged"), "the fixture no longer fits the blueprint");
    let line = evil.lines().position(|line| line.contains("privileged")).unwrap() + 1;
    fs::write(folder.join("compose.yaml"), evil).unwrap();
    let done = home.stoa(&["blueprints", "check", folder.to_str().unwrap()]);
    let error = text(&done.stderr);
    assert!(!done.status.success());
    assert!(error.contains(&format!("compose.yaml:{line}:")) && error.contains("privileged"), "{error}");
}

#[test]
fn the_doctor_names_what_is_wrong_and_how_to_fix_it() {
    let home = Home::new("");
    assert!(home.stoa(&["migrate"]).status.success());
    let done = home.stoa(&["--json", "doctor"]);
    assert!(!done.status.success(), "without Docker the doctor must not be content");
    let findings: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let engine = findings.as_array().unwrap().iter().find(|f| f["check"] == "engine").unwrap();
    assert_eq!(engine["verdict"], "bad");
    assert!(engine["remedy"].as_str().unwrap().contains("Docker"), "{engine}");
}

#[test]
fn a_wrong_master_key_is_noticed_before_anything_is_touched() {
    let home = Home::new("");
    assert!(home.stoa(&["migrate"]).status.success());
    assert!(home.stoa(&["jobs", "list"]).status.success());
    let key = home.0.path().join("data/master.key");
    fs::remove_file(&key).unwrap();
    let done = home.stoa(&["jobs", "list"]);
    let error = text(&done.stderr);
    assert!(!done.status.success() && error.contains("restore the right master.key"), "{error}");
}

#[test]
fn a_mistake_in_the_configuration_is_reported_with_its_name_and_line() {
    let home = Home::new("workerz = 3\n");
    let done = home.stoa(&["jobs", "list"]);
    let error = text(&done.stderr);
    assert!(!done.status.success(), "{error}");
    assert!(error.contains("workerz: unknown setting; did you mean `workers`?"), "{error}");
    assert!(error.contains("stoa.toml line 5"), "{error}");
}

#[test]
fn an_operator_is_created_once_and_the_password_is_never_shown() {
    let home = Home::new("");
    let secret = home.0.path().join("password");
    fs::write(&secret, "correct horse battery").unwrap();
    let init = |h: &Home| h.stoa(&["init", "--email", "op@example.com", "--password-file", secret.to_str().unwrap()]);
    let first = init(&home);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let second = init(&home);
    assert!(
        !second.status.success() && text(&second.stderr).contains("has staff already: op@example.com"),
        "{}",
        text(&second.stderr)
    );
    let token = home.stoa(&["staff", "token", "op@example.com"]);
    assert!(text(&token.stdout).starts_with("stoa_"), "{}", text(&token.stdout));
    let database = fs::read(home.0.path().join("data/stoa.db")).unwrap();
    let wal = fs::read(home.0.path().join("data/stoa.db-wal")).unwrap_or_default();
    let stored = [database, wal].concat();
    let plain = text(&token.stdout).trim().to_owned();
    assert!(
        !stored.windows(plain.len()).any(|window| window == plain.as_bytes()),
        "the token lies in the database in clear"
    );
}

#[test]
fn only_some_verbs_migrate() {
    let home = Home::new("");
    assert!(home.stoa(&["migrate"]).status.success());
    let database = home.0.path().join("data/stoa.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", database.display()));
    }
    fs::write(&database, "").unwrap();
    for verb in ["doctor", "sync", "health"] {
        let done = home.stoa(&[verb]);
        let error = text(&done.stderr);
        assert!(!done.status.success() && error.contains("`stoa migrate`"), "{verb}: {error}");
    }
    assert!(home.stoa(&["migrate"]).status.success());
    // `health` only reads the database, so it needs no engine.
    assert!(home.stoa(&["health"]).status.success());
}

#[test]
fn a_verb_that_only_reads_creates_nothing() {
    let home = Home::new("");
    let data = home.0.path().join("data");
    for verb in [&["doctor"] as &[&str], &["sites", "list"], &["sync"], &["jobs", "list"]] {
        let done = home.stoa(verb);
        let error = text(&done.stderr);
        assert!(!done.status.success() && error.contains("run `stoa init`"), "{verb:?}: {error}");
        assert!(!data.exists(), "{verb:?} created the data directory");
    }
    fs::create_dir(&data).unwrap();
    let error = text(&home.stoa(&["sites", "list"]).stderr);
    assert!(error.contains("data/stoa.db does not exist"), "{error}");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "neither a key nor a database");
}

/// What one command as root leaves behind is what the server can't change.
#[test]
fn another_user_than_the_datas_owner_is_refused_with_the_command_to_type() {
    let home = Home::new("");
    assert!(home.stoa(&["migrate"]).status.success());
    let data = home.0.path().join("data");
    let nobody = 65_534;
    if std::os::unix::fs::chown(&data, Some(nobody), None).is_err() {
        return eprintln!("skipped: only root can give files away");
    }
    let before = fs::read_dir(&data).unwrap().count();
    for verb in [&["sites", "list"] as &[&str], &["doctor"], &["migrate"], &["serve"], &["sites", "stop", "Joe's"]] {
        let done = home.stoa(verb);
        let error = text(&done.stderr);
        assert!(!done.status.success() && error.contains("belongs to nobody, and this is root"), "{verb:?}: {error}");
        assert!(error.contains(&format!(" {}", verb[0])) && error.contains("runuser -u nobody -- "), "{error}");
    }
    let init = home.stoa(&["init", "--email", "op@example.com"]);
    assert!(text(&init.stderr).contains("runuser -u nobody"), "{}", text(&init.stderr));
    assert_eq!(fs::read_dir(&data).unwrap().count(), before, "nothing was created");
}

#[test]
fn the_settings_are_printed_though_the_file_has_a_typo() {
    let home = Home::new("workerz = 3\n");
    let done = home.stoa(&["config"]);
    assert!(done.status.success() && text(&done.stdout).contains("workers = 4"), "{}", text(&done.stderr));
}

#[test]
fn the_environment_wins_over_the_file_and_the_command_line_over_both() {
    let home = Home::new("workers = 0\n");
    let run = |args: &[&str], workers: &str| home.command(args).env("STOA_WORKERS", workers).output().unwrap();
    assert!(run(&["migrate"], "2").status.success());
    let error = text(&run(&["jobs", "list"], "0").stderr);
    assert!(error.contains("workers: use 1 or more (variable STOA_WORKERS)"), "{error}");
    let error = text(&home.stoa(&["jobs", "list"]).stderr);
    assert!(error.contains("workers: use 1 or more (") && error.contains("stoa.toml line 5)"), "{error}");
    assert!(run(&["--set", "workers=3", "jobs", "list"], "0").status.success());
}

#[test]
fn the_settings_are_printed_as_json_with_their_variables() {
    let done = Home::new("").stoa(&["--json", "config"]);
    let settings: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let token = settings.as_array().unwrap().iter().find(|setting| setting["key"] == "dns.token").unwrap();
    assert_eq!((&token["variable"], &token["secret"]), (&"STOA_DNS_TOKEN".into(), &true.into()));
    assert_eq!(token["file_variable"], "STOA_DNS_TOKEN_FILE");
}

#[test]
fn init_creates_private_files_and_names_a_missing_one() {
    let home = Home::new("");
    let done = home.stoa(&["init", "--email", "op@example.com", "--password-file", "/nowhere/password"]);
    assert!(text(&done.stderr).contains("reading the password from /nowhere/password"), "{}", text(&done.stderr));
    let mode = fs::metadata(home.0.path().join("data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "{mode:o}");
}

#[test]
fn a_bad_option_is_answered_with_the_good_ones() {
    let home = Home::new("");
    assert!(home.stoa(&["migrate"]).status.success());
    let refused = |args: &[&str], words: &str| {
        let done = home.stoa(args);
        assert!(!done.status.success() && text(&done.stderr).contains(words), "{args:?}: {}", text(&done.stderr));
    };
    refused(&["jobs", "list", "--state", "jammed"], "succeeded, failed, cancelled, stuck");
    refused(&["jobs", "list", "--limit", "101"], "1..=100");
    refused(&["sites", "logs", "x", "-n", "2001"], "1..=2000");
    refused(&["sites", "show", "x", "--no-wait"], "unexpected argument");
}

#[test]
fn cleanup_needs_the_engine_and_says_so() {
    let home = Home::new("");
    assert!(home.stoa(&["migrate"]).status.success());
    let done = home.stoa(&["cleanup", "--yes"]);
    assert!(!done.status.success());
    assert!(text(&done.stderr).contains("engine"), "{}", text(&done.stderr));
}

#[test]
fn what_loses_something_asks_and_errors_are_json_for_programs() {
    let home = crate::domain_verbs::home();
    for args in [&["sites", "delete", "bakery"][..], &["sites", "purge", "bakery"], &["cleanup"]] {
        let done = home.stoa(args);
        let error = text(&done.stderr);
        assert!(!done.status.success() && error.contains("repeat the command with --yes"), "{args:?}: {error}");
        assert!(!error.contains("[y/N]"), "{error}");
    }
    let done = home.stoa(&["--json", "sites", "delete", "bakery"]);
    let error: serde_json::Value = serde_json::from_slice(&done.stderr).unwrap();
    assert!(error["error"].as_str().unwrap().starts_with("Delete bakery."), "{error}");
    let listed = home.stoa(&["sites", "ls", "--search", "BAKERY", "--customer", "jane@example.com"]);
    assert!(text(&listed.stdout).contains("jane@example.com"), "{}", text(&listed.stderr));
    assert!(text(&home.stoa(&["sites", "list", "--search", "nowhere"]).stdout).contains("no such sites"));
    let shown = text(&home.stoa(&["customer", "show", "jane@example.com"]).stdout);
    assert!(shown.contains("cus_") && shown.contains("bakery.localhost"), "{shown}");
}

#[test]
fn the_command_line_explains_itself_and_touches_nothing() {
    let home = Home::new("");
    let help = home.stoa(&[]);
    assert!(help.status.success() && text(&help.stdout).contains("Manage:\n  sites"), "{}", text(&help.stderr));
    assert!(text(&home.stoa(&["help", "sites"]).stdout).contains("stoa sites logs -f bakery"));
    assert!(text(&home.stoa(&["site"]).stdout).contains("Examples:"));
    assert!(text(&home.stoa(&["completions", "bash"]).stdout).contains("_stoa()"));
    let folder = home.0.path().join("man");
    assert!(home.stoa(&["man", folder.to_str().unwrap()]).status.success());
    assert!(folder.join("stoa-sites-order.1").exists() && folder.join("stoa.1").exists());
    let empty = home.command(&["sites", "list"]).env("STOA_CONFIG", "").current_dir(home.0.path()).output().unwrap();
    assert!(text(&empty.stderr).contains("there is no installation"), "{}", text(&empty.stderr));
    let mut left: Vec<_> = fs::read_dir(home.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["man", "stoa.toml"]);
}
