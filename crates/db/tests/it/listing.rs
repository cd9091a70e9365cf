//! Lists of screens: filters, counts, order, parts.

use stoa_db::{
    accounts::{CustomerSort, customers_counted, customers_listed},
    core::audit::{AuditFilter, audit_after, audit_counted, audit_listed},
    domains::list::{DomainFilter, domains_by_state, domains_listed},
    jobs::list::{JobFilter, jobs_by_state, jobs_listed},
    listing::Window,
    sites::{
        list::{SiteFilter, SiteSort, sites_by_group, sites_listed, sites_per_customer},
        site_observe, sites_all,
    },
};
use stoa_model::{
    account::Actor,
    job::{JobKind, JobState},
    site::{Health, Lifecycle, Power, Site, Suspension, SuspensionReason},
    status::{SiteStatus, StatusGroup},
    text::SiteTitle,
};

use crate::bed::{Bed, MINUTE, at};

const ALL: Window = Window::first(100);

/// Every state of a site, with every health.
pub async fn each_site_is_in_the_group_of_its_status(bed: Bed) {
    let customer = bed.customer().await;
    let mut n = 0;
    for lifecycle in Lifecycle::ALL.iter().filter(|l| **l != Lifecycle::Deleted) {
        for power in Power::ALL {
            for health in Health::ALL {
                n += 1;
                let new = bed.new_site(customer.id, &format!("site-{n}"));
                let site = Site { lifecycle: *lifecycle, power: *power, ..new };
                bed.insert_site(&site).await.unwrap();
                let id = site.id;
                bed.db.write(|tx| Box::pin(async move { site_observe(&tx, id, *health, at(1)).await })).await.unwrap();
            }
        }
    }
    for lifecycle in [Lifecycle::Active, Lifecycle::Updating] {
        let new = bed.new_site(customer.id, &format!("suspended-{lifecycle}"));
        let suspension =
            Suspension { reason: SuspensionReason::Operator, actor: "system".into(), at: at(1), note: None };
        bed.insert_site(&Site { lifecycle, suspensions: vec![suspension], ..new }).await.unwrap();
        n += 1;
    }
    let new = bed.new_site(customer.id, "cancelled");
    let reason = Some(stoa_model::site::ORDER_CANCELLED.to_owned());
    bed.insert_site(&Site { lifecycle: Lifecycle::Failed, reason, ..new }).await.unwrap();
    n += 1;
    let all = sites_all(&bed.db, stoa_db::Page::first(1000)).await.unwrap();
    let counts = sites_by_group(&bed.db, &SiteFilter::default()).await.unwrap();
    assert_eq!(counts.iter().map(|(_, n)| n).sum::<u64>(), n, "{counts:?}");
    for group in StatusGroup::ALL {
        let filter = SiteFilter { group: Some(*group), ..SiteFilter::default() };
        let mut listed: Vec<_> = sites_listed(&bed.db, &filter, SiteSort::Oldest, Window::first(1000)).await.unwrap();
        let mut expected: Vec<_> = all
            .iter()
            .filter(|site| StatusGroup::of(SiteStatus::of(site.state(), site.health)) == Some(*group))
            .map(|site| site.id)
            .collect();
        expected.sort_unstable();
        assert!(!expected.is_empty(), "{group}");
        assert_eq!(listed.drain(..).map(|site| site.id).collect::<Vec<_>>(), expected, "{group}");
        assert_eq!(counts.iter().find(|(known, _)| known == group).unwrap().1, expected.len() as u64, "{group}");
    }
}

pub async fn sites_are_found_sorted_and_paged(bed: Bed) {
    let customer = bed.customer().await;
    let titled =
        |name: &str, title: &str| Site { title: SiteTitle::parse(title).unwrap(), ..bed.new_site(customer.id, name) };
    let (alpha, beta, gamma) = (titled("alpha", "Zebra 100%"), titled("beta", "Apples"), titled("gamma", "Melons"));
    for site in [&alpha, &beta, &gamma] {
        bed.insert_site(site).await.unwrap();
    }
    let find = async |text: &str, sort| {
        let filter = SiteFilter { text: Some(text.to_owned()), ..SiteFilter::default() };
        let found = sites_listed(&bed.db, &filter, sort, ALL).await.unwrap();
        found.into_iter().map(|site| site.id).collect::<Vec<_>>()
    };
    assert_eq!(find("0%", SiteSort::Newest).await, [alpha.id]);
    assert_eq!(find("%", SiteSort::Newest).await, [alpha.id]);
    assert_eq!(find("zEBRA", SiteSort::Newest).await, [alpha.id]);
    assert_eq!(find("BETA.", SiteSort::Newest).await, [beta.id]);
    assert_eq!(find("nobody", SiteSort::Newest).await, []);
    let owner = customer.company.as_str().to_uppercase();
    assert_eq!(find(&owner, SiteSort::Title).await, [beta.id, gamma.id, alpha.id]);
    assert_eq!(find(customer.email.as_str(), SiteSort::Newest).await, [gamma.id, beta.id, alpha.id]);
    assert_eq!(find("", SiteSort::Oldest).await, [alpha.id, beta.id, gamma.id]);
    let second = Window { offset: 1, limit: 1 };
    let listed = sites_listed(&bed.db, &SiteFilter::default(), SiteSort::Title, second).await.unwrap();
    assert_eq!(listed.iter().map(|site| site.id).collect::<Vec<_>>(), [gamma.id]);
    let other = SiteFilter { blueprint: Some("nothing".into()), ..SiteFilter::default() };
    assert_eq!(sites_by_group(&bed.db, &other).await.unwrap(), []);
    assert_eq!(sites_per_customer(&bed.db, &[customer.id]).await.unwrap(), [(customer.id, 3)]);
}

pub async fn customers_jobs_domains_and_audit_are_found(bed: Bed) {
    let customer = bed.customer().await;
    let site = bed.site(customer.id, "janes").await;
    let text = Some(customer.email.as_str());
    let found = customers_listed(&bed.db, text, CustomerSort::Name, ALL).await.unwrap();
    assert_eq!(found.iter().map(|c| c.id).collect::<Vec<_>>(), [customer.id]);
    assert_eq!(customers_counted(&bed.db, text).await.unwrap(), 1);
    assert_eq!(customers_counted(&bed.db, Some("nobody at all")).await.unwrap(), 0);
    assert_eq!(customers_counted(&bed.db, Some("  ")).await.unwrap(), 1);

    let job = bed.new_job(site.id);
    bed.insert_job(&job).await.unwrap();
    let filter = |state, kind, text: &str| JobFilter { state, kind, text: Some(text.to_owned()) };
    for (filter, n) in [
        (JobFilter::default(), 1),
        (filter(Some(job.state), Some(job.kind), "JANES"), 1),
        (filter(Some(JobState::Stuck), None, ""), 0),
        (filter(None, Some(JobKind::Stop), ""), 0),
        (filter(None, None, "other"), 0),
    ] {
        assert_eq!(jobs_listed(&bed.db, &filter, ALL).await.unwrap().len(), n, "{filter:?}");
        let counted: u64 = jobs_by_state(&bed.db, &filter).await.unwrap().iter().map(|(_, n)| n).sum();
        assert_eq!(counted, n as u64, "{filter:?}");
    }

    assert_eq!(domains_listed(&bed.db, &DomainFilter::default(), ALL).await.unwrap(), []);
    assert_eq!(domains_by_state(&bed.db, &DomainFilter::default()).await.unwrap(), []);

    let event = &stoa_db::history::AuditEvent {
        at: at(1),
        actor: Actor::Customer(customer.id),
        action: "site.order".into(),
        target: site.id.to_string(),
        outcome: "done".into(),
        request_id: "r".into(),
        detail: serde_json::json!({}),
        address: None,
        credential: None,
    };
    bed.db.write(|tx| Box::pin(async move { stoa_db::history::audit(&tx, event).await })).await.unwrap();
    let of = |actor: &str, action: &str, target: &str| AuditFilter {
        actor: Some(actor.to_owned()),
        action: Some(action.to_owned()),
        target: Some(target.to_owned()),
        ..AuditFilter::default()
    };
    let hit = of(&customer.id.to_string(), "ORDER", &site.id.to_string());
    assert_eq!(audit_listed(&bed.db, &hit, ALL).await.unwrap().len(), 1);
    assert_eq!(audit_counted(&bed.db, &hit).await.unwrap(), 1);
    let miss = of("system", "order", &site.id.to_string());
    assert_eq!(audit_counted(&bed.db, &miss).await.unwrap(), 0);
    let (group, when) = (event.action.split_once('.').unwrap().0.to_owned(), event.at);
    let hit =
        AuditFilter { group: Some(group), from: Some(when), before: Some(when + MINUTE), ..AuditFilter::default() };
    assert_eq!(audit_after(&bed.db, &hit, 0, 10).await.unwrap().len(), 1);
    let other_group = AuditFilter { group: Some("oth".into()), ..hit.clone() };
    let earlier = AuditFilter { from: None, before: Some(when), ..hit.clone() };
    for miss in [other_group, earlier, AuditFilter { from: Some(when + MINUTE), before: None, ..hit }] {
        assert_eq!(audit_after(&bed.db, &miss, 0, 10).await.unwrap(), []);
    }
}
