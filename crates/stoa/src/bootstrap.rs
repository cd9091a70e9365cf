//! Assembles the service layer. The only place that knows every provider.

use std::{fs, os::unix::fs::DirBuilderExt, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use stoa_control::{Control, Parts};
use stoa_core::{
    Clock, Settings,
    keys::{KeyError, MasterKey},
    random,
};
use stoa_db::{Db, meta};
use stoa_docker::{Docker, DockerConfig};
use stoa_integrations::probe::HttpProbe;
use stoa_integrations::{
    dns::DnsProvider,
    mail::{Mailer, Smtp},
    mail_relay::{MailRelay, OutboxRelay},
    resolver::Resolver,
};
use stoa_model::{host::Hostname, secret::ExposeSecret};
use stoa_provider::{dns::Dns, edge::Edge, engine::Engines};
use stoa_sites::blueprints::Blueprints;

use crate::{config::Config, data_owner::ensure_data_owner};

/// The service layer for `stoa serve`, over the edge of this process if it runs one, after migrating the database.
pub async fn control_for_server(config: &Config, edge: Option<Arc<dyn Edge>>) -> Result<Control> {
    build(config, Access::Migrate, edge).await
}

/// The service layer for `stoa init`, which creates what a new installation needs.
pub async fn control_initialized(config: &Config) -> Result<Control> {
    load_certificates(build(config, Access::Initialize, None).await?).await
}

/// The service layer for `stoa trial`, after migrating the database.
pub async fn control_migrated(config: &Config) -> Result<Control> {
    load_certificates(build(config, Access::Migrate, None).await?).await
}

/// The service layer for all other verbs, which create neither data directory nor key nor database; a database that
/// lacks migrations is refused.
pub async fn control(config: &Config) -> Result<Control> {
    load_certificates(build(config, Access::Existing, None).await?).await
}

/// Migrates the database for `stoa migrate`, and creates what a new installation lacks.
pub async fn migrate(config: &Config) -> Result<()> {
    open_installation(config, Access::Migrate).await.map(drop)
}

/// The server reloads certificates as they change; for a verb, loading them once is enough.
async fn load_certificates(control: Control) -> Result<Control> {
    control.domains.load_certificates().await?;
    Ok(control)
}

/// What may be created and changed before anything else is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Everything, in production too.
    Initialize,
    /// The database is created and migrated. A key is created, but in production only by `Initialize`: a server that
    /// misses its key must not continue with another one.
    Migrate,
    /// Nothing: a new binary's verb must not change the schema under the old binary's server, and one that only reads
    /// leaves no new key or database where somebody mistyped a path.
    Existing,
}

/// The database and the key that it was sealed with.
async fn open_installation(config: &Config, access: Access) -> Result<(Db, MasterKey)> {
    ensure_data_owner(&config.data_dir)?;
    if access != Access::Existing {
        data_directory(config)?;
    } else if !config.data_dir.is_dir() {
        bail!(
            "there is no installation: the data directory {} does not exist. For a new installation, run `stoa init`; \
             else correct `data_dir`, or name the configuration file with --config",
            config.data_dir.display()
        );
    }
    let db = open(config, access).await?;
    let label = database_label(config);
    match access {
        Access::Existing => require_current(&db, &label).await?,
        Access::Initialize | Access::Migrate => db.migrate().await.with_context(|| format!("migrating {label}"))?,
    }
    let key = key(config, access, &db).await?;
    Ok((db, key))
}

async fn build(config: &Config, access: Access, edge: Option<Arc<dyn Edge>>) -> Result<Control> {
    let settings = config.settings()?;
    let dns = dns(config, &settings.base_domain)?;
    let (db, key) = open_installation(config, access).await?;
    let installation = installation(&db, &key).await?;
    let engine = Docker::connect(DockerConfig {
        socket: config.docker_socket.clone(),
        installation,
        address_pool: config.address_pool()?,
        mtu: Some(config.site_mtu).filter(|mtu| *mtu > 0),
        timeout: Duration::from_secs(60),
    });
    let blueprints = Blueprints::load(&config.blueprints)?;
    let mailer = mailer(config, &settings)?;
    let relay: Arc<dyn MailRelay> = match &mailer {
        Mailer::Smtp { server, .. } => Arc::new(server.clone()),
        Mailer::Outbox { folder, .. } => Arc::new(OutboxRelay { folder: folder.join("sites") }),
    };
    Ok(Control::new(Parts {
        settings,
        db,
        engines: Engines::new(Arc::new(engine)),
        edge,
        dns,
        resolver: resolver(config)?,
        mailer,
        relay,
        key,
        blueprints,
        clock: Clock::system(),
        probe: Arc::new(HttpProbe),
        stripe: config.stripe_account().map_err(|mistake| anyhow::anyhow!("{mistake}"))?,
    }))
}

fn mailer(config: &Config, settings: &Settings) -> Result<Mailer> {
    let from = config.mail.sender(settings.mail_from.clone(), &settings.product_name)?;
    Ok(match config.mail.settings(&settings.mail_from)? {
        Some(smtp) => {
            let server = Smtp::new(smtp).map_err(|error| anyhow::anyhow!("setting up mail: {error}; see [mail]"))?;
            Mailer::Smtp { server, from }
        }
        None => Mailer::Outbox { folder: config.data_dir.join("outbox"), from },
    })
}

fn dns(config: &Config, base_domain: &Hostname) -> Result<Option<Arc<dyn Dns>>> {
    let Some(dns) = config.dns.settings(base_domain)? else {
        return Ok(None);
    };
    Ok(Some(Arc::new(DnsProvider::new(dns)?)))
}

fn resolver(config: &Config) -> Result<Resolver> {
    let servers = config.resolvers.clone();
    let resolver = if servers.is_empty() { Resolver::system() } else { Resolver::with_servers(servers) };
    resolver.map_err(|error| anyhow::anyhow!("setting up DNS resolution: {error}; see the setting `resolvers`"))
}

async fn require_current(db: &Db, label: &str) -> Result<()> {
    let missing = db.pending_migrations().await.with_context(|| format!("reading the schema of {label}"))?;
    if !missing.is_empty() {
        bail!(
            "{label} lacks {} of this release's migrations. To upgrade, stop the server, copy the database, then start \
             the server again or run `stoa migrate` (docs/operate.md). For a new installation, run `stoa init`",
            missing.len()
        );
    }
    Ok(())
}

async fn open(config: &Config, access: Access) -> Result<Db> {
    let mut url = config.database_url().expose_secret().to_owned();
    let label = database_label(config);
    if access == Access::Existing {
        url = url.replace("?mode=rwc", "?mode=rw");
        if let Some(file) = config.default_database_file().filter(|file| !file.exists()) {
            bail!(
                "there is no installation: the database {} does not exist. For a new installation, run `stoa init` or \
                 `stoa migrate`; else correct `data_dir`, or name the configuration file with --config",
                file.display()
            );
        }
    }
    Db::connect(&url).await.with_context(|| format!("opening {label}"))
}

/// The database as messages name it: a configured URL can contain a password.
fn database_label(config: &Config) -> String {
    if config.has_default_database() {
        config.database_url().expose_secret().to_owned()
    } else {
        "the configured database".to_owned()
    }
}

/// Creates the data directory, readable only by its owner, if it doesn't exist.
pub fn data_directory(config: &Config) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .with_context(|| format!("creating the data directory {}", config.data_dir.display()))
}

/// The master key. One is created only where nothing was sealed yet: with another key nothing would open.
async fn key(config: &Config, access: Access, db: &Db) -> Result<MasterKey> {
    let path = config.key_path();
    let missing = match MasterKey::load(&path) {
        Err(KeyError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => path.display(),
        other => return Ok(other?),
    };
    if let Some(known) = meta::meta_get(db, "master_key").await? {
        bail!(
            "the master key {missing} is missing, and the database was sealed with key {known}: restore the right master.key"
        );
    }
    let may_create = match access {
        Access::Initialize => true,
        Access::Migrate => !config.production,
        Access::Existing => false,
    };
    if !may_create {
        bail!(
            "the master key {missing} is missing. In production only `stoa init` creates it: run it, or restore the file"
        );
    }
    tracing::info!(path = %missing, "creating a master key; keep a copy of it apart from the database's backups");
    // When two processes start at once, the second one uses the first one's key.
    Ok(MasterKey::create(&path).or_else(|_| MasterKey::load(&path))?)
}

/// The installation's id, created at the first start. Fails if the database was sealed with another key.
async fn installation(db: &Db, key: &MasterKey) -> Result<String> {
    if let Some(known) = meta::meta_get(db, "master_key").await?
        && known != key.id()
    {
        bail!(
            "the database was sealed with master key {known}, but the file holds {}: restore the right master.key",
            key.id()
        );
    }
    if let Some(name) = meta::meta_get(db, "installation").await? {
        return Ok(name);
    }
    let fresh = random::uuid_at(jiff::Timestamp::now()).simple().to_string();
    let (fresh, id) = (&fresh, key.id());
    let name = db
        .write(|tx| {
            Box::pin(async move {
                if let Some(name) = meta::meta_get(&*tx, "installation").await? {
                    return Ok(name);
                }
                meta::meta_set(&tx, "master_key", id).await?;
                meta::meta_set(&tx, "installation", fresh).await?;
                Ok::<_, stoa_db::DbError>(fresh.clone())
            })
        })
        .await?;
    Ok(name)
}
