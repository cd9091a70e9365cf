use stoa_db::{
    Constraint, DbError,
    certificate_orders::{
        Attempt, CertificateOrder, acme_account_get, acme_account_put, order_due, order_forget, order_get, order_lock,
        order_lost, order_put, orders_all, tries_prune, tries_since, try_note,
    },
    certificates::{
        StoredCertificate, certificate_insert, certificate_renew_at, certificate_retire, certificates_end,
        certificates_get, certificates_live, certificates_prune,
    },
    sites::site_tombstone,
};
use stoa_model::{
    certificate::CertName,
    id::{CertificateId, SiteId},
    secret::Sealed,
    site::{Lifecycle, Site},
};

use crate::bed::{Bed, at};

fn name(text: &str) -> CertName {
    text.parse().unwrap()
}

fn new_certificate(bed: &Bed, created: i64, not_after: i64) -> StoredCertificate {
    StoredCertificate {
        id: CertificateId::from_uuid(bed.uuid()),
        names: vec![name("*.example.com"), name("example.com")],
        chain: "-----BEGIN CERTIFICATE-----\n…\n".repeat(4_000),
        key: Sealed("sealed".into()),
        site: None,
        issuer: "CN=„Fake\" CA".into(),
        serial: "03:ab".into(),
        not_before: at(-5),
        not_after: at(not_after),
        created_at: at(created),
        renew_at: at(50),
    }
}

async fn get(bed: &Bed, id: CertificateId) -> Option<StoredCertificate> {
    certificates_get(&bed.db, &[id]).await.unwrap().pop()
}

/// The live certificates, loaded.
async fn live(bed: &Bed, now: i64) -> Vec<StoredCertificate> {
    let live = certificates_live(&bed.db, at(now)).await.unwrap();
    let ids: Vec<_> = live.iter().map(|(id, _)| *id).collect();
    let mut whole = certificates_get(&bed.db, &ids).await.unwrap();
    whole.sort_by_key(|one| ids.iter().position(|id| *id == one.id));
    assert!(whole.iter().all(|one| live.contains(&(one.id, one.renew_at))));
    whole
}

async fn insert(bed: &Bed, certificate: &StoredCertificate) -> Result<(), DbError> {
    let tx = bed.db.begin().await?;
    certificate_insert(&tx, certificate).await?;
    tx.commit().await
}

pub async fn certificates_live_until_retired_or_expired(bed: Bed) {
    let (young, old, short) =
        (new_certificate(&bed, 2, 100), new_certificate(&bed, 1, 100), new_certificate(&bed, 0, 10));
    for one in [&young, &old, &short] {
        insert(&bed, one).await.unwrap();
    }
    assert_eq!(get(&bed, young.id).await.as_ref(), Some(&young));
    let error = insert(&bed, &young).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::Key)), "{error:?}");
    assert_eq!(live(&bed, 9).await, [short.clone(), old.clone(), young.clone()]);
    assert_eq!(live(&bed, 10).await, [old.clone(), young.clone()]);
    let tx = bed.db.begin().await.unwrap();
    certificate_retire(&tx, old.id, at(11)).await.unwrap();
    certificate_retire(&tx, old.id, at(12)).await.expect("twice is once");
    certificate_renew_at(&tx, young.id, at(60)).await.unwrap();
    let nobody = CertificateId::from_uuid(bed.uuid());
    assert!(matches!(certificate_retire(&tx, nobody, at(1)).await, Err(DbError::Missing("certificates"))));
    assert!(matches!(certificate_renew_at(&tx, nobody, at(1)).await, Err(DbError::Missing("certificates"))));
    tx.commit().await.unwrap();
    let renewed = StoredCertificate { renew_at: at(60), ..young };
    assert_eq!(live(&bed, 11).await, [renewed]);
    let first = at(11).as_millisecond();
    assert_eq!(bed.raw(&format!("UPDATE certificates SET renew_at = 0 WHERE retired_at = {first}")).await, 1);
    assert_eq!(get(&bed, nobody).await, None);
    // Retired certificates are kept for a while, then deleted with their key; expired ones are retired first.
    let tx = bed.db.begin().await.unwrap();
    assert_eq!(certificates_prune(&tx, at(11)).await.unwrap(), 0);
    assert_eq!(certificates_prune(&tx, at(12)).await.unwrap(), 1);
    assert_eq!(certificates_end(&tx, at(10), at(20)).await.unwrap(), 0);
    assert_eq!(certificates_end(&tx, at(11), at(20)).await.unwrap(), 1);
    assert_eq!(certificates_end(&tx, at(11), at(30)).await.unwrap(), 0, "once");
    assert_eq!(certificates_prune(&tx, at(20)).await.unwrap(), 0);
    assert_eq!(certificates_prune(&tx, at(21)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(live(&bed, 11).await.len(), 1);
}

pub async fn an_unreadable_certificate_is_skipped(bed: Bed) {
    let (bad, good) = (new_certificate(&bed, 0, 100), new_certificate(&bed, 1, 100));
    insert(&bed, &bad).await.unwrap();
    insert(&bed, &good).await.unwrap();
    let first = at(0).as_millisecond();
    bed.raw(&format!("UPDATE certificates SET names = '[\"*\"]' WHERE created_at = {first}")).await;
    assert_eq!(live(&bed, 9).await, [good]);
    assert_eq!(get(&bed, bad.id).await, None);
}

pub async fn an_uploaded_certificate_ends_with_its_site(bed: Bed) {
    let customer = bed.customer().await;
    let site = Site { lifecycle: Lifecycle::Deleting, ..bed.new_site(customer.id, "janes") };
    bed.insert_site(&site).await.unwrap();
    let (issued, uploaded) =
        (new_certificate(&bed, 0, 100), StoredCertificate { site: Some(site.id), ..new_certificate(&bed, 1, 100) });
    insert(&bed, &issued).await.unwrap();
    insert(&bed, &uploaded).await.unwrap();
    assert_eq!(get(&bed, uploaded.id).await, Some(uploaded.clone()));
    let tx = bed.db.begin().await.unwrap();
    site_tombstone(&tx, site.id, at(2)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(get(&bed, uploaded.id).await, None, "its key is not kept");
    assert_eq!(live(&bed, 2).await, [issued]);
    let astray = StoredCertificate { site: Some(SiteId::from_uuid(bed.uuid())), ..uploaded };
    assert!(insert(&bed, &astray).await.is_err(), "a foreign key");
}

pub async fn orders_are_kept_by_subject(bed: Bed) {
    let bare = CertificateOrder {
        subject: name("*.example.com"),
        names: vec![name("*.example.com"), name("example.com")],
        failures: 0,
        next_at: at(1),
        problem: None,
        detail: None,
        order_url: None,
        key: None,
        updated_at: at(0),
    };
    let full = CertificateOrder {
        subject: name("shop.example.com"),
        names: vec![name("shop.example.com")],
        failures: u32::MAX,
        problem: Some("DNS: „no\" answer".into()),
        detail: Some("urn:ietf:params:acme:error:dns".into()),
        order_url: Some("https://ca.test/order/1".into()),
        key: Some(Sealed("sealed".into())),
        ..bare.clone()
    };
    let put = async |order: &CertificateOrder| {
        let tx = bed.db.begin().await.unwrap();
        order_put(&tx, order).await.unwrap();
        tx.commit().await.unwrap();
    };
    put(&full).await;
    put(&bare).await;
    assert_eq!(orders_all(&bed.db).await.unwrap(), [bare.clone(), full.clone()]);
    assert_eq!(order_get(&bed.db, &full.subject).await.unwrap().as_ref(), Some(&full));
    let names = vec![name("*.example.com")];
    let filled =
        CertificateOrder { subject: bare.subject.clone(), names, next_at: at(8), updated_at: at(7), ..full.clone() };
    put(&filled).await;
    assert_eq!(order_get(&bed.db, &bare.subject).await.unwrap(), Some(filled), "every column is replaced");
    put(&bare).await;
    assert_eq!(order_get(&bed.db, &bare.subject).await.unwrap(), Some(bare.clone()), "by nothing too");
    let tx = bed.db.begin().await.unwrap();
    order_forget(&tx, &bare.subject).await.unwrap();
    order_forget(&tx, &bare.subject).await.expect("twice is once");
    tx.commit().await.unwrap();
    assert_eq!(order_get(&bed.db, &bare.subject).await.unwrap(), None);
    assert_eq!(orders_all(&bed.db).await.unwrap(), [full]);
}

pub async fn an_order_is_changed_partially(bed: Bed) {
    let subject = name("shop.example.com");
    let order = CertificateOrder {
        subject: subject.clone(),
        names: vec![subject.clone()],
        failures: 3,
        next_at: at(100),
        problem: Some("no".into()),
        detail: None,
        order_url: Some("https://ca.test/order/1".into()),
        key: Some(Sealed("sealed".into())),
        updated_at: at(0),
    };
    let tx = bed.db.begin().await.unwrap();
    assert!(!order_due(&tx, &subject, at(1)).await.unwrap(), "a deleted row is not created again");
    assert_eq!(order_lock(&tx, &subject).await.unwrap(), None);
    order_put(&tx, &order).await.unwrap();
    order_put(&tx, &CertificateOrder { subject: name("other.example.com"), ..order.clone() }).await.unwrap();
    assert!(order_due(&tx, &subject, at(1)).await.unwrap());
    assert_eq!(order_lock(&tx, &subject).await.unwrap(), Some(CertificateOrder { next_at: at(1), ..order.clone() }));
    order_lost(&tx, &subject).await.unwrap();
    tx.commit().await.unwrap();
    let rest = CertificateOrder { next_at: at(1), order_url: None, key: None, ..order.clone() };
    let other = CertificateOrder { subject: name("other.example.com"), ..order };
    assert_eq!(orders_all(&bed.db).await.unwrap(), [other, rest]);
}

pub async fn attempts_are_counted(bed: Bed) {
    let (wild, shop) = (name("*.example.com"), name("shop.example.com"));
    let tx = bed.db.begin().await.unwrap();
    for (n, (subject, what)) in (0..).zip([
        (&wild, Attempt::Ordered),
        (&wild, Attempt::Failed),
        (&shop, Attempt::Failed),
        (&shop, Attempt::Failed),
        (&shop, Attempt::Issued),
    ]) {
        try_note(&tx, subject, at(n), what).await.unwrap();
    }
    assert_eq!(tries_since(&tx, None, Attempt::Failed, at(0)).await.unwrap(), 3, "seen inside");
    tx.commit().await.unwrap();
    let count = async |subject, what, since| tries_since(&bed.db, subject, what, at(since)).await.unwrap();
    assert_eq!(count(None, Attempt::Failed, 2).await, 2);
    assert_eq!(count(None, Attempt::Failed, 3).await, 1, "the bound itself counts");
    assert_eq!(count(Some(&wild), Attempt::Failed, 0).await, 1);
    assert_eq!(count(Some(&wild), Attempt::Issued, 0).await, 0);
    assert_eq!(count(Some(&shop), Attempt::Issued, 4).await, 1);
    let tx = bed.db.begin().await.unwrap();
    try_note(&tx, &shop, at(9), Attempt::Failed).await.unwrap();
    tries_prune(&tx, at(3), at(8)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((count(None, Attempt::Failed, 0).await, count(None, Attempt::Ordered, 0).await), (1, 0));
}

pub async fn an_account_by_its_key(bed: Bed) {
    let long = format!("https://ca.test/{} ops@example.com", "d".repeat(400));
    for (key, value) in [("https://ca.test/dir ", "1"), (long.as_str(), "2"), (long.as_str(), "3")] {
        let tx = bed.db.begin().await.unwrap();
        acme_account_put(&tx, key, &Sealed(value.into()), at(1)).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(acme_account_get(&bed.db, "https://ca.test/dir ").await.unwrap(), Some(Sealed("1".into())));
    assert_eq!(acme_account_get(&bed.db, &long).await.unwrap(), Some(Sealed("3".into())));
    assert_eq!(acme_account_get(&bed.db, "https://ca.test/other ").await.unwrap(), None);
}
