use jiff::Timestamp;
use stoa_db::{
    DbError,
    routes::route_of,
    sites::storage::{
        Storage, storage_day_put, storage_days_of, storage_days_prune, storage_get, storage_of, storage_of_all,
        storage_put,
    },
};
use stoa_model::{
    id::SiteId,
    storage::{FULL_BODY, StorageLevel},
};

use crate::bed::Bed;

async fn put(bed: &Bed, site: SiteId, known: &Storage) -> Result<(), DbError> {
    bed.db.write(|tx| Box::pin(async move { storage_put(&tx, site, known).await })).await
}

pub async fn storage_is_replaced_and_limits_bodies(bed: Bed) {
    let customer = bed.customer().await;
    let (one, two) = (bed.site(customer.id, "one-shop").await.id, bed.site(customer.id, "two-shop").await.id);
    assert_eq!(storage_get(&bed.db, one).await.unwrap(), Storage::default());
    let usual = route_of(&bed.db, one).await.unwrap()[0].limits;
    let mut known = Storage {
        disk: Some(1 << 50),
        bytes: 7 << 40,
        volumes: [("data".to_owned(), 6 << 40), (String::new(), 1 << 40)].into(),
        level: StorageLevel::High,
        measured_at: Some(Timestamp::from_second(1_700_000_000).unwrap()),
    };
    put(&bed, one, &known).await.unwrap();
    assert_eq!(storage_get(&bed.db, one).await.unwrap(), known);
    assert_eq!(route_of(&bed.db, one).await.unwrap()[0].limits, usual);
    (known.disk, known.bytes, known.level) = (None, 5, StorageLevel::Full);
    put(&bed, one, &known).await.unwrap();
    assert_eq!(storage_of(&bed.db, &[one, two]).await.unwrap(), [(one, known)].into());
    assert_eq!(storage_of_all(&bed.db).await.unwrap(), [(one, 5)]);
    assert_eq!(route_of(&bed.db, one).await.unwrap()[0].limits.max_body, usual.max_body.min(FULL_BODY));

    let day = async |day, bytes| {
        bed.db.write(|tx| Box::pin(async move { storage_day_put(&tx, one, day, bytes).await })).await
    };
    for (number, bytes) in [(20_000, 1), (20_000, 2), (20_001, 1 << 40)] {
        day(number, bytes).await.unwrap();
    }
    assert_eq!(storage_days_of(&bed.db, one, 0).await.unwrap(), [(20_000, 2), (20_001, 1 << 40)]);
    let pruned = bed.db.write(|tx| Box::pin(async move { storage_days_prune(&tx, 20_001).await })).await;
    assert_eq!(pruned.unwrap(), 1);
    assert_eq!(storage_days_of(&bed.db, one, 20_000).await.unwrap(), [(20_001, 1 << 40)]);
    assert!(put(&bed, SiteId::from_uuid(bed.uuid()), &Storage::default()).await.is_err(), "no such site");
}
