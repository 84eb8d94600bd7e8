//! SOCKS 4, 4A and 5 (RFC 1928): who asks a proxy for which host; then the connection is a pipe to it, and whoever recognises what it
//! carries reads on.
//!
//! Owns: the two sides' words until then. Never does: datagrams that are sent beside the connection (UDP ASSOCIATE); keeping a
//! password.

mod parse;

use crate::account::Account;
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context, Successor, http, raw};
use egret_model::{Evidence, Side};
use parse::{Fault, Opened, Outcome};

/// Recognises a request that a proxy has answered.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    match parse::read(prefix.initiator, prefix.responder) {
        _ if prefix.flow.midstream => Verdict::No,
        Ok(_) => Verdict::Yes,
        // Other protocols may begin with such bytes: all that was said is to fit.
        Err(Fault::Partial) if !prefix.initiator.is_empty() => Verdict::NeedMore,
        Err(_) => Verdict::No,
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Socks::default())
}

/// A connection that is not a pipe yet: what both sides have said.
#[derive(Default)]
struct Socks {
    initiator: Vec<u8>,
    responder: Vec<u8>,
}

impl Socks {
    /// The proxy has answered: somebody else reads on.
    fn answered(&self, context: &mut Context<'_>, opened: Opened<'_>) {
        let Opened { outcome, user, host, port, client_bytes, server_bytes } = opened;
        let mut nesting = context.nesting().cloned().unwrap_or_default();
        if let Some((name, proven)) = user
            && let Some(account) = Account::parse(name)
        {
            let ip = context.flow.endpoint(Side::Initiator).ip;
            context.sighting(account.sighting(ip, Evidence::ProxyAuth, proven, context.now()));
            nesting.user = proven.then_some(account.user).or(nesting.user);
        }
        let successor = match outcome {
            Outcome::Pipe => {
                let shown =
                    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
                nesting.server_name = http::host(shown.as_bytes());
                nesting.layers.push(format!("socks {shown}"));
                nesting.via_proxy = true;
                Successor::Recognition(nesting)
            }
            Outcome::Nothing => Successor::Analyzer(raw::start(context)),
        };
        self.leave(context, successor, client_bytes, server_bytes);
    }

    /// Leaves what stands behind so many bytes of each side to `successor`.
    fn leave(&self, context: &mut Context<'_>, successor: Successor, client: usize, server: usize) {
        let behind = |bytes: &[u8], place: usize| bytes.get(place..).unwrap_or_default().to_vec();
        let unread = vec![
            (Side::Initiator, behind(&self.initiator, client)),
            (Side::Responder, behind(&self.responder, server)),
        ];
        context.switch(successor, unread);
    }

    /// It is something else after all, or nobody will know.
    fn give_up(&self, context: &mut Context<'_>) {
        let raw = raw::start(context);
        self.leave(context, Successor::Analyzer(raw), 0, 0);
    }
}

impl Analyzer for Socks {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        match from {
            Side::Initiator => self.initiator.extend_from_slice(data),
            Side::Responder => self.responder.extend_from_slice(data),
        }
        let held = self.initiator.len() + self.responder.len();
        match parse::read(&self.initiator, &self.responder) {
            Ok(opened) => self.answered(context, opened),
            Err(Fault::Partial) if held <= context.limits.recognition_bytes => {}
            Err(_) => self.give_up(context),
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, _: Side, _: u64) {
        self.give_up(context);
    }

    fn finished(&mut self, _: &mut Context<'_>, _: Side) {}

    fn closed(&mut self, context: &mut Context<'_>) {
        self.give_up(context);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Scene;
    use egret_model::{Evidence, Protocol};

    const REQUEST: &[u8] = b"PUT /x.csv HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";

    #[test]
    fn what_the_pipe_carries_is_read_however_it_is_cut() {
        let log_in = b"\x01\x0aCORP\\alice\x06secret".to_vec();
        let asked = b"\x05\x01\0\x03\x0eFILES.example.\x00\x50".to_vec();
        let turns = [
            (true, b"\x05\x02\0\x02".to_vec()),
            (false, b"\x05\x02".to_vec()),
            (true, log_in),
            (false, b"\x01\0".to_vec()),
            (true, asked),
            (false, b"\x05\0\0\x01\xc0\0\x02\x01\x10\0".to_vec()),
            (true, REQUEST.to_vec()),
        ];
        for step in [1, 3, 1000] {
            let mut scene = Scene::new();
            let flow = scene.tcp(1080);
            scene.dialogue(flow, &turns, step);
            scene.close(flow);
            let record = scene.end();
            let [transfer] = record.transfers.as_slice() else { panic!("{:?}", record.transfers) };
            assert_eq!((transfer.start.protocol, &transfer.body[..]), (Protocol::Http, &b"hi"[..]));
            assert_eq!(transfer.start.filename.as_deref(), Some("x.csv"));
            assert_eq!(transfer.start.server_name.as_deref(), Some("files.example"));
            assert_eq!(transfer.start.inner_tunnel, ["socks files.example.:80"]);
            assert_eq!((transfer.start.via_proxy, transfer.start.user.as_deref()), (true, Some("alice")));
            let seen = &record.sightings[0];
            assert_eq!((seen.user.as_deref(), seen.domain.as_deref()), (Some("alice"), Some("CORP")));
            assert_eq!((seen.evidence, seen.confirmed), (Evidence::ProxyAuth, true));
        }
    }

    #[test]
    fn a_server_may_speak_first_behind_a_request_that_was_sent_ahead() {
        let mut scene = Scene::new();
        let flow = scene.tcp(9050);
        scene.client(flow, [b"\x04\x01\0\x50\0\0\0\x01bob\0ftp.example\0", REQUEST].concat());
        scene.server(flow, b"\0\x5a\0\0\0\0\0\0");
        scene.close(flow);
        let record = scene.end();
        assert_eq!(record.transfers[0].start.protocol, Protocol::Http);
        assert_eq!(record.transfers[0].start.server_name.as_deref(), Some("ftp.example"));
        assert!(!record.sightings[0].confirmed);
        assert_eq!(record.transfers[0].start.user, None);
    }

    #[test]
    fn other_bytes_are_read_as_they_are() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"\x05\x01\0 hello", b"\x05\0 hi"),
            (b"\x04\x01\0\x50\x7f\0\0\x01\0", b""),
            (b"\x04\x01\0\x50\x7f\0\0\x01\0 and more", b"no"),
            (b"\x05\x01\x02", b"\x05\x02"),
        ];
        for (client, server) in cases {
            let mut scene = Scene::new();
            let flow = scene.tcp(1080);
            scene.client(flow, client);
            scene.server(flow, server);
            scene.close(flow);
            let told: Vec<_> = scene.end().transfers.into_iter().map(|t| t.body).collect();
            let expected: Vec<_> = [client, server].into_iter().filter(|bytes| !bytes.is_empty()).collect();
            assert_eq!(told, expected);
        }
    }
}
