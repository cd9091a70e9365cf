use stoa_db::{
    DbError,
    sites::site_insert,
    traffic::{traffic_add, traffic_of, traffic_prune, traffic_total},
};
use stoa_model::{id::SiteId, traffic::Traffic};

use crate::bed::Bed;

/// Every counter has a different value.
fn counted(from: u64) -> Traffic {
    let mut n = from..;
    let mut next = || n.next().unwrap();
    Traffic {
        requests: next(),
        bytes_in: next(),
        bytes_out: next(),
        micros: next(),
        statuses: std::array::from_fn(|_| next()),
        latency: std::array::from_fn(|_| next()),
    }
}

fn sum(parts: &[&Traffic]) -> Traffic {
    let mut sum = Traffic::default();
    parts.iter().for_each(|part| sum.add(part));
    sum
}

async fn add(bed: &Bed, hour: i64, rows: &[(SiteId, Traffic)]) -> Result<(), DbError> {
    bed.db.write(|tx| Box::pin(async move { traffic_add(&tx, hour, rows).await })).await
}

pub async fn hours_add_up(bed: Bed) {
    let customer = bed.customer().await;
    let (one, two) = (bed.site(customer.id, "one-shop").await.id, bed.site(customer.id, "two-shop").await.id);
    let nobody = SiteId::from_uuid(bed.uuid());
    let (a, b, c) = (counted(1), counted(1 << 40), counted(1_000));
    add(&bed, 500_000, &[(one, a.clone()), (nobody, c.clone()), (two, c.clone())]).await.expect("unknown: skipped");
    add(&bed, 500_000, &[(one, b.clone()), (one, c.clone())]).await.expect("a site twice");
    add(&bed, 500_001, &[(one, a.clone())]).await.unwrap();
    add(&bed, 500_003, &[(one, b.clone())]).await.unwrap();
    add(&bed, 500_003, &[(nobody, b.clone())]).await.expect("nobody known");
    add(&bed, 500_003, &[]).await.expect("nobody at all");
    let all = sum(&[&a, &b, &c]);
    let hours = |from, to| traffic_of(&bed.db, one, from, to);
    assert_eq!(hours(0, 500_003).await.unwrap(), [(500_000, all.clone()), (500_001, a.clone())], "up to, not with");
    assert_eq!(hours(500_001, 600_000).await.unwrap(), [(500_001, a.clone()), (500_003, b.clone())]);
    assert_eq!(traffic_of(&bed.db, two, 0, i64::MAX).await.unwrap(), [(500_000, c.clone())]);
    assert_eq!(traffic_of(&bed.db, nobody, 0, i64::MAX).await.unwrap(), []);
    let total = async |site, from, to| traffic_total(&bed.db, site, from, to).await.unwrap();
    assert_eq!(total(one, 500_000, 500_004).await, sum(&[&all, &a, &b]));
    assert_eq!(total(one, 500_001, 500_003).await, a);
    assert_eq!(total(nobody, 0, i64::MAX).await, Traffic::default());
    let tx = bed.db.begin().await.unwrap();
    assert_eq!(traffic_prune(&tx, 500_001).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(total(one, 0, i64::MAX).await, sum(&[&a, &b]));
}

/// Opposite orders of the same sites, repeatedly: nothing is lost and nothing deadlocks.
pub async fn two_writers_count_the_same_hour(bed: Bed) {
    let customer = bed.customer().await;
    let mut rows = Vec::new();
    for n in 0..10 {
        rows.push((bed.site(customer.id, &format!("shop-{n}")).await.id, counted(n)));
    }
    let both = [false, true].map(|reversed| {
        let (bed, mut rows) = (bed.clone(), rows.clone());
        if reversed {
            rows.reverse();
        }
        tokio::spawn(async move {
            for _ in 0..10 {
                add(&bed, 7, &rows).await.unwrap();
            }
        })
    });
    for one in both {
        one.await.unwrap();
    }
    for (site, traffic) in rows {
        assert_eq!(traffic_total(&bed.db, site, 7, 8).await.unwrap(), sum(&[&traffic; 20]));
    }
}

pub async fn a_thousand_sites_at_once(bed: Bed) {
    let customer = bed.customer().await;
    let tx = bed.db.begin().await.unwrap();
    let mut rows = Vec::new();
    for n in 0..1_001 {
        let site = bed.new_site(customer.id, &format!("shop-{n}"));
        site_insert(&tx, &site).await.unwrap();
        rows.push((site.id, counted(n)));
    }
    tx.commit().await.unwrap();
    add(&bed, 7, &rows).await.unwrap();
    add(&bed, 7, &rows).await.unwrap();
    for n in [0, 999, 1_000] {
        let (site, traffic) = &rows[n];
        assert_eq!(traffic_total(&bed.db, *site, 7, 8).await.unwrap(), sum(&[traffic, traffic]));
    }
}
