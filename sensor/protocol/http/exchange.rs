//! A request and its response, and the log-ins that come with them.
//!
//! Owns: naming what both carry. Never does: pairing; keeping a credential.

use super::device::{Device, Told};
use super::fields::{self, Fields, account};
use super::outlet::Outlet;
use super::target::{self, Target};
use crate::account::Account;
use crate::{Context, dns};
use egret_model::{Evidence, Protocol, Side, Timestamp, TransferStart};

/// Credentials that came with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Credentials {
    account: Account,
    evidence: Evidence,
}

/// The head of a request.
pub(crate) struct Request<'a> {
    /// In capital letters.
    pub(crate) method: &'a str,
    pub(crate) target: &'a Target<'a>,
    /// `host:port` of the server that is asked, where the request names it beside its fields.
    pub(crate) authority: Option<&'a [u8]>,
    /// It is asked of a proxy.
    pub(crate) of_proxy: bool,
    pub(crate) fields: &'a Fields<'a>,
    /// The side that sends it.
    pub(crate) client: Side,
}

/// A request, as far as its response needs it.
#[derive(Debug)]
pub(crate) struct Exchange {
    at: Timestamp,
    /// The answer has no body (HEAD).
    pub(crate) head_only: bool,
    pub(crate) operation: String,
    /// Name of the file that the path names: sent with PUT, fetched with GET.
    filename: Option<String>,
    /// The response brings what the path names.
    fetches: bool,
    /// Path and query of an object of which a part is asked for.
    part_of: Option<Box<[u8]>>,
    pub(crate) server_name: Option<String>,
    pub(crate) via_proxy: bool,
    credentials: Vec<Credentials>,
    /// What proxies say of the client.
    proxied: Box<[(&'static str, String)]>,
    /// The client's device, as it says.
    device: Option<Device>,
}

impl Exchange {
    pub(crate) fn new(context: &mut Context<'_>, request: &Request<'_>) -> Self {
        // Once a connection: it is of one device, unless a proxy makes it of several.
        if context.notes.device == Told::NotYet {
            let user_agent = request.fields.first("user-agent");
            context.notes.device = user_agent.and_then(Device::of).map_or(Told::Nothing, Told::Device);
        }
        let device = context.notes.device;
        let outer = context.nesting();
        let Request { method, target, authority, of_proxy, fields, client } = *request;
        let connect = method == "CONNECT";
        let named = authority.or_else(|| fields.first("host")).and_then(target::host);
        Self {
            at: context.now(),
            head_only: method == "HEAD",
            operation: target::operation(method, target),
            filename: target::filename(target.path).filter(|_| !connect),
            fetches: method == "GET",
            part_of: (method == "GET" && fields.first("range").is_some()).then(|| target.whole().into()),
            server_name: named.or_else(|| outer?.server_name.clone()),
            via_proxy: of_proxy || outer.is_some_and(|outer| outer.via_proxy),
            credentials: credentials(context, fields, client),
            device: match device {
                Told::Device(device) if fields.first("via").is_none() => Some(device),
                _ => None,
            },
            proxied: fields::proxied(fields),
        }
    }

    /// The account that logged in with this request, rather than by a session from before.
    fn logged_in(&self) -> Option<&Account> {
        let own = |known: &&Credentials| known.evidence != Evidence::SessionCookie;
        self.credentials.iter().find(own).map(|known| &known.account)
    }

    /// The user that the request names: rather the one of the proxy, who is the organisation's.
    pub(crate) fn user(&self) -> Option<String> {
        let proxy = self.credentials.iter().find(|known| known.evidence == Evidence::ProxyAuth);
        proxy.or(self.credentials.first()).map(|known| known.account.user.clone())
    }

    /// The start of what is told of the request.
    pub(crate) fn request_start(
        &self,
        context: &Context<'_>,
        protocol: Protocol,
        client: Side,
    ) -> TransferStart {
        let mut start = context.start(protocol, self.operation.clone(), client);
        start.server = client.other();
        self.name(&mut start);
        if let Some(device) = self.device.filter(|_| self.proxied.is_empty()) {
            start.facts.push(("device", device.name().to_owned()));
        }
        start
    }

    fn name(&self, start: &mut TransferStart) {
        start.server_name.clone_from(&self.server_name);
        start.via_proxy = self.via_proxy;
        start.user = self.user().or(start.user.take());
        start.facts.extend(self.proxied.iter().cloned());
    }
}

/// Log-ins, or else the session that a cookie belongs to.
fn credentials(context: &Context<'_>, fields: &Fields<'_>, client: Side) -> Vec<Credentials> {
    let given = [("proxy-authorization", Evidence::ProxyAuth), ("authorization", Evidence::HttpBasic)]
        .into_iter()
        .filter_map(|(name, evidence)| {
            let (account, evidence) = account(fields.first(name)?, evidence)?;
            Some(Credentials { account, evidence })
        });
    let given: Vec<Credentials> = given.collect();
    if !given.is_empty() {
        return given;
    }
    let server = context.flow.endpoint(client.other()).ip;
    // HTTP/2 sends each cookie as a field of its own (RFC 9113 section 8.2.3).
    let session = fields.all("cookie").find_map(|cookies| context.shared.cookies.account(server, cookies));
    let evidence = Evidence::SessionCookie;
    session.map(|account| Credentials { account: account.clone(), evidence }).into_iter().collect()
}

/// The way of a request's body.
pub(crate) fn request_outlet(request: &Request<'_>, exchange: &Exchange, start: TransferStart) -> Outlet {
    // The path of a POST names the program that takes the content, unless it has the name of a file with content; and parts have
    // names of their own.
    let is_file = |name: &String| target::names_content(name) && !fields::is_multipart(request.fields);
    let named = exchange.filename.clone().filter(|name| request.method != "POST" || is_file(name));
    let mut start = TransferStart { filename: named, ..start };
    fields::describe(request.fields, &mut start);
    Outlet::piece(start, fields::range(request.fields), request.target.whole())
}

/// The way of a response's body: a piece that the client has asked for (206) may go on from another.
pub(crate) fn response_outlet(
    exchange: Option<&Exchange>,
    (status, fields): (u16, &Fields<'_>),
    start: TransferStart,
) -> Outlet {
    match exchange.and_then(|exchange| exchange.part_of.as_deref()) {
        Some(path) if status == 206 => Outlet::piece(start, fields::range(fields), path.to_vec()),
        _ => Outlet::whole(start),
    }
}

/// The start of a response's content.
pub(crate) fn response_start(
    context: &Context<'_>,
    protocol: Protocol,
    server: Side,
    exchange: Option<&Exchange>,
    (status, fields): (u16, &Fields<'_>),
) -> TransferStart {
    let operation =
        exchange.map_or_else(|| format!("response {status}"), |exchange| exchange.operation.clone());
    let mut start = context.start(protocol, operation, server);
    start.server = server;
    if let Some(exchange) = exchange {
        exchange.name(&mut start);
        start.filename = exchange.filename.clone().filter(|_| exchange.fetches);
    }
    fields::describe(fields, &mut start);
    start.facts.push(("status", status.to_string()));
    start
}

/// A query, or a long path, is content that the client sends: it becomes a transfer of its own.
pub(crate) fn content_of_target(context: &mut Context<'_>, target: &Target<'_>, start: &TransferStart) {
    if let Some(message) = target::dns_message(target.query) {
        dns::observe(context, start.from, &message);
    }
    let query = Some(target.query).filter(|query| target::query_is_content(query));
    let path = Some(target.path).filter(|path| target::path_is_content(path));
    for (content, media_type) in [(path, "text/plain"), (query, "application/x-www-form-urlencoded")]
        .map(|(c, m)| (c.unwrap_or_default(), m))
    {
        if !content.is_empty() {
            let mut start = TransferStart { media_type: Some(media_type.to_owned()), ..start.clone() };
            let encoded = target::encoded_bytes(content);
            if encoded > 0 {
                start.facts.push(("encoded-in-target", encoded.to_string()));
            }
            let transfer = context.begin(start);
            context.body(transfer, content);
            context.end(transfer, true);
        }
    }
}

/// Log-ins of one connection that have been told; a client sends them with each request.
#[derive(Default)]
pub(crate) struct LogIns(Vec<(Credentials, bool)>);

/// Log-ins remembered for one connection.
const TOLD: usize = 8;

impl LogIns {
    /// A final response has come: reports the log-ins of its request, and notes the session that it sets up for them.
    pub(crate) fn answered(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        exchange: &mut Exchange,
        (status, fields): (u16, &Fields<'_>),
    ) {
        if let Some(account) = exchange.logged_in()
            && (200..400).contains(&status)
        {
            let server = context.flow.endpoint(client.other()).ip;
            fields.all("set-cookie").for_each(|set| context.shared.cookies.bind(server, set, account));
        }
        self.tell(context, client, exchange, Some(status));
    }

    /// Reports the log-ins of an exchange, once. One that was refused with `status` is no evidence.
    pub(crate) fn tell(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        exchange: &mut Exchange,
        status: Option<u16>,
    ) {
        for credentials in std::mem::take(&mut exchange.credentials) {
            let refused = match credentials.evidence {
                Evidence::ProxyAuth => status == Some(407),
                // A proxy that refuses has not asked the server.
                _ => matches!(status, Some(401 | 407)),
            };
            let confirmed = status.is_some();
            let known = self.0.iter().any(|(told, sure)| *told == credentials && (*sure || !confirmed));
            if refused || known {
                continue;
            }
            let ip = context.flow.endpoint(client).ip;
            context.sighting(credentials.account.sighting(ip, credentials.evidence, confirmed, exchange.at));
            if self.0.len() < TOLD {
                self.0.push((credentials, confirmed));
            }
        }
    }
}
