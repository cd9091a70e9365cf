//! `stoa trial`: an operator, a customer and a first store, for people who try Stoa out. What is
//! there already is kept, so it can be run again and again.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use stoa_control::{
    Control, Error, RequestContext,
    command::{OrderSite, Register},
    random,
    view::SiteView,
};
use stoa_model::{
    account::{Actor, Role},
    job::JobState,
    secret::{ExposeSecret, SecretString},
    site::SiteState,
};

use crate::{config::Config, output::Output, bootstrap};

const OPERATOR: &str = "operator@example.com";
const CUSTOMER: &str = "customer@example.com";
const STORE: &str = "first-store";

#[derive(Args)]
pub struct Trial {
    /// Where the addresses and logins are written as JSON, for the owner's eyes only.
    #[arg(long, default_value = "run.json")]
    pub out: PathBuf,
    /// Wait so many seconds for `stoa serve` to answer.
    #[arg(long, default_value_t = 5)]
    pub wait_for_server: u64,
}

/// Addresses and logins of the trial.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Facts {
    portal_url: String,
    operator_email: String,
    operator_password: String,
    customer_email: String,
    customer_password: String,
    store_url: String,
    store_admin_url: String,
    store_admin_user: String,
    store_admin_password: String,
    api_url: String,
    api_token: String,
    /// Plain facts about the store's software.
    notices: Vec<String>,
}

pub async fn run(verb: &Trial, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control_migrated(config).await?;
    let cx = control.system_context("trial");
    wait_for_server(&control, Duration::from_secs(verb.wait_for_server)).await?;
    let mut facts: Facts =
        fs::read(&verb.out).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    facts.portal_url = control.settings().portal_url.clone();
    facts.api_url = format!("{}/api/v1", facts.portal_url);
    operator(&control, &cx, &mut facts).await?;
    customer(&control, &cx, &mut facts).await?;
    write_private(&verb.out, &facts)?;
    let site = store(&control, &cx).await?;
    facts.store_url = site.url.clone();
    facts.notices = site.notices.clone();
    let login = control.site_credentials(&cx, site.id).await?.into_iter().next().context("the store has no login")?;
    facts.store_admin_password = reveal(control.site_credential_reveal(&cx, site.id, login.ordinal).await?);
    facts.store_admin_url = login.url;
    facts.store_admin_user = login.username;
    write_private(&verb.out, &facts)?;
    out.show(&facts, people)
}

async fn wait_for_server(control: &Control, patience: Duration) -> Result<()> {
    let (address, began) = (control.settings().edge_address, Instant::now());
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if began.elapsed() > patience {
            bail!("nobody listens on {address}: start `stoa serve` with the same configuration first");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn operator(control: &Control, cx: &RequestContext, facts: &mut Facts) -> Result<()> {
    let known = facts.operator_email == OPERATOR && !facts.operator_password.is_empty();
    let staff = control.staff_find(cx, OPERATOR).await;
    if !(known && staff.is_ok()) {
        let password = new_password();
        match staff {
            Ok(_) => control.staff_password(cx, OPERATOR, password.clone()).await?,
            Err(_) => drop(control.staff_create(cx, OPERATOR, Role::SuperAdmin, password.clone()).await?),
        }
        facts.operator_email = OPERATOR.to_owned();
        facts.operator_password = reveal(password);
        facts.api_token.clear();
    }
    if facts.api_token.is_empty() || control.token_actor(&facts.api_token).await?.is_none() {
        let staff = control.staff_find(cx, OPERATOR).await?;
        facts.api_token = reveal(control.token_for(cx, Actor::Staff(staff.id, staff.role), "trial").await?);
    }
    Ok(())
}

async fn customer(control: &Control, cx: &RequestContext, facts: &mut Facts) -> Result<()> {
    let known = facts.customer_email == CUSTOMER && !facts.customer_password.is_empty();
    let found = control.customer_find(cx, CUSTOMER).await;
    if known && found.is_ok() {
        return Ok(());
    }
    let password = new_password();
    match found {
        Ok(_) => control.customer_password(cx, CUSTOMER, password.clone()).await?,
        Err(_) => {
            let register =
                Register { email: CUSTOMER.to_owned(), password: password.clone(), company: "Trial & Sons".to_owned() };
            control.register(cx, register).await?;
        }
    }
    facts.customer_email = CUSTOMER.to_owned();
    facts.customer_password = reveal(password);
    Ok(())
}

/// The first store, made, started or waited for as it needs.
async fn store(control: &Control, cx: &RequestContext) -> Result<SiteView> {
    let owner = control.customer_find(cx, CUSTOMER).await?;
    let site = match control.site_by_name(cx, STORE).await {
        Ok(site) => site,
        Err(Error::NotFound(_)) => {
            let order = OrderSite {
                blueprint: "woocommerce".to_owned(),
                subdomain: STORE.to_owned(),
                title: "My first store".to_owned(),
                customer: Some(owner.id),
                ..OrderSite::default()
            };
            let ordered = control.site_order(cx, order, None).await?;
            control.site_get(cx, ordered.site).await?
        }
        Err(error) => return Err(error.into()),
    };
    match (site.state, site.job) {
        (SiteState::Failed, None) => drop(control.site_retry(cx, site.id).await?),
        (SiteState::Stopped, None) => drop(control.site_start(cx, site.id).await?),
        _ => {}
    }
    until_active(control, cx, &site).await
}

async fn until_active(control: &Control, cx: &RequestContext, site: &SiteView) -> Result<SiteView> {
    let began = Instant::now();
    loop {
        let now = control.site_get(cx, site.id).await?;
        match (now.state, now.job) {
            (SiteState::Active, None) => return Ok(now),
            (state, None) => {
                let jobs = control.site_jobs(cx, site.id).await?;
                let why = jobs.first().and_then(|job| job.error_detail.clone()).or(now.reason).unwrap_or_default();
                bail!("the store {} is {state}: {why}", site.hostname)
            }
            (_, Some(job)) if control.job_get(cx, job).await?.state == JobState::Stuck => {
                bail!("the store's job {job} is stuck: see `stoa jobs show {job}`")
            }
            _ if began.elapsed() > Duration::from_secs(300) => {
                bail!("the store {} was not ready after 5 minutes: see `stoa jobs list`", site.hostname)
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn new_password() -> SecretString {
    random::token().expose_secret().chars().take(24).collect::<String>().into()
}

fn reveal(secret: SecretString) -> String {
    secret.expose_secret().to_owned()
}

/// Aside, then renamed: a reader never meets half of it, and nobody else may read it.
fn write_private(path: &Path, facts: &Facts) -> Result<()> {
    let aside = path.with_added_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&serde_json::to_vec_pretty(facts)?)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

fn people(facts: &Facts) -> String {
    let mut text = format!(
        "\n  Portal    {}\n            operator  {}  {}\n            customer  {}  {}\n\n  Store     {}\n            {}\n            {}  {}\n\n  API       {}   reference: {}/api/docs\n            token     {}\n",
        facts.portal_url,
        facts.operator_email,
        facts.operator_password,
        facts.customer_email,
        facts.customer_password,
        facts.store_url,
        facts.store_admin_url,
        facts.store_admin_user,
        facts.store_admin_password,
        facts.api_url,
        facts.portal_url,
        facts.api_token,
    );
    for notice in &facts.notices {
        text.push_str(&format!("\n  Note: {notice}\n"));
    }
    text
}
