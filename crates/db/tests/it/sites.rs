use std::collections::HashMap;

use stoa_db::{
    Constraint, DbError, Page,
    leases::{lease, leases},
    listing::Window,
    routes::{route_of, routes},
    secrets::{Credential, credentials_get, credentials_put, secrets_get, secrets_put},
    sites::{
        hostname_taken, lifecycle_move,
        list::{SiteFilter, SiteSort, sites_listed},
        power_set, site_by_hostname, site_counts, site_get, site_mark_deleted, site_observe, site_of, site_publish,
        site_tombstone, site_unmark_deleted, sites_all_live, sites_by_ids, sites_down_since, sites_live_after,
        sites_of, sites_to_purge,
    },
};
use stoa_model::{
    id::{JobId, SiteId},
    limits::{Bytes, Limits, MilliCpu},
    placement::LeasePool,
    route::RouteLimits,
    secret::Sealed,
    site::{Health, Lifecycle, Power, Site, SiteState},
    status::StatusGroup,
    text::SiteTitle,
};

use crate::bed::{Bed, at};

pub async fn a_site_reads_back_exactly(bed: Bed) {
    let customer = bed.customer().await;
    let site = Site {
        lease: Some(i64::MAX),
        limits: Limits { memory: Bytes(1 << 40), cpu: MilliCpu(u32::MAX), pids: 1 },
        url: Some("https://janes.stoa.test".into()),
        edge: RouteLimits { max_body: 0, rate: u32::MAX, burst: 2, in_flight: 3, response_seconds: 4 },
        lifecycle: Lifecycle::Deleting,
        reason: Some("why\nso".into()),
        upstream: Some("10.213.255.242:8080".parse().unwrap()),
        health: Health::Down,
        health_at: Some(at(1)),
        deleted_at: Some(at(2)),
        purge_at: Some(at(3)),
        ..bed.new_site(customer.id, "janes")
    };
    bed.insert_site(&site).await.unwrap();
    assert_eq!(site_get(&bed.db, site.id).await.unwrap().as_ref(), Some(&site));
    assert_eq!(site_by_hostname(&bed.db, &site.hostname).await.unwrap(), Some(site));
}

pub async fn hostile_texts_read_back_exactly(bed: Bed) {
    let customer = bed.customer().await;
    for (n, text) in
        ["'; DROP TABLE sites; --", "\\", "a\\' \"", " trailing  ", "%_!", "🛒 ﷽ e\u{301}", "${x} {{7*7}} ?1 $1 :a"]
            .iter()
            .enumerate()
    {
        let site =
            Site { title: SiteTitle::parse(text).unwrap(), ..bed.new_site(customer.id, &format!("hostile-{n}")) };
        bed.insert_site(&site).await.unwrap();
        assert_eq!(site_get(&bed.db, site.id).await.unwrap(), Some(site), "{text}");
    }
}

pub async fn two_orders_of_one_hostname(bed: Bed) {
    let customer = bed.customer().await;
    let orders = (0..8).map(|_| {
        let (bed, site) = (bed.clone(), bed.new_site(customer.id, "janes"));
        tokio::spawn(async move { bed.insert_site(&site).await })
    });
    let mut won = 0;
    for order in orders.collect::<Vec<_>>() {
        match order.await.unwrap() {
            Ok(()) => won += 1,
            Err(DbError::Conflict(Constraint::Hostname)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(won, 1);
    assert!(hostname_taken(&bed.db, &bed.new_site(customer.id, "janes").hostname).await.unwrap());
    assert!(!hostname_taken(&bed.db, &bed.new_site(customer.id, "other").hostname).await.unwrap());
}

pub async fn a_customer_sees_only_their_own(bed: Bed) {
    let (jane, joe) = (bed.customer().await, bed.customer().await);
    let site = bed.site(jane.id, "janes").await;
    assert_eq!(site_of(&bed.db, jane.id, site.id).await.unwrap().as_ref(), Some(&site));
    assert_eq!(site_of(&bed.db, joe.id, site.id).await.unwrap(), None);
    let absent = SiteId::from_uuid(bed.uuid());
    let by_ids = sites_by_ids(&bed.db, &[site.id, absent, site.id]).await.unwrap();
    assert_eq!(by_ids, HashMap::from([(site.id, site.clone())]));
    assert_eq!(sites_by_ids(&bed.db, &[]).await.unwrap(), HashMap::new());
    assert_eq!(sites_of(&bed.db, jane.id, Page::first(9)).await.unwrap(), [site]);
    assert_eq!(sites_of(&bed.db, joe.id, Page::first(9)).await.unwrap(), []);
    assert_eq!(site_counts(&bed.db, Some(jane.id)).await.unwrap(), [(SiteState::Pending, 1)]);
    assert_eq!(site_counts(&bed.db, Some(joe.id)).await.unwrap(), []);
}

pub async fn pages_go_newest_first(bed: Bed) {
    let customer = bed.customer().await;
    let mut all = Vec::new();
    for n in 0..7 {
        all.push(bed.site(customer.id, &format!("shop-{n}")).await.id);
    }
    all.reverse();
    let (mut seen, mut page): (Vec<SiteId>, _) = (Vec::new(), Page::first(3));
    loop {
        let sites = sites_of(&bed.db, customer.id, page).await.unwrap();
        let Some(last) = sites.last() else { break };
        page = Page::after(last.id, 3);
        seen.extend(sites.iter().map(|site| site.id));
    }
    assert_eq!(seen, all);
}

pub async fn staff_filters(bed: Bed) {
    let customer = bed.customer().await;
    let percent = Site {
        title: SiteTitle::parse("100% JANE_x!").unwrap(),
        lifecycle: Lifecycle::Active,
        health: Health::Healthy,
        ..bed.new_site(customer.id, "alpha")
    };
    bed.insert_site(&percent).await.unwrap();
    let plain = bed.site(customer.id, "beta").await;
    let find = async |text: &str, group| {
        let filter = SiteFilter { group, text: Some(text.to_owned()), ..SiteFilter::default() };
        let found = sites_listed(&bed.db, &filter, SiteSort::Newest, Window::first(9)).await.unwrap();
        found.into_iter().map(|site| site.id).collect::<Vec<_>>()
    };
    assert_eq!(find("0% jane_X!", None).await, [percent.id]);
    assert_eq!(find("%", None).await, [percent.id]);
    assert_eq!(find("BETA.", None).await, [plain.id]);
    assert_eq!(find(customer.email.as_str(), None).await, [plain.id, percent.id]);
    assert_eq!(find(" ", Some(StatusGroup::Online)).await, [percent.id]);
    assert_eq!(find("beta", Some(StatusGroup::Online)).await, []);
    let mut counts = site_counts(&bed.db, None).await.unwrap();
    counts.sort_by_key(|(state, _)| state.as_str());
    assert_eq!(counts, [(SiteState::Active, 1), (SiteState::Pending, 1)]);
}

pub async fn moves_are_checked_and_compared(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let tx = bed.db.begin().await.unwrap();
    let to = async |from, to, why| lifecycle_move(&tx, site.id, from, to, why, at(1)).await;
    let illegal = to(Lifecycle::Pending, Lifecycle::Active, None).await.unwrap_err();
    assert!(matches!(illegal, DbError::Illegal(_)), "{illegal:?}");
    let moved = to(Lifecycle::Provisioning, Lifecycle::Active, None).await.unwrap_err();
    assert!(matches!(moved, DbError::StaleWrite { .. }), "{moved:?}");
    to(Lifecycle::Pending, Lifecycle::Failed, Some("no room")).await.unwrap();
    assert_eq!(site_get(&tx, site.id).await.unwrap().unwrap().reason.as_deref(), Some("no room"));
    to(Lifecycle::Failed, Lifecycle::Pending, None).await.unwrap();
    to(Lifecycle::Pending, Lifecycle::Provisioning, None).await.unwrap();
    to(Lifecycle::Provisioning, Lifecycle::Active, None).await.unwrap();
    site_observe(&tx, site.id, Health::Healthy, at(2)).await.unwrap();
    site_observe(&tx, site.id, Health::Healthy, at(2)).await.expect("the same again is no missing row");
    tx.commit().await.unwrap();
    let now = site_get(&bed.db, site.id).await.unwrap().unwrap();
    assert_eq!(
        (now.lifecycle, now.reason, now.health, now.health_at),
        (Lifecycle::Active, None, Health::Healthy, Some(at(2)))
    );
    let tx = bed.db.begin().await.unwrap();
    for (power, read) in [(Power::On, Health::Starting), (Power::Off, Health::Unknown)] {
        power_set(&tx, site.id, power).await.unwrap();
        site_observe(&tx, site.id, Health::Starting, at(3)).await.unwrap();
        assert_eq!(site_get(&tx, site.id).await.unwrap().unwrap().health, read, "only what should run is starting");
    }
    let missing = site_observe(&tx, SiteId::from_uuid(bed.uuid()), Health::Down, at(3)).await;
    assert!(matches!(missing, Err(DbError::Missing("sites"))));
}

pub async fn a_tombstone_frees_and_erases(bed: Bed) {
    let customer = bed.customer().await;
    let site = Site { lifecycle: Lifecycle::Deleting, ..bed.new_site(customer.id, "janes") };
    bed.insert_site(&site).await.unwrap();
    let pool = LeasePool { name: "10.213.0.0/27".into(), first: 160, step: 16, count: 2, taken: Vec::new() };
    let tx = bed.db.begin().await.unwrap();
    lease(&tx, &pool, site.id).await.unwrap();
    let job = JobId::from_uuid(bed.uuid());
    secrets_put(&tx, site.id, job, &[("a".into(), Sealed("x".into()))]).await.unwrap();
    let way = Credential {
        ordinal: 0,
        label: "Admin".into(),
        url: "https://a".into(),
        username: "jane".into(),
        sealed: Sealed("y".into()),
    };
    credentials_put(&tx, site.id, job, &[way]).await.unwrap();
    site_mark_deleted(&tx, site.id, at(1), at(10)).await.unwrap();
    site_unmark_deleted(&tx, site.id).await.unwrap();
    assert_eq!(sites_to_purge(&tx, at(99)).await.unwrap(), []);
    site_mark_deleted(&tx, site.id, at(1), at(10)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sites_to_purge(&bed.db, at(9)).await.unwrap(), []);
    assert_eq!(sites_to_purge(&bed.db, at(10)).await.unwrap().len(), 1);
    let tx = bed.db.begin().await.unwrap();
    site_tombstone(&tx, site.id, at(11)).await.unwrap();
    tx.commit().await.unwrap();
    let dead = site_get(&bed.db, site.id).await.unwrap().unwrap();
    assert_eq!((dead.lifecycle, dead.lease, dead.purge_at), (Lifecycle::Deleted, None, None));
    assert!(secrets_get(&bed.db, site.id).await.unwrap().is_empty());
    assert!(credentials_get(&bed.db, site.id).await.unwrap().is_empty());
    assert_eq!(leases(&bed.db).await.unwrap(), []);
    assert_eq!(sites_all_live(&bed.db).await.unwrap(), []);
    assert_eq!(routes(&bed.db).await.unwrap(), []);
    bed.site(customer.id, "janes").await;
    let tx = bed.db.begin().await.unwrap();
    assert!(matches!(site_tombstone(&tx, site.id, at(12)).await, Err(DbError::StaleWrite { .. })));
}

pub async fn live_sites_in_batches(bed: Bed) {
    let customer = bed.customer().await;
    let (mut made, mut seen, mut after) = (Vec::new(), Vec::new(), None);
    for n in 0..5 {
        made.push(bed.site(customer.id, &format!("shop-{n}")).await.id);
    }
    loop {
        let some = sites_live_after(&bed.db, after, 2).await.unwrap();
        let Some(last) = some.last() else { break };
        after = Some(last.id);
        seen.extend(some.iter().map(|site| site.id));
    }
    assert_eq!(seen, made);
}

pub async fn routes_in_one_query(bed: Bed) {
    let customer = bed.customer().await;
    let (one, two) = (bed.site(customer.id, "one-shop").await, bed.site(customer.id, "two-shop").await);
    let upstream = "10.213.0.2:80".parse().unwrap();
    let tx = bed.db.begin().await.unwrap();
    site_publish(&tx, two.id, Some(upstream)).await.unwrap();
    tx.commit().await.unwrap();
    let mut all = routes(&bed.db).await.unwrap();
    all.sort_by(|a, b| a.hostname.cmp(&b.hostname));
    assert_eq!(all.iter().map(|route| route.site).collect::<Vec<_>>(), [one.id, two.id]);
    assert_eq!(all.iter().map(|route| route.upstream).collect::<Vec<_>>(), [None, Some(upstream)]);
    assert_eq!(route_of(&bed.db, two.id).await.unwrap(), all[1..]);
    assert_eq!((all[0].limits, all[0].state), (one.edge, SiteState::Pending));
    assert_eq!((&all[1].main, &all[1].url), (&two.hostname, &None));
}

pub async fn sites_that_have_been_down_for_a_while(bed: Bed) {
    let customer = bed.customer().await;
    let site = |label: &str, health, ms| Site {
        lifecycle: Lifecycle::Active,
        health,
        health_at: Some(at(ms)),
        ..bed.new_site(customer.id, label)
    };
    let down = site("down", Health::Down, 5);
    let stopped = Site { lifecycle: Lifecycle::Updating, ..site("updating", Health::Down, 5) };
    for site in [&down, &stopped, &site("late", Health::Unhealthy, 6), &site("well", Health::Healthy, 1)] {
        bed.insert_site(site).await.unwrap();
    }
    let found = sites_down_since(&bed.db, at(5)).await.unwrap();
    assert_eq!(found.iter().map(|site| site.id).collect::<Vec<_>>(), [down.id]);
    assert_eq!(sites_down_since(&bed.db, at(6)).await.unwrap().len(), 2);
}
