//! Providers that hold single records: a set is changed step by step, new records first.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{Backend, Change, error::Failure};

/// A record in the zone.
pub(super) struct ExistingRecord {
    /// The provider's identifier.
    pub id: String,
    /// In seconds; `None` where the provider decides.
    pub ttl: Option<u32>,
    /// In the form of [`Change::contents`].
    pub content: String,
}

/// The operations of such a provider.
#[async_trait]
pub(super) trait RecordApi: Send + Sync {
    /// The shortest time to live that the provider accepts.
    const MIN_TTL_SECONDS: u32;

    /// All records of the change's name and kind.
    async fn list(&self, change: &Change<'_>) -> Result<Vec<ExistingRecord>, Failure>;

    /// Creates a record.
    async fn create(&self, change: &Change<'_>, ttl: u32, content: &str) -> Result<(), Failure>;

    /// Changes a record's time to live.
    async fn set_ttl(&self, change: &Change<'_>, held: &ExistingRecord, ttl: u32) -> Result<(), Failure>;

    /// Deletes a record. One that is gone already is no error.
    async fn delete(&self, held: &ExistingRecord) -> Result<(), Failure>;
}

#[async_trait]
impl<T: RecordApi> Backend for T {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Failure> {
        let ttl = change.ttl.max(Self::MIN_TTL_SECONDS);
        let held = self.list(change).await?;
        for content in &change.contents {
            if !held.iter().any(|held| held.content == *content) {
                self.create(change, ttl, content).await?;
            }
        }
        let mut kept = Vec::new();
        for held in &held {
            // Of two records with the same content, one is kept.
            if !change.contents.contains(&held.content) || kept.contains(&&held.content) {
                self.delete(held).await?;
                continue;
            }
            kept.push(&held.content);
            if held.ttl.is_some_and(|is| is != ttl) {
                self.set_ttl(change, held, ttl).await?;
            }
        }
        Ok(())
    }
}

/// A provider's content in the form of [`Change::contents`]: some add quotes or expand IPv6 addresses.
pub(super) fn normalize(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    inner.parse::<IpAddr>().map_or_else(|_| inner.to_owned(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn contents_are_compared_in_one_form() {
        assert_eq!(normalize("\"a text\""), "a text");
        assert_eq!(normalize("a text"), "a text");
        assert_eq!(normalize("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
    }
}
