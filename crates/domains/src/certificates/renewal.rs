//! When certificates are renewed: at the time that the authority suggests (RFC 9773), otherwise after two thirds of
//! their lifetime.

use crate::Domains;
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use stoa_db::certificates;
use stoa_integrations::acme::AcmeError;
use stoa_model::id::CertificateId;

use super::spec::CertificateSpec;
use stoa_core::{Result, random, settings::AcmeSettings};

/// Minimum time between requests for the renewal information of a certificate.
const MIN_RENEWAL_INFO_INTERVAL: Duration = Duration::from_secs(6 * 3600);
/// Maximum number of certificates whose renewal information is requested per tick.
const MAX_REQUESTS_PER_TICK: usize = 20;

/// When this process last requested the renewal information of each certificate.
#[derive(Default)]
pub(super) struct Renewals(Mutex<HashMap<CertificateId, Request>>);

struct Request {
    at: Timestamp,
    /// When to request it again.
    next_at: Timestamp,
}

impl Renewals {
    /// The certificates to request now: those never requested, then those requested longest ago, so that none is
    /// starved.
    fn due(&self, all: &HashSet<CertificateId>, now: Timestamp) -> Vec<CertificateId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, _| all.contains(id));
        // Requests with a time in the future were made while the clock was ahead.
        let is_waiting = |id: &CertificateId| known.get(id).is_some_and(|last| last.at <= now && now < last.next_at);
        let mut due: Vec<_> = all.iter().copied().filter(|id| !is_waiting(id)).collect();
        due.sort_by_key(|id| known.get(id).map(|last| last.at));
        due.truncate(MAX_REQUESTS_PER_TICK);
        due
    }

    /// Records a request, and how long the authority asks us to wait (RFC 9773 4.3).
    fn record(&self, id: CertificateId, now: Timestamp, retry_after: Option<Duration>) {
        let next_at = now + retry_after.unwrap_or_default().max(MIN_RENEWAL_INFO_INTERVAL);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Request { at: now, next_at });
    }
}

impl Domains {
    /// Requests renewal information (RFC 9773) for a few certificates, and renews earlier if it says so.
    pub(super) async fn ask_renewal_windows(&self, wanted: &[CertificateSpec], acme: &AcmeSettings) -> Result<()> {
        let (now, all) = (self.core.clock.now(), self.certificate_cache.all());
        let ours: HashMap<_, _> = wanted
            .iter()
            .filter_map(|wanted| all.matching(wanted).next())
            .map(|loaded| (loaded.ready.id, loaded))
            .collect();
        let renewals = &self.order_state.renewals;
        let due = renewals.due(&ours.keys().copied().collect(), now);
        if due.is_empty() {
            return Ok(());
        }
        let Ok(authority) = self.acme_account(acme).await else { return Ok(()) };
        let mut changed = false;
        for loaded in due.iter().filter_map(|id| ours.get(id)) {
            let id = loaded.ready.id;
            let answer = authority.renewal(&loaded.ready.chain).await;
            renewals.record(id, now, answer.as_ref().map_or_else(retry_after, |window| window.map(|w| w.retry_after)));
            let window = match answer {
                Ok(Some(window)) => window,
                Ok(None) => continue,
                // Renewal information is optional: without it, our own date applies.
                Err(error) => {
                    tracing::info!(certificate = %id, %error, "cannot get renewal information");
                    break;
                }
            };
            if window.end < loaded.renew_at {
                let at = random_time_between(window.start, window.end);
                self.core
                    .db
                    .write(|tx| Box::pin(async move { certificates::certificate_renew_at(&tx, id, at).await }))
                    .await?;
                changed = true;
            }
        }
        if changed {
            self.reload_certificates().await?;
        }
        Ok(())
    }
}

fn retry_after(error: &AcmeError) -> Option<Duration> {
    match error {
        AcmeError::RateLimited { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// The renewal time of a certificate without renewal information, with random jitter.
pub(super) fn default_renewal_time(from: Timestamp, to: Timestamp) -> Timestamp {
    let mut jitter = [0];
    random::fill(&mut jitter);
    renewal_time(from, to, jitter[0])
}

/// A random time in a renewal window.
pub(super) fn random_time_between(start: Timestamp, end: Timestamp) -> Timestamp {
    let mut jitter = [0];
    random::fill(&mut jitter);
    let width = end.duration_since(start).as_secs().max(0);
    start + SignedDuration::from_secs(width / 255 * i64::from(jitter[0]))
}

/// Two thirds into the lifetime, minus up to a twentieth of it, so that certificates that were issued together are
/// not renewed together.
fn renewal_time(from: Timestamp, to: Timestamp, jitter: u8) -> Timestamp {
    let life = to.duration_since(from).as_secs().max(0);
    let early = life / 20 * i64::from(jitter) / 255;
    from + SignedDuration::from_secs(life / 3 * 2 - early)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + minutes * 60).unwrap()
    }

    fn ids(count: i64) -> HashSet<CertificateId> {
        (0..count).map(|n| CertificateId::from_uuid(random::uuid_at(at(n)))).collect()
    }

    #[test]
    fn no_certificate_is_starved() {
        let (renewals, all) = (Renewals::default(), ids(10_000));
        let mut asked = HashSet::new();
        for minute in 0..500 {
            for id in renewals.due(&all, at(minute)) {
                renewals.record(id, at(minute), None);
                assert!(asked.insert(id), "requested twice before all were requested once");
            }
        }
        assert_eq!(asked.len(), 10_000);
        assert_eq!(renewals.due(&ids(1), at(501)).len(), 1, "others are forgotten");
        assert_eq!(renewals.0.lock().unwrap().len(), 0);
    }

    #[test]
    fn retry_after_of_the_authority_is_honored() {
        let (renewals, all) = (Renewals::default(), ids(1));
        let due = |hours: i64| renewals.due(&all, at(hours * 60)).len();
        let record = |hours: u64| {
            for id in &all {
                renewals.record(*id, at(0), Some(Duration::from_secs(hours * 3600)));
            }
        };
        record(1);
        assert_eq!([due(0), due(5), due(6)], [0, 0, 1]);
        record(24);
        assert_eq!([due(0), due(23), due(24)], [0, 0, 1]);
        assert_eq!(due(-1), 1, "the clock was ahead");
    }

    #[test]
    fn renewal_is_at_two_thirds_or_a_little_before() {
        let from = Timestamp::UNIX_EPOCH;
        let to = from + SignedDuration::from_hours(90 * 24);
        let days = |jitter| renewal_time(from, to, jitter).duration_since(from).as_hours() as f64 / 24.0;
        assert_eq!(days(0), 60.0);
        assert!((55.0..60.0).contains(&days(255)), "{}", days(255));
    }
}
