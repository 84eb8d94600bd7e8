//! The tunnels of one packet, and their names.
//!
//! Owns: the vocabulary of tunnel paths and a cache of them, so that a tunnelled packet does not allocate. Never does:
//! reading headers.

use egret_model::TunnelPath;
use hashbrown::HashMap;
use std::fmt;

/// Paths remembered. Forgetting one costs its allocation again and changes nothing else.
const PATHS: usize = 4096;

/// One tunnel, with what tells it from others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hop {
    Vlan(u16),
    Mpls(u32),
    Pppoe(u16),
    Gre,
    Nvgre(u32),
    /// Session; type I has none.
    Erspan(Option<u16>),
    Vxlan(u32),
    Geneve(u32),
    /// IP in IP of the same version.
    IpInIp,
    SixInFour,
    FourInSix,
    Teredo,
    GtpU(u32),
    VnTag(u16),
    /// Tunnel and session.
    L2tp(u16, u16),
    Capwap,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vlan(id) => write!(f, "vlan {id}"),
            Self::Mpls(label) => write!(f, "mpls {label}"),
            Self::Pppoe(session) => write!(f, "pppoe {session}"),
            Self::Gre => f.write_str("gre"),
            Self::Nvgre(subnet) => write!(f, "nvgre {subnet}"),
            Self::Erspan(None) => f.write_str("erspan"),
            Self::Erspan(Some(session)) => write!(f, "erspan {session}"),
            Self::Vxlan(network) => write!(f, "vxlan {network}"),
            Self::Geneve(network) => write!(f, "geneve {network}"),
            Self::IpInIp => f.write_str("ipip"),
            Self::SixInFour => f.write_str("6in4"),
            Self::FourInSix => f.write_str("4in6"),
            Self::Teredo => f.write_str("teredo"),
            Self::GtpU(endpoint) => write!(f, "gtp-u {endpoint}"),
            Self::VnTag(interface) => write!(f, "vntag {interface}"),
            Self::Capwap => f.write_str("capwap"),
            Self::L2tp(tunnel, session) => write!(f, "l2tp {tunnel}/{session}"),
        }
    }
}

/// The paths seen lately.
#[derive(Default)]
pub(crate) struct Paths {
    last: (Vec<Hop>, TunnelPath),
    known: HashMap<Box<[Hop]>, TunnelPath, foldhash::fast::FixedState>,
}

impl Paths {
    /// The path of `hops`, outermost first.
    pub(crate) fn of(&mut self, hops: &[Hop]) -> TunnelPath {
        if hops.is_empty() {
            return TunnelPath::default();
        }
        if self.last.0 != hops {
            let path = self.look_up(hops);
            self.last.0.clear();
            self.last.0.extend_from_slice(hops);
            self.last.1 = path;
        }
        self.last.1.clone()
    }

    fn look_up(&mut self, hops: &[Hop]) -> TunnelPath {
        if let Some(path) = self.known.get(hops) {
            return path.clone();
        }
        if self.known.len() >= PATHS {
            self.known.clear();
        }
        let path = TunnelPath::new(hops.iter().map(Hop::to_string).collect());
        self.known.insert(hops.into(), path.clone());
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_named_outermost_first_and_shared() {
        let mut paths = Paths::default();
        let hops = [Hop::Vlan(10), Hop::Gre, Hop::Erspan(Some(2)), Hop::Erspan(None), Hop::SixInFour];
        let path = paths.of(&hops);
        assert_eq!(path.layers(), ["vlan 10", "gre", "erspan 2", "erspan", "6in4"]);
        assert_eq!(paths.of(&[]).layers().len(), 0);
        assert_eq!(paths.of(&[Hop::Vxlan(42)]).layers(), ["vxlan 42"]);
        assert!(std::ptr::eq(paths.of(&hops).layers(), path.layers()));
    }

    #[test]
    fn the_cache_is_bounded() {
        let mut paths = Paths::default();
        for label in 0..3 * PATHS as u32 {
            assert_eq!(paths.of(&[Hop::Mpls(label)]).layers(), [format!("mpls {label}")]);
        }
        assert!(paths.known.len() <= PATHS);
    }
}
