//! Vendors that keep single records: a set is brought about step by step, new ones first.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{Change, Vendor, error::Fault};

/// A record that is there.
pub(super) struct Held {
    /// The vendor's name for it.
    pub id: String,
    /// In seconds; nothing where the vendor decides.
    pub ttl: Option<u32>,
    /// As [`Change::contents`] has it.
    pub content: String,
}

/// What such a vendor can do.
#[async_trait]
pub(super) trait Records: Send + Sync {
    /// The shortest that records may be remembered, in seconds.
    const LEAST_TTL: u32;

    /// All records of the change's name and kind.
    async fn list(&self, change: &Change<'_>) -> Result<Vec<Held>, Fault>;

    /// Makes one.
    async fn create(&self, change: &Change<'_>, ttl: u32, content: &str) -> Result<(), Fault>;

    /// Changes how long one is remembered.
    async fn retime(&self, change: &Change<'_>, held: &Held, ttl: u32) -> Result<(), Fault>;

    /// Removes one; that it is gone already is no error.
    async fn delete(&self, held: &Held) -> Result<(), Fault>;
}

#[async_trait]
impl<T: Records> Vendor for T {
    async fn replace(&self, change: &Change<'_>) -> Result<(), Fault> {
        let ttl = change.ttl.max(Self::LEAST_TTL);
        let held = self.list(change).await?;
        for content in &change.contents {
            if !held.iter().any(|held| held.content == *content) {
                self.create(change, ttl, content).await?;
            }
        }
        let mut kept = Vec::new();
        for held in &held {
            // A second record with the same content is one too many.
            if !change.contents.contains(&held.content) || kept.contains(&&held.content) {
                self.delete(held).await?;
                continue;
            }
            kept.push(&held.content);
            if held.ttl.is_some_and(|is| is != ttl) {
                self.retime(change, held, ttl).await?;
            }
        }
        Ok(())
    }
}

/// What a vendor holds, as [`Change::contents`] has it: some add quotes, some write addresses longer.
pub(super) fn plain(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    inner.parse::<IpAddr>().map_or_else(|_| inner.to_owned(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_vendors_write_differently_is_the_same() {
        assert_eq!(plain("\"a text\""), "a text");
        assert_eq!(plain("a text"), "a text");
        assert_eq!(plain("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
    }
}
