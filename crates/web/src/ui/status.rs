//! How states look: text, icon and color, never color alone.

use std::fmt;

use askama::filters::HtmlSafe;
use stoa_core::view::Verdict;
use stoa_domains::view::{CertificateState, DomainView};
use stoa_model::{
    domain::DomainState,
    job::JobState,
    site::{Health, SiteState},
};

use super::icon;

/// A state as a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    /// Color, a class of the style sheet.
    pub tone: &'static str,
    /// Icon.
    pub icon: &'static str,
    /// Text.
    pub word: &'static str,
}

const fn badge(tone: &'static str, icon: &'static str, word: &'static str) -> Badge {
    Badge { tone, icon, word }
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<span class=\"badge tone-{}\">{}{}</span>", self.tone, icon(self.icon), self.word)
    }
}

impl HtmlSafe for Badge {}

/// How a site's state looks.
pub const fn site(state: SiteState) -> Badge {
    match state {
        SiteState::Pending => badge("busy", "clock", "Pending"),
        SiteState::Provisioning => badge("busy", "turn", "Provisioning"),
        SiteState::Active => badge("good", "check", "Active"),
        SiteState::Failed => badge("bad", "cross", "Failed"),
        SiteState::Suspended => badge("warn", "pause", "Suspended"),
        SiteState::Stopped => badge("off", "stop", "Stopped"),
        SiteState::Sleeping => badge("off", "moon", "Sleeping"),
        SiteState::Updating => badge("busy", "turn", "Updating"),
        SiteState::Deleting => badge("warn", "bin", "Marked for deletion"),
        SiteState::Deleted => badge("off", "bin", "Deleted"),
    }
}

/// How a site's health looks; only for sites that should run.
pub const fn health(state: SiteState, health: Health) -> Option<Badge> {
    if !state.should_run() {
        return None;
    }
    Some(match health {
        Health::Unknown => badge("off", "wait", "Not checked yet"),
        Health::Healthy => badge("good", "check", "Healthy"),
        Health::Unhealthy => badge("warn", "warning", "Unhealthy"),
        Health::Down => badge("bad", "cross", "Down"),
    })
}

/// How a job's state looks.
pub const fn job(state: JobState) -> Badge {
    match state {
        JobState::Queued => badge("busy", "clock", "Queued"),
        JobState::Running => badge("busy", "turn", "Running"),
        JobState::Unwinding => badge("warn", "undo", "Undoing"),
        JobState::Succeeded => badge("good", "check", "Done"),
        JobState::Failed => badge("bad", "cross", "Failed"),
        JobState::Cancelled => badge("off", "stop", "Cancelled"),
        JobState::Stuck => badge("bad", "warning", "Stuck"),
    }
}

/// How a finding of the doctor looks.
pub const fn verdict(verdict: Verdict) -> Badge {
    match verdict {
        Verdict::Good => badge("good", "check", "Good"),
        Verdict::Warning => badge("warn", "warning", "Look at it"),
        Verdict::Bad => badge("bad", "cross", "Bad"),
    }
}

/// How a domain's state looks.
pub const fn domain(domain: &DomainView) -> Badge {
    match (domain.state, &domain.problem) {
        (DomainState::Claimed, _) => badge("busy", "clock", "Waiting for proof"),
        (DomainState::Verified, None) => badge("good", "check", "Verified"),
        (DomainState::Verified, Some(_)) => badge("warn", "warning", "Needs a change"),
        (DomainState::Removed, _) => badge("off", "bin", "Removed"),
    }
}

/// How a DNS record looks: found or not.
pub const fn record(seen: bool) -> Badge {
    if seen { badge("good", "check", "Found") } else { badge("off", "wait", "Not found yet") }
}

/// A certificate in use that expires soon and will not be renewed automatically.
pub const EXPIRING: Badge = badge("warn", "warning", "Runs out");

/// How a name's certificate looks.
pub const fn certificate(state: CertificateState) -> Badge {
    match state {
        CertificateState::Good => badge("good", "lock", "HTTPS on"),
        CertificateState::Waiting => badge("busy", "clock", "HTTPS is coming"),
        CertificateState::Failing => badge("warn", "warning", "No HTTPS yet"),
        CertificateState::Off => badge("off", "unlock", "Plain HTTP"),
    }
}

/// The icon and the screen reader text of a step's state.
pub fn step(state: &str) -> (&'static str, &'static str) {
    match state {
        "running" => ("turn", "running"),
        "done" => ("check", "done"),
        "failed" => ("cross", "failed"),
        "undoing" => ("turn", "being undone"),
        "undone" => ("undo", "undone"),
        "undo_failed" => ("warning", "could not be undone"),
        _ => ("wait", "waiting"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_states_look_alike() {
        let mut seen: Vec<Badge> = Vec::new();
        for state in SiteState::ALL {
            assert!(!seen.contains(&site(*state)), "{state}");
            seen.push(site(*state));
        }
        let mut seen: Vec<Badge> = Vec::new();
        for state in JobState::ALL {
            assert!(!seen.contains(&job(*state)), "{state}");
            seen.push(job(*state));
        }
    }

    #[test]
    fn only_running_sites_have_a_health() {
        assert_eq!(health(SiteState::Stopped, Health::Down), None);
        assert_eq!(health(SiteState::Active, Health::Down).unwrap().word, "Down");
    }
}
