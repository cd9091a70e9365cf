use stoa_db::{
    Constraint, DbError,
    certificate_orders::{Attempt, tries_of_customer_since, try_note},
    domains::{
        Due, domain_checked, domain_expire, domain_get, domain_insert, domain_main_reached, domain_remove,
        domain_verify, domains_by_name, domains_due, domains_in, domains_main_wanted, domains_of, domains_remove_of,
    },
    routes::{route_of, routes},
    sites::{
        hostnames_of, lifecycle_move, site_address, site_by_hostname, site_edge, site_get, site_told, site_tombstone,
    },
};
use stoa_model::{
    certificate::CertName,
    domain::{Domain, DomainState},
    host::Hostname,
    id::{DomainId, SiteId},
    route::RouteLimits,
    site::{Lifecycle, Site},
};

use crate::bed::{Bed, at};

fn host(name: &str) -> Hostname {
    Hostname::parse(name).unwrap()
}

fn new_domain(bed: &Bed, site: &Site, name: &str) -> Domain {
    Domain {
        id: DomainId::from_uuid(bed.uuid()),
        site: site.id,
        customer: site.customer,
        name: host(name),
        token: "0123456789abcdef0123456789ABCD-_".into(),
        state: DomainState::Claimed,
        main_wanted: false,
        created_at: at(0),
        expires_at: at(100),
        verified_at: None,
        checked_at: None,
        problem: None,
    }
}

async fn insert(bed: &Bed, domain: &Domain) -> Result<(), DbError> {
    let tx = bed.db.begin().await?;
    domain_insert(&tx, domain).await?;
    tx.commit().await
}

pub async fn claim(bed: &Bed, site: &Site, name: &str) -> Domain {
    let domain = new_domain(bed, site, name);
    insert(bed, &domain).await.unwrap();
    domain
}

/// Attempts for the names of a customer's sites, and for those that the customer claimed once.
pub async fn attempts_are_counted_by_customer(bed: Bed) {
    let (jane, joe) = (bed.customer().await, bed.customer().await);
    let (site, others) = (bed.site(jane.id, "janes").await, bed.site(joe.id, "joes").await);
    let removed = claim(&bed, &site, "removed.example.com").await;
    remove(&bed, removed.id).await.unwrap();
    claim(&bed, &others, "other.example.com").await;
    let tx = bed.db.begin().await.unwrap();
    for (name, time) in
        [("removed.example.com", 1), ("janes.stoa.test", 2), ("other.example.com", 2), ("nobody.example.com", 2)]
    {
        try_note(&tx, &CertName::host(host(name)), at(time), Attempt::Ordered).await.unwrap();
    }
    tx.commit().await.unwrap();
    let count = async |what, since| tries_of_customer_since(&bed.db, site.customer, what, at(since)).await.unwrap();
    let counts = [count(Attempt::Ordered, 0).await, count(Attempt::Ordered, 2).await, count(Attempt::Issued, 0).await];
    assert_eq!(counts, [2, 1, 0]);
}

async fn verify(bed: &Bed, id: DomainId) -> Result<(), DbError> {
    bed.db.write(|tx| Box::pin(async move { domain_verify(&tx, id, at(5)).await })).await
}

async fn remove(bed: &Bed, id: DomainId) -> Result<(), DbError> {
    bed.db.write(|tx| Box::pin(async move { domain_remove(&tx, id, &host("janes.stoa.test"), at(9)).await })).await
}

async fn names(bed: &Bed, site: SiteId) -> Vec<String> {
    hostnames_of(&bed.db, site).await.unwrap().iter().map(ToString::to_string).collect()
}

async fn state(bed: &Bed, id: DomainId) -> DomainState {
    domain_get(&bed.db, id).await.unwrap().unwrap().state
}

pub async fn claims_read_back_and_collide_within_a_site(bed: Bed) {
    let customer = bed.customer().await;
    let (one, two) = (bed.site(customer.id, "one-shop").await, bed.site(customer.id, "two-shop").await);
    let second = claim(&bed, &one, "b.example.com").await;
    let full = Domain {
        main_wanted: true,
        checked_at: Some(at(3)),
        problem: Some("„nothing\" points here".into()),
        ..new_domain(&bed, &one, "a.example.com")
    };
    insert(&bed, &full).await.unwrap();
    assert_eq!(domain_get(&bed.db, full.id).await.unwrap().as_ref(), Some(&full));
    assert_eq!(domain_get(&bed.db, DomainId::from_uuid(bed.uuid())).await.unwrap(), None);
    assert_eq!(domains_of(&bed.db, one.id).await.unwrap(), [full.clone(), second.clone()]);
    let error = insert(&bed, &new_domain(&bed, &one, "a.example.com")).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::DomainClaim)), "{error:?}");
    let rival = claim(&bed, &two, "a.example.com").await;
    assert_eq!(names(&bed, one.id).await, ["one-shop.stoa.test"], "a claim brings nothing");
    remove(&bed, full.id).await.unwrap();
    remove(&bed, full.id).await.expect("removed twice is removed");
    let again = claim(&bed, &one, "a.example.com").await;
    assert_eq!(domains_of(&bed.db, one.id).await.unwrap(), [again.clone(), second]);
    let removed = Domain { state: DomainState::Removed, ..full };
    assert_eq!(domains_by_name(&bed.db, &host("a.example.com")).await.unwrap(), [removed, rival, again]);
    assert_eq!(domains_by_name(&bed.db, &host("example.com")).await.unwrap(), []);
}

pub async fn the_first_to_verify_a_name_gets_it(bed: Bed) {
    let customer = bed.customer().await;
    let (one, two) = (bed.site(customer.id, "one-shop").await, bed.site(customer.id, "two-shop").await);
    let (winner, loser) = (claim(&bed, &one, "a.example.com").await, claim(&bed, &two, "a.example.com").await);
    verify(&bed, winner.id).await.unwrap();
    let verified = Domain { state: DomainState::Verified, verified_at: Some(at(5)), ..winner.clone() };
    bed.db.write(|tx| Box::pin(async move { domain_verify(&tx, winner.id, at(7)).await })).await.expect("twice");
    assert_eq!(domain_get(&bed.db, winner.id).await.unwrap(), Some(verified.clone()), "it keeps its time");
    assert_eq!(domains_in(&bed.db, DomainState::Verified).await.unwrap(), [verified]);
    assert_eq!(names(&bed, one.id).await, ["a.example.com", "one-shop.stoa.test"]);
    assert_eq!(site_by_hostname(&bed.db, &winner.name).await.unwrap().unwrap().id, one.id);
    let tx = bed.db.begin().await.unwrap();
    let error = domain_verify(&tx, loser.id, at(6)).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::Hostname)), "{error:?}");
    domain_checked(&tx, loser.id, at(6), at(6), Some("Another site has it\0.")).await.expect("the transaction goes on");
    tx.commit().await.unwrap();
    let lost = domain_get(&bed.db, loser.id).await.unwrap().unwrap();
    assert_eq!((lost.state, lost.verified_at), (DomainState::Claimed, None));
    assert_eq!((lost.checked_at, lost.problem.as_deref()), (Some(at(6)), Some("Another site has it.")));
    assert_eq!(names(&bed, two.id).await, ["two-shop.stoa.test"]);
    remove(&bed, winner.id).await.unwrap();
    assert!(matches!(verify(&bed, winner.id).await, Err(DbError::StaleWrite { table: "domains", .. })));
    verify(&bed, loser.id).await.expect("the name is free again");
    assert_eq!(names(&bed, two.id).await, ["a.example.com", "two-shop.stoa.test"]);
    assert!(matches!(verify(&bed, DomainId::from_uuid(bed.uuid())).await, Err(DbError::Missing("domains"))));
}

pub async fn eight_verify_one_name_at_once(bed: Bed) {
    let customer = bed.customer().await;
    let mut tries = Vec::new();
    for n in 0..8 {
        let site = bed.site(customer.id, &format!("shop-{n}")).await;
        let (bed, domain) = (bed.clone(), claim(&bed, &site, "a.example.com").await);
        tries.push(tokio::spawn(async move { verify(&bed, domain.id).await }));
    }
    let mut won = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(()) => won += 1,
            Err(DbError::Conflict(Constraint::Hostname)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((won, domains_in(&bed.db, DomainState::Verified).await.unwrap().len()), (1, 1));
}

pub async fn the_main_name_and_the_platforms_name_are_kept(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let domain = claim(&bed, &site, "a.example.com").await;
    let address = async |name: &str, url: Option<&'static str>| {
        let name = &host(name);
        let set = bed.db.write(|tx| Box::pin(async move { site_address(&tx, site.id, name, url).await }));
        set.await
    };
    let early = address("a.example.com", None).await;
    assert!(matches!(early, Err(DbError::Missing("hostnames"))), "{early:?}");
    verify(&bed, domain.id).await.unwrap();
    address("a.example.com", Some("https://a.example.com")).await.unwrap();
    let routes = route_of(&bed.db, site.id).await.unwrap();
    assert_eq!(routes.len(), 2);
    for route in routes {
        assert_eq!((route.main, route.url.as_deref()), (host("a.example.com"), Some("https://a.example.com")));
    }
    let error = remove(&bed, domain.id).await.unwrap_err();
    assert!(matches!(error, DbError::StaleWrite { table: "domains", .. }), "{error:?}");
    assert_eq!(state(&bed, domain.id).await, DomainState::Verified);
    address("janes.stoa.test", None).await.unwrap();
    remove(&bed, domain.id).await.unwrap();
    assert_eq!(names(&bed, site.id).await, ["janes.stoa.test"]);
    let own = claim(&bed, &site, "janes.stoa.test").await;
    assert!(matches!(verify(&bed, own.id).await, Err(DbError::Conflict(Constraint::Hostname))));
    remove(&bed, own.id).await.expect("a claim is no name");
    assert_eq!(names(&bed, site.id).await, ["janes.stoa.test"]);
}

pub async fn a_site_being_deleted_gets_no_domain_and_can_lose_its_main_one(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let (main, open) = (claim(&bed, &site, "a.example.com").await, claim(&bed, &site, "b.example.com").await);
    verify(&bed, main.id).await.unwrap();
    let tx = bed.db.begin().await.unwrap();
    site_address(&tx, site.id, &main.name, Some("https://a.example.com")).await.unwrap();
    lifecycle_move(&tx, site.id, Lifecycle::Pending, Lifecycle::Deleting, None, at(6)).await.unwrap();
    tx.commit().await.unwrap();
    let late = insert(&bed, &new_domain(&bed, &site, "c.example.com")).await;
    assert!(matches!(late, Err(DbError::StaleWrite { table: "sites", .. })), "{late:?}");
    let late = verify(&bed, open.id).await;
    assert!(matches!(late, Err(DbError::StaleWrite { table: "sites", .. })), "{late:?}");
    remove(&bed, main.id).await.unwrap();
    let left = site_get(&bed.db, site.id).await.unwrap().unwrap();
    assert_eq!((left.hostname, left.url.as_deref()), (site.hostname, Some("https://a.example.com")), "as it was told");
    assert_eq!(names(&bed, site.id).await, ["janes.stoa.test"]);
}

pub async fn url_and_limits_of_a_site(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let edge = RouteLimits { max_body: 1 << 40, rate: u32::MAX, burst: 1, in_flight: 2, response_seconds: 3 };
    let tx = bed.db.begin().await.unwrap();
    site_told(&tx, site.id, "https://janes.stoa.test").await.unwrap();
    site_edge(&tx, site.id, &edge).await.unwrap();
    tx.commit().await.unwrap();
    let told = Site { url: Some("https://janes.stoa.test".into()), edge, ..site.clone() };
    assert_eq!(site_get(&bed.db, site.id).await.unwrap(), Some(told));
    assert_eq!(routes(&bed.db).await.unwrap()[0].limits, edge);
    let tx = bed.db.begin().await.unwrap();
    let nobody = SiteId::from_uuid(bed.uuid());
    assert!(matches!(site_told(&tx, nobody, "").await, Err(DbError::Missing("sites"))));
    assert!(matches!(site_edge(&tx, nobody, &edge).await, Err(DbError::Missing("sites"))));
    assert!(matches!(site_address(&tx, nobody, &site.hostname, None).await, Err(DbError::Missing("sites"))));
}

pub async fn the_longest_waiting_is_due_first(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let mut ids = Vec::new();
    for (n, checked) in [Some(50), Some(10), None, Some(40), Some(99), None].into_iter().enumerate() {
        let domain = Domain { checked_at: checked.map(at), ..new_domain(&bed, &site, &format!("n{n}.example.com")) };
        insert(&bed, &domain).await.unwrap();
        ids.push(domain.id);
    }
    verify(&bed, ids[1]).await.unwrap();
    verify(&bed, ids[3]).await.unwrap();
    remove(&bed, ids[5]).await.unwrap();
    let due = async |claimed, verified, limit| {
        let found = domains_due(&bed.db, &due_at(99, claimed, verified), limit).await.unwrap();
        found.iter().map(|domain| ids.iter().position(|id| *id == domain.id).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(due(60, 20, 9).await, [2, 1, 0]);
    assert_eq!(due(60, 50, 3).await, [2, 1, 3]);
    assert_eq!(due(50, 10, 9).await, [2], "the bound itself is not due");
    let tx = bed.db.begin().await.unwrap();
    domain_checked(&tx, ids[2], at(70), at(71), None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(due(60, 20, 9).await, [1, 0]);
    let put_back = domains_due(&bed.db, &due_at(98, 5, 5), 9).await.unwrap();
    assert_eq!(put_back[0].id, ids[4], "looked at in the future: the clock was put back");
}

pub async fn a_verified_domain_with_a_problem_is_due_like_a_claim(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let (ill, well) = (claim(&bed, &site, "a.example.com").await, claim(&bed, &site, "b.example.com").await);
    for (domain, problem) in [(&ill, Some("It leads elsewhere.")), (&well, None)] {
        verify(&bed, domain.id).await.unwrap();
        assert!(checked(&bed, domain.id, 10, 10, problem).await);
    }
    let due = domains_due(&bed.db, &due_at(99, 20, 5), 9).await.unwrap();
    assert_eq!(due.iter().map(|domain| domain.id).collect::<Vec<_>>(), [ill.id]);
}

pub async fn old_open_domains_are_checked_less_often(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let mut ids = Vec::new();
    for (name, created) in [("old", 0), ("fresh", 90), ("proven-old", 0), ("proven-lately", 0)] {
        let domain = Domain { created_at: at(created), ..new_domain(&bed, &site, &format!("{name}.example.com")) };
        insert(&bed, &domain).await.unwrap();
        assert!(checked(&bed, domain.id, 95, 95, Some("It leads nowhere.")).await);
        ids.push(domain.id);
    }
    for (id, when) in [(ids[2], 10), (ids[3], 90)] {
        bed.db.write(|tx| Box::pin(async move { domain_verify(&tx, id, at(when)).await })).await.unwrap();
    }
    let due = async |fresh, open| {
        let due = Due { fresh_since: at(50), fresh_before: at(fresh), ..due_at(99, open, 0) };
        let found = domains_due(&bed.db, &due, 9).await.unwrap();
        found.iter().map(|domain| ids.iter().position(|id| *id == domain.id).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(due(96, 60).await, [1, 3]);
    assert_eq!(due(96, 96).await, [0, 1, 2, 3]);
    assert_eq!(due(95, 60).await, [0; 0]);
}

/// No domain is fresh.
pub fn due_at(now: i64, open: i64, well: i64) -> Due {
    let (fresh_since, fresh_before) = (at(1000), at(0));
    Due { now: at(now), fresh_since, fresh_before, open_before: at(open), well_before: at(well) }
}

async fn checked(bed: &Bed, id: DomainId, begun: i64, now: i64, problem: Option<&'static str>) -> bool {
    let noted = bed.db.write(|tx| Box::pin(async move { domain_checked(&tx, id, at(begun), at(now), problem).await }));
    noted.await.unwrap()
}

pub async fn an_earlier_check_does_not_overwrite_a_later_one(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let id = claim(&bed, &site, "a.example.com").await.id;
    let seen = async || {
        let domain = domain_get(&bed.db, id).await.unwrap().unwrap();
        (domain.checked_at, domain.problem.is_some())
    };
    assert!(checked(&bed, id, 20, 25, None).await);
    assert!(!checked(&bed, id, 19, 30, Some("It leads elsewhere.")).await);
    assert_eq!(seen().await, (Some(at(20)), false));
    assert!(checked(&bed, id, 22, 31, Some("It leads elsewhere.")).await, "begun while the other was under way");
    assert!(checked(&bed, id, 5, 6, None).await, "the clock was put back");
    assert_eq!(seen().await, (Some(at(5)), false));
}

pub async fn at_most_one_domain_is_wanted_as_the_main_one(bed: Bed) {
    let customer = bed.customer().await;
    let (site, other) = (bed.site(customer.id, "janes").await, bed.site(customer.id, "spare").await);
    let (a, b) = (claim(&bed, &site, "a.example.com").await, claim(&bed, &site, "b.example.com").await);
    let far = claim(&bed, &other, "a.example.com").await;
    let wish = async |site: SiteId, wanted: Option<DomainId>| {
        let tx = bed.db.begin().await.unwrap();
        domains_main_wanted(&tx, site, wanted).await.unwrap();
        tx.commit().await.unwrap();
    };
    let wanted = async || {
        let mut wanted = domains_in(&bed.db, DomainState::Claimed).await.unwrap();
        wanted.retain(|domain| domain.main_wanted);
        wanted.into_iter().map(|domain| domain.id).collect::<Vec<_>>()
    };
    wish(other.id, Some(far.id)).await;
    wish(site.id, Some(a.id)).await;
    wish(site.id, Some(b.id)).await;
    let mut both = wanted().await;
    both.sort();
    let mut expected = vec![far.id, b.id];
    expected.sort();
    assert_eq!(both, expected);
    wish(site.id, Some(far.id)).await;
    assert_eq!(wanted().await, [far.id], "another site's can't be wanted");
    wish(site.id, Some(a.id)).await;
    let tx = bed.db.begin().await.unwrap();
    domain_main_reached(&tx, site.id, &b.name).await.unwrap();
    domain_main_reached(&tx, site.id, &a.name).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(wanted().await, [far.id], "the other site's wish for the same name stays");
}

pub async fn a_verified_claim_does_not_expire(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let (late, proven) = (claim(&bed, &site, "a.example.com").await, claim(&bed, &site, "b.example.com").await);
    verify(&bed, proven.id).await.unwrap();
    let expire = async |domain: &Domain, now: jiff::Timestamp| {
        let tx = bed.db.begin().await.unwrap();
        let over = domain_expire(&tx, domain.id, now).await.unwrap();
        tx.commit().await.unwrap();
        over
    };
    let before = late.expires_at - jiff::SignedDuration::from_secs(1);
    assert!(!expire(&late, before).await);
    assert!(expire(&late, late.expires_at).await);
    assert!(!expire(&late, late.expires_at).await, "once");
    assert!(!expire(&proven, proven.expires_at).await);
    assert_eq!(
        (state(&bed, late.id).await, state(&bed, proven.id).await),
        (DomainState::Removed, DomainState::Verified)
    );
}

pub async fn a_purged_site_frees_its_names(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let (main, open) = (claim(&bed, &site, "a.example.com").await, claim(&bed, &site, "b.example.com").await);
    verify(&bed, main.id).await.unwrap();
    let tx = bed.db.begin().await.unwrap();
    site_address(&tx, site.id, &main.name, None).await.unwrap();
    lifecycle_move(&tx, site.id, Lifecycle::Pending, Lifecycle::Deleting, None, at(20)).await.unwrap();
    site_tombstone(&tx, site.id, at(20)).await.unwrap();
    domains_remove_of(&tx, site.id, at(21)).await.expect("twice is once");
    tx.commit().await.unwrap();
    assert_eq!(names(&bed, site.id).await, [""; 0]);
    assert_eq!((state(&bed, main.id).await, state(&bed, open.id).await), (DomainState::Removed, DomainState::Removed));
    assert_eq!(domains_of(&bed.db, site.id).await.unwrap(), []);
    assert_eq!(domains_by_name(&bed.db, &main.name).await.unwrap().len(), 1);
    let heir = bed.site(customer.id, "janes").await;
    let taken = claim(&bed, &heir, "a.example.com").await;
    verify(&bed, taken.id).await.unwrap();
    let tx = bed.db.begin().await.unwrap();
    domains_remove_of(&tx, site.id, at(30)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(names(&bed, heir.id).await, ["a.example.com", "janes.stoa.test"], "the heir's are not touched");
}

pub async fn a_name_rests_for_its_former_owner(bed: Bed) {
    use stoa_db::domains::resting_names::{RestingName, name_rest, resting_name, resting_names_prune};
    let (name, other) = (Hostname::parse("janes.stoa.test").unwrap(), Hostname::parse("bobs.stoa.test").unwrap());
    let (jane, bob) = (bed.customer().await.id, bed.customer().await.id);
    let rest = |customer, second| RestingName { customer, until: at(second) };
    let tx = bed.db.begin().await.unwrap();
    name_rest(&tx, &name, rest(jane, 10)).await.unwrap();
    name_rest(&tx, &name, rest(bob, 20)).await.unwrap();
    assert_eq!(resting_name(&tx, &name, at(19)).await.unwrap(), Some(rest(bob, 20)), "the later owner");
    assert_eq!(resting_name(&tx, &name, at(20)).await.unwrap(), None);
    assert_eq!(resting_name(&tx, &other, at(0)).await.unwrap(), None);
    resting_names_prune(&tx, at(21)).await.unwrap();
    assert_eq!(resting_name(&tx, &name, at(0)).await.unwrap(), None);
}
