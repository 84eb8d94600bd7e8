//! How much each kind of evidence weighs.
//!
//! Owns: the constants of the evidence model. Never does: look-ups.

use egret_model::Evidence;

/// Half-life of evidence that tells no end, seconds: after four hours it is worth half.
pub(crate) const HALF_LIFE_S: f32 = 4.0 * 3600.0;

/// Evidence this long past says nothing any more (six half-lives), nanoseconds.
pub(crate) const FADED_NS: i64 = 24 * 3600 * SECOND;

/// Half-life of a single port's evidence, seconds: the port is given to another connection soon.
pub(crate) const PORT_HALF_LIFE_S: f32 = 600.0;

/// Half-life of evidence seen **after** the moment asked about, seconds: a log-in explains what came just before it, not more.
pub(crate) const HINDSIGHT_HALF_LIFE_S: f32 = 600.0;

/// How far evidence explains what came before it, nanoseconds (six half-lives).
pub(crate) const HINDSIGHT_NS: i64 = 3600 * SECOND;

/// What evidence seen afterwards is worth at best, compared with evidence seen before.
pub(crate) const HINDSIGHT: f32 = 0.8;

/// What evidence of the only person ever seen at a station is worth, long before and after it was seen.
pub(crate) const ALONE: f32 = 0.45;

/// Half-life of that, seconds (7 days): desks are given to others within weeks, not hours.
pub(crate) const ALONE_HALF_LIFE_S: f32 = 7.0 * 86_400.0;

/// Evidence from this weight on shows that somebody else was at a station, too.
pub(crate) const COMPANY: f32 = 0.5;

/// What an unconfirmed exchange (no answer was captured) is worth, compared with a confirmed one.
pub(crate) const UNCONFIRMED: f32 = 0.5;

/// What is left of a user's evidence once somebody else has been seen on the address later with evidence about as strong.
pub(crate) const DISPLACED: f32 = 0.2;

/// What is left of a user's evidence from before the end of the address's lease, when nobody has renewed it.
pub(crate) const LEASE_OVER: f32 = 0.2;

/// What a service's account is worth where no person is known.
pub(crate) const SERVICE: f32 = 0.5;

/// What evidence of nearby ports is worth on a shared address whose users have ports of their own.
pub(crate) const NEARBY_PORTS: f32 = 0.8;

/// What an attribution is worth where several kinds of system are behind the address at once (NAT, a terminal server, a telephone on
/// its owner's computer), unless the exchange itself names the user.
pub(crate) const MIXED_DEVICES: f32 = 0.85;

/// Evidence at least this share of another's weight displaces it when it is later.
pub(crate) const DISPLACES_FROM: f32 = 0.9;

/// A runner-up with at least this share of the best score is a conflict: abstain and name both.
pub(crate) const CONFLICT: f32 = 0.8;

/// A best score below this names nobody.
pub(crate) const LEAST: f32 = 0.2;

/// Strength below which a piece of evidence is passed over.
pub(crate) const NOTHING: f32 = 0.01;

/// Evidence from this weight on shows that a person works at an address: enough of such persons at once share it.
pub(crate) const PRESENCE: f32 = 0.8;

/// Nanoseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000_000;

/// Probability that evidence of this kind names the person (or, where it names none, the host) at the address, at the moment it is seen.
pub(crate) const fn of(evidence: Evidence) -> f32 {
    match evidence {
        Evidence::AddressPlan => 0.95,
        Evidence::Kerberos | Evidence::Radius | Evidence::ProxyAuth | Evidence::Dhcp => 0.9,
        Evidence::WindowsLogon | Evidence::ProxyHeader | Evidence::PortAccess => 0.9,
        Evidence::Ntlm | Evidence::SmtpAuth | Evidence::Feed => 0.85,
        Evidence::Ldap | Evidence::LinkAddress => 0.8,
        Evidence::ImapLogin | Evidence::Pop3Login => 0.75,
        Evidence::SessionCookie | Evidence::Tacacs => 0.6,
        Evidence::HttpBasic | Evidence::FtpLogin | Evidence::DatabaseLogin => 0.6,
        Evidence::HostAnnouncement | Evidence::Sip => 0.5,
        Evidence::MailFrom => 0.3,
        Evidence::RdpCookie | Evidence::ChatName | Evidence::PrintJob => 0.25,
    }
}

/// True for evidence that holds unchanged until its end (a lease, an open session), rather than fading.
pub(crate) const fn holds(evidence: Evidence) -> bool {
    matches!(evidence, Evidence::Dhcp | Evidence::AddressPlan)
}
