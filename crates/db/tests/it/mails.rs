use stoa_db::{
    core::mails::{
        MailFilter, mail_attempt, mail_get, mail_keys_since, mail_settle, mail_state, mails_by_state, mails_listed,
        mails_prune, suppression_add, suppression_get, suppression_remove, suppressions_counted, suppressions_listed,
    },
    listing::Window,
};
use stoa_model::{
    id::MailId,
    mail::{MailEntry, MailKind, MailState, Suppression},
    text::EmailAddress,
};

use crate::bed::{Bed, at};

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn hash(key: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().zip(key.bytes()) {
        *place = byte;
    }
    hash
}

fn entry(bed: &Bed, key: &str, to: &str, now: i64) -> MailEntry {
    MailEntry {
        id: MailId::from_uuid(bed.uuid()),
        key: key.into(),
        to: address(to),
        kind: MailKind::Welcome,
        subject: "Café 100% 🛒".into(),
        state: MailState::Queued,
        attempts: 0,
        answer: None,
        is_secret: true,
        text: "Grüße 🛒\n[link]".into(),
        html: "<p>Grüße</p>".repeat(8_000),
        created_at: at(now),
        updated_at: at(now),
    }
}

async fn attempt(bed: &Bed, entry: &MailEntry) {
    let tx = bed.db.begin().await.unwrap();
    mail_attempt(&tx, entry, hash(&entry.key)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn settle(bed: &Bed, key: &str, state: MailState, answer: &str, now: i64) {
    let tx = bed.db.begin().await.unwrap();
    mail_settle(&tx, hash(key), state, answer, at(now)).await.unwrap();
    tx.commit().await.unwrap();
}

pub async fn attempts_of_one_key_are_one_entry(bed: Bed) {
    let first = entry(&bed, "welcome/1", "jane@example.com", 0);
    attempt(&bed, &first).await;
    assert_eq!(mail_state(&bed.db, hash("welcome/1")).await.unwrap(), Some(MailState::Queued));
    settle(&bed, "welcome/1", MailState::Deferred, "451 4.7.1 later", 5).await;
    attempt(&bed, &entry(&bed, "welcome/1", "jane@example.com", 60)).await;
    settle(&bed, "welcome/1", MailState::Sent, "250 ok", 61).await;
    let expected = MailEntry {
        attempts: 2,
        state: MailState::Sent,
        answer: Some("250 ok".into()),
        updated_at: at(61),
        ..first.clone()
    };
    assert_eq!(mail_get(&bed.db, first.id).await.unwrap(), Some(expected));
    settle(&bed, "unknown", MailState::Sent, "250 ok", 61).await;
    assert_eq!(mail_state(&bed.db, hash("unknown")).await.unwrap(), None);
    assert_eq!(mail_get(&bed.db, MailId::from_uuid(bed.uuid())).await.unwrap(), None);
}

pub async fn the_log_is_searched_counted_paged_and_pruned(bed: Bed) {
    for (n, to) in ["jane@example.com", "joe@example.com", "jo_e@other.example"].into_iter().enumerate() {
        attempt(&bed, &entry(&bed, &format!("k/{n}"), to, n as i64)).await;
    }
    settle(&bed, "k/0", MailState::Failed, "550 no", 10).await;
    settle(&bed, "k/1", MailState::Sent, "250 ok", 11).await;
    let find = async |state, text: Option<&str>, window| {
        let filter = MailFilter { state, text: text.map(str::to_owned) };
        let found = mails_listed(&bed.db, &filter, window).await.unwrap();
        found.into_iter().map(|mail| mail.to.to_string()).collect::<Vec<_>>()
    };
    let all = Window::first(9);
    assert_eq!(find(None, None, all).await, ["jo_e@other.example", "joe@example.com", "jane@example.com"]);
    assert_eq!(find(None, None, Window { offset: 1, limit: 1 }).await, ["joe@example.com"]);
    assert_eq!(find(Some(MailState::Failed), None, all).await, ["jane@example.com"]);
    assert_eq!(find(None, Some("JO_E"), all).await, ["jo_e@other.example"]);
    assert_eq!(find(None, Some("100%"), all).await.len(), 3);
    let listed = mails_listed(&bed.db, &MailFilter::default(), all).await.unwrap();
    assert!(listed.iter().all(|mail| mail.html.is_empty() && mail.text.is_empty()));
    let mut counts = mails_by_state(&bed.db, &MailFilter::default()).await.unwrap();
    counts.sort_by_key(|(state, _)| state.as_str());
    assert_eq!(counts, [(MailState::Failed, 1), (MailState::Queued, 1), (MailState::Sent, 1)]);
    let keys = async |kind, since| mail_keys_since(&bed.db, kind, at(since)).await.unwrap();
    assert_eq!(keys(MailKind::Welcome, 10).await, ["k/0", "k/1"]);
    assert!(keys(MailKind::Site, 0).await.is_empty());
    assert_eq!(mails_prune(&bed.db, at(11)).await.unwrap(), 2);
    assert_eq!(mails_prune(&bed.db, at(11)).await.unwrap(), 0);
    assert_eq!(find(None, None, all).await, ["joe@example.com"]);
}

pub async fn addresses_are_suppressed_once(bed: Bed) {
    let (jane, joe) = (address("jane@example.com"), address("joe@example.com"));
    let tx = bed.db.begin().await.unwrap();
    for (reason, now) in [("550 5.1.1 no", 1), ("550 5.2.1 again", 2)] {
        let suppression = Suppression { address: jane.clone(), reason: reason.into(), created_at: at(now) };
        suppression_add(&tx, &suppression).await.unwrap();
    }
    suppression_add(&tx, &Suppression { address: joe.clone(), reason: "x".into(), created_at: at(3) }).await.unwrap();
    tx.commit().await.unwrap();
    let kept = suppression_get(&bed.db, &jane).await.unwrap().unwrap();
    assert_eq!((kept.reason.as_str(), kept.created_at), ("550 5.1.1 no", at(1)));
    let listed = suppressions_listed(&bed.db, None, Window::first(9)).await.unwrap();
    assert_eq!(listed.iter().map(|s| s.address.as_str()).collect::<Vec<_>>(), [joe.as_str(), jane.as_str()]);
    assert_eq!(suppressions_counted(&bed.db, Some("JANE")).await.unwrap(), 1);
    let tx = bed.db.begin().await.unwrap();
    assert!(suppression_remove(&tx, &jane).await.unwrap());
    assert!(!suppression_remove(&tx, &jane).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(suppression_get(&bed.db, &jane).await.unwrap(), None);
}
