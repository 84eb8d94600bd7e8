//! The protocols that are recognised, one line each, in the order in which they are asked.
//!
//! Owns: the list. Never does: recognition itself, which is each protocol's own.

use crate::{
    Analyzer, Context, dcerpc, dhcp, dns, ftp, hostname, http1, http2, imap, irc, kerberos, ldap, lpd, mysql,
    nfs, pop3, postgresql, ptunnel, quic, radius, rdp, rsync, sip, smb, smtp, socks, ssh, tacacs, tds,
    telnet, tftp, tls, tns,
};
use egret_model::{Flow, FlowKind};

/// What a protocol says to the first bytes of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Mine.
    Yes,
    /// Perhaps; more bytes would tell.
    NeedMore,
    /// Not mine, whatever follows.
    No,
}

/// The first bytes of both sides of a flow, as far as they have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix<'a> {
    pub(crate) flow: &'a Flow,
    /// Of the end that opened the flow.
    pub(crate) initiator: &'a [u8],
    /// Of the other end.
    pub(crate) responder: &'a [u8],
}

/// One protocol.
pub(crate) struct Registration {
    /// The transport it runs over.
    pub(crate) kind: FlowKind,
    /// Stateless recognition; asked again whenever bytes have come, until it says Yes or No or the limit is reached.
    pub(crate) probe: fn(&Prefix<'_>) -> Verdict,
    /// Makes the analyzer, which is then given every byte from the first one on.
    pub(crate) start: fn(&Context<'_>) -> Box<dyn Analyzer>,
}

/// Every protocol. The first that says Yes has the flow.
pub(crate) const REGISTRY: &[Registration] = &[
    Registration { kind: FlowKind::Tcp, probe: http1::probe, start: http1::start },
    Registration { kind: FlowKind::Tcp, probe: http2::probe, start: http2::start },
    Registration { kind: FlowKind::Tcp, probe: tls::probe, start: tls::start },
    Registration { kind: FlowKind::Tcp, probe: ssh::probe, start: ssh::start },
    Registration { kind: FlowKind::Udp, probe: quic::probe, start: quic::start },
    Registration { kind: FlowKind::Tcp, probe: smtp::probe, start: smtp::start },
    Registration { kind: FlowKind::Tcp, probe: ftp::probe, start: ftp::start },
    Registration { kind: FlowKind::Tcp, probe: smb::probe, start: smb::start },
    Registration { kind: FlowKind::Tcp, probe: imap::probe, start: imap::start },
    Registration { kind: FlowKind::Tcp, probe: pop3::probe, start: pop3::start },
    Registration { kind: FlowKind::Tcp, probe: ldap::probe, start: ldap::start },
    Registration { kind: FlowKind::Tcp, probe: kerberos::probe, start: kerberos::start },
    Registration { kind: FlowKind::Tcp, probe: dcerpc::probe, start: dcerpc::start },
    Registration { kind: FlowKind::Tcp, probe: postgresql::probe, start: postgresql::start },
    Registration { kind: FlowKind::Tcp, probe: mysql::probe, start: mysql::start },
    Registration { kind: FlowKind::Tcp, probe: tds::probe, start: tds::start },
    Registration { kind: FlowKind::Tcp, probe: tns::probe, start: tns::start },
    Registration { kind: FlowKind::Tcp, probe: tacacs::probe, start: tacacs::start },
    Registration { kind: FlowKind::Tcp, probe: rdp::probe, start: rdp::start },
    Registration { kind: FlowKind::Tcp, probe: irc::probe, start: irc::start },
    Registration { kind: FlowKind::Tcp, probe: sip::probe, start: sip::start },
    Registration { kind: FlowKind::Tcp, probe: nfs::probe, start: nfs::start },
    Registration { kind: FlowKind::Tcp, probe: rsync::probe, start: rsync::start },
    Registration { kind: FlowKind::Tcp, probe: telnet::probe, start: telnet::start },
    Registration { kind: FlowKind::Tcp, probe: lpd::probe, start: lpd::start },
    Registration { kind: FlowKind::Tcp, probe: socks::probe, start: socks::start },
    Registration { kind: FlowKind::Udp, probe: kerberos::probe, start: kerberos::start },
    Registration { kind: FlowKind::Udp, probe: radius::probe, start: radius::start },
    Registration { kind: FlowKind::Udp, probe: sip::probe, start: sip::start },
    Registration { kind: FlowKind::Udp, probe: dhcp::probe, start: dhcp::start },
    Registration { kind: FlowKind::Udp, probe: hostname::probe, start: hostname::start },
    Registration { kind: FlowKind::Udp, probe: dns::probe, start: dns::start },
    Registration { kind: FlowKind::Tcp, probe: dns::probe, start: dns::start },
    Registration { kind: FlowKind::Udp, probe: tftp::probe, start: tftp::start },
    Registration { kind: FlowKind::Icmp, probe: ptunnel::probe, start: ptunnel::start },
];
