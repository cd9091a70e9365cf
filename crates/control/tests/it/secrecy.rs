//! Secrets: sealed in the database, audited when shown, and in no log and no mail.

use std::{
    cell::Cell,
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
};

use stoa_db::{Backend, Page, history};
use stoa_model::secret::ExposeSecret;
use stoa_testkit::{PASSWORD, TestPlatform};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use crate::support;

/// Every file below a folder that holds the text.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if std::fs::read(&path).expect("a file").windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test]
async fn the_database_holds_no_secret_in_clear() {
    let platform = TestPlatform::builder().on(Backend::Sqlite).build().await;
    let jane = platform.customer("jane").await;
    let ordered = platform.shop(&jane, "bakery").await;
    let token = platform
        .control
        .accounts
        .create_token_for(&platform.control.core.system_context("test"), jane.actor, "t")
        .await
        .expect("a token");
    let values = support::plan(&platform, ordered.job).await.values(&support::key(&platform)).expect("values");
    let directory = platform.settings.site_directory(jane.actor.customer().expect("a customer"), ordered.site);
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&directory.join("compose.yaml"))), (0o700, 0o600));
    let folder = platform.data_dir().parent().expect("the test's folder");
    assert!(holding(folder, "bakery.localhost").contains(&"stoa.db-wal".to_owned()), "the search finds what is there");
    for name in ["DB_PASSWORD", "DB_ROOT_PASSWORD", "STORE_SECRET"] {
        assert_eq!(holding(folder, &values[name]), ["compose.yaml"], "{name}: for `docker compose`, and nowhere else");
    }
    for secret in [values["ADMIN_PASSWORD"].as_str(), token.expose_secret(), PASSWORD] {
        assert!(holding(folder, secret).is_empty());
    }
}

#[tokio::test]
async fn a_password_is_shown_on_demand_and_that_is_noted() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let ordered = platform.shop(&jane, "bakery").await;
    let control = &platform.control;
    let list = control.sites.list_credentials(&jane, ordered.site).await.expect("logins");
    assert_eq!((list.len(), list[0].username.as_str()), (1, "admin"));
    assert_eq!(list[0].url, "http://bakery.localhost:8080/wp-admin/");
    let noted = async || {
        let audit = history::audit_list(&platform.db, Page::first(100)).await.expect("an audit trail");
        audit.into_iter().filter(|(_, event)| event.action == "site.credential.reveal").count()
    };
    assert_eq!(noted().await, 0, "a list shows nothing");
    let shown = control.sites.reveal_credential(&platform.now(&jane), ordered.site, 0).await.expect("a password");
    let values = support::plan(&platform, ordered.job).await.values(&support::key(&platform)).expect("values");
    assert_eq!(shown.expose_secret(), values["ADMIN_PASSWORD"]);
    assert!(shown.expose_secret().len() >= 20);
    assert_eq!(noted().await, 1);
    let told = control.sites.history(&jane, ordered.site).await.expect("a history");
    assert!(told.iter().any(|(_, kind, _)| kind == "revealed"));
    let link = control.sites.login_link(&platform.now(&jane), ordered.site).await.expect("a way in");
    assert_eq!(link, "http://bakery.localhost:8080/?stoa-login=token");
}

thread_local! {
    /// Whether this thread's log is kept.
    static HERE: Cell<bool> = const { Cell::new(false) };
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if HERE.get() {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Heard {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_line_no_debug_form_and_no_mail_holds_a_secret() {
    let heard = Heard::default();
    // For the whole program: one for this thread only misses what other tests' threads met first.
    let all = tracing_subscriber::fmt().with_max_level(LevelFilter::DEBUG).with_writer(heard.clone());
    tracing::subscriber::set_global_default(all.finish()).expect("no other test listens");
    HERE.set(true);
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    platform.engine.fail(stoa_provider::engine::fake::Verb::Deploy, 1, stoa_provider::engine::fake::Fault::Half);
    platform.order(&jane, "failing").await;
    platform.run_until_idle().await;
    let ordered = platform.shop(&jane, "bakery").await;
    let (plan, job, key) =
        (support::plan(&platform, ordered.job).await, platform.job(ordered.job).await, support::key(&platform));
    let stack = plan.stack(&key).expect("a stack");
    let order = stoa_accounts::command::Register { email: "x".into(), password: PASSWORD.into(), company: "y".into() };
    let view = platform.control.jobs.get(&jane, ordered.job).await.expect("a job");
    let printed = format!("{plan:?} {stack:?} {job:?} {order:?} {view:?} {}", platform.outbox().concat());
    let log = String::from_utf8_lossy(&heard.0.lock().expect("no panic")).into_owned();
    assert!(log.contains("job taken up"), "the log was heard");
    let values = plan.values(&key).expect("values");
    for (name, secret) in
        plan.secrets.keys().map(|name| (name, values[name].as_str())).chain([(&"PASSWORD".to_owned(), PASSWORD)])
    {
        assert!(!printed.contains(secret), "{name} is printed");
        assert!(!log.contains(secret), "{name} is logged");
    }
}

#[tokio::test]
async fn a_letter_that_is_sent_twice_arrives_once() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let ordered = platform.order(&jane, "bakery").await;
    support::begin(&platform, ordered.site).await;
    support::carry_out(&platform, ordered.job).await;
    // A worker takes the letter, sends it, and dies before it can say so.
    let minute = std::time::Duration::from_secs(60);
    let taken =
        stoa_db::tasks::task_claim(&platform.db, "dead", platform.clock.now(), minute).await.expect("an answer");
    let letter = serde_json::from_value(taken.expect("a letter").0.payload).expect("a letter");
    let outbox = platform.data_dir().join("outbox");
    let mailer =
        stoa_integrations::mail::Mailer::Outbox { folder: outbox, from: platform.settings.mail_from.clone().into() };
    mailer.send(&letter).await.expect("sent");
    platform.clock.advance(jiff::SignedDuration::from_secs(61));
    platform.run_until_idle().await;
    assert_eq!(platform.outbox().len(), 1);
}
