//! `stoa sites`: the lifecycle of sites. The server runs the jobs; a verb waits for its job to end unless
//! `--no-wait` is given.

use std::{collections::HashMap, time::Duration};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::{Timestamp, tz::TimeZone};
use stoa_control::Control;
use stoa_core::{RequestContext, view::JobView};
use stoa_model::{
    id::{CustomerId, JobId, SiteId},
    job::JobState,
    site::{Health, SiteState, Suspension, SuspensionReason},
    status::StatusGroup,
};
use stoa_sites::{
    MAX_LOG_LINES,
    command::{OrderSite, Suspend, UpdateSite},
    view::{LogLine, SiteFilter, SiteSort, SiteView},
};

use stoa_util::visible;

use crate::{
    bootstrap,
    config::Config,
    confirm::Confirm,
    output::{Output, table, when},
};

/// How often new lines of a log are looked for.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub enum Sites {
    /// List sites, newest first.
    #[command(visible_alias = "ls")]
    List(List),
    /// Show a site.
    Show(Name),
    /// Order a site for a customer.
    Order {
        /// The customer's e-mail address or id, `cus_…`.
        #[arg(long)]
        customer: String,
        /// Name of the blueprint.
        #[arg(long, default_value = "woocommerce")]
        blueprint: String,
        /// Title of the site.
        #[arg(long)]
        title: String,
        /// Label under the base domain.
        subdomain: String,
        /// Don't wait for the job to end.
        #[arg(long)]
        no_wait: bool,
    },
    /// Start a stopped site.
    Start(JobTarget),
    /// Stop a running site.
    Stop(JobTarget),
    /// Stop and start a running site.
    Restart(JobTarget),
    /// Retry the creation of a site that failed.
    Retry(JobTarget),
    /// Suspend a site: visitors see a page that says so, and its containers are stopped.
    Suspend {
        #[command(flatten)]
        name: Name,
        /// Why: non_payment, abuse, quota or operator.
        #[arg(long)]
        reason: SuspensionReason,
        /// A note for the owner and staff; visitors never see it.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// End a site's suspensions; after the last one, it starts again if it ran before.
    Resume {
        #[command(flatten)]
        name: Name,
        /// End only the suspension for this reason: non_payment, abuse, quota or operator.
        #[arg(long)]
        reason: Option<SuspensionReason>,
    },
    /// Update a running site to another version of its blueprint, with the images that are installed now.
    Update {
        #[command(flatten)]
        target: JobTarget,
        /// At least the first 8 characters of the version: the current version of the blueprint, or one that the site
        /// has had. Default: the current version.
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
    },
    /// Delete a site; its data is kept during the grace period.
    #[command(visible_alias = "rm")]
    Delete {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Restore a deleted site within its grace period.
    Undelete(Name),
    /// End the grace period of a deleted site now and remove all its data.
    Purge {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Print a one-time link that logs in to the site's administration.
    Login(Name),
    /// Show or change the limits on a site's visitors.
    Limits(super::limits::Limits),
    /// Print the last lines of a site's logs.
    Logs {
        #[command(flatten)]
        name: Name,
        /// Lines per service, 1 to 2000.
        #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LOG_LINES)))]
        tail: u32,
        /// Continue with new lines, until Ctrl-C.
        #[arg(long, short)]
        follow: bool,
    },
}

/// Which sites are listed.
#[derive(Args)]
pub struct List {
    /// Only those of this customer: e-mail address or id.
    #[arg(long)]
    customer: Option<String>,
    /// Only those that are online, in need of attention, starting, stopped or being deleted.
    #[arg(long, value_name = "GROUP")]
    status: Option<StatusGroup>,
    /// Only those with this text in their title, name or owner.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Maximum number of sites; default: all.
    #[arg(long)]
    limit: Option<usize>,
}

#[derive(Args)]
pub struct Name {
    /// Subdomain, hostname or id of the site.
    site: String,
}

/// A site for a job to work on.
#[derive(Args)]
pub struct JobTarget {
    #[command(flatten)]
    name: Name,
    /// Don't wait for the job to end.
    #[arg(long)]
    no_wait: bool,
}

pub async fn run(verb: &Sites, config: &Config, out: &Output) -> Result<()> {
    let control = bootstrap::control(config).await?;
    let cx = control.core.system_context("sites");
    match verb {
        Sites::List(chosen) => out.show(&listed(&control, &cx, chosen).await?, |sites| {
            let is_filtered = chosen.customer.is_some() || chosen.status.is_some() || chosen.search.is_some();
            if sites.is_empty() && !is_filtered {
                return "There are no sites yet. Order one: stoa sites order --help".into();
            }
            list(sites)
        }),
        Sites::Show(name) => show(&find(&control, &cx, name).await?, out),
        Sites::Order { customer, blueprint, title, subdomain, no_wait } => {
            let order = OrderSite {
                blueprint: blueprint.clone(),
                subdomain: subdomain.clone(),
                title: title.clone(),
                customer: Some(owner(&control, &cx, customer).await?),
                ..OrderSite::default()
            };
            let ordered = control.sites.order(&cx, order, None).await?;
            wait(&control, ordered.job, *no_wait, out).await
        }
        Sites::Start(target) => {
            let site = find(&control, &cx, &target.name).await?;
            if site.state == SiteState::Active && site.health == Health::Healthy {
                return out.show(&site, |site| format!("{} is already online.", site.hostname));
            }
            wait(&control, control.sites.start(&cx, site.id).await?, target.no_wait, out).await
        }
        Sites::Stop(target) => {
            let site = find(&control, &cx, &target.name).await?;
            if site.state == SiteState::Stopped {
                return out.show(&site, |site| format!("{} is already stopped.", site.hostname));
            }
            wait(&control, control.sites.stop(&cx, site.id).await?, target.no_wait, out).await
        }
        Sites::Restart(target) => {
            let job = control.sites.restart(&cx, find(&control, &cx, &target.name).await?.id).await?;
            wait(&control, job, target.no_wait, out).await
        }
        Sites::Retry(target) => {
            let job = control.sites.retry(&cx, find(&control, &cx, &target.name).await?.id).await?;
            wait(&control, job, target.no_wait, out).await
        }
        Sites::Suspend { name, reason, note } => {
            let command = Suspend { reason: *reason, note: note.clone() };
            let id = find(&control, &cx, name).await?.id;
            show(&control.sites.suspend(&cx, id, command).await?, out)
        }
        Sites::Resume { name, reason } => {
            let id = find(&control, &cx, name).await?.id;
            show(&control.sites.resume(&cx, id, *reason).await?, out)
        }
        Sites::Update { target, to } => {
            let id = find(&control, &cx, &target.name).await?.id;
            let job = control.sites.update(&cx, id, UpdateSite { to: to.clone() }).await?;
            wait(&control, job, target.no_wait, out).await
        }
        Sites::Delete { name, confirm } => {
            let site = find(&control, &cx, name).await?;
            let kept = until(cx.now + control.settings().delete_grace);
            let question = format!("Delete {}? It goes offline at once; its data is kept until {kept}.", site.hostname);
            confirm.ask_for_name(&question, &site.hostname)?;
            out.show(&control.sites.delete(&cx, site.id).await?, |site| {
                let until = site.purge_at.map_or_else(|| kept.clone(), until);
                format!("Deleted. Undo until {until}: stoa sites undelete {}", site.hostname)
            })
        }
        Sites::Undelete(name) => show(&control.sites.undelete(&cx, find(&control, &cx, name).await?.id).await?, out),
        Sites::Purge { name, confirm } => {
            let site = find(&control, &cx, name).await?;
            let question = format!("Remove all data of {} now? This can't be undone.", site.hostname);
            confirm.ask_for_name(&question, &site.hostname)?;
            control.sites.purge_now(&cx, site.id).await?;
            out.show(&serde_json::json!({ "accepted": true }), |_| "The server removes it within a minute.".into())
        }
        Sites::Login(name) => {
            let link = control.sites.login_link(&cx, find(&control, &cx, name).await?.id).await?;
            out.show(&serde_json::json!({ "url": link }), |_| link.clone())
        }
        Sites::Limits(verb) => super::limits::run(verb, &control, &cx, out).await,
        Sites::Logs { name, tail, follow } => {
            let id = find(&control, &cx, name).await?.id;
            if *follow {
                follow_logs(&control, id, *tail, out).await
            } else {
                print_logs(&control, id, *tail, out).await
            }
        }
    }
}

async fn print_logs(control: &Control, id: SiteId, tail: u32, out: &Output) -> Result<()> {
    let lines = control.sites.logs(&control.core.system_context("sites"), id, tail).await?.lines;
    out.show(&lines, |lines| lines.iter().map(log_line).collect::<Vec<_>>().join("\n"))
}

/// Prints the last lines, and then each new one.
async fn follow_logs(control: &Control, id: SiteId, tail: u32, out: &Output) -> Result<()> {
    let mut last: HashMap<String, String> = HashMap::new();
    let mut wanted = tail;
    loop {
        let lines = control.sites.logs(&control.core.system_context("sites"), id, wanted).await?.lines;
        for line in lines {
            let at = line.at.to_string();
            if last.get(&line.service).is_some_and(|last| *last >= at) {
                continue;
            }
            if out.json {
                out.text(&(serde_json::to_string(&line)? + "\n"))?;
            } else {
                out.text(&(log_line(&line) + "\n"))?;
            }
            last.insert(line.service, at);
        }
        wanted = MAX_LOG_LINES;
        tokio::time::sleep(FOLLOW_INTERVAL).await;
    }
}

fn log_line(line: &LogLine) -> String {
    format!("{} {}: {}", line.at, line.service, visible(&line.line))
}

/// A day, as a deadline.
fn until(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y").to_string()
}

/// The sites that were chosen.
async fn listed(control: &Control, cx: &RequestContext, chosen: &List) -> Result<Vec<SiteView>> {
    let customer = match &chosen.customer {
        Some(customer) => Some(owner(control, cx, customer).await?),
        None => None,
    };
    let filter = SiteFilter { customer, group: chosen.status, blueprint: None, text: chosen.search.clone() };
    let find = async |page| Ok(control.sites.search(cx, filter.clone(), SiteSort::Newest, page).await?.sites);
    super::first_items(find, chosen.limit).await
}

/// Every site.
pub async fn all(control: &Control) -> Result<Vec<SiteView>> {
    let cx = control.core.system_context("sites");
    let mut sites: Vec<SiteView> = Vec::new();
    loop {
        let before = sites.last().map(|site| site.id);
        let page = control.sites.list(&cx, before, 100).await?;
        sites.extend(page.items);
        if page.next.is_none() {
            return Ok(sites);
        }
    }
}

async fn owner(control: &Control, cx: &RequestContext, text: &str) -> Result<CustomerId> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(control.accounts.find_customer(cx, text).await?.id),
    }
}

async fn find(control: &Control, cx: &RequestContext, name: &Name) -> Result<SiteView> {
    Ok(control.sites.find(cx, &name.site).await?)
}

/// Sites as a table.
pub(super) fn list(sites: &[SiteView]) -> String {
    if sites.is_empty() {
        return "There are no such sites.".into();
    }
    let row = |s: &SiteView| {
        let owner = s.owner.as_ref().map(|owner| owner.email.clone()).unwrap_or_default();
        [s.hostname.clone(), s.status.to_string(), owner, s.blueprint.clone(), when(s.created_at)]
    };
    table(["Site", "Status", "Owner", "Blueprint", "Ordered"], sites.iter().map(row))
}

fn show(site: &SiteView, out: &Output) -> Result<()> {
    out.show(site, |s| {
        let mut rows = vec![
            ["Id".to_owned(), s.id.to_string()],
            ["Title".to_owned(), s.title.clone()],
            ["Address".to_owned(), s.url.clone()],
            ["Blueprint".to_owned(), s.blueprint.clone()],
            ["State".to_owned(), s.state.to_string()],
            ["Health".to_owned(), s.health.to_string()],
            ["Administrator".to_owned(), s.admin_user.clone()],
        ];
        rows.extend(s.suspensions.iter().map(|suspension| ["Suspended".to_owned(), suspension_text(suspension)]));
        rows.extend(s.reason.iter().map(|text| ["Reason".to_owned(), text.clone()]));
        rows.extend(s.purge_at.iter().map(|at| ["Purge after".to_owned(), at.to_string()]));
        rows.extend(s.notices.iter().map(|text| ["Note".to_owned(), text.clone()]));
        table(["", ""], rows)
    })
}

fn suspension_text(suspension: &Suspension) -> String {
    let Suspension { reason, actor, at, note } = suspension;
    let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("{reason}, since {at:.0}, by {actor}{note}")
}

/// Waits for a job to end and shows it. A job that failed is an error.
pub(super) async fn wait(control: &Control, id: JobId, no_wait: bool, out: &Output) -> Result<()> {
    let cx = control.core.system_context("sites");
    loop {
        let job: JobView = control.jobs.get(&cx, id).await?;
        let over = job.state.is_over() || job.state == JobState::Stuck;
        if over || no_wait {
            out.show(&job, super::jobs::page)?;
            if over && job.state != JobState::Succeeded {
                bail!("the job ended {}", job.state);
            }
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
