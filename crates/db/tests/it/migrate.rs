use stoa_db::{Backend, Db, DbError, members, routes::routes, sites, users};
use stoa_model::{
    member::MemberRole,
    route::RouteLimits,
    site::{Lifecycle, Power, Site, SiteState},
};

use crate::bed::{Bed, Kind, at};

pub async fn twice_and_at_once(bed: Bed) {
    assert!(bed.db.pending_migrations().await.unwrap().is_empty());
    bed.db.migrate().await.expect("twice is once");
    bed.db.ping().await.unwrap();
    // Without a record of the migrations, each statement is repeatable, also by two processes at once.
    bed.raw("DELETE FROM schema_migrations").await;
    assert_eq!(bed.db.pending_migrations().await.unwrap().len(), 16);
    let other = Db::connect(&bed.url).await.unwrap();
    let (one, two) = tokio::join!(bed.db.migrate(), other.migrate());
    one.unwrap();
    two.unwrap();
    assert!(other.pending_migrations().await.unwrap().is_empty());
    other.close().await;
    // And without the table of migrations.
    bed.raw("DROP TABLE schema_migrations").await;
    assert_eq!(bed.db.pending_migrations().await.unwrap().len(), 16);
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
    bed.raw("UPDATE schema_migrations SET oldest_release = 99 WHERE version = 99").await;
    assert!(matches!(bed.db.migrate().await, Err(DbError::Other(_))));
}

pub async fn a_newer_database_that_permits_this_release_is_used(bed: Bed) {
    bed.raw("INSERT INTO schema_migrations (version, name, oldest_release) VALUES (99, 'later', 4)").await;
    assert!(bed.db.pending_migrations().await.unwrap().is_empty());
    bed.db.migrate().await.expect("nothing to do");
    bed.queued().await;
}

/// A database of the first schema, with a site in it.
async fn from_the_first(bed: Bed) {
    assert_eq!(bed.db.pending_migrations().await.unwrap().len(), 15);
    let customer = bed.customer().await;
    let site = Site {
        lifecycle: Lifecycle::Active,
        power: Power::Off,
        edge: RouteLimits::body(5 << 20),
        ..bed.new_site(customer.id, "janes")
    };
    let id = |uuid: uuid::Uuid| match bed.kind {
        Kind::Sqlite | Kind::MySql => format!("X'{}'", uuid.simple()),
        Kind::Postgres => format!("'{uuid}'"),
    };
    let (own, his) = (id(site.id.uuid()), id(customer.id.uuid()));
    let (at, limits) = (at(0).as_millisecond(), site.limits);
    bed.raw(&format!(
        "INSERT INTO sites (id, customer, blueprint, profiles, title, subdomain, hostname, admin_user, admin_email, \
            project, memory, cpu, pids, max_body, state, state_at, health, created_at) VALUES ({own}, {his}, \
            'woocommerce', '[\"cache\",\"mail\"]', 'A title', 'janes', 'janes.stoa.test', 'jane', \
            'jane@example.com', '{}', {}, {}, {}, 5242880, 'stopped', {at}, 'unknown', {at})",
        site.project.as_str(),
        limits.memory.0,
        limits.cpu.0,
        limits.pids
    ))
    .await;
    bed.raw(&format!("INSERT INTO hostnames (hostname, site) VALUES ('janes.stoa.test', {own})")).await;
    let second = format!("INSERT INTO hostnames (hostname, site) VALUES ('janes.stoa.test', {own})");
    bed.db.migrate().await.expect("brought up to date");
    assert!(bed.db.pending_migrations().await.unwrap().is_empty());
    let person = users::user_get(&bed.db, customer.id.founder()).await.unwrap().expect("a person of the customer");
    assert_eq!((&person.email, person.verified_at), (&customer.email, Some(customer.created_at)));
    let role = members::member_role(&bed.db, customer.id, person.id).await.unwrap();
    assert_eq!(role, Some(MemberRole::Owner), "who owns their organization");
    let kept = sites::site_get(&bed.db, site.id).await.unwrap();
    assert_eq!(kept.as_ref(), Some(&site));
    assert_eq!(kept.map(|site| site.state()), Some(SiteState::Stopped), "what was stopped is stopped");
    let routes = routes(&bed.db).await.unwrap();
    assert_eq!((routes.len(), routes[0].limits, &routes[0].main), (1, site.edge, &site.hostname));
    bed.site(customer.id, "later").await;
    assert!(bed.try_raw(&second).await.is_err(), "names are unique");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_on_sqlite() {
    Bed::run_at(Kind::Sqlite, 1, from_the_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_on_mysql() {
    Bed::run_at(Kind::MySql, 1, from_the_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_on_postgres() {
    Bed::run_at(Kind::Postgres, 1, from_the_first).await;
}
