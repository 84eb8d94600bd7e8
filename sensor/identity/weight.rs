//! How much each kind of evidence weighs.
//!
//! Owns: the constants of the evidence model. Never does: look-ups.

use egret_model::Evidence;

/// Half-life of evidence that tells no end, seconds: after four hours it is worth half.
pub(crate) const HALF_LIFE_S: f32 = 4.0 * 3600.0;

/// Half-life of evidence seen **after** the moment asked about, seconds: a log-in explains what came just before it, not more.
pub(crate) const HINDSIGHT_HALF_LIFE_S: f32 = 600.0;

/// What evidence seen afterwards is worth at best, compared with evidence seen before.
pub(crate) const HINDSIGHT: f32 = 0.8;

/// What an unconfirmed exchange (no answer was captured) is worth, compared with a confirmed one.
pub(crate) const UNCONFIRMED: f32 = 0.7;

/// What is left of a user's evidence once somebody else has been seen on the address later with evidence about as strong.
pub(crate) const DISPLACED: f32 = 0.2;

/// Evidence at least this share of another's weight displaces it when it is later.
pub(crate) const DISPLACES_FROM: f32 = 0.9;

/// A runner-up with at least this share of the best score is a conflict: abstain and name both.
pub(crate) const CONFLICT: f32 = 0.8;

/// Probability that evidence of this kind names the person at the address, at the moment it is seen.
pub(crate) const fn of(evidence: Evidence) -> f32 {
    match evidence {
        Evidence::AddressPlan => 0.95,
        Evidence::Kerberos | Evidence::Radius | Evidence::ProxyAuth => 0.9,
        Evidence::Ntlm | Evidence::SmtpAuth => 0.85,
        Evidence::Ldap => 0.8,
        Evidence::ImapLogin | Evidence::Pop3Login => 0.75,
        Evidence::HttpBasic | Evidence::FtpLogin | Evidence::DatabaseLogin => 0.6,
        Evidence::Sip => 0.5,
        Evidence::RdpCookie | Evidence::ChatName => 0.25,
        Evidence::MailFrom => 0.3,
        Evidence::Dhcp => 0.9,
    }
}
