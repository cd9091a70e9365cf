use stoa_db::{Backend, Db, DbError};

use crate::bed::Bed;

pub async fn twice_and_at_once(bed: Bed) {
    assert!(bed.db.pending_migrations().await.unwrap().is_empty());
    bed.db.migrate().await.expect("twice is once");
    bed.db.ping().await.unwrap();
    // As if nothing had been noted: each statement can be repeated, also by two processes at once.
    bed.raw("DELETE FROM schema_migrations").await;
    assert_eq!(bed.db.pending_migrations().await.unwrap().len(), 1);
    let other = Db::connect(&bed.url).await.unwrap();
    let (one, two) = tokio::join!(bed.db.migrate(), other.migrate());
    one.unwrap();
    two.unwrap();
    assert!(other.pending_migrations().await.unwrap().is_empty());
    other.close().await;
    // And from nothing at all.
    bed.raw("DROP TABLE schema_migrations").await;
    assert_eq!(bed.db.pending_migrations().await.unwrap().len(), 1);
    bed.db.migrate().await.unwrap();
    if bed.db.backend() == Backend::Sqlite {
        use std::os::unix::fs::PermissionsExt;
        let path = bed.url.strip_prefix("sqlite://").unwrap().split('?').next().unwrap();
        for file in [path.to_owned(), format!("{path}-wal")] {
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
        assert!(matches!(Db::connect("sqlite:///no/such/place/a.db?mode=rwc").await, Err(DbError::Unavailable(_))));
        assert!(matches!(Db::connect("redis://localhost").await, Err(DbError::Other(_))));
    }
}

pub async fn a_newer_database_is_refused(bed: Bed) {
    bed.raw("INSERT INTO schema_migrations (version, name) VALUES (99, 'later')").await;
    assert!(matches!(bed.db.pending_migrations().await, Err(DbError::Other(_))));
    assert!(matches!(bed.db.migrate().await, Err(DbError::Other(_))));
}
