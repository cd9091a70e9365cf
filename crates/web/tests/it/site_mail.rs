//! The page with the mail of a site.

use stoa_db::sites::mail::{Delivery, Outcome, SiteMail, mail_claim, mail_finish, mail_insert};
use stoa_model::{
    id::{SiteId, SiteMailId},
    site_mail::DeliveryState,
    text::EmailAddress,
};
use uuid::Uuid;

use crate::browser::TestApp;

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// Queues a message and claims it.
async fn claimed(app: &TestApp, site: SiteId, number: u128, subject: &str) -> Delivery {
    let now = app.platform.clock.now();
    let mail = &SiteMail {
        id: SiteMailId::from_uuid(Uuid::from_u128(number)),
        site,
        sender: address("site-bakery@example.com"),
        replaced_sender: Some(address("ceo@bank.example")),
        return_path: None,
        subject: subject.into(),
        size: 1_500_000,
        created_at: now,
    };
    let recipients = &[address(&format!("kim{number}@customer.example"))];
    let inserted =
        app.platform.db.write(|tx| Box::pin(async move { mail_insert(&tx, mail, recipients, &[b"x"]).await }));
    inserted.await.unwrap();
    mail_claim(&app.platform.db, site, now, std::time::Duration::from_secs(60)).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_owner_sees_what_became_of_the_stores_mail() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let site = app.platform.shop(&jane, "bakery").await.site;
    let mut browser = app.logged_in("jane@example.com").await;
    let path = format!("/sites/{site}/mail");
    browser
        .get(&path)
        .await
        .is(200)
        .says("This store hasn’t sent any mail yet")
        .says("Mail from your store is waiting");
    browser.get(&format!("/sites/{site}")).await.says("Mail of your store stays in our outbox");

    app.platform.relay.configure();
    let now = app.platform.clock.now();
    for (number, subject, state, answer) in [
        (1, "Your order <42>", DeliveryState::Sent, "250 2.0.0 queued as 7"),
        (2, "Password reset", DeliveryState::Failed, "550 5.1.1 No such user <script>"),
        (3, "", DeliveryState::Deferred, "451 4.7.1 Greylisted"),
    ] {
        let delivery = claimed(&app, site, number, subject).await;
        let due_at = (!state.is_final()).then(|| now + jiff::SignedDuration::from_mins(5));
        let outcome = Outcome { state, answer: answer.into(), due_at };
        assert!(mail_finish(&app.platform.db, &delivery, &outcome, now).await.unwrap());
    }
    let page = browser.get(&path).await;
    page.is(200)
        .says("Your order &#60;42&#62;")
        .says("kim2@customer.example")
        .says("550 5.1.1 No such user &#60;script&#62;")
        .says("(no subject)")
        .says("Next try")
        .says("in place of ceo@bank.example")
        .says("2 of 200")
        .says("2 MB of 100 MB");
    assert!(!page.text.contains("is waiting") && !page.text.contains("<script>"), "{}", page.text);
    let refused = browser.get(&format!("{path}?state=failed")).await;
    refused.is(200).says("Password reset");
    assert!(!refused.text.contains("Your order"), "{}", refused.text);
    browser.get(&format!("{path}?state=queued")).await.says("No messages in this state");
    let overview = browser.get(&format!("/sites/{site}")).await;
    assert!(!overview.text.contains("stays in our outbox"), "{}", overview.text);

    app.platform.customer("joe").await;
    app.logged_in("joe@example.com").await.get(&path).await.is(404);
}
