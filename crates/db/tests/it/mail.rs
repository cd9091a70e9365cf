use std::time::Duration;

use stoa_db::{
    listing::Window,
    sites::mail::{
        Delivery, MailVolume, Outcome, SiteMail, mail_by_state, mail_claim, mail_content, mail_delete_of, mail_ended,
        mail_finish, mail_hold, mail_insert, mail_list, mail_prune, mail_sites_due, mail_waiting,
    },
};
use stoa_model::{
    id::{SiteId, SiteMailId},
    site_mail::DeliveryState,
    text::EmailAddress,
};

use crate::bed::{Bed, MINUTE, at};

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

impl Bed {
    async fn mail(&self, site: SiteId, created_ms: i64, recipients: &[&str], content: &[u8]) -> SiteMail {
        let mail = SiteMail {
            id: SiteMailId::from_uuid(self.uuid()),
            site,
            sender: address("site-janes@stoa.test"),
            replaced_sender: Some(address("ceo@bank.example")),
            return_path: None,
            subject: "Ihre Bestellung „42“ 🛒".into(),
            size: content.len() as u64,
            created_at: at(created_ms),
        };
        let recipients: Vec<_> = recipients.iter().map(|text| address(text)).collect();
        let (mail_row, recipients) = (&mail, &recipients);
        let (head, body) = content.split_at(content.len() / 3);
        self.db
            .write(|tx| Box::pin(async move { mail_insert(&tx, mail_row, recipients, &[head, body]).await }))
            .await
            .unwrap();
        mail
    }

    async fn claim_mail(&self, site: SiteId, now_ms: i64) -> Option<Delivery> {
        mail_claim(&self.db, site, at(now_ms), MINUTE).await.unwrap()
    }

    async fn finish_mail(&self, delivery: &Delivery, state: DeliveryState, now_ms: i64, due_ms: Option<i64>) -> bool {
        let outcome = Outcome { state, answer: "250 OK".into(), due_at: due_ms.map(at) };
        mail_finish(&self.db, delivery, &outcome, at(now_ms)).await.unwrap()
    }
}

pub async fn a_message_reads_back_until_nobody_waits_for_it(bed: Bed) {
    let site = bed.site(bed.customer().await.id, "janes").await.id;
    // Every byte, in several parts.
    let content: Vec<u8> = (0..=255_u8).cycle().take(1_200_000).collect();
    let mail = bed.mail(site, 0, &["one@x.example", "two@x.example"], &content).await;
    assert!(mail_content(&bed.db, mail.id).await.unwrap() == content);
    let volume = MailVolume { messages: 2, bytes: 2_400_000 };
    assert_eq!(mail_waiting(&bed.db, site).await.unwrap(), volume);
    assert_eq!(mail_ended(&bed.db, site, at(-1)).await.unwrap(), MailVolume::default());

    let one = bed.claim_mail(site, 1).await.unwrap();
    assert_eq!((&one.mail, one.recipient.as_str(), one.attempts), (&mail, "one@x.example", 1));
    assert!(bed.finish_mail(&one, DeliveryState::Sent, 2, None).await);
    assert!(!mail_content(&bed.db, mail.id).await.unwrap().is_empty(), "somebody waits");
    let two = bed.claim_mail(site, 1).await.unwrap();
    assert!(bed.claim_mail(site, 1).await.is_none(), "all are claimed");
    assert!(bed.finish_mail(&two, DeliveryState::Deferred, 2, Some(1000)).await);
    assert!(bed.claim_mail(site, 999).await.is_none());
    let again = bed.claim_mail(site, 1000).await.unwrap();
    assert_eq!((again.recipient.as_str(), again.attempts), ("two@x.example", 2));
    assert!(!bed.finish_mail(&two, DeliveryState::Sent, 1001, None).await, "an old claim");
    assert!(bed.finish_mail(&again, DeliveryState::Failed, 1001, None).await);
    assert!(mail_content(&bed.db, mail.id).await.unwrap().is_empty());

    assert_eq!(mail_waiting(&bed.db, site).await.unwrap(), MailVolume::default());
    assert_eq!(mail_ended(&bed.db, site, at(-1)).await.unwrap(), volume);
    assert_eq!(mail_ended(&bed.db, site, at(2)).await.unwrap().messages, 1);
    let log = mail_list(&bed.db, site, None, Window::first(10)).await.unwrap();
    assert_eq!(log.iter().map(|line| line.recipient.as_str()).collect::<Vec<_>>(), ["one@x.example", "two@x.example"]);
    assert_eq!((&log[1].mail, log[1].state, log[1].attempts, log[1].due_at), (&mail, DeliveryState::Failed, 2, None));
    assert_eq!((log[1].ended_at, log[1].answer.as_deref()), (Some(at(1001)), Some("250 OK")));
    let counts = mail_by_state(&bed.db, site).await.unwrap();
    assert_eq!(counts.len(), 2);
    assert!(counts.contains(&(DeliveryState::Sent, 1)) && counts.contains(&(DeliveryState::Failed, 1)));
}

pub async fn sites_take_turns_and_messages_keep_their_order(bed: Bed) {
    let customer = bed.customer().await.id;
    let (one, two) = (bed.site(customer, "one-shop").await.id, bed.site(customer, "two-shop").await.id);
    for number in 0..3 {
        bed.mail(one, number, &[&format!("{number}@x.example")], b"x").await;
    }
    bed.mail(two, 10, &["a@x.example"], b"x").await;
    let due = async |now, after, except: &[SiteId]| mail_sites_due(&bed.db, at(now), after, except, 10).await.unwrap();
    assert_eq!(due(0, None, &[]).await, [one]);
    assert_eq!(due(10, None, &[]).await, [one, two]);
    assert_eq!(due(10, Some(one), &[]).await, [two]);
    assert_eq!(due(10, Some(two), &[]).await, []);
    assert_eq!(due(10, None, &[one]).await, [two]);
    assert_eq!(mail_hold(&bed.db, one, "the limit").await.unwrap(), 3);
    assert_eq!(mail_hold(&bed.db, one, "the limit").await.unwrap(), 0, "held already");
    let held = mail_list(&bed.db, one, Some(DeliveryState::Held), Window { offset: 1, limit: 1 }).await.unwrap();
    assert_eq!((held[0].recipient.as_str(), held[0].answer.as_deref()), ("1@x.example", Some("the limit")));
    bed.mail(one, 20, &["3@x.example"], b"x").await;
    for number in 0..4 {
        assert_eq!(bed.claim_mail(one, 20).await.unwrap().recipient, address(&format!("{number}@x.example")));
    }
    assert_eq!(due(20, None, &[]).await, [two]);
    // Its worker has died.
    let lease = Duration::from_secs(60).as_millis() as i64;
    assert_eq!(bed.claim_mail(one, 20 + lease).await.unwrap().attempts, 2);
}

pub async fn two_workers_never_share_a_message(bed: Bed) {
    let site = bed.site(bed.customer().await.id, "janes").await.id;
    for number in 0..20 {
        bed.mail(site, number, &["a@x.example"], b"x").await;
    }
    let worker = async || {
        let mut claimed = Vec::new();
        while let Some(delivery) = bed.claim_mail(site, 100).await {
            claimed.push(delivery.mail.id);
        }
        claimed
    };
    let (one, two) = tokio::join!(worker(), worker());
    let mut all = [one, two].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 20);
}

pub async fn old_mail_and_that_of_a_purged_site_goes(bed: Bed) {
    let customer = bed.customer().await.id;
    let (one, two) = (bed.site(customer, "one-shop").await.id, bed.site(customer, "two-shop").await.id);
    let old = bed.mail(one, 0, &["a@x.example", "b@x.example"], b"x").await;
    let new = bed.mail(one, 10, &["a@x.example"], b"x").await;
    let other = bed.mail(two, 10, &["a@x.example"], b"x").await;
    let prune = async || bed.db.write(|tx| Box::pin(async move { mail_prune(&tx, at(10)).await })).await.unwrap();
    assert_eq!((prune().await, prune().await), (1, 0));
    assert!(mail_content(&bed.db, old.id).await.unwrap().is_empty());
    assert_eq!(mail_list(&bed.db, one, None, Window::first(9)).await.unwrap().len(), 1);
    bed.db.write(|tx| Box::pin(async move { mail_delete_of(&tx, one).await })).await.unwrap();
    assert!(mail_list(&bed.db, one, None, Window::first(9)).await.unwrap().is_empty());
    assert!(mail_content(&bed.db, new.id).await.unwrap().is_empty());
    assert_eq!(mail_content(&bed.db, other.id).await.unwrap(), b"x");
}
