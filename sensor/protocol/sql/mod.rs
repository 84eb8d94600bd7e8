//! PostgreSQL (protocol 3.0) and MySQL (protocol 10): who logged in to a database.
//!
//! Owns: the start of a session up to its acceptance. Never does: queries, which are inspected as raw content; keeping a password.

mod parse;
#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Messages, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side, Timestamp};
use parse::Startup;

/// Recognises PostgreSQL by the client's first packet.
pub(crate) fn probe_postgresql(prefix: &Prefix<'_>) -> Verdict {
    parse::postgresql_verdict(prefix.initiator)
}

/// Recognises MySQL by the server's greeting.
pub(crate) fn probe_mysql(prefix: &Prefix<'_>) -> Verdict {
    if prefix.initiator.is_empty() { parse::mysql_verdict(prefix.responder) } else { Verdict::No }
}

/// The analyzer of a flow that [`probe_postgresql`] has recognised.
pub(crate) fn start_postgresql(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Postgresql, Postgresql::default())
}

/// The analyzer of a flow that [`probe_mysql`] has recognised.
pub(crate) fn start_mysql(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Mysql, Mysql::default())
}

/// A log-in that has not been answered.
type Asked = Option<(Timestamp, Account)>;

fn answered(context: &mut Context<'_>, asked: &mut Asked, confirmed: bool) {
    if let Some((at, account)) = asked.take() {
        let ip = context.flow.endpoint(Side::Initiator).ip;
        context.sighting(account.sighting(ip, Evidence::DatabaseLogin, confirmed, at));
    }
}

/// One session of PostgreSQL.
#[derive(Default)]
struct Postgresql {
    client: Messages,
    server: Messages,
    asked: Asked,
    /// The client asked for encryption: the answer is one byte.
    offered: bool,
}

impl Witness for Postgresql {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let limits = context.limits;
        if from == Side::Responder {
            return self.server(context, data);
        }
        if self.asked.is_some() {
            // Passwords and what follows: only the server's answer counts now.
            return Heard::Listening;
        }
        let mut startup = None;
        let in_step = self.client.push(limits, data, parse::postgresql_length, &mut |packet| {
            startup = startup.take().or_else(|| parse::postgresql_startup(packet));
        });
        match startup {
            Some(Startup::User(account)) => self.asked = account.map(|account| (context.now(), account)),
            Some(Startup::Encryption) => self.offered = true,
            None => {}
        }
        if in_step || self.asked.is_some() { Heard::Listening } else { Heard::Enough }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        answered(context, &mut self.asked, false);
    }
}

impl Postgresql {
    fn server(&mut self, context: &mut Context<'_>, data: &[u8]) -> Heard {
        let mut data = data;
        if self.offered
            && let Some((answer, rest)) = data.split_first()
        {
            self.offered = false;
            if matches!(answer, b'S' | b'G') {
                return Heard::Upgrade { rest: rest.len() };
            }
            data = rest;
        }
        let mut accepted = None;
        let in_step =
            self.server.push(context.limits, data, parse::postgresql_answer_length, &mut |packet| {
                accepted = accepted.or_else(|| parse::postgresql_answer(packet));
            });
        match accepted {
            Some(true) => answered(context, &mut self.asked, true),
            Some(false) => self.asked = None,
            None if in_step => return Heard::Listening,
            None => {}
        }
        Heard::Enough
    }
}

/// One session of MySQL.
#[derive(Default)]
struct Mysql {
    client: Messages,
    server: Messages,
    asked: Asked,
    greeted: bool,
}

impl Witness for Mysql {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let limits = context.limits;
        if from == Side::Initiator {
            let mut startup = None;
            let in_step = self.client.push(limits, data, parse::mysql_length, &mut |packet| {
                startup = startup.take().or_else(|| parse::mysql_login(packet));
            });
            return match startup {
                // The encrypted session begins behind the request, without an answer.
                Some(Startup::Encryption) => {
                    Heard::Upgrade { rest: data.len().saturating_sub(parse::MYSQL_TLS_REQUEST) }
                }
                Some(Startup::User(account)) => {
                    if self.asked.is_none() {
                        self.asked = account.map(|account| (context.now(), account));
                    }
                    Heard::Listening
                }
                None if in_step => Heard::Listening,
                None => Heard::Enough,
            };
        }
        let (mut accepted, mut greeted) = (None, self.greeted);
        let in_step = self.server.push(limits, data, parse::mysql_length, &mut |packet| {
            if std::mem::replace(&mut greeted, true) {
                accepted = accepted.or_else(|| parse::mysql_answer(packet));
            }
        });
        self.greeted = greeted;
        match accepted {
            Some(true) => answered(context, &mut self.asked, true),
            Some(false) => self.asked = None,
            None if in_step => return Heard::Listening,
            None => {}
        }
        Heard::Enough
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        answered(context, &mut self.asked, false);
    }
}
