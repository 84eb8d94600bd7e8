//! The records of one transfer and of a piece of evidence.
//!
//! Owns: which end is whose, which way content goes, ids. Never does: deciding when: evidence must be in before.

use super::{Recorder, host_of};
use crate::config::direction;
use crate::event::FinishedTransfer;
use egret_identity::Question;
use egret_model::{
    Attribution, Evidence, FindingRecord, Hit, IdHasher, Party, Protocol, Sighting, SightingRecord,
    Timestamp, TransferRecord, TransferStart,
};

impl Recorder {
    pub(super) fn record(&mut self, finished: FinishedTransfer) -> (TransferRecord, Vec<FindingRecord>) {
        let start = &finished.start;
        let id = match self.run {
            Some(began) => IdHasher::new().number(began.nanos().cast_unsigned()),
            None => IdHasher::new(),
        };
        let id = id
            .number(u64::from(finished.capture))
            .number(finished.packet)
            .number(finished.key)
            .part(start.sender.to_bytes().as_slice())
            .part(start.receiver.to_bytes().as_slice())
            .part(start.operation.as_bytes())
            .finish("t");
        let findings: Vec<FindingRecord> = finished
            .hits
            .into_iter()
            .filter_map(|(object, hit)| Some(finding(&id, &finished.objects.get(object)?.path, object, hit)))
            .collect();
        let mut sender = Party::new(start.sender.ip, start.sender.port);
        let mut receiver = Party::new(start.receiver.ip, start.receiver.port);
        let server_sends = start.from == start.server;
        let server = if server_sends { &mut sender } else { &mut receiver };
        server.name.clone_from(&start.server_name);
        let server_inside = match &start.server_name {
            Some(name) if start.via_proxy => self.internal.contains_name(host_of(name)),
            _ => self.internal.contains(server.ip),
        };
        let client_inside = self.internal.contains(if server_sends { receiver.ip } else { sender.ip });
        let (sender_inside, receiver_inside) =
            if server_sends { (server_inside, client_inside) } else { (client_inside, server_inside) };
        sender.mac = start.sender_mac.map(|mac| mac.to_string());
        // The user named by the exchange is the client's, whichever way the content goes.
        let (sender_start, receiver_start) =
            if server_sends { (None, Some(start)) } else { (Some(start), None) };
        if let Some(start) = sender_start
            && let Some(device) = fact(start, "device")
            && self.internal.contains(sender.ip)
        {
            self.identity.device(sender.ip, device, finished.ended_at);
        }
        self.attribute(&mut sender, finished.ended_at, sender_start.map(Box::as_ref));
        self.attribute(&mut receiver, finished.ended_at, receiver_start.map(Box::as_ref));
        let record = TransferRecord {
            capture: self.captures.get(usize::from(finished.capture)).cloned().unwrap_or_default(),
            protocol: start.protocol,
            operation: start.operation.clone(),
            direction: direction(sender_inside, receiver_inside),
            started_at: start.at,
            ended_at: finished.ended_at.max(start.at),
            tunnel: finished.tunnel,
            sender,
            receiver,
            bytes: finished.bytes,
            complete: finished.complete,
            readable: finished.readable,
            inconsistent_overlap: finished.inconsistent_overlap,
            uninspected: finished.uninspected.reasons().collect(),
            facts: start.facts.clone(),
            objects: finished.objects,
            findings: findings.iter().map(|finding| finding.id.clone()).collect(),
            id,
        };
        (record, findings)
    }

    /// `client_of`: the exchange in which the party is the client.
    pub(super) fn attribute(&self, party: &mut Party, at: Timestamp, client_of: Option<&TransferStart>) {
        if !self.internal.contains(party.ip) {
            return;
        }
        let Party { ip, port, .. } = *party;
        let mut question = Question { ip, port: Some(port), at, named: client_of.and_then(named_by) };
        if let Some(start) = client_of
            && self.identity.is_proxy(ip)
        {
            // What a trusted proxy says of its client counts in its place.
            // Each proxy adds whom it saw behind what it was told: the last that is no trusted proxy is believed.
            let said = fact(start, "forwarded-for").unwrap_or_default();
            let client = said
                .rsplit(", ")
                .filter_map(|ip| ip.parse::<std::net::IpAddr>().ok())
                .find(|ip| !self.identity.is_proxy(*ip));
            if let Some(client) = client.filter(|client| self.internal.contains(*client)) {
                (question.ip, question.port) = (client, None);
            }
            let user = fact(start, "authenticated-user").map(|user| (user, Evidence::ProxyHeader));
            question.named = user.or(question.named);
        }
        let found = self.identity.attribute(&question);
        let Attribution { user, host, domain, mac, evidence, confidence, basis, alternatives, person } =
            found;
        party.confidence = evidence.map(|_| (confidence * 100.0).round() / 100.0);
        party.user = user;
        party.host = host;
        party.domain = domain;
        party.evidence = evidence;
        party.basis = basis;
        party.alternatives = alternatives;
        party.person = person.map(Box::new);
        party.mac = party.mac.take().or_else(|| mac.map(|mac| mac.to_string()));
    }
}

/// The user whom the exchange itself names: its log-in, else the envelope sender of a mail. The latter is a claim, but a better
/// one than the other senders of a relay.
fn named_by(start: &TransferStart) -> Option<(&str, Evidence)> {
    if let Some(user) = &start.user {
        let evidence = match start.protocol {
            Protocol::Ftp => Evidence::FtpLogin,
            Protocol::Smtp => Evidence::SmtpAuth,
            Protocol::Imap => Evidence::ImapLogin,
            Protocol::Pop3 => Evidence::Pop3Login,
            Protocol::Lpd => Evidence::PrintJob,
            _ if start.via_proxy => Evidence::ProxyAuth,
            _ => Evidence::HttpBasic,
        };
        return Some((user, evidence));
    }
    fact(start, "mail-from")?.split_once('@').map(|(user, _)| (user, Evidence::MailFrom))
}

/// A fact of the protocol.
fn fact<'a>(start: &'a TransferStart, name: &str) -> Option<&'a str> {
    start.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn finding(transfer: &str, path: &str, object: usize, hit: Hit) -> FindingRecord {
    let id = IdHasher::new()
        .part(transfer.as_bytes())
        .number(object as u64)
        .part(path.as_bytes())
        .part(hit.signature.as_bytes())
        .finish("f");
    FindingRecord {
        id,
        transfer: transfer.to_owned(),
        object: path.to_owned(),
        signature: hit.signature.to_string(),
        title: hit.title.to_string(),
        owner: hit.owner.to_string(),
        tags: hit.tags.to_vec(),
        severity: hit.severity,
        confidence: hit.confidence,
        count: hit.count,
        unique: hit.unique,
        matches: hit.matches,
        excepted: hit.excepted,
        below_threshold: hit.below,
        per_sender_day: hit.per_sender_day,
        values: hit.values,
    }
}

pub(super) fn sighting_record(sighting: Sighting) -> SightingRecord {
    SightingRecord {
        at: sighting.at,
        ip: sighting.ip,
        mac: sighting.mac.map(|mac| mac.to_string()),
        host: sighting.host,
        user: sighting.user,
        domain: sighting.domain,
        evidence: sighting.evidence,
        until: sighting.until,
    }
}
