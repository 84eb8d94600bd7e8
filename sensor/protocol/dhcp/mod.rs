//! DHCP and DHCPv6: which host has which address, until when (RFC 2131, RFC 8415).
//!
//! Owns: evidence from single messages. Never does: putting a request and its answer together: they are broadcast between
//! other addresses, so they may be other flows and even other shards. The answer tells the lease, the request the name; the
//! link address that both carry is what identity joins them by.

mod parse;
#[cfg(test)]
mod tests;

use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use egret_model::{Endpoint, Evidence, Side, Sighting, Uninspected};
use parse::Lease;

/// The ports of DHCPv6 (RFC 8415 section 7.2): its messages have no mark of their own to be known by.
const V6_PORTS: [u16; 2] = [546, 547];

/// Recognises the first datagram.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let datagram = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    let on_port = |end: Endpoint| V6_PORTS.contains(&end.port);
    let v6 =
        on_port(prefix.flow.initiator) && on_port(prefix.flow.responder) && parse::v6(datagram).is_some();
    if parse::is_v4(datagram) || v6 { Verdict::Yes } else { Verdict::No }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(_context: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Dhcp)
}

/// DHCP messages, each by itself.
struct Dhcp;

impl Analyzer for Dhcp {
    fn data(&mut self, context: &mut Context<'_>, _from: Side, data: &[u8]) {
        if parse::is_v4(data) {
            parse::v4(data).into_iter().for_each(|lease| report(context, lease));
        } else if let Some(leases) = parse::v6(data) {
            leases.into_iter().for_each(|lease| report(context, lease));
        } else {
            context.not_inspected(Uninspected::Malformed, data.len() as u64);
        }
    }

    fn gap(&mut self, _context: &mut Context<'_>, _from: Side, _bytes: u64) {}

    fn finished(&mut self, _context: &mut Context<'_>, _from: Side) {}

    fn closed(&mut self, _context: &mut Context<'_>) {}
}

fn report(context: &mut Context<'_>, lease: Lease) {
    let Lease { ip, mac, host, granted, seconds } = lease;
    // A name, an address, a link address: two of them at least make evidence.
    if [ip.is_some(), mac.is_some(), host.is_some()].into_iter().filter(|told| *told).count() < 2 {
        return;
    }
    let at = context.now();
    let until = seconds.map(|seconds| at.plus(i64::from(seconds) * 1_000_000_000));
    let evidence = Evidence::Dhcp;
    context.sighting(Sighting {
        at,
        ip,
        ports: None,
        mac,
        host,
        user: None,
        domain: None,
        evidence,
        confirmed: granted,
        until,
    });
}
