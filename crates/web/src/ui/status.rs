//! How states look: text, icon and color, never color alone.

use std::fmt;

use askama::filters::HtmlSafe;
use stoa_core::view::Verdict;
use stoa_domains::view::CertificateState;
use stoa_model::{
    billing::subscription::SubscriptionStatus,
    domain::DomainState,
    job::JobState,
    mail::MailState,
    site_mail::DeliveryState,
    status::{SiteStatus, StatusGroup},
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

/// How a site's status looks: the same on every page.
pub const fn site(status: SiteStatus) -> Badge {
    match status {
        SiteStatus::Starting => badge("busy", "turn", "Starting"),
        SiteStatus::Online => badge("good", "check", "Online"),
        SiteStatus::NotResponding => badge("warn", "warning", "Not responding"),
        SiteStatus::Offline => badge("bad", "cross", "Offline"),
        SiteStatus::Asleep => badge("off", "moon", "Asleep"),
        SiteStatus::Stopped => badge("off", "stop", "Stopped"),
        SiteStatus::Suspended => badge("warn", "pause", "Suspended"),
        SiteStatus::Failed => badge("bad", "warning", "Setup failed"),
        SiteStatus::Cancelled => badge("off", "stop", "Cancelled"),
        SiteStatus::Deleting => badge("warn", "bin", "Scheduled for deletion"),
        SiteStatus::Deleted => badge("off", "bin", "Deleted"),
    }
}

/// How a subscription's status looks.
pub const fn subscription(status: SubscriptionStatus) -> Badge {
    let word = status.label();
    match status {
        SubscriptionStatus::Incomplete => badge("busy", "wait", word),
        SubscriptionStatus::Trialing => badge("good", "clock", word),
        SubscriptionStatus::Active => badge("good", "check", word),
        SubscriptionStatus::PastDue => badge("warn", "warning", word),
        SubscriptionStatus::Unpaid | SubscriptionStatus::Paused => badge("bad", "pause", word),
        SubscriptionStatus::Canceled | SubscriptionStatus::IncompleteExpired => badge("off", "stop", word),
    }
}

/// How the state of a message looks.
pub const fn delivery(state: DeliveryState) -> Badge {
    match state {
        DeliveryState::Queued => badge("busy", "turn", "Queued"),
        DeliveryState::Sending => badge("busy", "turn", "Sending"),
        DeliveryState::Sent => badge("good", "check", "Sent"),
        DeliveryState::Deferred => badge("warn", "turn", "Delayed"),
        DeliveryState::Failed => badge("bad", "cross", "Refused"),
        DeliveryState::Held => badge("warn", "pause", "On hold"),
    }
}

/// The name of a group of sites in filters.
pub const fn group(group: StatusGroup) -> &'static str {
    match group {
        StatusGroup::Online => "Online",
        StatusGroup::Attention => "Needs attention",
        StatusGroup::Starting => "Starting",
        StatusGroup::Stopped => "Stopped",
        StatusGroup::Deleting => "Scheduled for deletion",
    }
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

/// How an e-mail's state looks.
pub const fn mail(state: MailState) -> Badge {
    match state {
        MailState::Queued => badge("busy", "clock", "Sending"),
        MailState::Sent => badge("good", "check", "Sent"),
        MailState::Deferred => badge("warn", "wait", "Waiting for retry"),
        MailState::Failed => badge("bad", "cross", "Failed"),
        MailState::Suppressed => badge("off", "stop", "Suppressed"),
    }
}

/// How a finding of the doctor looks.
pub const fn verdict(verdict: Verdict) -> Badge {
    match verdict {
        Verdict::Good => badge("good", "check", "OK"),
        Verdict::Warning => badge("warn", "warning", "Warning"),
        Verdict::Bad => badge("bad", "cross", "Problem"),
    }
}

/// How a domain's state looks.
pub const fn domain(state: DomainState, has_problem: bool) -> Badge {
    match (state, has_problem) {
        (DomainState::Claimed, _) => badge("busy", "clock", "Waiting for verification"),
        (DomainState::Verified, false) => badge("good", "check", "Verified"),
        (DomainState::Verified, true) => badge("warn", "warning", "Needs a change"),
        (DomainState::Removed, _) => badge("off", "bin", "Removed"),
    }
}

/// How a DNS record looks: found or not.
pub const fn record(seen: bool) -> Badge {
    if seen { badge("good", "check", "Found") } else { badge("off", "wait", "Not found yet") }
}

/// A certificate in use that expires soon and will not be renewed automatically.
pub const EXPIRING: Badge = badge("warn", "warning", "Expires soon");

/// How a name's certificate looks.
pub const fn certificate(state: CertificateState) -> Badge {
    match state {
        CertificateState::Good => badge("good", "lock", "HTTPS on"),
        CertificateState::Waiting => badge("busy", "clock", "Setting up HTTPS"),
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
        for status in SiteStatus::ALL {
            assert!(!seen.contains(&site(*status)), "{status}");
            seen.push(site(*status));
        }
        let mut seen: Vec<Badge> = Vec::new();
        for state in JobState::ALL {
            assert!(!seen.contains(&job(*state)), "{state}");
            seen.push(job(*state));
        }
    }
}
