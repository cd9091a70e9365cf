//! What can be found, in memory: a search reads a megabyte for 10,000 sites, where the database would compare each row.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use memchr::memmem::Finder;
use stoa_core::Result;
use stoa_db::{
    Db,
    search::{SearchTexts, search_texts},
};
use stoa_model::id::{CustomerId, DomainId, SiteId};
use tokio::{sync::Mutex, time::Instant};

/// How old the index may be when somebody searches; else they wait until it is read.
const MAX_AGE: Duration = Duration::from_secs(60);
/// From this age on, a search lets it be read again for the next one.
const REFRESH_AGE: Duration = Duration::from_secs(5);
/// From this age on, it is read again before a search answers that there is nothing.
const MIN_AGE: Duration = Duration::from_millis(250);

/// The index, read when somebody searches. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchIndex {
    texts: Arc<ArcSwapOption<(Texts, Instant)>>,
    reading: Arc<Mutex<()>>,
}

impl SearchIndex {
    /// Where a text occurs, regardless of case: the newest `limit` of each kind, and how many there are.
    pub(crate) async fn find(&self, db: &Db, text: &str, limit: usize) -> Result<Hits> {
        let text = text.to_lowercase();
        let known = self.texts(db, MAX_AGE).await?;
        if known.1.elapsed() >= REFRESH_AGE
            && let Ok(reading) = self.reading.clone().try_lock_owned()
        {
            let (index, db) = (self.clone(), db.clone());
            tokio::spawn(async move {
                if let Err(error) = index.read(&db).await {
                    tracing::warn!(error = error.for_operator(), "cannot read what can be searched for");
                }
                drop(reading);
            });
        }
        let hits = known.0.find(&text, limit);
        if hits.is_empty() { Ok(self.texts(db, MIN_AGE).await?.0.find(&text, limit)) } else { Ok(hits) }
    }

    /// The texts, younger than `max_age`. Whoever comes while they are read waits.
    async fn texts(&self, db: &Db, max_age: Duration) -> Result<Arc<(Texts, Instant)>> {
        let young = || self.texts.load_full().filter(|known| known.1.elapsed() < max_age);
        if let Some(known) = young() {
            return Ok(known);
        }
        let _reading = self.reading.lock().await;
        match young() {
            Some(known) => Ok(known),
            None => self.read(db).await,
        }
    }

    async fn read(&self, db: &Db) -> Result<Arc<(Texts, Instant)>> {
        let read_at = Instant::now();
        let SearchTexts { sites, customers, domains } = search_texts(db).await?;
        let texts = Texts { sites: Lines::new(sites), customers: Lines::new(customers), domains: Lines::new(domains) };
        let known = Arc::new((texts, read_at));
        self.texts.store(Some(known.clone()));
        Ok(known)
    }
}

/// Where a text occurs: the newest ids of each kind, and how many there are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hits {
    pub(crate) sites: (Vec<SiteId>, u64),
    pub(crate) customers: (Vec<CustomerId>, u64),
    pub(crate) domains: (Vec<DomainId>, u64),
}

impl Hits {
    fn is_empty(&self) -> bool {
        self.sites.1 == 0 && self.customers.1 == 0 && self.domains.1 == 0
    }
}

#[derive(Debug)]
struct Texts {
    sites: Lines<SiteId>,
    customers: Lines<CustomerId>,
    domains: Lines<DomainId>,
}

impl Texts {
    fn find(&self, text: &str, limit: usize) -> Hits {
        let finder = Finder::new(text);
        Hits {
            sites: self.sites.find(&finder, limit),
            customers: self.customers.find(&finder, limit),
            domains: self.domains.find(&finder, limit),
        }
    }
}

/// The texts of a kind, in lower case, one after the other; each ends with a line break.
#[derive(Debug)]
struct Lines<K> {
    text: String,
    /// Where the text of each begins.
    starts: Vec<usize>,
    ids: Vec<K>,
}

impl<K: Copy> Lines<K> {
    fn new(texts: Vec<(K, String)>) -> Self {
        let mut lines = Self { text: String::new(), starts: Vec::new(), ids: Vec::new() };
        for (id, text) in texts {
            lines.starts.push(lines.text.len());
            lines.text.push_str(&text.to_lowercase());
            lines.text.push('\n');
            lines.ids.push(id);
        }
        lines
    }

    /// A text with a line break would also match where two texts meet: it is never one of a name.
    fn find(&self, finder: &Finder<'_>, limit: usize) -> (Vec<K>, u64) {
        let (mut first, mut total, mut from) = (Vec::new(), 0, 0);
        if finder.needle().is_empty() || finder.needle().contains(&b'\n') {
            return (first, total);
        }
        while let Some(at) = self.text.as_bytes().get(from..).and_then(|rest| finder.find(rest)) {
            let next = self.starts.partition_point(|start| *start <= from + at);
            if first.len() < limit {
                first.push(self.ids[next - 1]);
            }
            total += 1;
            from = self.starts.get(next).copied().unwrap_or(self.text.len());
        }
        (first, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(lines: &Lines<u8>, text: &str, limit: usize) -> (Vec<u8>, u64) {
        lines.find(&Finder::new(text), limit)
    }

    #[test]
    fn each_text_counts_once_and_ends_where_the_next_begins() {
        let lines = Lines::new(vec![
            (1, "Bread and bread\nbread.example".to_owned()),
            (2, "ÄPFEL".to_owned()),
            (3, String::new()),
            (4, "Breadth".to_owned()),
        ]);
        assert_eq!(find(&lines, "bread", 8), (vec![1, 4], 2));
        assert_eq!(find(&lines, "bread", 1), (vec![1], 2));
        assert_eq!(find(&lines, "äpfel", 8), (vec![2], 1));
        assert_eq!(find(&lines, "breadth", 8), (vec![4], 1));
        for nothing in ["", "\n", "bread\nbread", "exampleäpfel", "example\näpfel", "%", "no"] {
            assert_eq!(find(&lines, nothing, 8), (vec![], 0), "{nothing:?}");
        }
        assert_eq!(find(&Lines::new(vec![]), "a", 8), (vec![], 0));
    }
}
