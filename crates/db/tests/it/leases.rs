use std::collections::HashSet;

use stoa_db::{
    DbError,
    leases::{lease, lease_free, leases},
};
use stoa_model::{id::SiteId, placement::LeasePool};

use crate::bed::Bed;

/// Leases of 16 numbers from `first` on, as Docker's blocks of addresses are.
fn pool(first: i64, count: i64) -> LeasePool {
    LeasePool { name: format!("from {first}"), first, step: 16, count, taken: Vec::new() }
}

fn pool_with(first: i64, count: i64, taken: &[(i64, i64)]) -> LeasePool {
    LeasePool { taken: taken.to_vec(), ..pool(first, count) }
}

async fn lease_of(bed: &Bed, pool: &LeasePool, site: SiteId) -> Result<i64, DbError> {
    bed.db.write(|tx| Box::pin(async move { lease(&tx, pool, site).await })).await
}

pub async fn thirty_leases_at_once_are_distinct(bed: Bed) {
    let customer = bed.customer().await;
    let mut sites = Vec::new();
    for n in 0..30 {
        sites.push(bed.site(customer.id, &format!("shop-{n}")).await.id);
    }
    let tasks: Vec<_> = sites
        .into_iter()
        .map(|site| {
            let bed = bed.clone();
            tokio::spawn(async move { lease_of(&bed, &pool(3200, 4096), site).await })
        })
        .collect();
    let mut found = HashSet::new();
    for task in tasks {
        found.insert(task.await.unwrap().unwrap());
    }
    let lowest: HashSet<i64> = (0..30).map(|n| 3200 + n * 16).collect();
    assert_eq!(found, lowest);
    assert_eq!(leases(&bed.db).await.unwrap().len(), 30);
}

pub async fn the_next_free_lease_around_what_is_taken(bed: Bed) {
    let customer = bed.customer().await;
    // Outside the pool; a whole lease; four of them; a part of one; before all of them in order.
    let taken = [(0, 100), (3200, 3216), (3264, 3328), (3236, 3240), (0, 10)];
    let pool = pool_with(3200, 16, &taken);
    let mut sites = Vec::new();
    let mut found = Vec::new();
    for n in 0..4 {
        let site = bed.site(customer.id, &format!("shop-{n}")).await.id;
        sites.push(site);
        found.push(lease_of(&bed, &pool, site).await.unwrap());
    }
    assert_eq!(found, [3216, 3248, 3328, 3344]);
    assert_eq!(lease_of(&bed, &pool, sites[1]).await.unwrap(), 3248, "it holds one");
    let tx = bed.db.begin().await.unwrap();
    lease_free(&tx, sites[0]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(lease_of(&bed, &pool_with(3200, 16, &[]), sites[0]).await.unwrap(), 3360);
    let nobody = SiteId::from_uuid(bed.uuid());
    assert!(matches!(lease_of(&bed, &pool, nobody).await, Err(DbError::Missing("sites"))));
}

pub async fn a_full_pool_is_exhausted(bed: Bed) {
    let customer = bed.customer().await;
    for n in 0..3 {
        let site = bed.site(customer.id, &format!("shop-{n}")).await.id;
        let leased = lease_of(&bed, &pool(3200, 2), site).await;
        assert_eq!(leased.is_ok(), n < 2, "{leased:?}");
        assert!(n < 2 || matches!(leased, Err(DbError::Exhausted)));
    }
    let site = bed.site(customer.id, "shop-taken").await.id;
    let all = lease_of(&bed, &pool_with(6400, 2, &[(6400, 9999)]), site).await;
    assert!(matches!(all, Err(DbError::Exhausted)), "{all:?}");
    let bounded = lease_of(&bed, &pool_with(6400, 2, &[(6400, 6416)]), site).await;
    assert_eq!(bounded.unwrap(), 6416);
}

pub async fn a_lease_given_back_rests_until_the_pool_has_been_gone_through(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "shop-1").await.id;
    let mut found = Vec::new();
    for _ in 0..5 {
        found.push(lease_of(&bed, &pool(3200, 4), site).await.unwrap());
        bed.db.write(|tx| Box::pin(async move { lease_free(&tx, site).await })).await.unwrap();
    }
    assert_eq!(found, [3200, 3216, 3232, 3248, 3200]);
}

pub async fn a_wrong_hint_hides_no_lease(bed: Bed) {
    let customer = bed.customer().await;
    let mut sites = Vec::new();
    for n in 0..2 {
        sites.push(bed.site(customer.id, &format!("shop-{n}")).await.id);
        lease_of(&bed, &pool(3200, 2), sites[n]).await.unwrap();
    }
    bed.raw("UPDATE sites SET subnet_base = NULL WHERE subdomain = 'shop-0'").await;
    assert_eq!(lease_of(&bed, &pool(3200, 2), sites[0]).await.unwrap(), 3200);
    bed.raw("UPDATE sites SET subnet_base = NULL").await;
    bed.raw("UPDATE meta SET value = 'nonsense' WHERE name = 'lock.subnets'").await;
    assert_eq!(lease_of(&bed, &pool(3200, 2), sites[1]).await.unwrap(), 3200);
    assert_eq!(lease_of(&bed, &pool(6400, 2), sites[0]).await.unwrap(), 6400, "another pool");
}
