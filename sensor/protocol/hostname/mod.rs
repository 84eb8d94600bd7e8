//! Hosts that announce their names: mDNS (RFC 6762), LLMNR (RFC 4795), NetBIOS over UDP (RFC 1002), names and
//! datagrams.
//!
//! Owns: announcements of a host's own name and address. Never does: questions about others; believing that a host is what it calls
//! itself (anybody may answer): such a name counts less than a lease.

mod parse;
#[cfg(test)]
mod tests;

use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Flow, Protocol, Side, Sighting};
use parse::{Announced, Dialect};

/// Recognises the first datagram. The messages have no mark of their own, so that the ports count, too.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let datagram = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    match dialect(prefix.flow) {
        Some(dialect) if parse::announced(dialect, datagram).is_some() => Verdict::Yes,
        _ => Verdict::No,
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    let dialect = dialect(context.flow).unwrap_or(Dialect::Multicast);
    watched(context, Protocol::Udp, Announcements { dialect, told: Vec::new() })
}

fn dialect(flow: &Flow) -> Option<Dialect> {
    [flow.responder.port, flow.initiator.port].into_iter().find_map(|port| match port {
        5353 => Some(Dialect::Multicast),
        5355 => Some(Dialect::LinkLocal),
        137 => Some(Dialect::NetBios),
        138 => Some(Dialect::NetBiosDatagram),
        _ => None,
    })
}

/// One flow.
struct Announcements {
    dialect: Dialect,
    /// Told already: hosts repeat themselves.
    told: Vec<Announced>,
}

impl Witness for Announcements {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        for announced in parse::announced(self.dialect, data).unwrap_or_default() {
            if self.told.contains(&announced) {
                continue;
            }
            if self.told.len() >= context.limits.witness_names {
                return Heard::Enough;
            }
            // What somebody says of another's address is hearsay (a proxy may do so while the other sleeps).
            let own = context.flow.endpoint(from).ip == announced.ip;
            context.sighting(Sighting {
                at: context.now(),
                ip: Some(announced.ip),
                ports: None,
                mac: context.flow.mac(from).filter(|_| own),
                host: Some(announced.host.clone()),
                user: None,
                domain: None,
                evidence: Evidence::HostAnnouncement,
                confirmed: own,
                until: None,
            });
            self.told.push(announced);
        }
        Heard::Listening
    }

    fn gap(&mut self, _from: Side) -> bool {
        true
    }
}
