//! A map that remembers only what was used of late.
//!
//! Owns: the order of use and what is forgotten. Never does: reading a clock: the time is given.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// Values by key, at most a given number; the one unused longest is forgotten first. Ordered, so that whatever is done with it comes
/// out the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Recent<K, V> {
    values: BTreeMap<K, (i64, V)>,
    /// Each key once, with a time at which it was used: the last one, or an earlier one if nobody has looked since. Using a value so
    /// costs nothing here.
    order: BTreeSet<(i64, K)>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, V> Recent<K, V> {
    /// The value of `key`, made if it is not there, used at `now` (nanoseconds). Of at most `limit` values.
    pub(crate) fn entry(&mut self, key: &K, now: i64, limit: usize, make: impl FnOnce() -> V) -> &mut V {
        if !self.values.contains_key(key) {
            while self.values.len() >= limit.max(1) && self.forget_oldest() {}
            self.order.insert((now, key.clone()));
            self.values.insert(key.clone(), (now, make()));
        }
        let (at, value) = self.values.get_mut(key).expect("it was there, or is now");
        *at = now.max(*at);
        value
    }

    /// Forgets what was unused longest. Nothing was used before the time that its key has in the order, so the first whose time there is
    /// its own is that one. False: there is nothing.
    fn forget_oldest(&mut self) -> bool {
        while let Some((noted, key)) = self.order.pop_first() {
            match self.values.get(&key) {
                Some((at, _)) if *at > noted => drop(self.order.insert((*at, key))),
                _ => {
                    self.values.remove(&key);
                    return true;
                }
            }
        }
        false
    }

    /// The value of `key`, if it is there, used at `now`.
    pub(crate) fn get_mut(&mut self, key: &K, now: i64) -> Option<&mut V> {
        let (at, value) = self.values.get_mut(key)?;
        *at = now.max(*at);
        Some(value)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    /// Keys and values, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.values.iter().map(|(key, (_, value))| (key, value))
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Recent<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.values.iter().map(|(key, (at, value))| (key, at, value)))
    }
}

impl<'de, K: Deserialize<'de> + Ord + Clone, V: Deserialize<'de>> Deserialize<'de> for Recent<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<(K, i64, V)>::deserialize(deserializer)?;
        let order = entries.iter().map(|(key, at, _)| (*at, key.clone())).collect();
        let values = entries.into_iter().map(|(key, at, value)| (key, (at, value))).collect();
        Ok(Self { values, order })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_unused_longest_goes_first_and_all_survives_a_restart() {
        let mut recent = Recent::default();
        for (key, now) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            *recent.entry(&key.to_owned(), now, 2, || 0) += 1;
        }
        let text = serde_json::to_string(&recent).unwrap();
        let mut again: Recent<String, i32> = serde_json::from_str(&text).unwrap();
        assert_eq!(again.iter().map(|(k, v)| (k.as_str(), *v)).collect::<Vec<_>>(), [("a", 2), ("c", 1)]);
        again.entry(&"d".to_owned(), 5, 2, || 0);
        assert!(again.get(&"a".to_owned()).is_none() && again.len() == 2);
        assert_eq!(again.order.len(), 2, "each key once");
    }
}
