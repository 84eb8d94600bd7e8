//! The engine: leads each flow's events to the analyzer of its protocol.
//!
//! Owns: recognition by content, the hand-over from one analyzer to the next, and the end of what outlives flows.
//! Never does: parsing of a protocol.

use crate::analyzer::{FlowNotes, Switch};
use crate::raw;
use crate::recognise::{Held, Recognition, Step, recognise};
use crate::registry::Prefix;
use crate::{Analyzer, Context, KeyLog, Nesting, Shared, Successor};
use egret_model::{Flow, ProtocolEvent, ProtocolLimits, Side, StreamEvent, Timestamp};
use std::collections::VecDeque;

/// All protocols over the flows of one shard.
pub struct Engine {
    limits: ProtocolLimits,
    shared: Shared,
}

/// What the engine keeps for one flow: a few words until the flow carries bytes.
#[derive(Default)]
pub struct Session {
    state: State,
    notes: FlowNotes,
}

#[derive(Default)]
enum State {
    /// Nothing has happened.
    #[default]
    New,
    /// Not recognised yet.
    Undecided(Box<Held>),
    /// Recognised, or given up as raw content.
    Decided(Box<dyn Analyzer>),
}

/// [`Step`] that waits for its turn.
enum WaitingStep {
    Data(Side, Vec<u8>),
    Gap(Side, u64),
    Finished(Side),
}

impl Engine {
    /// An engine without flows.
    #[must_use]
    pub fn new(limits: &ProtocolLimits) -> Self {
        Self { limits: limits.clone(), shared: Shared::new(limits) }
    }

    /// From now on, TLS connections are opened whose secrets are among these.
    pub fn use_keys(&mut self, keys: &KeyLog) {
        self.shared.keys.clone_from(keys);
        self.shared.late.added();
    }

    /// From now on, TLS connections whose secrets are not known wait for them for a moment: whoever writes them down does so while
    /// the connection is used.
    pub const fn expect_keys(&mut self) {
        self.shared.late.expect();
    }

    /// Handles what happened on `flow`, whose `session` was given along with all its earlier events.
    pub fn event(
        &mut self,
        flow: &Flow,
        session: &mut Session,
        event: StreamEvent<'_>,
        sink: &mut dyn FnMut(ProtocolEvent<'_>),
    ) {
        let Self { limits, shared } = self;
        session.event(limits, shared, flow, event, sink);
    }

    /// Ends what outlives flows and has been idle for too long at `now`. To be called with every packet's time; costs next
    /// to nothing when nothing is due. The flow given with an event is the first one of those that it came from.
    pub fn expire(&mut self, now: Timestamp, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        self.shared.pieces.expire(now, &self.limits, sink);
        self.shared.groups.expire(now, &self.limits, sink);
        self.shared.carried.contents.expire(now, &self.limits, sink);
        self.shared.ftp.expire(now, &self.limits, sink);
        self.shared.expire_late_keys(Some(now), &self.limits, sink);
    }

    /// Lets a test act as an analyzer.
    #[cfg(test)]
    pub(crate) fn with(
        &mut self,
        flow: &Flow,
        sink: &mut dyn FnMut(ProtocolEvent<'_>),
        act: impl FnOnce(&mut Context<'_>),
    ) {
        let Self { limits, shared } = self;
        let notes = &mut FlowNotes::default();
        act(&mut Context { flow, limits, shared, sink, notes, switch: &mut None });
    }

    /// What the flows share.
    #[cfg(test)]
    pub(crate) const fn shared(&mut self) -> &mut Shared {
        &mut self.shared
    }

    /// The end of input, all flows being closed: ends what outlives them.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        self.shared.expire_late_keys(None, &self.limits, sink);
        self.shared.pieces.finish(sink);
        self.shared.groups.finish(sink);
        self.shared.carried.contents.finish(sink);
        self.shared.ftp.finish(sink);
    }
}

impl Session {
    /// Of a flow that stands in another one; `analyzer` reads it, where it is known who does.
    pub(crate) fn within(nesting: Nesting, analyzer: Option<Box<dyn Analyzer>>) -> Self {
        let notes = FlowNotes { nesting: Some(Box::new(nesting)), ..FlowNotes::default() };
        Self { state: analyzer.map_or(State::New, State::Decided), notes }
    }

    pub(crate) fn event(
        &mut self,
        limits: &ProtocolLimits,
        shared: &mut Shared,
        flow: &Flow,
        event: StreamEvent<'_>,
        sink: &mut dyn FnMut(ProtocolEvent<'_>),
    ) {
        let Self { state, notes } = self;
        let mut switch = None;
        let context = &mut Context { flow, limits, shared, sink, notes, switch: &mut switch };
        match event {
            StreamEvent::Data { data: [], .. } => {}
            StreamEvent::Data { from, data } => state.run(context, Step::Data(from, data)),
            StreamEvent::Gap { from, bytes, .. } => state.run(context, Step::Gap(from, bytes)),
            StreamEvent::Finished { from } => state.run(context, Step::Finished(from)),
            StreamEvent::Closed { .. } => state.close(context),
        }
    }
}

impl State {
    /// Handles one step and all that it leads to.
    fn run(&mut self, context: &mut Context<'_>, step: Step<'_>) {
        let mut waiting = VecDeque::new();
        self.step(context, step, &mut waiting);
        loop {
            if let Some(switch) = context.switch.take() {
                *self = Self::switched(context, switch, &mut waiting);
            }
            match waiting.pop_front() {
                Some(WaitingStep::Data(from, data)) => {
                    self.step(context, Step::Data(from, &data), &mut waiting);
                }
                Some(WaitingStep::Gap(from, bytes)) => {
                    self.step(context, Step::Gap(from, bytes), &mut waiting);
                }
                Some(WaitingStep::Finished(from)) => self.step(context, Step::Finished(from), &mut waiting),
                None => return,
            }
        }
    }

    /// Handles one step. What was held and comes behind a switch goes to the front of `waiting`.
    fn step(&mut self, context: &mut Context<'_>, step: Step<'_>, waiting: &mut VecDeque<WaitingStep>) {
        if matches!(self, Self::New) {
            *self = Self::first(context, step);
        }
        match self {
            Self::New => {}
            Self::Decided(analyzer) => deliver(analyzer.as_mut(), context, step),
            Self::Undecided(held) => {
                if let Some(mut analyzer) = hold(held, context, step) {
                    let held = std::mem::take(held);
                    replay(&held, analyzer.as_mut(), context, waiting);
                    // What cannot be held comes behind what was.
                    if let Step::Gap(..) = step {
                        after(context, waiting, analyzer.as_mut(), step);
                    }
                    *self = Self::Decided(analyzer);
                }
            }
        }
    }

    /// The state in which the first step finds a flow.
    fn first(context: &mut Context<'_>, step: Step<'_>) -> Self {
        if context.notes.switches == 0
            && let Some(start) = context.shared.expected.take(context.flow)
        {
            return Self::Decided(start(context));
        }
        let Step::Data(from, data) = step else { return Self::Undecided(Box::default()) };
        let flow = context.flow;
        let prefix = match from {
            Side::Initiator => Prefix { flow, initiator: data, responder: &[] },
            Side::Responder => Prefix { flow, initiator: &[], responder: data },
        };
        match recognise(&prefix) {
            Recognition::Protocol(registration) => Self::Decided((registration.start)(context)),
            Recognition::Unknown => Self::Decided(raw::start(context)),
            Recognition::Undecided => Self::Undecided(Box::default()),
        }
    }

    /// The state after a switch, whose unread bytes go to the front of `waiting`.
    fn switched(context: &mut Context<'_>, switch: Switch, waiting: &mut VecDeque<WaitingStep>) -> Self {
        let notes = &mut *context.notes;
        notes.switches += 1;
        for (finished, side) in [
            (&mut notes.initiator_finished, Side::Initiator),
            (&mut notes.responder_finished, Side::Responder),
        ] {
            if std::mem::take(finished) {
                waiting.push_front(WaitingStep::Finished(side));
            }
        }
        for (from, data) in switch.unread.into_iter().rev().filter(|(_, data)| !data.is_empty()) {
            waiting.push_front(WaitingStep::Data(from, data));
        }
        match switch.successor {
            Successor::Analyzer(analyzer) => Self::Decided(analyzer),
            Successor::Recognition(nesting) => {
                notes.nesting = (nesting != Nesting::default()).then(|| Box::new(nesting));
                if notes.switches < context.limits.switches_per_flow {
                    Self::New
                } else {
                    Self::Decided(raw::start(context))
                }
            }
        }
    }

    /// The flow is over.
    fn close(&mut self, context: &mut Context<'_>) {
        loop {
            match std::mem::take(self) {
                Self::New => return,
                Self::Undecided(held) => {
                    let mut analyzer = raw::start(context);
                    replay(&held, analyzer.as_mut(), context, &mut VecDeque::new());
                    analyzer.closed(context);
                }
                Self::Decided(mut analyzer) => analyzer.closed(context),
            }
            // An analyzer may leave bytes to a successor even now; every switch but the last few consumes some.
            let Some(switch) = context.switch.take() else { return };
            let mut waiting = VecDeque::new();
            *self = Self::switched(context, switch, &mut waiting);
            while let Some(step) = waiting.pop_front() {
                match step {
                    WaitingStep::Data(from, data) => self.run(context, Step::Data(from, &data)),
                    WaitingStep::Gap(from, bytes) => self.run(context, Step::Gap(from, bytes)),
                    WaitingStep::Finished(from) => self.run(context, Step::Finished(from)),
                }
            }
        }
    }
}

/// Adds a step to those held. Returns the analyzer once it is decided.
fn hold(held: &mut Held, context: &Context<'_>, step: Step<'_>) -> Option<Box<dyn Analyzer>> {
    match step {
        Step::Data(from, data) => held.data(from, data),
        Step::Finished(from) => {
            held.finished(from);
            return None;
        }
        Step::Gap(..) => return Some(raw::start(context)),
    }
    match recognise(&held.prefix(context.flow)) {
        Recognition::Protocol(registration) => Some((registration.start)(context)),
        Recognition::Undecided if held.bytes() < context.limits.recognition_bytes => None,
        Recognition::Undecided | Recognition::Unknown => Some(raw::start(context)),
    }
}

/// Hands what was held to the analyzer; from a switch on, to those who come after it.
fn replay(
    held: &Held,
    analyzer: &mut dyn Analyzer,
    context: &mut Context<'_>,
    waiting: &mut VecDeque<WaitingStep>,
) {
    let mut behind = Vec::new();
    for step in held.steps() {
        if context.switch.is_none() {
            deliver(analyzer, context, step);
        } else {
            behind.push(step);
        }
    }
    for step in behind.into_iter().rev() {
        waiting.push_front(step.wait());
    }
}

/// Hands a step to the analyzer, or to its successor if it has asked for one.
fn after(
    context: &mut Context<'_>,
    waiting: &mut VecDeque<WaitingStep>,
    analyzer: &mut dyn Analyzer,
    step: Step<'_>,
) {
    if context.switch.is_none() {
        deliver(analyzer, context, step);
    } else {
        waiting.push_front(step.wait());
    }
}

fn deliver(analyzer: &mut dyn Analyzer, context: &mut Context<'_>, step: Step<'_>) {
    match step {
        Step::Data(from, data) => analyzer.data(context, from, data),
        Step::Gap(from, bytes) => analyzer.gap(context, from, bytes),
        Step::Finished(from) => {
            match from {
                Side::Initiator => context.notes.initiator_finished = true,
                Side::Responder => context.notes.responder_finished = true,
            }
            analyzer.finished(context, from);
        }
    }
}

impl Step<'_> {
    fn wait(self) -> WaitingStep {
        match self {
            Self::Data(from, data) => WaitingStep::Data(from, data.to_vec()),
            Self::Gap(from, bytes) => WaitingStep::Gap(from, bytes),
            Self::Finished(from) => WaitingStep::Finished(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;
    use egret_model::{Endpoint, FlowKind, Protocol, TransferStart};
    use proptest::prelude::*;

    /// Reads three bytes of the initiator, then leaves the rest to whoever recognises it.
    struct ThreeBytes(Vec<u8>);

    impl Analyzer for ThreeBytes {
        fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
            if from == Side::Responder {
                return;
            }
            let (mine, rest) = data.split_at((3 - self.0.len()).min(data.len()));
            self.0.extend_from_slice(mine);
            if self.0.len() == 3 {
                let operation = String::from_utf8_lossy(&self.0).into_owned();
                let transfer =
                    context.begin(TransferStart { ..context.start(Protocol::Git, operation, from) });
                context.body(transfer, &self.0);
                context.end(transfer, true);
                context.switch(Successor::Recognition(Nesting::default()), vec![(from, rest.to_vec())]);
            }
        }
        fn gap(&mut self, _: &mut Context<'_>, _: Side, _: u64) {}
        fn finished(&mut self, _: &mut Context<'_>, _: Side) {}
        fn closed(&mut self, _: &mut Context<'_>) {}
    }

    fn announce(scene: &mut Scene, until: i64) {
        let listener = Endpoint { ip: [192, 0, 2, 1].into(), port: 20_000 };
        let start = Box::new(|_: &mut Context<'_>| Box::new(ThreeBytes(Vec::new())) as Box<dyn Analyzer>);
        let until = Timestamp::from_seconds(until);
        let tcp = FlowKind::Tcp;
        scene.shared().expected.announce(tcp, listener, [10, 0, 0, 1].into(), until, start);
    }

    fn bodies(scene: Scene) -> Vec<(Protocol, Vec<u8>, Option<bool>)> {
        scene.end().transfers.into_iter().map(|t| (t.start.protocol, t.body, t.ended)).collect()
    }

    #[test]
    fn an_announced_connection_is_read_by_its_announcer_once() {
        let mut scene = Scene::new();
        announce(&mut scene, 10);
        for _ in 0..2 {
            let flow = scene.tcp(20_000);
            scene.client(flow, "abc");
            scene.close(flow);
        }
        let git = (Protocol::Git, b"abc".to_vec(), Some(true));
        assert_eq!(bodies(scene), [git, (Protocol::Tcp, b"abc".to_vec(), Some(true))]);
        let mut scene = Scene::new();
        announce(&mut scene, 10);
        scene.pass(11);
        let late = scene.tcp(20_000);
        scene.client(late, "abc");
        scene.close(late);
        assert_eq!(bodies(scene), [(Protocol::Tcp, b"abc".to_vec(), Some(true))]);
    }

    #[test]
    fn what_a_successor_gets_is_the_rest_and_the_end() {
        for step in [1, 2, 4, 100] {
            let mut scene = Scene::new();
            announce(&mut scene, 10);
            let flow = scene.tcp(20_000);
            for piece in b"abcPUT /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi".chunks(step) {
                scene.client(flow, piece);
            }
            scene.close(flow);
            let expected =
                [(Protocol::Git, b"abc".to_vec(), Some(true)), (Protocol::Http, b"hi".to_vec(), Some(true))];
            assert_eq!(bodies(scene), expected, "in pieces of {step}");
        }
    }

    #[test]
    fn tunnels_within_tunnels_end_at_the_limit() {
        let mut scene = Scene::with_limits(&ProtocolLimits { switches_per_flow: 4, ..Default::default() });
        let flow = scene.tcp(3128);
        for _ in 0..6 {
            scene.client(flow, "CONNECT a:1 HTTP/1.1\r\n\r\n");
            scene.server(flow, "HTTP/1.1 200 OK\r\n\r\n");
        }
        scene.close(flow);
        let record = scene.end();
        assert_eq!(record.transfers.len(), 2);
        assert_eq!(record.transfers[0].start.inner_tunnel.len(), 4);
        assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Tcp && t.ended == Some(true)));
    }

    #[test]
    fn transfers_beyond_the_limit_are_counted() {
        let mut scene = Scene::with_limits(&ProtocolLimits { transfers_per_flow: 1, ..Default::default() });
        let flow = scene.tcp(80);
        for _ in 0..3 {
            scene.client(flow, "PUT /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
        }
        scene.close(flow);
        let record = scene.end();
        assert_eq!(record.transfers.len(), 1);
        assert_eq!(record.not_inspected, [(egret_model::Uninspected::OverLimit, 2); 2]);
    }

    #[test]
    fn what_is_never_recognised_is_read_from_its_first_byte() {
        let text = "G".repeat(10) + &"E".repeat(20);
        for (sent, finish) in [("GET", true), ("GET", false), (text.as_str(), true)] {
            let mut scene = Scene::new();
            let flow = scene.tcp(80);
            for byte in sent.as_bytes() {
                scene.client(flow, [*byte]);
            }
            if finish {
                scene.close(flow);
            } else {
                scene.cut(flow);
            }
            assert_eq!(bodies(scene), [(Protocol::Tcp, sent.as_bytes().to_vec(), Some(finish))]);
        }
    }

    proptest! {
        /// Bytes of no protocol come out as they went in, side by side, wherever they are cut.
        #[test]
        fn raw_bytes_are_all_read(parts in proptest::collection::vec((any::<bool>(), proptest::collection::vec(0x80u8..=0xff, 1..20)), 1..20)) {
            let mut scene = Scene::new();
            let flow = scene.tcp(7);
            let mut sent = [Vec::new(), Vec::new()];
            for (client, bytes) in &parts {
                sent[usize::from(*client)].extend_from_slice(bytes);
                if *client { scene.client(flow, bytes) } else { scene.server(flow, bytes) }
            }
            scene.close(flow);
            let mut read = [Vec::new(), Vec::new()];
            for transfer in scene.end().transfers {
                read[usize::from(transfer.start.from == Side::Initiator)].extend(transfer.body);
            }
            prop_assert_eq!(read, sent);
        }
    }
}
