//! Flows that are not followed because of overload.
//!
//! Owns: which flows were refused, so that none is picked up in its middle once the load has fallen. Never does: deciding when
//! there is overload.

use egret_model::Timestamp;
use hashbrown::HashMap;

/// Remembers refused flows by the hash of their key: a collision refuses one flow more, which is counted like any other.
pub(crate) struct Shed {
    active: bool,
    /// Time of the last segment of each refused flow.
    flows: HashMap<u64, i64, foldhash::fast::RandomState>,
    most: usize,
    forget_ns: i64,
}

impl Shed {
    /// At most `most` refused flows are remembered, each until it has been silent for `forget_ns`.
    pub(crate) fn new(most: usize, forget_ns: i64) -> Self {
        Self { active: false, flows: HashMap::default(), most: most.max(1), forget_ns }
    }

    /// Whether flows that are new are refused from now on.
    pub(crate) const fn new_flows(&mut self, shed: bool) {
        self.active = shed;
    }

    /// True when a segment that belongs to no followed flow must not open one. `starts_anew`: it opens a connection, so that
    /// whatever had these ends before is over.
    #[inline]
    pub(crate) fn refuses(&mut self, flow: u64, starts_anew: bool, at: Timestamp) -> bool {
        if !self.active && self.flows.is_empty() {
            return false;
        }
        self.remembered_or_new(flow, starts_anew, at.nanos())
    }

    #[cold]
    fn remembered_or_new(&mut self, flow: u64, starts_anew: bool, now: i64) -> bool {
        if self.active {
            if self.flows.len() >= self.most {
                self.forget(now);
            }
            self.flows.insert(flow, now);
            return true;
        }
        if starts_anew {
            self.flows.remove(&flow);
            return false;
        }
        match self.flows.get_mut(&flow) {
            Some(last) if now.saturating_sub(*last) <= self.forget_ns => {
                *last = now;
                true
            }
            Some(_) => {
                self.flows.remove(&flow);
                false
            }
            None => false,
        }
    }

    /// Makes room: what has been silent goes; should that not do, everything, after which refused flows may be picked up in their
    /// middle, which their records say.
    fn forget(&mut self, now: i64) {
        self.flows.retain(|_, last| now.saturating_sub(*last) <= self.forget_ns);
        if self.flows.len() >= self.most {
            self.flows.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    #[test]
    fn a_refused_flow_stays_refused_until_it_starts_anew() {
        let mut shed = Shed::new(8, 60_000_000_000);
        assert!(!shed.refuses(1, false, at(0)), "no overload");
        shed.new_flows(true);
        assert!(shed.refuses(1, true, at(1)) && shed.refuses(2, false, at(1)));
        shed.new_flows(false);
        assert!(shed.refuses(1, false, at(2)), "not in its middle");
        assert!(!shed.refuses(3, false, at(2)), "another flow");
        assert!(!shed.refuses(1, true, at(3)), "a connection of the same ends, opened anew");
        assert!(!shed.refuses(1, false, at(3)));
        assert!(!shed.refuses(2, false, at(100)), "silent for longer than a flow lives");
        assert!(shed.flows.is_empty());
    }

    #[test]
    fn what_is_remembered_stays_within_its_limit() {
        let mut shed = Shed::new(4, 60_000_000_000);
        shed.new_flows(true);
        for flow in 0..1000 {
            assert!(shed.refuses(flow, true, at(0)));
            assert!(shed.flows.len() <= 4);
        }
    }
}
