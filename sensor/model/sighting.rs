//! Evidence of identity, and what is made of it.

use crate::{MacAddress, Timestamp};
use serde::Serialize;
use std::{fmt, net::IpAddr};

/// Where a piece of identity evidence comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The operator's own table (`--users`).
    AddressPlan,
    /// A DHCP exchange (RFC 2131): host names, never a user.
    Dhcp,
    /// HTTP Basic credentials for an origin server (RFC 7617).
    HttpBasic,
    /// Credentials for a proxy: of HTTP (RFC 9110 section 11.7) or SOCKS (RFC 1929; the user that SOCKS 4 names is a claim).
    ProxyAuth,
    /// An FTP log-in (RFC 959 section 4.1.1).
    FtpLogin,
    /// An SMTP authentication (RFC 4954).
    SmtpAuth,
    /// The envelope sender of a mail (RFC 5321 section 3.3): a claim, not a log-in.
    MailFrom,
    /// A POP3 log-in (RFC 1939).
    Pop3Login,
    /// An IMAP log-in (RFC 9051).
    ImapLogin,
    /// A Kerberos ticket (RFC 4120).
    Kerberos,
    /// An NTLM authentication (MS-NLMP).
    Ntlm,
    /// An LDAP bind (RFC 4511).
    Ldap,
    /// RADIUS: an access that was granted, or its accounting (RFC 2865, RFC 2866).
    Radius,
    /// A log-in to a database (PostgreSQL, MySQL, SQL Server, Sybase; of Oracle what the client claims).
    DatabaseLogin,
    /// A SIP registration or call with credentials (RFC 3261 section 22).
    Sip,
    /// The cookie of an RDP connection request (MS-RDPBCGR section 2.2.1.1): a claim, cut to nine characters.
    RdpCookie,
    /// A name that a chat client gave itself (RFC 2812): a claim.
    ChatName,
    /// A log-on that a Windows event log tells (4624 and the like).
    WindowsLogon,
    /// A line of some other log that names who had an address.
    Feed,
    /// What a proxy that the operator trusts says of its client (X-Forwarded-For, X-Authenticated-User).
    ProxyHeader,
    /// A session cookie that was set when its user logged in.
    SessionCookie,
    /// An unencrypted TACACS+ log-in (RFC 8907).
    Tacacs,
    /// The user that a print job names (RFC 1179 section 7.2): a claim.
    PrintJob,
    /// Admission to a port or a wireless network that succeeded (IEEE 802.1X, RFC 3748).
    PortAccess,
    /// ARP or neighbour discovery: which link address has an address, never a user.
    LinkAddress,
    /// A host that announces its own name (mDNS, LLMNR, NetBIOS): never a user.
    HostAnnouncement,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One piece of identity evidence: at this time, this address was used by this user or host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When it was seen.
    pub at: Timestamp,
    /// The address it speaks of; None where only the link address is told (RADIUS without a Framed-IP-Address).
    pub ip: Option<IpAddr>,
    /// Where it holds for some connections only: those from these ports of the address (both ends count). A single port is that of
    /// the connection in which it was seen, and matters only where several people share the address.
    pub ports: Option<(u16, u16)>,
    /// Link address, where known.
    pub mac: Option<MacAddress>,
    /// Host name, where told.
    pub host: Option<String>,
    /// User name, where told; without its domain.
    pub user: Option<String>,
    /// Domain or realm, where told.
    pub domain: Option<String>,
    /// What kind of evidence.
    pub evidence: Evidence,
    /// The exchange succeeded as far as was seen. A refused log-in is no evidence and is not reported at all.
    pub confirmed: bool,
    /// When it ceases to hold (a lease's or ticket's end), where told. One that is no later than `at` tells that a session is over.
    pub until: Option<Timestamp>,
}

/// How evidence reaches a moment, where it was not seen at that moment or shortly before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// It was seen afterwards.
    Afterwards,
    /// It was seen long before or long afterwards, and nobody else was ever seen at the station.
    OnlyUser,
}

/// Who sent something, and how that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attribution {
    /// User, where there is one best answer.
    pub user: Option<String>,
    /// Host, likewise.
    pub host: Option<String>,
    /// Domain of the user.
    pub domain: Option<String>,
    /// Link address from evidence.
    pub mac: Option<MacAddress>,
    /// The evidence that decided.
    pub evidence: Option<Evidence>,
    /// 0.0 to 1.0; 0.0 without a user and a host.
    pub confidence: f32,
    /// How that evidence reaches the moment, where it was not seen before it.
    pub basis: Option<Basis>,
    /// Users named by evidence as strong as the best: why `user` is empty, or how sure it is.
    pub alternatives: Vec<String>,
    /// What the directory knows of the user.
    pub person: Option<Person>,
}

/// What a directory knows of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Full name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Manager, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// Groups, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// When the employment ends or ended, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employment_ends: Option<Timestamp>,
}
