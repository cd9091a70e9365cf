//! Puts the parts together. The only place that knows every maker.

use std::{fs, os::unix::fs::DirBuilderExt, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use async_trait::async_trait;
use stoa_control::{
    Clock, Control, Parts,
    blueprints::Blueprints,
    keys::{KeyError, MasterKey},
    probe::HttpProbe,
    random,
};
use stoa_db::{Db, meta};
use stoa_docker::{Docker, DockerConfig};
use stoa_integrations::{dns::DnsMaker, mail::Mailer, resolver::Resolver};
use stoa_model::{id::SiteId, route::RoutingTable, traffic::Traffic};
use stoa_provider::{
    dns::Dns,
    edge::{Edge, EdgeError},
};

use crate::config::Config;

/// The service layer for `stoa serve`, over the edge of this process; the database is migrated.
pub async fn control_for_server(config: &Config, edge: Arc<dyn Edge>) -> Result<Control> {
    build(config, Schema::Migrate, edge).await
}

/// The service layer for verbs that a new installation begins with; the database is migrated.
pub async fn control_migrated(config: &Config) -> Result<Control> {
    load_certificates(build(config, Schema::Migrate, Arc::new(NoopEdge)).await?).await
}

/// The service layer for all other verbs, over the database as it is.
pub async fn control(config: &Config) -> Result<Control> {
    load_certificates(build(config, Schema::Keep, Arc::new(NoopEdge)).await?).await
}

/// Whoever serves keeps the certificates up to date by itself; beside him they are read once.
async fn load_certificates(control: Control) -> Result<Control> {
    control.certificates_load().await?;
    Ok(control)
}

/// What becomes of a database that lacks migrations.
enum Schema {
    /// They are applied.
    Migrate,
    /// It is refused: a verb of a new binary must not change it under the server of the old one.
    Keep,
}

async fn build(config: &Config, schema: Schema, edge: Arc<dyn Edge>) -> Result<Control> {
    let settings = config.settings()?;
    data_directory(config)?;
    let key = key(config)?;
    let db = match schema {
        Schema::Migrate => database(config).await?,
        Schema::Keep => current_database(config).await?,
    };
    let installation = installation(&db, &key).await?;
    let engine = Docker::connect(DockerConfig {
        socket: config.docker_socket.clone(),
        installation,
        timeout: Duration::from_secs(60),
    });
    let blueprints = Blueprints::load(&config.blueprints)?;
    let mailer = Mailer::Outbox { folder: config.data_dir.join("outbox"), from: settings.mail_from.clone() };
    Ok(Control::new(Parts {
        settings,
        db,
        engine: Arc::new(engine),
        edge,
        dns: dns(config)?,
        resolver: resolver(config)?,
        mailer,
        key,
        blueprints,
        clock: Clock::system(),
        probe: Arc::new(HttpProbe),
    }))
}

fn dns(config: &Config) -> Result<Option<Arc<dyn Dns>>> {
    let base = config.settings()?.base_domain;
    let Some(dns) = config.dns.settings(&base).map_err(|error| anyhow::anyhow!("reading [dns]: {error}"))? else {
        return Ok(None);
    };
    Ok(Some(Arc::new(DnsMaker::new(dns)?)))
}

fn resolver(config: &Config) -> Result<Resolver> {
    let servers = config.resolvers()?;
    let made = if servers.is_empty() { Resolver::system() } else { Resolver::with_servers(servers) };
    made.map_err(|error| anyhow::anyhow!("setting up the look-up of names: {error}; see `resolvers`"))
}

/// The database, migrated.
pub async fn database(config: &Config) -> Result<Db> {
    let db = open(config).await?;
    db.migrate().await.with_context(|| format!("migrating {}", database_label(config)))?;
    Ok(db)
}

async fn current_database(config: &Config) -> Result<Db> {
    let db = open(config).await?;
    let place = database_label(config);
    let missing = db.pending_migrations().await.with_context(|| format!("reading the schema of {place}"))?;
    if !missing.is_empty() {
        anyhow::bail!(
            "{place} lacks {} of this release's migrations: for an upgrade stop the server, copy the database and \
             start the server anew, or run `stoa migrate` (docs/operate.md); a new installation begins with `stoa init`",
            missing.len()
        );
    }
    Ok(db)
}

async fn open(config: &Config) -> Result<Db> {
    data_directory(config)?;
    Db::connect(&config.database_url()).await.with_context(|| format!("opening {}", database_label(config)))
}

/// The database's name in messages: an address of the configuration holds a password.
fn database_label(config: &Config) -> String {
    if config.database.is_empty() { config.database_url() } else { "the database of the configuration".to_owned() }
}

/// Makes the data directory if it isn't there, for its owner's eyes only.
pub fn data_directory(config: &Config) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .with_context(|| format!("making the data directory {}", config.data_dir.display()))
}

fn key(config: &Config) -> Result<MasterKey> {
    let path = config.key_path();
    match MasterKey::load(&path) {
        Err(KeyError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound && !config.production => {
            tracing::info!(path = %path.display(), "making a new master key; keep a copy of it apart from the database's backup");
            // Two processes may start at once: the one that comes second takes the first one's key.
            MasterKey::create(&path).or_else(|_| MasterKey::load(&path)).map_err(Into::into)
        }
        Err(error @ KeyError::File { .. }) => Err(error)
            .context("in production the master key is never made by itself: run `stoa init`, or restore the file"),
        other => Ok(other?),
    }
}

/// The installation's name, made at the first start, and the proof that the key is the right one.
async fn installation(db: &Db, key: &MasterKey) -> Result<String> {
    if let Some(known) = meta::meta_get(db, "master_key").await?
        && known != key.id()
    {
        anyhow::bail!(
            "the database was sealed with master key {known}, but the file holds {}: restore the right master.key",
            key.id()
        );
    }
    if let Some(name) = meta::meta_get(db, "installation").await? {
        return Ok(name);
    }
    let fresh = random::uuid_at(jiff::Timestamp::now()).simple().to_string();
    let (fresh, id) = (&fresh, key.id());
    let kept = db
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
    Ok(kept)
}

/// The edge of a command-line verb: the serving process has the real one and follows the database.
struct NoopEdge;

#[async_trait]
impl Edge for NoopEdge {
    async fn traffic(&self) -> Result<Vec<(SiteId, Traffic)>, EdgeError> {
        Ok(Vec::new())
    }

    async fn apply(&self, _: RoutingTable) -> Result<(), EdgeError> {
        Ok(())
    }

    fn applied(&self) -> u64 {
        0
    }
}
