//! Does it work? First the application's own health check, then a real request through the edge,
//! as a visitor sends it.
//!
//! What a store that is known answers to that request is its own business: it may be in maintenance, ask for a password or
//! lead elsewhere. Only an answer that the edge made in its place is a failure.

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use http::StatusCode;
use stoa_saga::{Done, ResultExt, Step, StepError, StepRun, UndoError};
use tokio::time::{Instant, sleep};

use super::{
    crash::{self, crash_report, last_output},
    deploy_failed, engine_failed,
};
use crate::sagas::{OnSite, SitePlan, StepContext};
use stoa_integrations::probe::Place;
use stoa_util::error_chain;

/// Between two looks: short, for every look that comes late is time that a customer waits.
const PAUSE: Duration = Duration::from_millis(25);
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// So often it is made sure that the containers run, while there is no answer.
const CHECK_ENGINE: Duration = Duration::from_secs(3);

const PUBLIC: &str = "The store was started but does not answer.";

/// Which answers of the front page will do besides 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepted {
    /// What the site itself answers, unless that is an error of its own.
    OwnWithoutError,
    /// Whatever the site itself answers.
    Own,
}

/// `None`: only 200 will do, as for what was just made.
pub struct VerifySite(Option<Accepted>);

impl VerifySite {
    /// For a site that is being made.
    pub const fn new_site() -> Self {
        Self(None)
    }

    /// For a site whose containers were replaced by others.
    pub const fn changed_site() -> Self {
        Self(Some(Accepted::OwnWithoutError))
    }

    /// For a site as its owner left it.
    pub const fn known_site() -> Self {
        Self(Some(Accepted::Own))
    }
}

#[async_trait]
impl<P: OnSite> Step<P, StepContext> for VerifySite {
    fn name(&self) -> &'static str {
        "verify"
    }

    fn title(&self) -> &'static str {
        "Check that the store responds"
    }

    async fn act(&self, cx: &StepContext, plan: &P, run: &StepRun) -> Result<Done, StepError> {
        let (new_address, plan) = (plan.new_address(), plan.site());
        let blueprint = plan.blueprint().or_fail(PUBLIC)?;
        let upstream = cx.upstream(plan).await.map_err(|error| engine_failed(PUBLIC, error))?;
        let url = match new_address {
            Some(address) => address.url.clone(),
            None => self.url(cx, plan).await?,
        };
        let (host, secure) = split(&url);
        let inside = Place { address: upstream, secure: false, host };
        let edge = if secure { cx.core.settings.edge_tls_address } else { None };
        let outside = Place { address: edge.unwrap_or(cx.core.settings.edge_address), secure: edge.is_some(), host };
        let began = Instant::now();
        run.waiting(until_answered(cx, plan, run, inside, &blueprint.health, None)).await?;
        // A main name that was given up while the site was being deleted is all that its application
        // knows, and leads here no more. The job that tells it another one asks through the edge.
        let name = new_address.map_or(&plan.hostname, |address| &address.hostname);
        if host.split(':').next() != Some(name.as_str()) {
            return Ok(Done::with_detail("Answered; it is not reached from outside before it has its new address"));
        }
        let own = self.0.map(|accepted| (inside, accepted));
        let status = run.waiting(until_answered(cx, plan, run, outside, &blueprint.front, own)).await?;
        let took = began.elapsed().as_millis();
        Ok(Done::with_detail(match status {
            Some(status) if status != StatusCode::OK => {
                format!("Answered through the edge after {took} ms, with {status} of its own")
            }
            _ => format!("Answered through the edge after {took} ms"),
        }))
    }

    async fn undo(&self, _: &StepContext, _: &P, _: &StepRun) -> Result<(), UndoError> {
        Ok(())
    }
}

impl VerifySite {
    /// The address that the application knows by now.
    async fn url(&self, cx: &StepContext, plan: &SitePlan) -> Result<String, StepError> {
        let site = stoa_db::sites::site_get(&cx.core.db, plan.site).await.map_err(super::db_failed)?;
        Ok(site.and_then(|site| site.url).unwrap_or_else(|| cx.core.settings.site_url(&plan.hostname, false)))
    }
}

/// The Host header as browsers send it, and whether they come over HTTPS.
fn split(url: &str) -> (&str, bool) {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    (host, url.starts_with("https://"))
}

/// Waits until the site's own service answers its health check, without the edge.
pub(super) async fn until_ready(cx: &StepContext, plan: &SitePlan, run: &StepRun) -> Result<(), StepError> {
    let blueprint = plan.blueprint().or_fail(PUBLIC)?;
    let address = cx.upstream(plan).await.map_err(|error| engine_failed(PUBLIC, error))?;
    let place = Place { address, secure: false, host: split(&plan.url).0 };
    run.waiting(until_answered(cx, plan, run, place, &blueprint.health, None)).await.map(drop)
}

/// Fails unless the site's own service at this address passes its health check now.
pub(crate) async fn check_health(cx: &StepContext, plan: &SitePlan, address: SocketAddr) -> Result<(), String> {
    let blueprint = plan.blueprint().map_err(|error| error_chain(&error))?;
    let place = Place { address, secure: false, host: split(&plan.url).0 };
    match cx.probe.ask(place, &blueprint.health, PATIENCE).await {
        Ok(StatusCode::OK) => Ok(()),
        Ok(status) => Err(format!("its health check answers {status}; its address is connected once it passes")),
        Err(error) => Err(format!("{error}; its address is connected once it answers")),
    }
}

/// Whether an answer from outside is that of the site itself, and will do.
async fn is_own(cx: &StepContext, status: StatusCode, path: &str, inside: Place<'_>, accepted: Accepted) -> bool {
    let will_do = accepted == Accepted::Own || !status.is_server_error();
    will_do && (status.is_success() || cx.probe.ask(inside, path, PATIENCE).await.is_ok_and(|own| own == status))
}

/// Asks until the answer is 200, or else one of the site's `own` that will do. `None` if the site was suspended meanwhile.
async fn until_answered(
    cx: &StepContext,
    plan: &SitePlan,
    run: &StepRun,
    place: Place<'_>,
    path: &str,
    own: Option<(Place<'_>, Accepted)>,
) -> Result<Option<StatusCode>, StepError> {
    let Place { address, host, .. } = place;
    let began = Instant::now();
    let mut checked = began;
    loop {
        let answer = run.unless_cancelled(cx.probe.ask(place, path, PATIENCE)).await?;
        match (&answer, own) {
            (Ok(StatusCode::OK), _) => return Ok(Some(StatusCode::OK)),
            (Ok(status), Some((inside, accepted)))
                if run.unless_cancelled(is_own(cx, *status, path, inside, accepted)).await? =>
            {
                return Ok(Some(*status));
            }
            _ => {}
        }
        let last =
            answer.map_or_else(|e| e.to_string(), |status| format!("{host}{path} at {address} answered {status}"));
        if began.elapsed() > cx.core.settings.start_limit {
            return Err(StepError::fail(
                PUBLIC,
                format!("{last}; its last output: {}", last_output(cx, plan, None).await),
            ));
        }
        if checked.elapsed() > CHECK_ENGINE {
            checked = Instant::now();
            if is_suspended(cx, plan).await? {
                return Ok(None);
            }
            if let Some(report) = crash_report(cx, plan).await {
                return Err(StepError::fail(crash::PUBLIC, report));
            }
            run.note(&format!("Still waiting for an answer: {last}")).await;
            keep_running(cx, plan).await?;
        }
        run.unless_cancelled(sleep(PAUSE)).await?;
    }
}

/// Whether the site was suspended meanwhile: visitors see a page that says so, and its containers will be
/// stopped when the job has ended.
async fn is_suspended(cx: &StepContext, plan: &SitePlan) -> Result<bool, StepError> {
    let site = stoa_db::sites::site_get(&cx.core.db, plan.site).await.map_err(super::db_failed)?;
    Ok(site.is_some_and(|site| !site.suspensions.is_empty()))
}

/// Starts again what the engine lost, for instance because the engine itself was restarted.
async fn keep_running(cx: &StepContext, plan: &SitePlan) -> Result<(), StepError> {
    cx.deploy(plan).await.map(drop).map_err(deploy_failed)
}
