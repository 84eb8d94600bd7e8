//! FTP: files moved over data connections that a control connection arranges (RFC 959, 1123, 2228, 2428, 3659, 7151).
//!
//! Owns: the control connection, and the state that it shares with data connections. Never does: keeping a password.
//!
//! A data connection is announced by the reply to PASV or EPSV, or by PORT or EPRT; the command that it serves may come
//! before it, after it, or even after its first bytes. A file that APPE or REST continues, in the same session or in the
//! next, is one transfer: so an upload stays open for [`egret_model::ProtocolLimits::ftp_resume_ns`].

mod data;
mod parse;
mod probe;
mod shared;
#[cfg(test)]
mod tests;

pub(crate) use probe::probe;
pub(crate) use shared::FtpState;

use crate::account::Account;
use crate::lines::{LineBuffer, TooLong, without_end};
use crate::{Analyzer, Context, Successor};
use data::FtpData;
use egret_model::{Endpoint, Evidence, FlowKind, Side, Uninspected};
use parse::{Command, Verb};
use shared::{Coding, ConnectionId, Job};
use std::collections::VecDeque;

/// What a reply is awaited for.
enum Awaited {
    Greeting,
    /// USER or PASS.
    Login,
    Security,
    Passive,
    Transfer(ConnectionId),
    Restart,
    Directory(String),
    WhichDirectory,
    /// SIZE, of which file.
    Size(String),
    Mode(Coding),
    /// TYPE; what was in force before it.
    Type(bool),
    Other,
}

/// A data connection that the session may use.
struct Channel {
    id: ConnectionId,
    listeners: Vec<Endpoint>,
    passive: bool,
    /// A command uses it.
    used: bool,
}

/// The state machine of a control connection.
struct FtpControl {
    client: Side,
    /// Which end is the client is not known yet.
    sides_unknown: bool,
    client_lines: LineBuffer,
    server_lines: LineBuffer,
    awaited: VecDeque<Awaited>,
    /// Commands and replies can be paired.
    in_step: bool,
    server_spoke_last: bool,
    /// The code of the reply of several lines that is coming in.
    open_reply: Option<u16>,
    /// TLS begins.
    left: bool,
    server_name: Option<String>,
    /// Named by USER, not yet let in.
    claimed: Option<Account>,
    account: Option<Account>,
    /// No reply to the account's log-in has come yet.
    unconfirmed: bool,
    directory: String,
    offset: u64,
    /// A file's size as the server told: where APPE begins.
    size: Option<(String, u64)>,
    coding: Coding,
    /// TYPE A is in force: not without being asked for, though it is the default (RFC 959 section 3.1.1.1), since clients that
    /// never send TYPE move files as they are.
    ascii: bool,
    channel: Option<Channel>,
}

impl FtpControl {
    /// `midstream`: the beginning of the connection was not captured.
    fn new(midstream: bool) -> Self {
        Self {
            client: Side::Initiator,
            sides_unknown: midstream,
            client_lines: LineBuffer::default(),
            server_lines: LineBuffer::default(),
            awaited: if midstream { VecDeque::new() } else { VecDeque::from([Awaited::Greeting]) },
            in_step: !midstream,
            server_spoke_last: false,
            open_reply: None,
            left: false,
            server_name: None,
            claimed: None,
            account: None,
            unconfirmed: false,
            directory: String::new(),
            offset: 0,
            size: None,
            coding: Coding::Stream,
            ascii: false,
            channel: None,
        }
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(FtpControl::new(context.flow.midstream))
}

impl Analyzer for FtpControl {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut data = data;
        if std::mem::take(&mut self.sides_unknown) {
            // Of the first bytes of either end, only a server's are digits.
            let server_speaks = data.first().is_some_and(u8::is_ascii_digit);
            self.client = if server_speaks { from.other() } else { from };
        }
        if from == self.client && std::mem::take(&mut self.server_spoke_last) && !self.in_step {
            self.awaited.clear();
            self.in_step = true;
        }
        while !data.is_empty() && !self.left {
            let lines = if from == self.client { &mut self.client_lines } else { &mut self.server_lines };
            let Some(line) = lines.next(&mut data, context.limits.ftp_line_bytes) else { return };
            match line {
                Ok(line) if from == self.client => self.command_line(context, &line),
                Ok(line) => self.reply_line(context, &line),
                Err(TooLong(bytes)) => context.not_inspected(Uninspected::Malformed, bytes.len() as u64),
            }
        }
        if self.left {
            self.hand_over(context, from, data);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, _bytes: u64) {
        let lines = if from == self.client { &mut self.client_lines } else { &mut self.server_lines };
        context.not_inspected(Uninspected::Malformed, lines.take().len() as u64);
        self.lose_step();
        if from != self.client {
            self.open_reply = None;
        }
    }

    fn finished(&mut self, _context: &mut Context<'_>, _from: Side) {}

    fn closed(&mut self, context: &mut Context<'_>) {
        let held = self.client_lines.take().len() + self.server_lines.take().len();
        context.not_inspected(Uninspected::Malformed, held as u64);
        self.drop_channel(context);
    }
}

/// The client's side.
impl FtpControl {
    fn command_line(&mut self, context: &mut Context<'_>, line: &[u8]) {
        let Some(command) = parse::command(without_end(line)) else {
            self.expect(context, Awaited::Other);
            return context.not_inspected(Uninspected::Malformed, line.len() as u64);
        };
        let awaited = match command {
            Command::User(name) => {
                let anonymous = name.eq_ignore_ascii_case(b"anonymous") || name.eq_ignore_ascii_case(b"ftp");
                self.claimed = if anonymous { None } else { Account::parse(name) };
                (self.account, self.unconfirmed) = (None, false);
                Awaited::Login
            }
            Command::Password => Awaited::Login,
            Command::Security => Awaited::Security,
            Command::Reinitialize => {
                (self.claimed, self.account, self.ascii) = (None, None, false);
                Awaited::Other
            }
            Command::Passive => Awaited::Passive,
            Command::Active(address, port) => {
                let ip = context.flow.endpoint(self.client).ip;
                let told = address.map(|ip| Endpoint { ip, port });
                self.announce(context, told, Endpoint { ip, port }, false);
                Awaited::Other
            }
            Command::Transfer(verb, path) => match self.begin_transfer(context, verb, path) {
                Some(connection) => Awaited::Transfer(connection),
                None => Awaited::Other,
            },
            Command::Restart(offset) => {
                self.offset = offset;
                Awaited::Restart
            }
            Command::Mode(mode) => Awaited::Mode(match mode {
                b'S' => Coding::Stream,
                b'Z' => Coding::Deflate,
                _ => Coding::Unsupported,
            }),
            // In force at once: the next command may come before the reply.
            Command::Type(letter) => Awaited::Type(std::mem::replace(&mut self.ascii, letter == b'A')),
            Command::Directory(path) => {
                Awaited::Directory(parse::resolve(&self.directory, &String::from_utf8_lossy(path)))
            }
            Command::WhichDirectory => Awaited::WhichDirectory,
            Command::Size(path) => {
                Awaited::Size(parse::resolve(&self.directory, &String::from_utf8_lossy(path)))
            }
            Command::Host(name) => {
                self.server_name = crate::names::host_name(name).or(self.server_name.take());
                Awaited::Other
            }
            Command::Other => Awaited::Other,
        };
        self.expect(context, awaited);
    }

    fn expect(&mut self, context: &Context<'_>, awaited: Awaited) {
        if self.awaited.len() >= context.limits.pipelined_commands {
            self.lose_step();
        }
        if self.in_step {
            self.awaited.push_back(awaited);
        }
    }

    fn lose_step(&mut self) {
        self.awaited.clear();
        self.in_step = false;
    }

    /// Tells the data connection what it is for. `None`: none is announced.
    fn begin_transfer(&mut self, context: &mut Context<'_>, verb: Verb, path: &[u8]) -> Option<ConnectionId> {
        self.logged_in(context, false);
        let path = String::from_utf8_lossy(path).into_owned();
        let file = parse::resolve(&self.directory, &path);
        let restart = std::mem::take(&mut self.offset);
        let offset = match verb {
            Verb::Appe => self.size.take_if(|(sized, _)| *sized == file).map(|(_, size)| size),
            _ => Some(restart),
        };
        // A listener that serves a second command without being announced again (RFC 959 section 3.2).
        if let Some(channel) = self.channel.take_if(|channel| channel.used) {
            self.listen(context, channel.listeners, channel.passive);
        }
        let channel = self.channel.as_mut()?;
        channel.used = true;
        let job = Job {
            verb,
            path,
            file,
            offset,
            account: self.account.clone(),
            server_name: self.server_name.clone(),
            coding: self.coding,
            ascii: self.ascii,
        };
        context.shared.ftp.assign(channel.id, Some(job));
        Some(channel.id)
    }

    /// A data connection will come to `own`, the address of an end of this connection, or to what was `told`, which differs
    /// behind address translation.
    fn announce(&mut self, context: &mut Context<'_>, told: Option<Endpoint>, own: Endpoint, passive: bool) {
        self.drop_channel(context);
        let listeners = told.filter(|told| *told != own).into_iter().chain([own]).collect();
        self.listen(context, listeners, passive);
    }

    fn listen(&mut self, context: &mut Context<'_>, listeners: Vec<Endpoint>, passive: bool) {
        let opener = context.flow.endpoint(if passive { self.client } else { self.client.other() }).ip;
        let until = context.now().plus(context.limits.ftp_connect_ns);
        let id = context.shared.ftp.announce(context.limits.expected_connections);
        for listener in &listeners {
            let listener = *listener;
            let start = move |context: &mut Context<'_>| -> Box<dyn Analyzer> {
                let listens =
                    if context.flow.responder == listener { Side::Responder } else { Side::Initiator };
                Box::new(FtpData::new(id, if passive { listens } else { listens.other() }))
            };
            context.shared.expected.announce(FlowKind::Tcp, listener, opener, until, Box::new(start));
        }
        self.channel = Some(Channel { id, listeners, passive, used: false });
    }

    /// No command will use the data connection that was announced last.
    fn drop_channel(&mut self, context: &mut Context<'_>) {
        if let Some(channel) = self.channel.take_if(|channel| !channel.used) {
            let opener =
                context.flow.endpoint(if channel.passive { self.client } else { self.client.other() }).ip;
            for listener in channel.listeners {
                context.shared.expected.withdraw(FlowKind::Tcp, listener, opener);
            }
            context.shared.ftp.forget(channel.id);
        }
    }
}

/// The server's side.
impl FtpControl {
    fn reply_line(&mut self, context: &mut Context<'_>, line: &[u8]) {
        self.server_spoke_last = true;
        let reply = parse::reply(without_end(line));
        match (self.open_reply, reply) {
            // Within a reply of several lines only its own code and a blank end it (RFC 959 section 4.2).
            (Some(code), Some(reply)) if reply.last && reply.code == code => {
                self.open_reply = None;
                self.answered(context, reply.code, reply.text);
            }
            (Some(_), _) => {}
            (None, Some(reply)) => {
                if let Some(Awaited::Greeting) = self.awaited.front() {
                    self.server_name = self.server_name.take().or_else(|| parse::greeting_name(reply.text));
                }
                if reply.last {
                    self.answered(context, reply.code, reply.text);
                } else {
                    self.open_reply = Some(reply.code);
                }
            }
            (None, None) => context.not_inspected(Uninspected::Malformed, line.len() as u64),
        }
    }

    fn answered(&mut self, context: &mut Context<'_>, code: u16, text: &[u8]) {
        // The greeting was missed (RFC 959 section 5.4 lists the codes of one).
        if matches!(self.awaited.front(), Some(Awaited::Greeting)) && !matches!(code, 120 | 220 | 421 | 500..)
        {
            self.lose_step();
        }
        // 1xx: the final reply follows.
        let awaited = if code < 200 { None } else { self.awaited.pop_front() };
        match (awaited, code) {
            (Some(Awaited::Login) | None, 230 | 232) => self.logged_in(context, true),
            (Some(Awaited::Login) | None, 530) => {
                self.claimed = None;
                if std::mem::take(&mut self.unconfirmed) {
                    self.account = None;
                }
            }
            (Some(Awaited::Security), 234) => self.left = true,
            (Some(Awaited::Passive) | None, 227) => {
                let Some((ip, port)) = parse::passive(text) else { return };
                let own = Endpoint { ip: context.flow.endpoint(self.client.other()).ip, port };
                self.announce(context, Some(Endpoint { ip: ip.into(), port }), own, true);
            }
            (Some(Awaited::Passive) | None, 229) => {
                let Some(port) = parse::extended_passive(text) else { return };
                let ip = context.flow.endpoint(self.client.other()).ip;
                self.announce(context, None, Endpoint { ip, port }, true);
            }
            // Refused: the connection stays for the next command.
            (Some(Awaited::Transfer(connection)), 500..) => {
                context.shared.ftp.assign(connection, None);
                if let Some(channel) = self.channel.as_mut().filter(|channel| channel.id == connection) {
                    channel.used = false;
                }
            }
            (Some(Awaited::Restart), 400..) => self.offset = 0,
            (Some(Awaited::Directory(directory)), 200..=299) => self.directory = directory,
            (Some(Awaited::WhichDirectory), 257) => {
                self.directory =
                    parse::quoted_path(text).unwrap_or_else(|| std::mem::take(&mut self.directory));
            }
            (Some(Awaited::Size(file)), 213) => {
                let size = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
                self.size = size.map(|size| (file, size));
            }
            (Some(Awaited::Mode(coding)), 200..=299) => self.coding = coding,
            (Some(Awaited::Type(before)), 400..) => self.ascii = before,
            _ => {}
        }
    }

    /// The user is let in, or goes on as if so while no reply was captured.
    fn logged_in(&mut self, context: &mut Context<'_>, confirmed: bool) {
        if let Some(account) = self.claimed.take() {
            self.account = Some(account);
        } else if !(confirmed && self.unconfirmed) {
            return;
        }
        self.unconfirmed = !confirmed;
        if let Some(account) = &self.account {
            let ip = context.flow.endpoint(self.client).ip;
            context.sighting(account.sighting(ip, Evidence::FtpLogin, confirmed, context.now()));
        }
    }

    /// TLS begins: whoever recognises it reads on, and knows the server's name.
    fn hand_over(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        self.drop_channel(context);
        let mut nesting = context.nesting().cloned().unwrap_or_default();
        nesting.server_name = nesting.server_name.or(self.server_name.take());
        let held = [(self.client, self.client_lines.take()), (self.client.other(), self.server_lines.take())];
        let unread = held.into_iter().chain([(from, data.to_vec())]).collect();
        context.switch(Successor::Recognition(nesting), unread);
    }
}
