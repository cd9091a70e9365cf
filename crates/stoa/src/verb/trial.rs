//! `stoa trial`: an operator, a customer and a first store, for people who try Stoa out. It keeps what already
//! exists, so it can be repeated.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use stoa_accounts::command::Register;
use stoa_control::Control;
use stoa_core::{Error, RequestContext, random};
use stoa_model::{
    account::{Actor, Role},
    job::JobState,
    secret::{ExposeSecret, SecretString},
    site::SiteState,
};
use stoa_sites::{command::OrderSite, view::SiteView};
use stoa_util::atomic_file;

use crate::{bootstrap, config::Config, output::Output};

const OPERATOR_EMAIL: &str = "operator@example.com";
const CUSTOMER_EMAIL: &str = "customer@example.com";
const STORE_NAME: &str = "first-store";

#[derive(Args)]
pub struct Trial {
    /// File for the addresses and logins, as JSON that only its owner can read.
    #[arg(long, default_value = "run.json")]
    pub out: PathBuf,
    /// Seconds to wait for `stoa serve` to respond.
    #[arg(long, default_value_t = 5)]
    pub wait_for_server: u64,
}

/// Addresses and logins of the trial.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct TrialAccess {
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
    /// What to know about the store's software.
    notices: Vec<String>,
}

pub async fn run(verb: &Trial, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control_migrated(config).await?;
    let cx = control.core.system_context("trial");
    wait_for_server(&control, Duration::from_secs(verb.wait_for_server)).await?;
    let mut access: TrialAccess =
        fs::read(&verb.out).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    access.portal_url = control.core.portal_url();
    access.api_url = format!("{}/api/v1", access.portal_url);
    operator(&control, &cx, &mut access).await?;
    customer(&control, &cx, &mut access).await?;
    save(&verb.out, &access)?;
    let site = store(&control, &cx).await?;
    access.store_url = site.url.clone();
    access.notices = site.notices.clone();
    let login =
        control.sites.list_credentials(&cx, site.id).await?.into_iter().next().context("the store has no login")?;
    access.store_admin_password = reveal(control.sites.reveal_credential(&cx, site.id, login.ordinal).await?);
    access.store_admin_url = login.url;
    access.store_admin_user = login.username;
    save(&verb.out, &access)?;
    out.show(&access, people)
}

async fn wait_for_server(control: &Control, timeout: Duration) -> Result<()> {
    let (address, started_at) = (control.settings().edge_address, Instant::now());
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if started_at.elapsed() > timeout {
            bail!("nothing listens on {address}: start `stoa serve` with the same configuration first");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn operator(control: &Control, cx: &RequestContext, access: &mut TrialAccess) -> Result<()> {
    let known = access.operator_email == OPERATOR_EMAIL && !access.operator_password.is_empty();
    let staff = control.accounts.find_staff(cx, OPERATOR_EMAIL).await;
    if !(known && staff.is_ok()) {
        let password = new_password();
        match staff {
            Ok(_) => control.accounts.set_staff_password(cx, OPERATOR_EMAIL, password.clone()).await?,
            Err(_) => {
                control.accounts.create_staff(cx, OPERATOR_EMAIL, Role::SuperAdmin, None, password.clone()).await?;
            }
        }
        access.operator_email = OPERATOR_EMAIL.to_owned();
        access.operator_password = reveal(password);
        access.api_token.clear();
    }
    if access.api_token.is_empty() || control.accounts.token_owner(&access.api_token).await?.is_none() {
        let staff = control.accounts.find_staff(cx, OPERATOR_EMAIL).await?;
        access.api_token =
            reveal(control.accounts.create_token_for(cx, Actor::Staff(staff.id, staff.role), "trial").await?);
    }
    Ok(())
}

async fn customer(control: &Control, cx: &RequestContext, access: &mut TrialAccess) -> Result<()> {
    let known = access.customer_email == CUSTOMER_EMAIL && !access.customer_password.is_empty();
    let found = control.accounts.find_customer(cx, CUSTOMER_EMAIL).await;
    if known && found.is_ok() {
        return Ok(());
    }
    let password = new_password();
    match found {
        Ok(_) => control.accounts.set_customer_password(cx, CUSTOMER_EMAIL, password.clone()).await?,
        Err(_) => {
            let register = Register {
                email: CUSTOMER_EMAIL.to_owned(),
                password: password.clone(),
                company: "Trial & Sons".to_owned(),
            };
            control.accounts.register(cx, register).await?;
        }
    }
    access.customer_email = CUSTOMER_EMAIL.to_owned();
    access.customer_password = reveal(password);
    Ok(())
}

/// The first store: ordered, retried or started as needed, and active when this returns.
async fn store(control: &Control, cx: &RequestContext) -> Result<SiteView> {
    let owner = control.accounts.find_customer(cx, CUSTOMER_EMAIL).await?;
    let site = match control.sites.find(cx, STORE_NAME).await {
        Ok(site) => site,
        Err(Error::NotFound(_)) => {
            let order = OrderSite {
                blueprint: "woocommerce".to_owned(),
                subdomain: STORE_NAME.to_owned(),
                title: "My first store".to_owned(),
                customer: Some(owner.id),
                ..OrderSite::default()
            };
            let ordered = control.sites.order(cx, order, None).await?;
            control.sites.get(cx, ordered.site).await?
        }
        Err(error) => return Err(error.into()),
    };
    match (site.state, site.job) {
        (SiteState::Failed | SiteState::Cancelled, None) => drop(control.sites.retry(cx, site.id).await?),
        (SiteState::Stopped, None) => drop(control.sites.start(cx, site.id).await?),
        _ => {}
    }
    wait_until_active(control, cx, &site).await
}

async fn wait_until_active(control: &Control, cx: &RequestContext, site: &SiteView) -> Result<SiteView> {
    let started_at = Instant::now();
    loop {
        let now = control.sites.get(cx, site.id).await?;
        match (now.state, now.job) {
            (SiteState::Active, None) => return Ok(now),
            (state, None) => {
                let jobs = control.jobs.list_of_site(cx, site.id, 1).await?;
                let reason = jobs.first().and_then(|job| job.error_detail.clone()).or(now.reason).unwrap_or_default();
                bail!("the store {} is {state}: {reason}", site.hostname)
            }
            (_, Some(job)) if control.jobs.get(cx, job).await?.state == JobState::Stuck => {
                bail!("the store's job {job} is stuck: see `stoa jobs show {job}`")
            }
            _ if started_at.elapsed() > Duration::from_secs(300) => {
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

fn save(path: &Path, access: &TrialAccess) -> Result<()> {
    let json = serde_json::to_vec_pretty(access)?;
    atomic_file::write_private(path, &json).with_context(|| format!("writing {}", path.display()))
}

fn people(access: &TrialAccess) -> String {
    let mut text = format!(
        "\n  Portal    {}\n            operator  {}  {}\n            customer  {}  {}\n\n  Store     {}\n            {}\n            {}  {}\n\n  API       {}   reference: {}/api/docs\n            token     {}\n",
        access.portal_url,
        access.operator_email,
        access.operator_password,
        access.customer_email,
        access.customer_password,
        access.store_url,
        access.store_admin_url,
        access.store_admin_user,
        access.store_admin_password,
        access.api_url,
        access.portal_url,
        access.api_token,
    );
    for notice in &access.notices {
        text.push_str(&format!("\n  Note: {notice}\n"));
    }
    text
}
