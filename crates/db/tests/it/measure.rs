//! Measures queries on SQLite: `cargo test --release -p stoa-db --test it measure -- --ignored --nocapture`.

use std::time::Instant;

use stoa_db::{
    Page,
    jobs::job_claim,
    listing::Window,
    routes::routes,
    sites::{
        list::{SiteFilter, SiteSort, sites_listed},
        site_counts, sites_of,
    },
};

use crate::{
    bed::{Bed, Kind, MINUTE, at, claim},
    tx::order,
};

/// Median and minimum in milliseconds.
macro_rules! median {
    ($times:literal, $work:expr) => {{
        let mut taken = Vec::new();
        for _ in 0..$times {
            let began = Instant::now();
            $work.await.unwrap();
            taken.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        middle(taken)
    }};
}

fn middle(mut taken: Vec<f64>) -> String {
    taken.sort_by(f64::total_cmp);
    format!("{:.2} ms (min {:.2})", taken[taken.len() / 2], taken[0])
}

async fn costs(bed: Bed) {
    let (jane, joe) = (bed.customer().await, bed.customer().await);
    let mut made = 0;
    for sites in [10, 1_000, 10_000] {
        let mut taken = Vec::new();
        while made < sites {
            let customer = if made % 2 == 0 { jane.id } else { joe.id };
            let site = bed.new_site(customer, &format!("shop-{made}"));
            let job = bed.new_job(site.id);
            let began = Instant::now();
            order(&bed, &site, &job).await.unwrap();
            taken.push(began.elapsed().as_secs_f64() * 1_000.0);
            made += 1;
        }
        let last = taken.split_off(taken.len().saturating_sub(100));
        println!("{sites} sites:");
        println!("  order            {}", middle(last));
        println!("  sites_of         {}", median!(50, sites_of(&bed.db, jane.id, Page::first(20))));
        println!("  routes           {}", median!(20, routes(&bed.db)));
        println!("  site_counts      {}", median!(20, site_counts(&bed.db, None)));
        println!("  job_claim        {}", median!(10, job_claim(&bed.db, &claim("me", at(1), MINUTE))));
        let filter = SiteFilter { text: Some("shop-7".into()), ..SiteFilter::default() };
        let found = || sites_listed(&bed.db, &filter, SiteSort::Newest, Window::first(20));
        println!("  sites_listed     {}", median!(20, found()));
        let all = Page::first(10_000);
        println!("  sites_of, all    {}", median!(5, sites_of(&bed.db, jane.id, all)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn costs_on_sqlite() {
    Bed::run(Kind::Sqlite, costs).await;
}
