//! The configuration. A setting is declared once, as an entry of a `settings!` block here or in the file of its
//! section; `schema.rs` says what follows from it. Values come from the defaults, the file, systemd's
//! credentials, the environment and the command line; the later source wins. All mistakes are reported at
//! once, each with its key and its place.

mod acme;
mod billing;
mod dns;
mod firewall;
mod ingress;
mod mail;
mod mistake;
mod nginx;
mod schema;
mod site_mail;
mod source;
mod stripe;
#[cfg(test)]
mod tests;
mod traefik;
mod validation;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use stoa_model::secret::{ExposeSecret, SecretString};
use toml::{Table, Value};

use self::{
    acme::Acme,
    billing::Billing,
    dns::Dns,
    firewall::Firewall,
    mail::Mail,
    mistake::Mistake,
    nginx::Nginx,
    schema::{OptionalAddress, Section, SettingType, settings},
    site_mail::SiteMail,
    source::{Content, Given, Layer, Source},
    stripe::StripeSection,
};
pub use self::{ingress::EdgeKind, traefik::Traefik};

settings! {
    /// The configuration.
    pub struct Config in "" {
        /// Everything that Stoa stores: database, master key, sites, outbox, logs.
        data_dir: PathBuf = "/var/lib/stoa",

        /// The proxy that forwards visitors to sites: "embedded", Stoa's own; or "nginx" or "traefik", where
        /// one of them already runs (docs/edges.md).
        edge: EdgeKind = "embedded",

        /// Address on which Stoa listens: for portal and sites alike, or behind nginx or Traefik. With systemd,
        /// sockets named `http` and `https` replace `listen` and `https_listen` (docs/operate.md).
        listen: SocketAddr = "127.0.0.1:8080",

        /// Address of the portal where it runs in a process of its own (`stoa serve --roles web`): that one listens
        /// there, and processes with the role edge forward to it.
        web_listen: OptionalAddress = "",

        /// HTTP port as visitors see it; 0: the port of `listen`.
        public_port: u16 = 0,

        /// Address on which the edge listens for HTTPS; empty: plain HTTP only.
        https_listen: OptionalAddress = "",

        /// HTTPS port as visitors see it; 0: the port of `https_listen`.
        https_port: u16 = 0,

        /// Public addresses of this machine, such as ["198.51.100.1", "2001:db8::1"], to which customers'
        /// domains must point. Empty: where a domain points is not checked.
        public_addresses: Vec<IpAddr> = [],

        /// Sites get names below this one: NAME.base_domain. It is also the portal's own name.
        base_domain: String = "localhost",

        /// Further names and addresses of the portal.
        portal_hosts: Vec<String> = ["127.0.0.1"],

        /// Name on screen.
        product_name: String = "Stoa",

        /// In production, settings that only suit a trial are refused, and a missing master key is an error.
        production: bool = false,

        /// URL of the database: mysql://user:password@host/db or postgres://…; empty: SQLite in the data
        /// directory.
        database: SecretString = "",

        /// Docker's socket.
        docker_socket: PathBuf = "/var/run/docker.sock",

        /// Folder of blueprints.
        blueprints: PathBuf = "blueprints",

        /// Private addresses for sites. Each site gets 16 of them.
        subnet_pool: String = "10.213.0.0/16",

        /// Largest packet of sites' networks in bytes, as behind a VPN; 0: what Docker and the machine's way out carry.
        /// Networks that are there keep theirs (`stoa doctor`).
        site_mtu: u32 = 0,

        /// Memory limit of a site's main service.
        main_memory: String = "1g",

        /// CPU limit of a site's main service.
        main_cpu: String = "1",

        /// Largest request body of a site.
        max_body: String = "100m",

        /// Requests per second to a new site, on average, from all its visitors; 0: no limit.
        /// `stoa sites limits` changes this and the next three for one site.
        site_rate: u32 = 200,

        /// Requests to a new site that may exceed `site_rate` in a burst.
        site_burst: u32 = 400,

        /// Requests to a new site that may be open at the same time; 0: no limit.
        site_in_flight: u32 = 500,

        /// Seconds that a new site may take to respond.
        site_response_seconds: u32 = 600,

        /// What a site may store, measured at least every few minutes; 0: no limit. Its owner is warned at 80 and 90 %, uploads
        /// are refused at 100 %, and above 110 % the site is suspended. `stoa sites limits` changes it for one site.
        site_disk: String = "10g",

        /// The memory limits of all sites may add up to this many times the machine's memory.
        memory_overcommit: f64 = 4.0,

        /// New sites are refused when less is free on the disk of `data_dir` or on the one where Docker keeps
        /// volumes and images.
        min_free_disk: String = "1g",

        /// Sites that a customer may have, those that are being deleted included, as they hold their space until they are
        /// purged; 0: no limit. Staff can order more for them.
        sites_per_customer: u32 = 50,

        /// Jobs that people wait for and that work at the same time. A job that only waits for a site to answer does
        /// not count. With more than one, the last is kept for a customer who has no job running.
        workers: usize = 4,

        /// The same for the platform's own upkeep of sites.
        maintenance_workers: usize = 2,

        /// Seconds without a heartbeat after which another worker takes over a job: a job that a crash
        /// interrupted continues at the latest after this time.
        lease_seconds: u32 = 15,

        /// Seconds for which a process that has handed over to another one (SIGHUP) serves the connections that are
        /// still open. Then it ends WebSockets with status 1001 and cuts the rest.
        drain_seconds: u32 = 600,

        /// Days during which a deleted site can be restored.
        delete_grace_days: u32 = 7,

        /// Days for which the name of a purged site is kept for its former owner before others can take it; 0: none.
        name_rest_days: u32 = 7,

        /// Whether `/metrics` has series for each site and each certificate: some 30 per site. Turn it off when your
        /// monitoring can't hold as many.
        site_metrics: bool = true,

        /// Whether staff must set up two-step login before they can do anything else.
        staff_second_factor: bool = false,

        /// Sender of all e-mail. The server that it leaves by is set in [mail].
        mail_from: String = "stoa@localhost.localdomain",

        /// Where your customers get help: e-mail to them names it; empty: it doesn't.
        support_email: String = "",

        /// Recipient of failure reports; empty: nobody.
        staff_mail: String = "",

        /// Proxies in front of Stoa whose forwarded headers are trusted, such as ["10.0.0.0/8"].
        trusted_proxies: Vec<String> = [],

        /// Load balancers in front of Stoa that announce clients by the PROXY protocol.
        proxy_protocol: Vec<String> = [],

        /// Days for which browsers insist on HTTPS after a visit (HSTS); 0: not announced.
        hsts_days: u32 = 180,

        /// Days allowed for domain verification.
        domain_claim_days: u32 = 7,

        /// DNS servers for checking domains, such as ["9.9.9.9:53"]; empty: the system's.
        resolvers: Vec<SocketAddr> = [],

        /// Log requests to logs/access.jsonl in the data directory.
        access_log: bool = true,

        /// Format of Stoa's own log on standard error: text or json. RUST_LOG chooses what is logged.
        log_format: LogFormat = "text",
    }
    with {
        rates: Rates,
        acme: Acme,
        dns: Dns,
        mail: Mail,
        nginx: Nginx,
        traefik: Traefik,
        firewall: Firewall,
        site_mail: SiteMail,
        billing: Billing,
        stripe: StripeSection,
        /// Where each setting was set that isn't at its default.
        #[serde(skip)]
        sources: BTreeMap<String, Source>,
        /// To be logged once logging has started.
        #[serde(skip)]
        warnings: Vec<String>,
    }
}

settings! {
    /// Attempts per client network, and orders per customer.
    pub struct Rates in "rates" {
        /// Logins of customers per minute.
        login_minute: u32 = 5,
        /// Logins of customers per hour.
        login_hour: u32 = 20,
        /// Logins of staff per minute.
        staff_login_minute: u32 = 3,
        /// Logins of staff per hour.
        staff_login_hour: u32 = 10,
        /// New accounts per hour.
        sign_up_hour: u32 = 10,
        /// Sites that one customer orders per hour.
        order_hour: u32 = 20,
    }
}

/// All sections, the top level first.
pub const SECTIONS: &[Section] = &[
    Config::SECTION,
    Rates::SECTION,
    Acme::SECTION,
    Dns::SECTION,
    Mail::SECTION,
    Nginx::SECTION,
    Traefik::SECTION,
    Firewall::SECTION,
    SiteMail::SECTION,
    Billing::SECTION,
    StripeSection::SECTION,
];

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl SettingType for LogFormat {
    const EXAMPLE: &'static str = "json";
}

/// All settings with their defaults and documentation, as a configuration file.
pub fn describe() -> String {
    schema::describe(SECTIONS)
}

/// Everything outside the program that settings are read from.
#[derive(Debug, Default)]
struct Input {
    file: Option<(PathBuf, String)>,
    credentials: Option<PathBuf>,
    variables: BTreeMap<OsString, OsString>,
    options: Vec<String>,
}

impl Config {
    /// Reads `file` over the defaults, the environment over both, and the `options` (`KEY=VALUE`) over all.
    pub fn load(file: Option<&Path>, options: &[String]) -> Result<Self> {
        let read = |path: &Path| {
            let text = fs::read_to_string(path);
            Ok::<_, anyhow::Error>((
                path.to_owned(),
                text.with_context(|| format!("reading the configuration {}", path.display()))?,
            ))
        };
        let input = Input {
            file: file.map(read).transpose()?,
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            variables: std::env::vars_os().collect(),
            options: options.to_vec(),
        };
        Self::from_input(&input)
    }

    fn from_input(input: &Input) -> Result<Self> {
        let mut layers = Vec::new();
        if let Some((path, text)) = &input.file {
            layers.push(Layer::file(path, text)?);
        }
        layers.extend(input.credentials.as_deref().map(Layer::credentials));
        layers.push(Layer::environment(&input.variables));
        layers.push(Layer::command_line(&input.options));

        let (mut mistakes, mut given) = (Vec::new(), BTreeMap::new());
        for layer in layers {
            mistakes.extend(layer.mistakes);
            given.extend(layer.given);
        }
        let mut tree = defaults();
        let mut sources = BTreeMap::new();
        for (key, given) in given {
            match typed(&tree, &given) {
                Ok(changed) => {
                    tree = changed;
                    sources.insert(key, given.source);
                }
                Err(mistake) => mistakes.push(mistake.at(Some(&given.source))),
            }
        }
        let mut config: Self = tree.try_into()?;
        config.sources = sources;
        config.warnings = source::misspelled_variables(&input.variables);
        if !mistakes.is_empty() {
            // A default can be wrong only because the value that should replace it was refused.
            let further = config.validate().1.into_iter().filter(|mistake| mistake.source.is_some());
            bail!(report(mistakes.into_iter().chain(further)));
        }
        Ok(config)
    }

    /// Where the database is. It can contain a password.
    pub fn database_url(&self) -> SecretString {
        if self.has_default_database() {
            format!("sqlite://{}?mode=rwc", self.data_dir.join("stoa.db").display()).into()
        } else {
            self.database.clone()
        }
    }

    /// The database's file, if it is the one in the data directory.
    pub fn default_database_file(&self) -> Option<PathBuf> {
        self.has_default_database().then(|| self.data_dir.join("stoa.db"))
    }

    /// Whether the database is a file in the data directory.
    pub fn has_default_database(&self) -> bool {
        self.database.expose_secret().is_empty()
    }

    /// Whether the database is SQLite, a file that only processes on this machine can use.
    pub fn has_sqlite(&self) -> bool {
        self.database_url().expose_secret().starts_with("sqlite:")
    }

    /// Where the master key is.
    pub fn key_path(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The names that the portal answers to.
    pub fn platform_hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.base_domain.clone()];
        if self.edge == EdgeKind::Traefik {
            hosts.push(self.traefik.stoa_address(self.listen).ip().to_string());
        }
        hosts.extend(self.portal_hosts.iter().filter(|host| **host != self.base_domain).cloned());
        hosts
    }
}

fn defaults() -> Table {
    let mut tree = Table::new();
    for setting in source::all_settings() {
        insert(&mut tree, setting.section, setting.name, setting.default_value());
    }
    tree
}

fn insert(tree: &mut Table, section: &str, name: &str, value: Value) {
    let table = match section {
        "" => tree,
        section => {
            let table = tree.entry(section).or_insert_with(|| Value::Table(Table::new()));
            table.as_table_mut().expect("a section is a table")
        }
    };
    table.insert(name.to_owned(), value);
}

/// `tree` with one more value, if its type is right.
fn typed(tree: &Table, given: &Given) -> Result<Table, Mistake> {
    let setting = given.setting;
    let value = match &given.content {
        Content::Value(value) => value.clone(),
        Content::SecretFile(path) => Value::String(read_secret(path).map_err(|problem| {
            let key = setting.file_key().unwrap_or_else(|| setting.key());
            Mistake::new(key, format!("{}: {problem}", path.display()))
        })?),
    };
    if setting.is_secret && !value.is_str() {
        return Err(Mistake::new(setting.key(), "this is not text in quotes"));
    }
    let mut changed = tree.clone();
    insert(&mut changed, setting.section, setting.name, value.clone());
    match changed.clone().try_into::<Config>() {
        Ok(_) => Ok(changed),
        Err(error) => {
            let problem = format!("{value} can't be used: {}; an example is {}", error.message(), setting.example);
            Err(Mistake::new(setting.key(), problem))
        }
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    match text.trim() {
        "" => Err("the file is empty".into()),
        secret => Ok(secret.to_owned()),
    }
}

fn report(mistakes: impl IntoIterator<Item = Mistake>) -> String {
    let lines: Vec<_> = mistakes.into_iter().map(|mistake| format!("\n  {mistake}")).collect();
    format!("the configuration has mistakes:{}", lines.concat())
}
