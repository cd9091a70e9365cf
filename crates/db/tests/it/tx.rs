use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use stoa_db::{
    Backend, DbError, Retry,
    accounts::{customer_count, customer_insert, password_set},
    history::site_event,
    jobs::job_insert,
    leases::{lease, leases},
    meta::{meta_get, meta_set},
    sites::site_insert,
};
use stoa_model::{account::Actor, job::Job, placement::LeasePool, site::Site};
use tokio::sync::Barrier;

use crate::bed::{Bed, at};

pub async fn dropped_is_rolled_back(bed: Bed) {
    let tx = bed.db.begin().await.unwrap();
    customer_insert(&tx, &bed.new_customer(), "x").await.unwrap();
    assert_eq!(customer_count(&tx).await.unwrap(), 1, "seen inside");
    assert_eq!(customer_count(&bed.db).await.unwrap(), 0, "and not outside");
    drop(tx);
    let tx = bed.db.begin().await.unwrap();
    assert_eq!(customer_count(&tx).await.unwrap(), 0);
    customer_insert(&tx, &bed.new_customer(), "x").await.unwrap();
    // Cancelled in the middle of a statement.
    let cut = tokio::time::timeout(Duration::ZERO, customer_insert(&tx, &bed.new_customer(), "x")).await;
    drop((cut, tx));
    bed.customer().await;
    assert_eq!(customer_count(&bed.db).await.unwrap(), 1);
}

pub async fn busy_is_retried(bed: Bed) {
    let tries = AtomicU32::new(0);
    let fail = |times: u32| {
        let tries = &tries;
        tries.store(0, Ordering::SeqCst);
        bed.db.write(move |tx| {
            Box::pin(async move {
                let n = tries.fetch_add(1, Ordering::SeqCst);
                meta_set(&tx, "tries", &n.to_string()).await?;
                if n < times { Err(DbError::Busy("pretended".into())) } else { Ok(n) }
            })
        })
    };
    assert_eq!(fail(2).await.unwrap(), 2);
    assert_eq!(meta_get(&bed.db, "tries").await.unwrap().as_deref(), Some("2"));
    assert!(fail(99).await.unwrap_err().is_busy());
    assert_eq!(tries.load(Ordering::SeqCst), 5);
    assert_eq!(meta_get(&bed.db, "tries").await.unwrap().as_deref(), Some("2"), "nothing of it was written");
}

/// Two transactions that lock each other's rows. It can't happen on SQLite, which has one writer.
pub async fn a_real_deadlock_is_busy(bed: Bed) {
    if bed.db.backend() == Backend::Sqlite {
        return;
    }
    let (a, b) = (bed.customer().await.id, bed.customer().await.id);
    let (met, busy) = (Barrier::new(2), AtomicU32::new(0));
    let cross = async |first, second| {
        let (met, busy) = (&met, &busy);
        let first_try = AtomicU32::new(1);
        let first_try = &first_try;
        bed.db
            .write(move |tx| {
                Box::pin(async move {
                    password_set(&tx, Actor::Customer(first), "1").await?;
                    if first_try.swap(0, Ordering::SeqCst) == 1 {
                        met.wait().await;
                    }
                    let done = password_set(&tx, Actor::Customer(second), "2").await;
                    if let Err(DbError::Busy(_)) = &done {
                        busy.fetch_add(1, Ordering::SeqCst);
                    }
                    done
                })
            })
            .await
    };
    let (one, two) = tokio::join!(cross(a, b), cross(b, a));
    one.unwrap();
    two.unwrap();
    assert_eq!(busy.load(Ordering::SeqCst), 1, "one gave way, and came again");
}

/// Everything that an order writes.
pub async fn order(bed: &Bed, site: &Site, job: &Job) -> Result<(), DbError> {
    let pool =
        LeasePool { name: "10.200.0.0/14".into(), first: 0x0ac8_0000, step: 16, count: 16_384, taken: Vec::new() };
    bed.db
        .write(|tx| {
            let pool = &pool;
            Box::pin(async move {
                site_insert(&tx, site).await?;
                lease(&tx, pool, site.id).await?;
                job_insert(&tx, job, &crate::bed::plan()).await?;
                let event = stoa_db::history::AuditEvent {
                    at: at(0),
                    actor: Actor::Customer(site.customer),
                    action: "site.create".into(),
                    target: site.id.to_string(),
                    outcome: "ok".into(),
                    request_id: "r".into(),
                    detail: serde_json::json!({}),
                    address: None,
                    credential: None,
                };
                stoa_db::history::audit(&tx, &event).await?;
                site_event(&tx, site.id, at(0), "ordered", "Ordered").await
            })
        })
        .await
}

pub async fn thirty_orders_at_once(bed: Bed) {
    let customer = bed.customer().await;
    let orders: Vec<_> = (0..30)
        .map(|n| {
            let (bed, site) = (bed.clone(), bed.new_site(customer.id, &format!("shop-{n}")));
            tokio::spawn(async move { order(&bed, &site, &bed.new_job(site.id)).await })
        })
        .collect();
    for order in orders {
        order.await.unwrap().unwrap();
    }
    assert_eq!(leases(&bed.db).await.unwrap().len(), 30);
}
