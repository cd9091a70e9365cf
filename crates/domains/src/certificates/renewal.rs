//! When certificates are renewed: when the authority says so, else at two thirds of their life.

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

/// How long the authority's word on when to renew is good for, unless it says longer.
const WORD: Duration = Duration::from_secs(6 * 3600);
/// So many certificates are asked about in one look.
const AT_ONCE: usize = 20;

/// When this process asked about the renewal of each certificate.
#[derive(Default)]
pub(super) struct Renewals(Mutex<HashMap<CertificateId, Asked>>);

struct Asked {
    at: Timestamp,
    /// Not to be asked again before this time.
    again: Timestamp,
}

impl Renewals {
    /// Which of all certificates to ask about now: those that nobody asked about yet, then those that
    /// were asked about longest ago, so that each has its turn however many there are.
    fn due(&self, all: &HashSet<CertificateId>, now: Timestamp) -> Vec<CertificateId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, _| all.contains(id));
        // What was asked after now was asked while the clock was ahead.
        let waits = |id: &CertificateId| known.get(id).is_some_and(|asked| asked.at <= now && now < asked.again);
        let mut due: Vec<_> = all.iter().copied().filter(|id| !waits(id)).collect();
        due.sort_by_key(|id| known.get(id).map(|asked| asked.at));
        due.truncate(AT_ONCE);
        due
    }

    /// It was asked about, and is to be left alone for so long (RFC 9773 4.3).
    fn asked(&self, id: CertificateId, now: Timestamp, retry_after: Option<Duration>) {
        let again = now + retry_after.unwrap_or(WORD).max(WORD);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Asked { at: now, again });
    }
}

impl Domains {
    /// Asks the authority whether it wants certificates renewed earlier (RFC 9773), a few at a time.
    pub(super) async fn ask_renewal_windows(&self, wanted: &[CertificateSpec], acme: &AcmeSettings) -> Result<()> {
        let (now, all) = (self.core.clock.now(), self.certificate_cache.all());
        let ours: HashMap<_, _> =
            wanted.iter().filter_map(|wanted| all.matching(wanted).next()).map(|held| (held.ready.id, held)).collect();
        let renewals = &self.order_locks.renewals;
        let due = renewals.due(&ours.keys().copied().collect(), now);
        if due.is_empty() {
            return Ok(());
        }
        let Ok(authority) = self.acme_account(acme).await else { return Ok(()) };
        let mut moved = false;
        for held in due.iter().filter_map(|id| ours.get(id)) {
            let id = held.ready.id;
            let answer = authority.renewal(&held.ready.chain).await;
            renewals.asked(id, now, answer.as_ref().map_or_else(wait_of, |window| window.map(|w| w.retry_after)));
            let window = match answer {
                Ok(Some(window)) => window,
                Ok(None) => continue,
                // What it suggests is a favour: without an answer our own date holds.
                Err(error) => {
                    tracing::info!(certificate = %id, %error, "the authority does not say when to renew");
                    break;
                }
            };
            if window.end < held.renew_at {
                let at = within(window.start, window.end);
                self.core
                    .db
                    .write(|tx| Box::pin(async move { certificates::certificate_renew_at(&tx, id, at).await }))
                    .await?;
                moved = true;
            }
        }
        if moved {
            self.reload_certificates().await?;
        }
        Ok(())
    }
}

fn wait_of(error: &AcmeError) -> Option<Duration> {
    match error {
        AcmeError::RateLimited { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// A date for a certificate of these dates.
pub(super) fn at_two_thirds(from: Timestamp, to: Timestamp) -> Timestamp {
    let mut chance = [0];
    random::fill(&mut chance);
    renew_at(from, to, chance[0])
}

/// A random moment of a window.
pub(super) fn within(start: Timestamp, end: Timestamp) -> Timestamp {
    let mut chance = [0];
    random::fill(&mut chance);
    let width = end.duration_since(start).as_secs().max(0);
    start + SignedDuration::from_secs(width / 255 * i64::from(chance[0]))
}

/// When a certificate is renewed: at two thirds of its life, a little earlier by chance, so that
/// certificates that were made together are not renewed together.
fn renew_at(from: Timestamp, to: Timestamp, chance: u8) -> Timestamp {
    let life = to.duration_since(from).as_secs().max(0);
    let early = life / 20 * i64::from(chance) / 255;
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
    fn each_certificate_has_its_turn_however_many_there_are() {
        let (renewals, all) = (Renewals::default(), ids(10_000));
        let mut asked = HashSet::new();
        for minute in 0..500 {
            for id in renewals.due(&all, at(minute)) {
                renewals.asked(id, at(minute), None);
                assert!(asked.insert(id), "twice before each had its turn");
            }
        }
        assert_eq!(asked.len(), 10_000);
        assert_eq!(renewals.due(&ids(1), at(501)).len(), 1, "others are forgotten");
        assert_eq!(renewals.0.lock().unwrap().len(), 0);
    }

    #[test]
    fn the_authority_says_when_to_ask_again() {
        let (renewals, all) = (Renewals::default(), ids(1));
        let due = |hours: i64| renewals.due(&all, at(hours * 60)).len();
        let asked = |hours: u64| {
            for id in &all {
                renewals.asked(*id, at(0), Some(Duration::from_secs(hours * 3600)));
            }
        };
        asked(1);
        assert_eq!([due(0), due(5), due(6)], [0, 0, 1]);
        asked(24);
        assert_eq!([due(0), due(23), due(24)], [0, 0, 1]);
        assert_eq!(due(-1), 1, "the clock was ahead");
    }

    #[test]
    fn renewal_is_at_two_thirds_or_a_little_before() {
        let from = Timestamp::UNIX_EPOCH;
        let to = from + SignedDuration::from_hours(90 * 24);
        let days = |chance| renew_at(from, to, chance).duration_since(from).as_hours() as f64 / 24.0;
        assert_eq!(days(0), 60.0);
        assert!((55.0..60.0).contains(&days(255)), "{}", days(255));
    }
}
