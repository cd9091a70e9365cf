//! Assembles the service layer. The only place that knows every provider.

use std::{fs, os::unix::fs::DirBuilderExt, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use stoa_control::{Control, Parts};
use stoa_core::{
    Clock,
    keys::{KeyError, MasterKey},
    random,
};
use stoa_db::{Db, meta};
use stoa_docker::{Docker, DockerConfig};
use stoa_integrations::probe::HttpProbe;
use stoa_integrations::{dns::DnsProvider, mail::Mailer, resolver::Resolver};
use stoa_model::{host::Hostname, secret::ExposeSecret};
use stoa_provider::{dns::Dns, edge::Edge, engine::Engines};
use stoa_sites::blueprints::Blueprints;

use crate::config::Config;

/// The service layer for `stoa serve`, over the edge of this process if it runs one, after migrating the database.
pub async fn control_for_server(config: &Config, edge: Option<Arc<dyn Edge>>) -> Result<Control> {
    build(config, Schema::Migrate, edge).await
}

/// The service layer for verbs that a new installation begins with, after migrating the database.
pub async fn control_migrated(config: &Config) -> Result<Control> {
    load_certificates(build(config, Schema::Migrate, None).await?).await
}

/// The service layer for all other verbs; a database that lacks migrations is refused.
pub async fn control(config: &Config) -> Result<Control> {
    load_certificates(build(config, Schema::RequireCurrent, None).await?).await
}

/// The server reloads certificates as they change; for a verb, loading them once is enough.
async fn load_certificates(control: Control) -> Result<Control> {
    control.domains.load_certificates().await?;
    Ok(control)
}

/// What to do with a database that lacks migrations.
enum Schema {
    /// Apply them.
    Migrate,
    /// Refuse it: a new binary's verb must not change the schema under the old binary's server.
    RequireCurrent,
}

async fn build(config: &Config, schema: Schema, edge: Option<Arc<dyn Edge>>) -> Result<Control> {
    let settings = config.settings()?;
    let dns = dns(config, &settings.base_domain)?;
    data_directory(config)?;
    let key = key(config)?;
    let db = match schema {
        Schema::Migrate => database(config).await?,
        Schema::RequireCurrent => current_database(config).await?,
    };
    let installation = installation(&db, &key).await?;
    let engine = Docker::connect(DockerConfig {
        socket: config.docker_socket.clone(),
        installation,
        address_pool: config.address_pool()?,
        timeout: Duration::from_secs(60),
    });
    let blueprints = Blueprints::load(&config.blueprints)?;
    let mailer = Mailer::Outbox { folder: config.data_dir.join("outbox"), from: settings.mail_from.clone() };
    Ok(Control::new(Parts {
        settings,
        db,
        engines: Engines::new(Arc::new(engine)),
        edge,
        dns,
        resolver: resolver(config)?,
        mailer,
        key,
        blueprints,
        clock: Clock::system(),
        probe: Arc::new(HttpProbe),
    }))
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

/// The database, migrated.
pub async fn database(config: &Config) -> Result<Db> {
    let db = open(config).await?;
    db.migrate().await.with_context(|| format!("migrating {}", database_label(config)))?;
    Ok(db)
}

async fn current_database(config: &Config) -> Result<Db> {
    let db = open(config).await?;
    let label = database_label(config);
    let missing = db.pending_migrations().await.with_context(|| format!("reading the schema of {label}"))?;
    if !missing.is_empty() {
        anyhow::bail!(
            "{label} lacks {} of this release's migrations. To upgrade, stop the server, copy the database, then start \
             the server again or run `stoa migrate` (docs/operate.md). For a new installation, run `stoa init`",
            missing.len()
        );
    }
    Ok(db)
}

async fn open(config: &Config) -> Result<Db> {
    data_directory(config)?;
    Db::connect(config.database_url().expose_secret())
        .await
        .with_context(|| format!("opening {}", database_label(config)))
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

fn key(config: &Config) -> Result<MasterKey> {
    let path = config.key_path();
    match MasterKey::load(&path) {
        Err(KeyError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound && !config.production => {
            tracing::info!(path = %path.display(), "creating a master key; keep a copy of it apart from the database's backups");
            // When two processes start at once, the second one uses the first one's key.
            MasterKey::create(&path).or_else(|_| MasterKey::load(&path)).map_err(Into::into)
        }
        Err(error @ KeyError::File { .. }) => Err(error)
            .context("in production Stoa never creates a master key on its own: run `stoa init`, or restore the file"),
        other => Ok(other?),
    }
}

/// The installation's id, created at the first start. Fails if the database was sealed with another key.
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
