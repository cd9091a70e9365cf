use stoa_db::{
    DbError, Page,
    certificate_orders::{CertificateOrder, order_get, order_put, orders_all},
    domains::{domains_by_name, domains_due, domains_in, domains_of},
    job_log::JobLog,
    jobs::{job_claim, job_plan},
    routes::{route_of, routes},
    sites::{site_get, sites_all_live, sites_of},
};
use stoa_model::{certificate::CertName, domain::DomainState};
use stoa_saga::{Event, Log, LogError};

use crate::{
    bed::{self, Bed, MINUTE, at},
    domains::{claim, due_at},
};

pub async fn unreadable_columns_of_a_site(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    for (bad, good) in [
        ("title = ''", "title = 'A title'"),
        ("profiles = 'mail'", "profiles = '[]'"),
        ("upstream = 'nowhere'", "upstream = NULL"),
        ("health = 'fine'", "health = 'unknown'"),
        ("cpu = 99999999999", "cpu = 1"),
        ("edge_rate = 4294967296", "edge_rate = 0"),
        ("created_at = 9223372036854775807", "created_at = 0"),
    ] {
        bed.raw(&format!("UPDATE sites SET {bad}")).await;
        match site_get(&bed.db, site.id).await {
            Err(DbError::Corrupt { table: "sites", id, .. }) => assert_eq!(id, site.id.to_string()),
            other => panic!("{bad}: {other:?}"),
        }
        assert!(sites_of(&bed.db, customer.id, Page::first(1)).await.is_err());
        assert!(sites_all_live(&bed.db).await.is_err());
        bed.raw(&format!("UPDATE sites SET {good}")).await;
        site_get(&bed.db, site.id).await.expect("repaired");
    }
}

pub async fn an_unreadable_route_is_skipped(bed: Bed) {
    let customer = bed.customer().await;
    let good = bed.site(customer.id, "good-shop").await;
    let bad = bed.site(customer.id, "bad-shop").await;
    bed.raw("UPDATE sites SET upstream = 'nowhere' WHERE subdomain = 'bad-shop'").await;
    assert_eq!(routes(&bed.db).await.unwrap().iter().map(|route| route.site).collect::<Vec<_>>(), [good.id]);
    assert!(matches!(route_of(&bed.db, bad.id).await, Err(DbError::Corrupt { .. })));
}

pub async fn an_unreadable_domain_is_skipped(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let good = claim(&bed, &site, "good.example.com").await;
    claim(&bed, &site, "bad.example.com").await;
    for damage in ["created_at = 9223372036854775807", "name = 'no name', active_name = 'no name'"] {
        bed.raw(&format!("UPDATE domains SET {damage} WHERE name <> 'good.example.com'")).await;
        let alone = std::slice::from_ref(&good);
        assert_eq!(domains_in(&bed.db, DomainState::Claimed).await.unwrap(), alone, "{damage}");
        assert_eq!(domains_due(&bed.db, &due_at(9, 9, 9), 9).await.unwrap(), alone, "{damage}");
        // The list of one site must not silently be incomplete.
        assert!(matches!(domains_of(&bed.db, site.id).await, Err(DbError::Corrupt { table: "domains", .. })));
    }
    assert!(domains_by_name(&bed.db, &good.name).await.is_ok());
}

pub async fn an_unreadable_certificate_order_is_skipped(bed: Bed) {
    let order = |name: &str| {
        let subject: CertName = name.parse().unwrap();
        CertificateOrder {
            names: vec![subject.clone()],
            subject,
            failures: 1,
            next_at: at(1),
            problem: None,
            detail: None,
            order_url: None,
            key: None,
            updated_at: at(0),
        }
    };
    let (good, bad) = (order("good.example.com"), order("bad.example.com"));
    let put = async |order: &CertificateOrder| {
        let tx = bed.db.begin().await.unwrap();
        order_put(&tx, order).await.unwrap();
        tx.commit().await.unwrap();
    };
    put(&good).await;
    for damage in ["names = 'none'", "failures = -1", "next_at = 9223372036854775807"] {
        put(&bad).await;
        bed.raw(&format!("UPDATE certificate_orders SET {damage} WHERE subject = 'bad.example.com'")).await;
        assert_eq!(orders_all(&bed.db).await.unwrap(), std::slice::from_ref(&good));
        assert_eq!(order_get(&bed.db, &bad.subject).await.unwrap(), None, "{damage}");
    }
    put(&bad).await;
    assert_eq!(order_get(&bed.db, &bad.subject).await.unwrap(), Some(bad), "written again");
}

pub async fn an_unreadable_log(bed: Bed) {
    let job = bed.queued().await;
    let (_, epoch) = job_claim(&bed.db, &bed::claim("me", at(0), MINUTE)).await.unwrap().unwrap();
    let log = JobLog::new(bed.db.clone(), job.id, || at(0));
    log.append(epoch, &[Event::Started { step: "a".into() }]).await.unwrap();
    bed.raw("UPDATE job_log SET event = '{\"event\":\"from the future\"}'").await;
    assert!(matches!(log.load().await, Err(LogError::Unreadable(_))));
    bed.raw("UPDATE jobs SET plan = '{'").await;
    assert!(matches!(job_plan(&bed.db, job.id).await, Err(DbError::Corrupt { table: "jobs", .. })));
    bed.raw("UPDATE jobs SET kind = 'from the future'").await;
    assert!(matches!(
        job_claim(&bed.db, &bed::claim("next", at(60_001), MINUTE)).await,
        Err(DbError::Corrupt { table: "jobs", .. })
    ));
    assert!(
        job_claim(&bed.db, &bed::claim("third", at(60_001), MINUTE)).await.unwrap().is_none(),
        "it doesn't block the queue"
    );
}
