//! When certificates are renewed: when the authority says so, else at two thirds of their life.

use jiff::{SignedDuration, Timestamp};
use stoa_db::certificates;

use super::wanted::Wanted;
use crate::{Control, Result, random, settings::AcmeSettings};

impl Control {
    /// Asks the authority whether it wants certificates renewed earlier (RFC 9773), a few at a time.
    pub(super) async fn renewals_ask(&self, wanted: &[Wanted], acme: &AcmeSettings) -> Result<()> {
        let now = self.clock.now();
        let all = self.shelf.all();
        let ours = wanted.iter().filter_map(|wanted| all.matching(wanted).next());
        let asked: Vec<_> = ours.filter(|held| self.ordering.may_ask_renewal(held.ready.id, now)).take(20).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let Ok(authority) = self.authority(acme).await else { return Ok(()) };
        let mut moved = false;
        for held in asked {
            // What it suggests is a favour: without an answer our own date holds.
            let Ok(Some(window)) = authority.renewal(&held.ready.chain).await else { continue };
            let (id, at) = (held.ready.id, within(window.start, window.end));
            if window.end < held.renew_at {
                self.db
                    .write(|tx| Box::pin(async move { certificates::certificate_renew_at(&tx, id, at).await }))
                    .await?;
                moved = true;
            }
        }
        if moved {
            self.shelf_reload().await?;
        }
        Ok(())
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

    #[test]
    fn renewal_is_at_two_thirds_or_a_little_before() {
        let from = Timestamp::UNIX_EPOCH;
        let to = from + SignedDuration::from_hours(90 * 24);
        let days = |chance| renew_at(from, to, chance).duration_since(from).as_hours() as f64 / 24.0;
        assert_eq!(days(0), 60.0);
        assert!((55.0..60.0).contains(&days(255)), "{}", days(255));
    }
}
