//! Limits on what one caller, and all callers together, do at the same time in this process.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// At most so many at the same time, for each key and in all.
#[derive(Debug)]
pub struct ConcurrencyLimit<K> {
    per_key: usize,
    total: usize,
    open: Arc<Mutex<Open<K>>>,
}

#[derive(Debug)]
struct Open<K> {
    total: usize,
    by_key: HashMap<K, usize>,
}

/// Why nothing more may begin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// This key has as many as one may have.
    Key,
    /// All together have as many as there may be.
    Total,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place<K: Hash + Eq> {
    key: K,
    open: Arc<Mutex<Open<K>>>,
}

impl<K: Hash + Eq + Clone> ConcurrencyLimit<K> {
    /// A limit of `per_key` places for each key, and `total` in all.
    pub fn new(per_key: usize, total: usize) -> Self {
        Self { per_key, total, open: Arc::new(Mutex::new(Open { total: 0, by_key: HashMap::new() })) }
    }

    /// Takes a place, if there is one.
    ///
    /// # Errors
    /// Which limit is reached.
    pub fn enter(&self, key: &K) -> Result<Place<K>, Full> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total {
            return Err(Full::Total);
        }
        let count = open.by_key.get(key).copied().unwrap_or(0);
        if count >= self.per_key {
            return Err(Full::Key);
        }
        open.by_key.insert(key.clone(), count + 1);
        open.total += 1;
        Ok(Place { key: key.clone(), open: self.open.clone() })
    }
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(count) = open.by_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_and_all_together_have_so_many_places() {
        let limit = ConcurrencyLimit::new(2, 3);
        let first = [limit.enter(&"a").unwrap(), limit.enter(&"a").unwrap()];
        assert_eq!(limit.enter(&"a").unwrap_err(), Full::Key);
        let other = limit.enter(&"b").unwrap();
        assert_eq!(limit.enter(&"c").unwrap_err(), Full::Total);
        drop(first);
        let again = limit.enter(&"a").unwrap();
        drop((other, again));
        assert!(limit.open.lock().unwrap().by_key.is_empty(), "keys without places are forgotten");
    }
}
