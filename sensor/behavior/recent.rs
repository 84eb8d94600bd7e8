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
        match self.values.get_mut(key) {
            Some((at, _)) => {
                if now > *at {
                    self.order.remove(&(*at, key.clone()));
                    self.order.insert((now, key.clone()));
                    *at = now;
                }
            }
            None => {
                while self.values.len() >= limit.max(1)
                    && let Some((_, oldest)) = self.order.pop_first()
                {
                    self.values.remove(&oldest);
                }
                self.order.insert((now, key.clone()));
            }
        }
        &mut self.values.entry(key.clone()).or_insert_with(|| (now, make())).1
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
    }
}
