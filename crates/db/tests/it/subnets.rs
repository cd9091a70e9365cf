use std::collections::HashSet;

use stoa_db::{
    DbError,
    subnets::{subnet_free, subnet_lease, subnets},
};
use stoa_model::{id::SiteId, net::Subnet};

use crate::bed::{Bed, at};

fn net(text: &str) -> Subnet {
    text.parse().unwrap()
}

async fn lease(bed: &Bed, pool: &str, site: SiteId, taken: &[Subnet]) -> Result<Subnet, DbError> {
    let pool = net(pool);
    bed.db.write(|tx| Box::pin(async move { subnet_lease(&tx, &pool, site, at(0), taken).await })).await
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
            tokio::spawn(async move { lease(&bed, "10.213.0.0/16", site, &[]).await })
        })
        .collect();
    let mut blocks = HashSet::new();
    for task in tasks {
        blocks.insert(task.await.unwrap().unwrap());
    }
    let lowest: HashSet<Subnet> = (0..30).map(|n| net("10.213.0.0/16").block(n).unwrap()).collect();
    assert_eq!(blocks, lowest);
    assert_eq!(subnets(&bed.db).await.unwrap().len(), 30);
}

pub async fn the_next_free_block_around_what_is_taken(bed: Bed) {
    let customer = bed.customer().await;
    let taken = [net("10.9.0.0/16"), net("10.213.0.0/28"), net("10.213.0.64/26"), net("10.213.0.36/30")];
    let mut sites = Vec::new();
    let mut blocks = Vec::new();
    for n in 0..4 {
        let site = bed.site(customer.id, &format!("shop-{n}")).await.id;
        sites.push(site);
        blocks.push(lease(&bed, "10.213.0.0/24", site, &taken).await.unwrap().to_string());
    }
    assert_eq!(blocks, ["10.213.0.16/28", "10.213.0.48/28", "10.213.0.128/28", "10.213.0.144/28"]);
    assert_eq!(lease(&bed, "10.213.0.0/24", sites[1], &taken).await.unwrap(), net("10.213.0.48/28"), "it has one");
    let tx = bed.db.begin().await.unwrap();
    subnet_free(&tx, sites[0]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(lease(&bed, "10.213.0.0/24", sites[0], &[]).await.unwrap(), net("10.213.0.160/28"));
    let nobody = SiteId::from_uuid(bed.uuid());
    assert!(matches!(lease(&bed, "10.213.0.0/24", nobody, &[]).await, Err(DbError::Missing("sites"))));
}

pub async fn a_full_pool_is_exhausted(bed: Bed) {
    let customer = bed.customer().await;
    for n in 0..3 {
        let site = bed.site(customer.id, &format!("shop-{n}")).await.id;
        let leased = lease(&bed, "10.213.0.0/27", site, &[]).await;
        assert_eq!(leased.is_ok(), n < 2, "{leased:?}");
        assert!(n < 2 || matches!(leased, Err(DbError::Exhausted)));
    }
    let site = bed.site(customer.id, "shop-taken").await.id;
    let all = lease(&bed, "10.214.0.0/27", site, &[net("10.214.0.0/16")]).await;
    assert!(matches!(all, Err(DbError::Exhausted)), "{all:?}");
    let bounded = lease(&bed, "10.214.0.0/27", site, &[net("10.214.0.0/28")]).await;
    assert_eq!(bounded.unwrap(), net("10.214.0.16/28"));
}

pub async fn a_block_given_back_rests_until_the_pool_has_been_gone_through(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "shop-1").await.id;
    let mut blocks = Vec::new();
    for _ in 0..5 {
        blocks.push(lease(&bed, "10.213.0.0/26", site, &[]).await.unwrap().to_string());
        bed.db.write(|tx| Box::pin(async move { subnet_free(&tx, site).await })).await.unwrap();
    }
    assert_eq!(blocks, ["10.213.0.0/28", "10.213.0.16/28", "10.213.0.32/28", "10.213.0.48/28", "10.213.0.0/28"]);
}

pub async fn a_hint_that_is_wrong_hides_no_block(bed: Bed) {
    let customer = bed.customer().await;
    let mut sites = Vec::new();
    for n in 0..2 {
        sites.push(bed.site(customer.id, &format!("shop-{n}")).await.id);
        lease(&bed, "10.213.0.0/27", sites[n], &[]).await.unwrap();
    }
    bed.raw("UPDATE sites SET subnet_base = NULL WHERE subdomain = 'shop-0'").await;
    assert_eq!(lease(&bed, "10.213.0.0/27", sites[0], &[]).await.unwrap(), net("10.213.0.0/28"));
    bed.raw("UPDATE sites SET subnet_base = NULL").await;
    bed.raw("UPDATE meta SET value = 'nonsense' WHERE name = 'lock.subnets'").await;
    assert_eq!(lease(&bed, "10.213.0.0/27", sites[1], &[]).await.unwrap(), net("10.213.0.0/28"));
    assert_eq!(lease(&bed, "10.214.0.0/27", sites[0], &[]).await.unwrap(), net("10.214.0.0/28"), "another pool");
}
