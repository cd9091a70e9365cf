//! The queue of e-mails before an SMTP server: what is tried again and for how long, what staff see, what is kept.

#[path = "../../../integrations/tests/it/mail/scripted.rs"]
mod scripted;

use std::time::Duration;

use jiff::SignedDuration;
use stoa_accounts::{
    command::{CreateStaff, PasswordDelivery},
    mail::SendAccountMail,
};
use stoa_core::{
    Error,
    email::{EmailBody, EmailDraft},
    mail_log::MailFilter,
    tasks::{TaskRegistry, TaskSpec, Tasks, mail::SendMail},
    view::PageNumber,
};
use stoa_db::{
    sites::site_observe,
    tasks::{TaskCounts, task_claim, task_counts, task_insert},
};
use stoa_integrations::mail::{Mailer, Security, Smtp, SmtpConfig};
use stoa_model::{
    account::{Actor, Role},
    mail::{MailEntry, MailKind, MailState},
    site::Health,
    text::EmailAddress,
};
use stoa_testkit::TestPlatform;
use tokio_util::sync::CancellationToken;

use self::scripted::{CLOSE, Scripted};
use crate::{certificate_trouble::brought, people::with};

/// A platform that hands its e-mail to a scripted server.
struct Bed {
    platform: TestPlatform,
    server: Scripted,
    mailer: Mailer,
    tasks: Tasks,
}

impl Bed {
    async fn new(script: impl IntoIterator<Item = (&'static str, Vec<&'static str>)>) -> Self {
        let (platform, server) = (TestPlatform::new().await, Scripted::start(script).await);
        let smtp = Smtp::new(SmtpConfig {
            host: "127.0.0.1".into(),
            port: server.port,
            security: Security::None,
            login: None,
            roots: None,
            hello: "stoa.example".into(),
            timeout: Duration::from_secs(60),
        });
        let mailer = Mailer::Smtp { server: smtp.expect("roots"), from: platform.settings.mail_from.clone().into() };
        let core = &platform.control.core;
        let account_mail = SendAccountMail::new(core.clone(), mailer.clone());
        let registry = TaskRegistry::default().with(SendMail::new(core.clone(), mailer.clone())).with(account_mail);
        let tasks = Tasks::new(core.clone(), registry);
        Self { platform, server, mailer, tasks }
    }

    async fn queue(&self, key: &str, to: &str) {
        let draft = EmailDraft {
            key: key.into(),
            kind: MailKind::Welcome,
            to: EmailAddress::parse(to).expect("an address"),
            subject: "Your store is online".into(),
            body: EmailBody::new("It is online.").button("Open your store", "https://shop.example"),
        };
        let task = &draft.task(&self.platform.settings, self.platform.clock.now());
        let queued =
            self.platform.db.write(|tx| Box::pin(async move { task_insert(&tx, &task.task, Some(&task.key)).await }));
        assert!(queued.await.expect("queued"));
    }

    /// Works until the queue has this form.
    async fn work_until(&self, is_there: impl Fn(TaskCounts) -> bool) {
        let stop = CancellationToken::new();
        let watch = async {
            let counts = async || is_there(task_counts(&self.platform.db).await.expect("counts"));
            self.platform.until("the queue", counts).await;
            stop.cancel();
        };
        tokio::join!(self.tasks.work(stop.clone()), watch);
    }

    async fn work_until_empty(&self) {
        self.work_until(|counts| counts == TaskCounts::default()).await;
    }

    /// Makes every due attempt once.
    async fn attempt(&self) {
        let stop = CancellationToken::new();
        let watch = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            stop.cancel();
        };
        tokio::join!(self.tasks.work(stop.clone()), watch);
    }

    /// Executes the only task as a process that is killed before it can record that it is done. Its lease runs out.
    async fn execute_and_crash(&self, spec: &impl TaskSpec) {
        let (db, now) = (&self.platform.db, self.platform.clock.now());
        let claimed = task_claim(db, "crashed", now, Duration::from_secs(60)).await.expect("an answer");
        let payload = serde_json::from_value(claimed.expect("a task").0.payload).expect("parameters");
        spec.execute(payload).await.expect("sent");
        self.platform.clock.advance(SignedDuration::from_mins(2));
    }

    async fn log(&self) -> Vec<MailEntry> {
        let staff = self.platform.staff(Role::Support).await;
        let found = self.platform.control.mail_log.search(&staff, MailFilter::default(), PageNumber::default()).await;
        found.expect("a list").0.items
    }

    async fn only(&self) -> MailEntry {
        let mut log = self.log().await;
        assert_eq!(log.len(), 1, "{log:?}");
        log.remove(0)
    }
}

#[tokio::test]
async fn what_the_server_takes_is_sent_and_what_it_postpones_is_tried_again() {
    let bed =
        Bed::new([("RCPT", vec!["451 4.7.1 Greylisted", "250 ok"]), ("MESSAGE", vec![CLOSE, "250 2.0.0 Taken"])]).await;
    bed.queue("welcome/1", "jane@example.com").await;
    for (wait, problem) in [(0, "Greylisted"), (2, "broke after the message"), (3, "")] {
        bed.platform.clock.advance(SignedDuration::from_mins(wait));
        bed.attempt().await;
        let entry = bed.only().await;
        if !problem.is_empty() {
            assert_eq!(entry.state, MailState::Deferred, "{entry:?}");
            assert!(entry.answer.as_deref().unwrap_or_default().contains(problem), "{entry:?}");
        }
    }
    bed.work_until_empty().await;
    let entry = bed.only().await;
    assert_eq!((entry.state, entry.attempts, entry.answer.as_deref()), (MailState::Sent, 3, Some("250 2.0.0 Taken")));
    assert_eq!(bed.server.messages().len(), 2, "the answer to the first was lost");
}

#[tokio::test]
async fn an_email_that_is_noted_as_sent_is_not_sent_again_after_a_crash() {
    let bed = Bed::new([]).await;
    bed.queue("welcome/1", "jane@example.com").await;
    bed.execute_and_crash(&SendMail::new(bed.platform.control.core.clone(), bed.mailer.clone())).await;
    bed.work_until_empty().await;
    let entry = bed.only().await;
    assert_eq!((entry.state, entry.attempts, bed.server.messages().len()), (MailState::Sent, 1, 1), "{entry:?}");
}

#[tokio::test]
async fn a_temporary_password_that_was_sent_still_works_after_a_crash() {
    let bed = Bed::new([]).await;
    let (accounts, nobody) = (&bed.platform.control.accounts, bed.platform.request_context(Actor::Nobody));
    let boss = bed.platform.recent(&bed.platform.staff(Role::SuperAdmin).await);
    let anna = CreateStaff {
        name: "Anna Berg".into(),
        email: "anna@stoa.example".into(),
        role: Role::Admin,
        delivery: PasswordDelivery::Temporary,
    };
    accounts.invite_staff(&boss, anna).await.expect("invited");
    bed.execute_and_crash(&SendAccountMail::new(bed.platform.control.core.clone(), bed.mailer.clone())).await;
    bed.work_until_empty().await;
    let message = bed.server.messages().concat().replace("=\r\n", "");
    let passwords: Vec<_> = message.split("Temporary password: ").skip(1).collect();
    assert_eq!(passwords.len(), 1, "one e-mail: {message}");
    let password = passwords[0].split_whitespace().next().expect("a password");
    accounts.log_in(&nobody, with("anna@stoa.example", password)).await.expect("the password that was sent works");
}

#[tokio::test]
async fn an_email_that_is_postponed_for_days_fails_and_staff_send_it_again() {
    let bed = Bed::new([]).await;
    bed.server.answer("RCPT", &["451 4.3.0 Not now"]);
    bed.queue("welcome/1", "jane@example.com").await;
    let mut hours = 0;
    while task_counts(&bed.platform.db).await.expect("counts").failed == 0 {
        bed.attempt().await;
        bed.platform.clock.advance(SignedDuration::from_hours(4));
        hours += 4;
        assert!(hours < 140, "five days are over");
    }
    assert!(hours > 100, "{hours}");
    let entry = bed.only().await;
    assert_eq!(entry.state, MailState::Failed);
    assert!(entry.attempts > 20, "{}", entry.attempts);

    bed.server.answer("RCPT", &["250 ok"]);
    let (admin, support) = (bed.platform.staff(Role::Admin).await, bed.platform.staff(Role::Support).await);
    let log = &bed.platform.control.mail_log;
    assert!(matches!(log.resend(&support, entry.id).await, Err(Error::Forbidden(_))));
    log.resend(&admin, entry.id).await.expect("queued again");
    bed.work_until_empty().await;
    assert_eq!(bed.only().await.state, MailState::Sent, "the same e-mail");

    // What was sent is sent again as another message: receivers drop a second one with the same Message-ID.
    log.resend(&admin, entry.id).await.expect("queued again");
    bed.work_until_empty().await;
    assert_eq!(bed.log().await.len(), 2);
    let ids = bed.server.messages();
    let ids: Vec<_> = ids.iter().flat_map(|m| m.lines().find(|line| line.starts_with("Message-ID"))).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
}

#[tokio::test]
async fn a_mailbox_that_does_not_exist_gets_nothing_more_until_staff_say_so() {
    let bed = Bed::new([("RCPT", vec!["550 5.1.1 No such user", "250 ok"])]).await;
    bed.queue("welcome/1", "nobody@example.com").await;
    bed.work_until_empty().await;
    assert_eq!(bed.only().await.state, MailState::Failed);
    bed.queue("welcome/2", "nobody@example.com").await;
    bed.work_until_empty().await;
    let suppressed = bed.log().await.remove(0);
    assert_eq!(suppressed.state, MailState::Suppressed);
    assert!(suppressed.answer.as_deref().unwrap_or_default().contains("550 5.1.1 No such user"), "{suppressed:?}");
    assert!(bed.server.messages().is_empty());

    let (admin, support) = (bed.platform.staff(Role::Admin).await, bed.platform.staff(Role::Support).await);
    let log = &bed.platform.control.mail_log;
    let listed = log.suppressions(&support, Some("NOBODY"), PageNumber::default()).await.expect("a list");
    assert_eq!(listed.total, 1);
    let address = listed.items[0].address.clone();
    assert!(matches!(log.remove_suppression(&support, &address).await, Err(Error::Forbidden(_))));
    log.remove_suppression(&admin, &address).await.expect("removed");
    assert!(matches!(log.remove_suppression(&admin, &address).await, Err(Error::NotFound(_))));
    log.resend(&admin, suppressed.id).await.expect("queued again");
    bed.work_until_empty().await;
    assert_eq!(bed.server.messages().len(), 1);
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_recipient_suppresses_nobody_and_staff_see_it() {
    let bed = Bed::new([("RCPT", vec!["554 5.7.1 Relay access denied", "250 ok"])]).await;
    bed.queue("welcome/1", "jane@example.com").await;
    bed.work_until(|counts| counts.failed == 1).await;
    let entry = bed.only().await;
    assert_eq!(entry.state, MailState::Failed);
    assert!(entry.answer.as_deref().unwrap_or_default().contains("554 5.7.1 Relay access denied"), "{entry:?}");
    let admin = bed.platform.staff(Role::Admin).await;
    let failed = bed.tasks.list_failed(&admin, None, 9).await.expect("a list").items;
    assert_eq!(failed.len(), 1);
    bed.queue("welcome/2", "jane@example.com").await;
    bed.work_until(|counts| counts.waiting + counts.running == 0).await;
    assert_eq!(bed.server.messages().len(), 1);
}

#[tokio::test]
async fn a_secret_link_is_sent_and_not_kept_and_retries_do_not_use_up_the_limit() {
    let greylisted = vec!["451 4.7.1 a", "451 4.7.1 b", "451 4.7.1 c", "451 4.7.1 d", "250 ok"];
    let bed = Bed::new([("RCPT", greylisted)]).await;
    bed.platform.customer("jane").await;
    let nobody = bed.platform.request_context(Actor::Nobody);
    bed.platform.control.accounts.request_reset(&nobody, "jane@example.com").await.expect("asked");
    // The pauses double.
    for minutes in [2, 3, 5, 9] {
        bed.attempt().await;
        assert_eq!(bed.only().await.state, MailState::Deferred);
        bed.platform.clock.advance(SignedDuration::from_mins(minutes));
    }
    bed.work_until_empty().await;
    let entry = bed.only().await;
    assert_eq!((entry.state, entry.attempts, entry.kind), (MailState::Sent, 5, MailKind::PasswordReset));
    let message = bed.server.messages().concat().replace("=\r\n", "");
    assert!(message.contains("/reset/"), "{message}");

    let support = bed.platform.staff(Role::Support).await;
    let kept = bed.platform.control.mail_log.get(&support, entry.id).await.expect("an e-mail");
    assert!(kept.entry.is_secret && !kept.can_resend);
    let bodies = format!("{}{}", kept.entry.text, kept.entry.html);
    assert!(bodies.contains("[link]") && !bodies.contains("/reset/"), "{bodies}");
    let admin = bed.platform.staff(Role::Admin).await;
    assert!(matches!(bed.platform.control.mail_log.resend(&admin, entry.id).await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_customer_is_reminded_once_a_day_before_a_deletion_ends() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let control = &platform.control;
    let reminders = async || {
        control.sites.send_deletion_reminders().await.expect("sent");
        platform.run_until_idle().await;
        platform.outbox().iter().filter(|mail| mail.contains("will be deleted soon")).count()
    };
    control.sites.delete(&platform.now(&jane), site).await.expect("marked");
    platform.clock.advance(SignedDuration::from_hours(6 * 24 - 2));
    assert_eq!(reminders().await, 0, "more than a day before");
    platform.clock.advance(SignedDuration::from_hours(4));
    assert_eq!((reminders().await, reminders().await), (1, 1));
    control.sites.undelete(&platform.now(&jane), site).await.expect("restored");
    platform.run_until_idle().await;
    control.sites.delete(&platform.now(&jane), site).await.expect("marked");
    platform.clock.advance(SignedDuration::from_hours(6 * 24 + 2));
    assert_eq!(reminders().await, 2, "another deletion");
}

#[tokio::test]
async fn an_outage_of_minutes_is_reported_once_and_so_is_its_end() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let observe = async |health| {
        let now = platform.clock.now();
        let observed = platform.db.write(|tx| Box::pin(async move { site_observe(&tx, site, health, now).await }));
        observed.await.expect("observed");
    };
    let notices = async || {
        platform.control.sites.send_outage_notices().await.expect("sent");
        let stop = CancellationToken::new();
        let watch = async {
            platform
                .until("the queue", async || task_counts(&platform.db).await.expect("counts") == TaskCounts::default())
                .await;
            stop.cancel();
        };
        tokio::join!(platform.control.tasks.work(stop.clone()), watch);
        let all = platform.outbox();
        let count = |text: &str| all.iter().filter(|mail| mail.contains(text)).count();
        (count("is not responding"), count("is online again"))
    };
    observe(Health::Down).await;
    platform.clock.advance(SignedDuration::from_mins(4));
    assert_eq!(notices().await, (0, 0), "a restart takes as long");
    platform.clock.advance(SignedDuration::from_mins(2));
    assert_eq!((notices().await, notices().await), ((1, 0), (1, 0)));
    // From down to unhealthy is the same outage.
    observe(Health::Unhealthy).await;
    platform.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(notices().await, (1, 0));
    observe(Health::Healthy).await;
    assert_eq!(notices().await, (1, 0), "it may fail again at once");
    platform.clock.advance(SignedDuration::from_mins(2));
    assert_eq!((notices().await, notices().await), ((1, 1), (1, 1)));
    observe(Health::Down).await;
    platform.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(notices().await, (2, 1), "the next outage");
}

#[tokio::test]
async fn who_wants_no_notices_gets_none_about_sites_and_domains() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let accounts = &platform.control.accounts;
    accounts.set_notices(&jane, false).await.expect("off");
    accounts.set_notices(&jane, false).await.expect("still off");
    let go_down = async || {
        let now = platform.clock.now();
        let observed =
            platform.db.write(|tx| Box::pin(async move { site_observe(&tx, site, Health::Down, now).await }));
        observed.await.expect("observed");
        platform.clock.advance(SignedDuration::from_mins(6));
        platform.control.sites.send_outage_notices().await.expect("an answer");
    };
    let queued = async || task_counts(&platform.db).await.expect("counts") != TaskCounts::default();
    platform.run_until_idle().await;
    brought(&platform, &jane, site).await;
    go_down().await;
    assert!(!queued().await, "neither the outage nor the verified domain");
    accounts.set_notices(&platform.now(&jane), true).await.expect("on");
    platform.control.sites.send_outage_notices().await.expect("an answer");
    assert!(queued().await);
}
