//! The platform of one test, and its builder.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU32},
};

use stoa_control::{Control, Parts, Roles};

use stoa_core::{Settings, keys::MasterKey, rate_limits::Rates};

use stoa_db::{Backend, Db};
use stoa_integrations::{
    mail::Mailer,
    resolver::{FixedAnswers, Resolver},
};
use stoa_model::{host::Hostname, limits::Bytes, text::EmailAddress};
use stoa_provider::{
    dns::{Dns, fake::FakeDns},
    edge::{Edge, fake::FakeEdge},
    engine::{Engines, ExecOutput, fake::FakeEngine},
};
use stoa_sites::blueprints::Blueprints;
use tempfile::TempDir;

use crate::{FakeProbe, FakeRelay, TestClock, Workers, database, probe::Failures, stripe::StripeDouble};

/// Builds a platform. By default nothing is throttled, and disk and memory are plenty.
pub struct Builder {
    backend: Backend,
    change: Vec<Change>,
    blueprints: PathBuf,
    zone: Option<Hostname>,
    has_stripe: bool,
}

type Change = Box<dyn FnOnce(&mut Settings) + Send>;

/// A platform in its own world.
pub struct TestPlatform {
    /// The service layer under test.
    pub control: Control,
    /// The database behind it.
    pub db: Db,
    /// Where stacks run.
    pub engine: Arc<FakeEngine>,
    /// What routes to them.
    pub edge: Arc<FakeEdge>,
    /// Where their mail goes.
    pub relay: Arc<FakeRelay>,
    /// Whether they answer.
    pub probe: Arc<FakeProbe>,
    /// The answers of public DNS.
    pub world_dns: FixedAnswers,
    /// The platform's own zone, if it manages one.
    pub dns: Option<Arc<FakeDns>>,
    /// The double of Stripe, if the operator has an account there.
    pub stripe: Option<Arc<StripeDouble>>,
    /// The clock.
    pub clock: TestClock,
    /// The operator's settings.
    pub settings: Settings,
    failures: Arc<Mutex<Failures>>,
    pub(crate) people: AtomicU32,
    pub(crate) database: database::TestDatabase,
    pub(crate) processes: Option<Processes>,
    _letters: KeptLetters,
    _folder: TempDir,
}

/// Copies the outbox to the folder `STOA_KEEP_LETTERS` at the end of a test, for `e2e/letters`.
struct KeptLetters(PathBuf);

impl Drop for KeptLetters {
    fn drop(&mut self) {
        let Some(folder) = std::env::var_os("STOA_KEEP_LETTERS").map(PathBuf::from) else { return };
        let Ok(files) = std::fs::read_dir(&self.0) else { return };
        for path in files.filter_map(|file| Some(file.ok()?.path())) {
            if path.extension().is_some_and(|end| end == "eml") {
                let name = format!("{:?}-{:?}", std::thread::current().id(), path.file_name().unwrap_or_default());
                let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).collect();
                // Pictures are made of what there is.
                let _ = std::fs::copy(&path, folder.join(name));
            }
        }
    }
}

/// The other processes of a platform that consists of several.
pub(crate) struct Processes {
    /// Works whenever the platform's own workers do.
    pub(crate) second_worker: Control,
    _edge: Workers,
}

impl TestPlatform {
    /// A platform with the defaults.
    pub async fn new() -> Self {
        Self::builder().build().await
    }

    /// A builder for another platform.
    pub fn builder() -> Builder {
        let blueprints = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints");
        Builder { backend: database::default_backend(), change: Vec::new(), blueprints, zone: None, has_stripe: false }
    }

    /// Whether it consists of several processes (`STOA_TEST_PROCESSES`): an edge, `control` as web and worker, and a
    /// second worker.
    pub fn is_split(&self) -> bool {
        self.processes.is_some()
    }

    /// The platform's data directory, with the database's file.
    pub fn data_dir(&self) -> &Path {
        &self.settings.data_dir
    }

    /// All e-mails in the outbox, ordered by file name.
    ///
    /// # Panics
    /// If the outbox can't be read.
    pub fn outbox(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.data_dir().join("outbox")) else { return Vec::new() };
        let mut files: Vec<_> = folder.map(|file| file.expect("a file").path()).collect();
        // Other files are still being written.
        files.retain(|file| file.extension().is_some_and(|end| end == "eml"));
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).expect("a readable message")).collect()
    }

    /// Makes a table of the database unusable, until [`TestPlatform::mend_table`].
    pub async fn break_table(&self, table: &str) {
        self.database.rename(table, &format!("{table}_broken")).await;
    }

    /// Sets a customer's password as the previous release did.
    pub async fn previous_release_sets_password(&self, email: &str, hash: &str) {
        self.database.set_customer_password(email, hash).await;
    }

    /// Makes the table usable again.
    pub async fn mend_table(&self, table: &str) {
        self.database.rename(&format!("{table}_broken"), table).await;
    }

    /// Another service layer over the same world, like that of another process, and its edge: with its own
    /// database connection, and nothing routed yet.
    ///
    /// # Panics
    /// If the database doesn't answer.
    pub async fn another(&self) -> (Control, Arc<FakeEdge>) {
        self.seed().grow(true).await
    }

    /// The service layer of the next process, over the same engine and edge, with other blueprints.
    ///
    /// # Panics
    /// If the database or the blueprints can't be read.
    pub async fn with_blueprints(&self, folder: &Path) -> Control {
        let seed = self.seed();
        let settings = Settings { blueprints_dir: folder.to_owned(), ..seed.settings };
        let db = Db::connect(&seed.url).await.expect("a connection");
        let world = (seed.engine, self.edge.clone(), seed.failures);
        put_together(settings, db, (world, true), seed.names, seed.clock).0
    }

    pub(crate) fn seed(&self) -> Seed {
        Seed {
            url: self.database.url.clone(),
            settings: self.settings.clone(),
            engine: self.engine.clone(),
            failures: self.failures.clone(),
            names: Names {
                answers: self.world_dns.clone(),
                dns: self.dns.clone(),
                relay: self.relay.clone(),
                stripe: self.stripe.clone(),
            },
            clock: self.clock.clone(),
        }
    }
}

/// What another process needs to know about this world.
pub(crate) struct Seed {
    url: String,
    settings: Settings,
    engine: Arc<FakeEngine>,
    failures: Arc<Mutex<Failures>>,
    names: Names,
    clock: TestClock,
}

/// Public DNS, the platform's own zone, the mail server, and Stripe.
#[derive(Clone, Default)]
pub(crate) struct Names {
    stripe: Option<Arc<StripeDouble>>,
    answers: FixedAnswers,
    dns: Option<Arc<FakeDns>>,
    relay: Arc<FakeRelay>,
}

impl Seed {
    pub(crate) async fn grow(self, has_edge: bool) -> (Control, Arc<FakeEdge>) {
        let db = Db::connect(&self.url).await.expect("a connection");
        let edge = Arc::new(FakeEdge::default());
        let (control, _) = put_together(
            self.settings,
            db,
            ((self.engine, edge.clone(), self.failures), has_edge),
            self.names,
            self.clock,
        );
        (control, edge)
    }
}

impl Builder {
    /// Changes a setting.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings) + Send + 'static) -> Self {
        self.change.push(Box::new(change));
        self
    }

    /// Lets the platform manage this zone.
    #[must_use]
    pub fn zone(mut self, zone: &str) -> Self {
        self.zone = Some(Hostname::parse(zone).expect("a zone"));
        self
    }

    /// Lets the operator have an account at a double of Stripe.
    #[must_use]
    pub fn stripe(mut self) -> Self {
        self.has_stripe = true;
        self
    }

    /// Limits attempts as the product does.
    #[must_use]
    pub fn throttled(self) -> Self {
        self.settings(|settings| settings.rates = Rates::default())
    }

    /// Runs on this kind of database.
    #[must_use]
    pub fn on(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Uses the blueprints of this folder instead of the shipped ones.
    #[must_use]
    pub fn blueprints(mut self, folder: impl Into<PathBuf>) -> Self {
        self.blueprints = folder.into();
        self
    }

    /// Builds the platform.
    ///
    /// # Panics
    /// If the disk is full.
    pub async fn build(self) -> TestPlatform {
        let folder = folder();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a data directory");
        MasterKey::create(&data.join("master.key")).expect("a master key");
        let mut settings = Settings::trial(data, self.blueprints, SocketAddr::from(([127, 0, 0, 1], 8080)));
        plenty(&mut settings);
        self.change.into_iter().for_each(|change| change(&mut settings));
        let database = database::TestDatabase::new(self.backend, folder.path()).await;
        let db = Db::connect(&database.url).await.expect("a connection");
        db.migrate().await.expect("migrated");
        let (engine, edge) = (Arc::new(FakeEngine::default()), Arc::new(FakeEdge::default()));
        engine.on_exec(|_, _, exec| Some(hook(&exec.argv)));
        let (clock, failures) = (TestClock::default(), Arc::default());
        let world = (engine.clone(), edge.clone(), Arc::clone(&failures));
        let dns = self.zone.map(|zone| Arc::new(FakeDns::new(zone)));
        let stripe = self.has_stripe.then(|| Arc::new(StripeDouble::start(clock.now())));
        let names = Names { dns: dns.clone(), stripe: stripe.clone(), ..Names::default() };
        let (world_dns, relay) = (names.answers.clone(), names.relay.clone());
        let is_split = database::is_split() && self.backend != Backend::Sqlite;
        let put_together =
            |db, has_edge| put_together(settings.clone(), db, (world.clone(), has_edge), names.clone(), clock.clone());
        let (control, probe) = put_together(db.clone(), !is_split);
        let mut processes = None;
        if is_split {
            let connect = async || Db::connect(&database.url).await.expect("a connection");
            let edge = put_together(connect().await, true).0;
            edge.load().await.expect("an edge that follows");
            let only_edge = Roles { edge: true, web: false, worker: false };
            let second_worker = put_together(connect().await, false).0;
            processes = Some(Processes { second_worker, _edge: Workers::of_all([(edge, only_edge)]) });
        }
        let people = AtomicU32::new(0);
        let letters = KeptLetters(settings.data_dir.join("outbox"));
        TestPlatform {
            control,
            db,
            engine,
            edge,
            relay,
            probe,
            world_dns,
            dns,
            stripe,
            clock,
            settings,
            failures,
            people,
            database,
            processes,
            _letters: letters,
            _folder: folder,
        }
    }
}

/// In memory if possible: faster than a disk that is synced at every commit.
fn folder() -> TempDir {
    let named = || tempfile::Builder::new().prefix("stoa-test-").to_owned();
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { named().tempdir_in(memory) } else { named().tempdir() }.expect("a folder")
}

fn plenty(settings: &mut Settings) {
    let much = 1_000_000;
    settings.rates = Rates {
        login_minute: much,
        login_hour: much,
        staff_login_minute: much,
        staff_login_hour: much,
        sign_up_hour: much,
        order_hour: much,
    };
    settings.sites_per_customer = 0;
    settings.name_rest = std::time::Duration::ZERO;
    settings.memory_overcommit = 1000.0;
    settings.min_free_disk = Bytes::mib(0);
    settings.staff_mail = EmailAddress::parse("staff@stoa.example").ok();
}

/// The output of the shipped blueprints' hooks.
fn hook(argv: &[String]) -> ExecOutput {
    let login = argv.last().is_some_and(|program| program.ends_with("login.php"));
    let stdout = if login { r#"{"path":"/?stoa-login=token"}"# } else { "" };
    ExecOutput { code: 0, stdout: stdout.into(), stderr: String::new() }
}

/// What is around a process, except for its database.
type Around = (Arc<FakeEngine>, Arc<FakeEdge>, Arc<Mutex<Failures>>);

fn put_together(
    settings: Settings,
    db: Db,
    (around, has_edge): (Around, bool),
    names: Names,
    clock: TestClock,
) -> (Control, Arc<FakeProbe>) {
    let (engine, edge, failures) = around;
    let probe = Arc::new(FakeProbe::new(engine.clone(), edge.clone(), settings.edge_address, failures));
    let outbox = settings.data_dir.join("outbox");
    let control = Control::new(Parts {
        relay: names.relay,
        mailer: Mailer::Outbox { folder: outbox, from: settings.mail_from.clone().into() },
        key: MasterKey::load(&settings.data_dir.join("master.key")).expect("the master key"),
        blueprints: Blueprints::load(&settings.blueprints_dir).expect("good blueprints"),
        settings,
        db,
        engines: Engines::new(engine),
        edge: has_edge.then_some(edge as Arc<dyn Edge>),
        dns: names.dns.map(|dns| dns as Arc<dyn Dns>),
        resolver: Resolver::fixed(names.answers),
        clock: clock.clock(),
        probe: probe.clone(),
        stripe: names.stripe.map(|double| double.account()),
    });
    (control, probe)
}
