//! A made-up organisation: weeks of ordinary work, a thousand incidents a day of ordinary noise, and a few people whose stories are true.
//!
//! Owns: the events, in the order of their time, the same for the same size. Never does: judging. For tests and measurements only.

use crate::InternalNetworks;
use crate::event::{Event, FinishedTransfer};
use egret_identity::{AddressPlan, Directory, People};
use egret_model::{
    Confidence, Coverage, Endpoint, Evidence, FlowKind, FlowSummary, Hit, IdentityLimits, ObjectRecord,
    ObjectState, Protocol, Severity, Side, Sighting, Timestamp, TransferStart, Volume,
};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

/// A Monday.
const FIRST_DAY: i64 = 20_605;
/// Days before the week that is judged, so that habits are known, and the days of that week.
const HISTORY: i64 = 28;
const WEEK: i64 = 7;
const DEPARTMENTS: [&str; 6] = ["Sales", "Finance", "Research", "Support", "Operations", "Legal"];
/// Places that everybody works with.
const EVERYDAY: [&str; 6] = [
    "crm.saas.example",
    "mail.saas.example",
    "docs.saas.example",
    "erp.saas.example",
    "chat.saas.example",
    "hr.saas.example",
];

/// What ordinary people let go: signature, severity, confidence, most values at once, parts of all.
const ORDINARY: [(&str, Severity, Confidence, u64, u64); 8] = [
    ("email-list", Severity::Low, Confidence::High, 60, 40),
    ("confidentiality-marking", Severity::Medium, Confidence::Medium, 3, 20),
    ("iban", Severity::Medium, Confidence::High, 3, 15),
    ("us-ssn", Severity::High, Confidence::High, 1, 8),
    ("payment-card", Severity::High, Confidence::High, 2, 7),
    ("jwt", Severity::High, Confidence::High, 1, 2),
    ("source-code", Severity::Low, Confidence::Medium, 1, 7),
    ("email-list", Severity::Medium, Confidence::High, 2_000, 1),
];

/// Whose stories are true, by number of the user: what to look for among what ranks first.
pub(crate) const PLANTED: [(usize, &str); 12] = [
    (3, "a leaver takes customers along to a personal cloud"),
    (14, "a leaver fills a personal cloud at night, unread"),
    (25, "a leaver gathers inside what then leaves"),
    (36, "a slow leak, unread"),
    (47, "a slow leak, one customer in each form"),
    (58, "one of two who send the same records"),
    (69, "the other one"),
    (80, "an account that is used from elsewhere"),
    (91, "an account that is used from elsewhere at night"),
    (102, "a vendor who takes customers along"),
    (113, "a vendor who copies a machine's drawings in bulk"),
    (124, "one who has left and still sends"),
];

/// The organisation, as its files tell of it.
pub(crate) struct Population {
    users: usize,
    dice: Dice,
    sent: u64,
}

/// Numbers that look random (splitmix64).
struct Dice(u64);

impl Dice {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`.
    const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One time in `parts`.
    const fn one_in(&mut self, parts: u64) -> bool {
        self.below(parts) == 0
    }

    /// About `typical`, a few times as much or as little.
    const fn size(&mut self, typical: u64) -> u64 {
        let sum = self.below(100) + self.below(100) + self.below(100);
        typical * (20 + sum * sum / 100) / 300
    }
}

/// One contact over an encrypted connection.
struct Upload<'a> {
    at: Timestamp,
    from: IpAddr,
    to: &'a str,
    out: u64,
    back: u64,
}

impl Population {
    pub(crate) const fn new(users: usize) -> Self {
        Self { users, dice: Dice(20_261_127), sent: 0 }
    }

    pub(crate) fn name(user: usize) -> String {
        format!("user{user:04}")
    }

    fn address(user: usize) -> IpAddr {
        let [_, high, middle, low] = u32::try_from(user + 10).unwrap_or_default().to_be_bytes();
        Ipv4Addr::new(10, 20 + high, middle, low).into()
    }

    /// The directory and the address plan.
    pub(crate) fn people(&self) -> People {
        let mut plan = "ip,user,host\n".to_owned();
        let mut directory = "user,department,groups,end\n".to_owned();
        for user in 0..self.users {
            let name = Self::name(user);
            let department = DEPARTMENTS[user % DEPARTMENTS.len()];
            let group = if (100..115).contains(&user) { "Vendors" } else { "Staff" };
            // Every hundredth is about to leave, without harm; three mean it.
            let end = match user {
                3 | 14 | 25 => "2026-07-20",
                124 => "2026-06-26",
                _ if user % 100 == 50 => "2026-07-25",
                _ => "",
            };
            let _ = writeln!(plan, "{},{name},PC-{user:04}", Self::address(user));
            let _ = writeln!(directory, "{name},{department},{group},{end}");
        }
        let ((plan, no_errors), (directory, no_faults)) =
            (AddressPlan::parse(&plan), Directory::parse(&directory, &IdentityLimits::default()));
        assert!(no_errors.is_empty() && no_faults.is_empty(), "{no_errors:?} {no_faults:?}");
        People::of_plan(plan).with_directory(directory)
    }

    /// What the organisation knows of itself, beside what is shipped.
    pub(crate) const CONTEXT: &str = r#"
        [[group]]
        name = "vendors"
        kind = "third-party"
        users = ["user0100", "user0101", "user0102", "user0103", "user0110", "user0111", "user0112", "user0113"]
        [[destinations]]
        group = "work"
        kind = "sanctioned"
        domains = ["saas.example"]
    "#;

    pub(crate) fn internal() -> InternalNetworks {
        InternalNetworks::default()
    }

    /// The days, each with its events in order.
    pub(crate) fn days(&mut self) -> impl Iterator<Item = Vec<(Timestamp, Event)>> + '_ {
        (0..HISTORY + WEEK).map(|day| {
            let mut events = self.day(day);
            events.sort_by_key(|(at, _)| *at);
            events
        })
    }

    fn day(&mut self, day: i64) -> Vec<(Timestamp, Event)> {
        let mut events = Vec::new();
        let judged = day >= HISTORY;
        if day % 7 < 5 {
            for user in 0..self.users {
                self.work(user, day, &mut events);
                if judged {
                    self.noise(user, day, &mut events);
                }
            }
        }
        if judged {
            self.stories(day - HISTORY, &mut events);
        }
        self.leaks(day, &mut events);
        events
    }

    fn at(&mut self, day: i64, hour: i64) -> Timestamp {
        let within = i64::try_from(self.dice.below(3_600_000)).unwrap_or_default() * 1_000_000;
        Timestamp::from_seconds((FIRST_DAY + day) * 86_400 + hour * 3_600).plus(within)
    }

    /// An ordinary day.
    fn work(&mut self, user: usize, day: i64, events: &mut Vec<(Timestamp, Event)>) {
        for _ in 0..5 {
            let hour = 8 + i64::try_from(self.dice.below(10)).unwrap_or_default();
            let to = EVERYDAY[self.dice.below(6) as usize];
            let (at, out) = (self.at(day, hour), self.dice.size(150_000));
            events.push(upload(&Upload { at, from: Self::address(user), to, out, back: out * 5 }));
        }
    }

    /// What is unusual and harmless, or found and of no weight.
    fn noise(&mut self, user: usize, day: i64, events: &mut Vec<(Timestamp, Event)>) {
        let from = Self::address(user);
        // Somebody tries a new service, with a few megabytes.
        if self.dice.one_in(25) {
            let (at, out) = (self.at(day, 10), self.dice.size(4_000_000));
            let to = format!("app.new{}.example", self.dice.below(4_000));
            events.push(upload(&Upload { at, from, to: &to, out, back: out / 20 }));
        }
        // Somebody works late.
        if self.dice.one_in(40) {
            let (at, out) = (self.at(day, 22), self.dice.size(3_000_000));
            let to = format!("share.partner{}.example", self.dice.below(300));
            events.push(upload(&Upload { at, from, to: &to, out, back: out / 2 }));
        }
        // A film, a backup of a telephone.
        if self.dice.one_in(100) {
            let (at, out) = (self.at(day, 12), self.dice.size(80_000_000));
            events.push(upload(&Upload { at, from, to: "backup.phone.example", out, back: out / 50 }));
        }
        if self.dice.one_in(4) {
            let mut part = self.dice.below(100);
            let found = ORDINARY.iter().find(|(.., parts)| match part.checked_sub(*parts) {
                Some(left) => {
                    part = left;
                    false
                }
                None => true,
            });
            let (signature, severity, confidence, most, _) = *found.unwrap_or(&ORDINARY[0]);
            let (at, values) = (self.at(day, 9), 1 + self.dice.below(most));
            let to = format!("www.customer{}.example", self.dice.below(2_000));
            events.push(self.transfer(at, from, &to, (signature, severity, confidence), values, None));
        }
    }

    /// What is true; `day` of the week.
    fn stories(&mut self, day: i64, events: &mut Vec<(Timestamp, Event)>) {
        const CUSTOMERS: (&str, Severity, Confidence) =
            ("records/customers", Severity::High, Confidence::High);
        const PEOPLE: (&str, Severity, Confidence) = ("us-ssn", Severity::High, Confidence::High);
        let of = Self::address;
        let on = |hour: i64, minute: i64| {
            Timestamp::from_seconds((FIRST_DAY + HISTORY + day) * 86_400 + hour * 3_600 + minute * 60)
        };
        let mut up = |at, from, to: &str, out: u64, back: u64| {
            events.push(upload(&Upload { at, from, to, out, back }));
        };
        match day {
            1 => {
                // Somebody else is signed in with the account, at the same time.
                let elsewhere = Ipv4Addr::new(10, 200, 0, 7).into();
                up(on(11, 2), of(80), EVERYDAY[0], 90_000, 400_000);
                up(on(11, 6), elsewhere, "cdn.unheard-of.example", 30_000_000, 40_000);
                events.push(sign_in(on(10, 58), 80, elsewhere));
                events.push(self.transfer(on(15, 0), of(3), "drive.google.com", CUSTOMERS, 400, None));
            }
            2 => {
                up(on(23, 10), of(14), "mega.nz", 120_000_000, 200_000);
                events.push(self.transfer(
                    on(13, 0),
                    of(58),
                    "drop.rare.example",
                    PEOPLE,
                    150,
                    Some("the same"),
                ));
                events.push(self.transfer(
                    on(16, 0),
                    of(69),
                    "drop.rare.example",
                    PEOPLE,
                    150,
                    Some("the same"),
                ));
            }
            3 => {
                let server = Ipv4Addr::new(10, 30, 0, 5);
                events.push(read(on(13, 0), of(25), server.into(), 300_000_000));
                let mut up =
                    |at, from, to: &str, out, back| events.push(upload(&Upload { at, from, to, out, back }));
                up(on(16, 0), of(25), "wetransfer.com", 210_000_000, 300_000);
                // As regular as a program, at night, to an address without a name.
                let elsewhere = Ipv4Addr::new(10, 200, 0, 9).into();
                for turn in 0..20 {
                    up(on(22, 1 + turn * 5), elsewhere, "203.0.113.77", 400_000, 20_000);
                }
                events.push(sign_in(on(22, 0), 91, elsewhere));
                events.push(self.transfer(
                    on(12, 0),
                    of(102),
                    "files.vendor-home.example",
                    CUSTOMERS,
                    250,
                    None,
                ));
            }
            4 => {
                up(on(17, 30), of(113), "store.machines.example", 400_000_000, 500_000);
                events.push(sign_in(on(9, 0), 124, of(124)));
                let lists = ("email-list", Severity::Low, Confidence::High);
                events.push(self.transfer(on(9, 30), of(124), "mail.google.com", lists, 300, None));
            }
            _ => {}
        }
    }

    /// What goes on for days.
    fn leaks(&mut self, day: i64, events: &mut Vec<(Timestamp, Event)>) {
        if day % 7 >= 5 || day < 21 {
            return;
        }
        for hour in [11, 14, 16] {
            let at = self.at(day, hour);
            events.push(upload(&Upload {
                at,
                from: Self::address(36),
                to: "files.home.example",
                out: 1_500_000,
                back: 60_000,
            }));
        }
        for hour in (8..18).filter(|_| day >= HISTORY) {
            let at = self.at(day, hour);
            let one = ("records/customers", Severity::High, Confidence::High);
            let (at, mut event) = self.transfer(at, Self::address(47), "forms.nowhere.example", one, 1, None);
            if let Event::Transfer(transfer) = &mut event {
                for (_, hit) in &mut transfer.hits {
                    (hit.below, hit.per_sender_day) = (true, Some(5));
                }
            }
            events.push((at, event));
        }
    }

    /// Content that was read, and what was found in it.
    fn transfer(
        &mut self,
        at: Timestamp,
        from: IpAddr,
        to: &str,
        (signature, severity, confidence): (&str, Severity, Confidence),
        values: u64,
        content: Option<&str>,
    ) -> (Timestamp, Event) {
        self.sent += 1;
        let bytes = 4_000 + 80 * values;
        let sha256 = content.map_or_else(|| format!("content {}", self.sent), str::to_owned);
        let start = TransferStart {
            protocol: Protocol::Http,
            operation: "POST /".to_owned(),
            from: Side::Initiator,
            sender: Endpoint { ip: from, port: 40_000 },
            sender_mac: None,
            receiver: Endpoint { ip: place(to), port: 80 },
            server: Side::Responder,
            server_name: Some(to.to_owned()),
            via_proxy: false,
            user: None,
            filename: None,
            media_type: None,
            codings: Vec::new(),
            mail: false,
            facts: Vec::new(),
            inner_tunnel: Vec::new(),
            at,
        };
        let hit = Hit {
            signature: signature.into(),
            title: signature.into(),
            owner: "".into(),
            tags: tags(signature).iter().map(|tag| (*tag).to_owned()).collect(),
            severity,
            confidence,
            count: values,
            unique: values,
            matches: Vec::new(),
            excepted: None,
            below: false,
            per_sender_day: None,
            values: (0..values).map(|_| self.dice.next()).collect(),
        };
        let object = ObjectRecord {
            path: "body".to_owned(),
            filename: None,
            media_type: "text/csv".to_owned(),
            size: bytes,
            sha256,
            state: ObjectState::Inspected,
        };
        let finished = FinishedTransfer {
            start: Box::new(start),
            capture: 0,
            packet: self.sent,
            key: self.sent,
            tunnel: Vec::new(),
            ended_at: at.plus(1_000_000_000),
            bytes,
            complete: true,
            readable: true,
            inconsistent_overlap: false,
            uninspected: Coverage::default(),
            objects: vec![object],
            hits: vec![(0, hit)],
        };
        (at.plus(1_000_000_000), Event::Transfer(Box::new(finished)))
    }
}

/// As the shipped signatures have them.
fn tags(signature: &str) -> &[&str] {
    match signature {
        "us-ssn" | "email-list" => &["pii"],
        "payment-card" => &["pci", "financial"],
        "iban" => &["financial", "gdpr", "pii"],
        "jwt" => &["secret"],
        "records/customers" => &["records"],
        _ => &[],
    }
}

/// The address of a name, or the address that it is.
fn place(name: &str) -> IpAddr {
    name.parse().unwrap_or_else(|_| {
        let sum = name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let [_, high, middle, low] = sum.to_be_bytes();
        Ipv4Addr::new(198, 18 + (high & 1), middle, low).into()
    })
}

fn upload(contact: &Upload<'_>) -> (Timestamp, Event) {
    let Upload { at, from, to, out, back } = *contact;
    let volume = |bytes: u64| Volume { bytes, pieces: bytes / 1_400 + 1, ..Volume::default() };
    let summary = FlowSummary {
        kind: FlowKind::Tcp,
        initiator: Endpoint { ip: from, port: 50_000 },
        responder: Endpoint { ip: place(to), port: 443 },
        macs: (None, None),
        opened_at: at,
        last_at: at.plus(1_000_000_000),
        up: volume(out),
        down: volume(back),
        protocol: Some(Protocol::Tls),
        server_name: Some(to.to_owned()).filter(|name| name.parse::<IpAddr>().is_err()),
        ja4: None,
        via_proxy: false,
        midstream: false,
        continued: false,
    };
    (summary.last_at, Event::Flow(Box::new(summary)))
}

/// A read from a server inside.
fn read(at: Timestamp, from: IpAddr, server: IpAddr, bytes: u64) -> (Timestamp, Event) {
    let (at, event) = upload(&Upload { at, from, to: &server.to_string(), out: bytes / 200, back: bytes });
    (at, event)
}

fn sign_in(at: Timestamp, user: usize, ip: IpAddr) -> (Timestamp, Event) {
    let sighting = Sighting {
        at,
        ip: Some(ip),
        ports: None,
        mac: None,
        host: None,
        user: Some(Population::name(user)),
        domain: None,
        evidence: Evidence::Kerberos,
        confirmed: true,
        until: None,
    };
    (at, Event::Sighting(Box::new(sighting)))
}
