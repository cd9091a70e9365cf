//! The routes of a table, by hostname.
//!
//! A table follows another every time that a site starts, stops or moves, and the two differ in a
//! route or two. So the routes lie in shards that tables share until one of them changes: a copy
//! costs as much with ten thousand sites as with ten, and who follows tables looks only into the
//! shards that are not the former ones.

use std::{
    collections::{HashMap, hash_map},
    ops::Index,
    sync::Arc,
};

use crate::{host::Hostname, route::Route};

/// The routes whose names have the same hash, in part.
pub type Shard = HashMap<Hostname, Route>;

/// One route per hostname.
#[derive(Debug, Clone)]
pub struct Routes {
    /// As many as [`Routes::SHARDS`].
    shards: Vec<Arc<Shard>>,
}

impl Routes {
    /// So many shards: at ten thousand routes some forty are copied for a change.
    pub const SHARDS: usize = 256;

    /// The number of the shard that `name` lies in: the same in every table and process (FNV-1a).
    /// Who has many names made for one shard gets what a table without shards costs, no more.
    pub fn shard_of(name: &str) -> usize {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        // The low bits of the product are those of the last byte: mixed with the high ones.
        ((hash ^ (hash >> 16)) as usize) % Self::SHARDS
    }

    /// All shards, by their numbers.
    pub fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    /// The route of a name.
    pub fn get(&self, name: &str) -> Option<&Route> {
        self.shards[Self::shard_of(name)].get(name)
    }

    /// The route of a name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Route> {
        Arc::make_mut(&mut self.shards[Self::shard_of(name)]).get_mut(name)
    }

    /// Whether the name has a route.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets the route of a name.
    pub fn insert(&mut self, name: Hostname, route: Route) {
        Arc::make_mut(&mut self.shards[Self::shard_of(name.as_str())]).insert(name, route);
    }

    /// Keeps only the routes that `keep` is true for. It may be asked twice about one.
    pub fn retain(&mut self, keep: impl Fn(&Hostname, &Route) -> bool) {
        for shard in &mut self.shards {
            if shard.iter().any(|(name, route)| !keep(name, route)) {
                Arc::make_mut(shard).retain(|name, route| keep(name, route));
            }
        }
    }

    /// Takes over from `former` the shards that are equal, so that who follows passes them over.
    pub fn share_with(&mut self, former: &Self) {
        for (shard, former) in self.shards.iter_mut().zip(&former.shards) {
            if shard == former {
                *shard = Arc::clone(former);
            }
        }
    }

    /// All routes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Hostname, &Route)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self { shards: vec![Arc::default(); Self::SHARDS] }
    }
}

impl PartialEq for Routes {
    fn eq(&self, other: &Self) -> bool {
        self.shards.iter().zip(&other.shards).all(|(one, other)| Arc::ptr_eq(one, other) || one == other)
    }
}

impl Eq for Routes {}

impl Index<&str> for Routes {
    type Output = Route;

    /// The route of a name that has one.
    fn index(&self, name: &str) -> &Route {
        &self.shards[Self::shard_of(name)][name]
    }
}

impl Extend<(Hostname, Route)> for Routes {
    fn extend<T: IntoIterator<Item = (Hostname, Route)>>(&mut self, routes: T) {
        for (name, route) in routes {
            self.insert(name, route);
        }
    }
}

impl FromIterator<(Hostname, Route)> for Routes {
    fn from_iter<T: IntoIterator<Item = (Hostname, Route)>>(routes: T) -> Self {
        let mut all = Self::default();
        all.extend(routes);
        all
    }
}

impl<'a> IntoIterator for &'a Routes {
    type Item = (&'a Hostname, &'a Route);
    type IntoIter = std::iter::FlatMap<
        std::slice::Iter<'a, Arc<Shard>>,
        hash_map::Iter<'a, Hostname, Route>,
        fn(&'a Arc<Shard>) -> hash_map::Iter<'a, Hostname, Route>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.shards.iter().flat_map(|shard| shard.iter())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        id::SiteId,
        route::{Notice, RouteLimits, Target},
    };

    fn name(number: usize) -> Hostname {
        Hostname::parse(&format!("shop-{number}.example.com")).expect("a name")
    }

    fn route(site: u128) -> Route {
        let site = SiteId::from_uuid(Uuid::from_u128(site));
        Route { site, target: Target::Notice(Notice::Stopped), limits: RouteLimits::body(1), secure: false }
    }

    fn shared(one: &Routes, other: &Routes) -> usize {
        one.shards().iter().zip(other.shards()).filter(|(one, other)| Arc::ptr_eq(one, other)).count()
    }

    #[test]
    fn a_change_copies_one_shard() {
        let former: Routes = (0..2000).map(|number| (name(number), route(number as u128))).collect();
        assert_eq!((former.len(), former.iter().count()), (2000, 2000));
        let fullest = former.shards().iter().map(|shard| shard.len()).max();
        assert!(fullest < Some(30), "names lie evenly: {fullest:?} in the fullest shard, 8 on average");

        let mut next = former.clone();
        assert_eq!(shared(&former, &next), Routes::SHARDS);
        next.insert(name(7), route(7_000));
        assert_eq!(shared(&former, &next), Routes::SHARDS - 1);
        assert_eq!((next["shop-7.example.com"].site, &former["shop-8.example.com"]), (route(7_000).site, &route(8)));
        assert_eq!(former.get("shop-7.example.com"), Some(&route(7)), "the former table is as it was");
        assert_ne!(former, next);

        next.retain(|_, route| route.site != self::route(7_000).site);
        assert_eq!((next.len(), next.get("shop-7.example.com")), (1999, None));
        next.retain(|_, route| route.site != self::route(7_000).site);
        assert_eq!(shared(&former, &next), Routes::SHARDS - 1, "nothing to remove, nothing copied");
    }

    #[test]
    fn what_is_read_anew_is_shared_where_it_is_equal() {
        let read = || (0..500).map(|number| (name(number), route(number as u128))).collect::<Routes>();
        let (former, mut next) = (read(), read());
        assert_eq!((shared(&former, &next), former == next), (0, true));
        next.get_mut("shop-3.example.com").expect("it was read").secure = true;
        next.share_with(&former);
        assert_eq!(shared(&former, &next), Routes::SHARDS - 1);
        assert!(next["shop-3.example.com"].secure && !former["shop-3.example.com"].secure);
    }

    /// Tables of several processes are compared shard by shard.
    #[test]
    fn a_name_has_the_same_shard_everywhere() {
        for (name, shard) in [("shop.example.com", 23), ("a.example", 138), ("www.stoa.example", 39)] {
            assert_eq!(Routes::shard_of(name), shard, "{name}");
        }
    }

    #[test]
    fn a_table_is_a_map_from_names() {
        let mut routes = Routes::default();
        assert_eq!((routes.is_empty(), routes.len(), routes.shards().len()), (true, 0, Routes::SHARDS));
        routes.extend([(name(1), route(1)), (name(2), route(2))]);
        assert!(!routes.is_empty() && routes.contains_key("shop-1.example.com"));
        assert!(!routes.contains_key("shop-3.example.com"));
        assert_eq!(routes.get("shop-3.example.com"), None);
        assert_eq!(routes.get_mut("shop-3.example.com"), None);
        let mut listed: Vec<_> = (&routes).into_iter().map(|(name, route)| (name.clone(), route.clone())).collect();
        listed.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(listed, [(name(1), route(1)), (name(2), route(2))]);
        routes.insert(name(1), route(9));
        assert_eq!((routes.len(), &routes["shop-1.example.com"]), (2, &route(9)));
        routes.retain(|name, _| name.as_str() != "shop-1.example.com");
        assert_eq!(routes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["shop-2.example.com"]);
    }
}
