use std::os::unix::ffi::OsStringExt;

use stoa_core::rate_limits;
use stoa_model::limits::Bytes;

use super::{schema::Setting, source::all_settings, *};

const SECRET: &str = "correct-horse-battery-staple-0123456789";

fn from_text(text: &str) -> Result<Config> {
    Config::from_input(&Input { file: Some(("stoa.toml".into(), text.to_owned())), ..Input::default() })
}

fn from_variables<const N: usize>(variables: [(&str, &str); N]) -> Result<Config> {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    Config::from_input(&Input { variables, ..Input::default() })
}

/// The mistakes in a file, of types and of values.
fn mistakes(text: &str) -> String {
    from_text(text).and_then(|config| config.settings()).unwrap_err().to_string()
}

fn error(result: Result<Config>) -> String {
    result.unwrap_err().to_string()
}

/// A value for the setting other than its default, as text.
fn other_value(setting: &Setting) -> String {
    match setting.default_value() {
        Value::Boolean(default) => (!default).to_string(),
        _ => setting.example.to_owned(),
    }
}

#[test]
fn the_defaults_are_good() {
    let config = from_text("").unwrap();
    let settings = config.settings().unwrap();
    assert_eq!(settings.portal_url, "http://localhost:8080");
    assert_eq!(settings.rates.login_minute, rate_limits::Rates::default().login_minute);
    assert_eq!(settings.main_limits.memory, Bytes::mib(1024));
}

#[test]
fn the_printed_settings_are_a_configuration_file_of_the_defaults() {
    let text = describe();
    assert_eq!(toml::from_str::<Table>(&text).unwrap(), defaults());
    let config = from_text(&text).unwrap();
    config.settings().unwrap();
    assert_eq!(config.sources.len(), all_settings().count());
    for setting in all_settings() {
        assert!(!setting.doc.trim().is_empty(), "{} has no documentation", setting.key());
    }
}

#[test]
fn the_names_of_keys_and_variables_are_unique() {
    let mut names: Vec<String> = all_settings()
        .flat_map(|setting| {
            [Some(setting.variable()), setting.file_variable(), Some(setting.key()), setting.file_key()]
        })
        .flatten()
        .collect();
    names.push("STOA_CONFIG".into());
    names.sort();
    let number = names.len();
    names.dedup();
    assert_eq!(names.len(), number, "{names:?}");
}

#[test]
fn every_setting_can_be_set_by_its_variable() {
    let default = format!("{:?}", from_text("").unwrap());
    for setting in all_settings() {
        let (variable, text) = (setting.variable(), other_value(setting));
        let config = from_variables([(&variable, &text)]).unwrap_or_else(|error| panic!("{variable}={text}: {error}"));
        assert_eq!(config.sources, BTreeMap::from([(setting.key(), Source::Variable(variable.clone()))]));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let shown = format!("{:?}", Config { sources: BTreeMap::new(), ..config });
        assert_eq!(shown == default, setting.is_secret, "{variable}={text} changes nothing, or a secret is shown");
    }
}

#[test]
fn every_setting_can_be_set_on_the_command_line_unless_it_is_secret() {
    for setting in all_settings() {
        let option = format!("{}={}", setting.key(), other_value(setting));
        let result = Config::from_input(&Input { options: vec![option], ..Input::default() });
        if setting.is_secret {
            let error = error(result);
            assert!(error.contains(&setting.file_key().unwrap()) && error.contains(&setting.variable()), "{error}");
            assert!(!error.contains(setting.example), "{error}");
        } else {
            assert_eq!(result.unwrap().sources[&setting.key()], Source::CommandLine);
        }
    }
}

/// What the configuration says of a secret, as there is no other way to look at all of them.
fn secret(config: &Config, key: &str) -> String {
    let secret = match key {
        "database" => &config.database,
        "acme.external_account_key" => &config.acme.external_account_key,
        "mail.password" => &config.mail.password,
        "dns.token" => &config.dns.token,
        "traefik.token" => &config.traefik.token,
        "stripe.secret_key" => &config.stripe.secret_key,
        "stripe.webhook_secret" => &config.stripe.webhook_secret,
        other => panic!("add {other} to this test"),
    };
    secret.expose_secret().to_owned()
}

#[test]
fn every_secret_can_come_from_a_file_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    for setting in all_settings().filter(|setting| setting.is_secret) {
        let key = setting.key();
        // Named as systemd names a credential.
        let path = folder.path().join(&key);
        fs::write(&path, format!("{SECRET}\n")).unwrap();
        let path = path.to_str().unwrap();
        let file_key = setting.file_key().unwrap();
        let by_key = match file_key.split_once('.') {
            Some((section, name)) => format!("[{section}]\n{name} = {path:?}"),
            None => format!("{file_key} = {path:?}"),
        };
        let by_value = by_key.replace(&format!("{}_file", setting.name), setting.name).replace(path, SECRET);
        let credentials = tempfile::tempdir().unwrap();
        fs::copy(path, credentials.path().join(&key)).unwrap();
        let input = Input { credentials: Some(credentials.path().to_owned()), ..Input::default() };
        let options = Input { options: vec![format!("{file_key}={path}")], ..Input::default() };
        for config in [
            from_text(&by_key),
            from_text(&by_value),
            from_variables([(&setting.file_variable().unwrap(), path)]),
            from_variables([(&setting.variable(), SECRET)]),
            Config::from_input(&input),
            Config::from_input(&options),
        ] {
            let config = config.unwrap();
            assert_eq!(secret(&config, &key), SECRET);
            assert!(!format!("{config:?}").contains(SECRET), "{key} is shown");
        }
        assert!(!describe().contains(SECRET));
    }
}

#[test]
fn a_bad_secret_is_reported_by_key_and_place_without_its_value() {
    for setting in all_settings().filter(|setting| setting.is_secret) {
        let (key, variable) = (setting.key(), setting.variable());
        let file_variable = setting.file_variable().unwrap();
        let missing = error(from_variables([(&file_variable, "/nowhere/secret")]));
        assert!(missing.contains(&format!("{key}_file: /nowhere/secret: ")), "{missing}");
        assert!(missing.contains(&format!("(variable {file_variable})")), "{missing}");

        let empty = error(from_variables([(&file_variable, "/dev/null")]));
        assert!(empty.contains("/dev/null: the file is empty"), "{empty}");

        let twice = error(from_variables([(&variable, SECRET), (&file_variable, "/nowhere/secret")]));
        assert!(twice.contains(&format!("{key}: given twice")) && twice.contains(&variable), "{twice}");
        assert!(twice.contains(&file_variable) && !twice.contains(SECRET), "{twice}");

        let section = if setting.section.is_empty() { String::new() } else { format!("[{}]\n", setting.section) };
        let number = error(from_text(&format!("{section}{} = 123456789", setting.name)));
        assert!(number.contains(&format!("{key}: ")) && !number.contains("123456789"), "{number}");
        let open = error(from_text(&format!("{section}{} = \"{SECRET}", setting.name)));
        assert!(open.contains("stoa.toml line") && !open.contains(SECRET), "{open}");
    }
}

#[test]
fn a_later_source_wins_over_a_secret_in_either_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "from a file").unwrap();
    let read = |text: &str, variable: (&str, &str)| {
        let input = Input {
            file: Some(("stoa.toml".into(), text.to_owned())),
            variables: BTreeMap::from([(variable.0.into(), variable.1.into())]),
            ..Input::default()
        };
        secret(&Config::from_input(&input).unwrap(), "dns.token")
    };
    assert_eq!(read("[dns]\ntoken_file = \"/nowhere\"", ("STOA_DNS_TOKEN", "direct")), "direct");
    assert_eq!(read("[dns]\ntoken = \"x\"", ("STOA_DNS_TOKEN_FILE", path.to_str().unwrap())), "from a file");
    assert_eq!(read("[dns]\ntoken = \"x\"\ntoken_file = \"\"", ("STOA_OTHER", "")), "x");
    let beside_default = format!("[dns]\ntoken = \"\"\ntoken_file = {path:?}");
    assert_eq!(read(&beside_default, ("STOA_OTHER", "")), "from a file");
}

#[test]
fn sources_win_in_their_order() {
    let input = Input {
        file: Some(("stoa.toml".into(), "workers = 5\nlease_seconds = 20\nhsts_days = 1".into())),
        variables: BTreeMap::from([("STOA_WORKERS".into(), "6".into()), ("STOA_LEASE_SECONDS".into(), "21".into())]),
        options: vec!["workers=7".into()],
        ..Input::default()
    };
    let config = Config::from_input(&input).unwrap();
    assert_eq!((config.workers, config.lease_seconds, config.hsts_days, config.domain_claim_days), (7, 21, 1, 7));
    assert_eq!(config.sources["hsts_days"], Source::File { path: "stoa.toml".into(), line: 3 });
}

#[test]
fn lists_in_variables_are_separated_by_commas() {
    let config =
        from_variables([("STOA_RESOLVERS", "9.9.9.9:53, [2620:fe::fe]:53"), ("STOA_PORTAL_HOSTS", "")]).unwrap();
    assert_eq!(config.resolvers, ["9.9.9.9:53".parse().unwrap(), "[2620:fe::fe]:53".parse().unwrap()]);
    assert_eq!(config.portal_hosts, Vec::<String>::new());
}

#[test]
fn a_setting_wins_over_its_default() {
    let config = from_text("listen = \"0.0.0.0:80\"\n[rates]\nlogin_minute = 9\n").unwrap();
    let settings = config.settings().unwrap();
    assert_eq!((settings.rates.login_minute, settings.rates.login_hour), (9, 20));
    assert_eq!(settings.portal_url, "http://localhost");
    assert_eq!(settings.edge_address.to_string(), "127.0.0.1:80");
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_one() {
    for (text, expected) in [
        ("\nlistne = 1", "listne: unknown setting; did you mean `listen`? (stoa.toml line 2)"),
        (
            "[acme]\ndirectroy = \"x\"",
            "acme.directroy: unknown setting; did you mean `acme.directory`? (stoa.toml line 2)",
        ),
        ("[dns]\ntokenfile = \"x\"", "did you mean `dns.token_file`?"),
        ("[amce]\ndirectory = \"x\"", "amce: unknown setting; did you mean `acme`? (stoa.toml line 1)"),
        ("[rates]\nworkers = 1", "rates.workers: unknown setting; did you mean `workers` at the top level"),
        ("directory = \"x\"", "directory: unknown setting; did you mean `directory` in [acme]?"),
        ("listen_file = \"x\"", "listen_file: unknown setting (stoa.toml line 1)"),
        ("acme = 1", "acme: this is a section: write [acme] (stoa.toml line 1)"),
    ] {
        let error = error(from_text(text));
        assert!(error.contains(expected), "{text}: {error}");
    }
    let option = Input { options: vec!["workerz=3".into(), "workers".into()], ..Input::default() };
    let error = error(Config::from_input(&option));
    assert!(error.contains("workerz: unknown setting; did you mean `workers`? (option --set)"), "{error}");
    assert!(error.contains("--set: write it as KEY=VALUE"), "{error}");
}

#[test]
fn a_misspelled_variable_is_a_warning_and_a_foreign_one_is_none() {
    let config = from_variables([("STOA_DNS_TOKN", "x"), ("STOA_SERVICE_HOST", "x"), ("STOA_CONFIG", "x")]).unwrap();
    assert_eq!(config.warnings, ["the variable STOA_DNS_TOKN sets nothing; did you mean STOA_DNS_TOKEN?"]);
}

#[test]
fn a_value_of_the_wrong_type_is_reported_by_key_and_place() {
    for (variable, text) in [
        ("STOA_WORKERS", "many"),
        ("STOA_WORKERS", "-1"),
        ("STOA_MEMORY_OVERCOMMIT", "x"),
        ("STOA_PRODUCTION", "yes"),
        ("STOA_LISTEN", "443"),
        ("STOA_EDGE", "apache"),
        ("STOA_TRAEFIK_HTTPS", "443"),
        ("STOA_NGINX_HTTP_LISTEN", "0.0.0.0:80,here"),
    ] {
        let error = error(from_variables([(variable, text)]));
        let key = all_settings().find(|setting| setting.variable() == variable).unwrap().key();
        assert!(error.contains(&format!("\n  {key}: ")), "{error}");
        assert!(error.ends_with(&format!("(variable {variable})")), "{error}");
    }
    let error = error(from_text("\n\nworkers = \"3\""));
    assert!(error.contains("workers: ") && error.ends_with("(stoa.toml line 3)"), "{error}");
    let variables = BTreeMap::from([("STOA_DATA_DIR".into(), OsString::from_vec(vec![0xff]))]);
    let error = Config::from_input(&Input { variables, ..Input::default() }).unwrap_err().to_string();
    assert!(error.contains("data_dir: the value is not UTF-8 (variable STOA_DATA_DIR)"), "{error}");
}

#[test]
fn a_renamed_key_still_works_and_counts_as_the_new_one() {
    assert_eq!(from_text("[dns]\nmaker = \"desec\"").unwrap().dns.provider, "desec");
    let error = error(from_text("[dns]\nmaker = \"desec\"\nprovider = \"none\""));
    assert!(error.contains("dns.provider: given twice"), "{error}");
}

#[test]
fn traefik_may_have_plain_http_only() {
    let config = from_text("[traefik]\nhttps = \"\"\nstoa = \"10.0.0.1:80\"").unwrap();
    assert_eq!(config.traefik.https, OptionalAddress(None));
    assert_eq!(config.traefik.stoa_address(config.listen).port(), 80);
    assert_eq!(from_text("").unwrap().traefik.https.0.map(|address| address.port()), Some(443));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let bad = [
        ("base_domain", "\"a b\""),
        ("main_memory", "\"much\""),
        ("https_listen", "\"443\""),
        ("portal_hosts", "[\"127.0.0.1\", \"por tal\"]"),
        ("public_addresses", "[\"here\"]"),
        ("trusted_proxies", "[\"10.0.0.0/99\"]"),
        ("proxy_protocol", "[\"lb\"]"),
        ("resolvers", "[\"9.9.9.9\"]"),
        ("workers", "0"),
        ("lease_seconds", "0"),
    ];
    let text: String = bad.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    let report = mistakes(&text);
    for (index, (name, _)) in bad.iter().enumerate() {
        let line = report.lines().find(|line| line.starts_with(&format!("  {name}: ")));
        let place = format!("(stoa.toml line {})", index + 1);
        assert!(line.is_some_and(|line| line.ends_with(&place)), "{name} at {place} is missing in {report}");
    }
    assert_eq!(report.lines().count(), bad.len() + 1, "{report}");
    assert!(mistakes("production = true").contains("base_domain"));
}

#[test]
fn an_unreadable_https_address_is_one_mistake() {
    let acme = "[acme]\ndirectory = \"https://ca.example/\"\n";
    assert!(mistakes(acme).contains("https_listen: certificates need HTTPS"));
    let report = mistakes(&format!("https_listen = \"x\"\n{acme}"));
    assert!(report.contains("https_listen: \"x\"") && report.lines().count() == 2, "{report}");
    assert!(mistakes("edge = \"nginx\"\n[nginx]\nhttp_listen = []").contains("nginx.http_listen"));
}

#[test]
fn mail_leaves_encrypted_or_stays_on_this_machine() {
    let settings = |text: &str| {
        let config = from_text(&format!("mail_from = \"a@stoa.example\"\n[mail]\n{text}")).unwrap();
        config.settings().map(|settings| config.mail.settings(&settings.mail_from).unwrap())
    };
    assert!(settings("").unwrap().is_none(), "the outbox");
    let login = "user = \"a\"\npassword = \"b\"";
    for (security, port) in [("tls", 465), ("starttls", 587)] {
        let smtp = settings(&format!("host = \"mx.example\"\nsecurity = \"{security}\"\n{login}")).unwrap().unwrap();
        assert_eq!((smtp.port, smtp.login.is_some(), smtp.hello.as_str()), (port, true, "stoa.example"));
    }
    for host in ["localhost", "127.0.0.1", "::1"] {
        let smtp = settings(&format!("host = \"{host}\"\nport = 2525\nsecurity = \"none\"")).unwrap().unwrap();
        assert_eq!(smtp.port, 2525);
    }
    for (text, mistake) in [
        ("host = \"mx.example\"\nsecurity = \"none\"", "mail.security: mx.example is not this machine"),
        ("host = \"192.0.2.1\"\nsecurity = \"none\"", "mail.security: 192.0.2.1 is not this machine"),
        ("host = \"mx_1.example\"", "mail.host: "),
        (login, "mail.host: required"),
        ("host = \"mx.example\"\nuser = \"a\"", "mail.password: set both"),
        ("from_name = \"a\\nBcc: b\"", "mail.from_name: "),
    ] {
        let error = settings(text).unwrap_err().to_string();
        assert!(error.contains(mistake), "{text}: {error}");
    }
    assert!(mistakes("[mail]\nhost = \"mx.example\"").contains("mail_from: required with mail.host"));
}
