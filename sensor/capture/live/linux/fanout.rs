//! The fan-out program: which source a packet belongs to.
//!
//! Owns: a classic BPF program that hashes the innermost address pair. Never does: deciding anything about content.
//!
//! The kernel's own flow hash has ports in it, so it would part an FTP control connection from its data, and the outer headers of a
//! tunnel, so one mirror would land on one source. This program walks to the innermost addresses through VLAN tags, PPPoE, MPLS,
//! GRE with ERSPAN, IP in IP, VXLAN, GENEVE and GTP-U, two tunnels deep, and hashes those it finds last; symmetric, so that both
//! directions agree. What has no addresses goes to source 0; so does what ends before its headers do, since then the kernel ends
//! the program with that answer.
//!
//! Fragments of IP carry their addresses and stay together. Fragments of a *tunnel's* datagrams don't show what is inside: they go by
//! the tunnel's own addresses. Where mirrors arrive fragmented, one source with a dispatcher is the way (it puts them together first).

use super::program::{Assembler, Instruction, Label, NETWORK, PROTOCOL, code};

/// Tunnels gone into.
const TUNNELS: usize = 2;
/// VLAN tags, and MPLS labels, passed in a row.
const TAGS: usize = 3;
const LABELS: usize = 4;

/// Scratch memory of the program.
mod slot {
    pub(super) const SOURCE: u32 = 0;
    pub(super) const SUM: u32 = 1;
    /// Number of the transport, or [`super::NO_TUNNEL`].
    pub(super) const TRANSPORT: u32 = 2;
    /// Offset of what follows the IP header.
    pub(super) const INSIDE: u32 = 3;
    pub(super) const FLAGS: u32 = 4;
    pub(super) const LENGTH: u32 = 5;
    pub(super) const TYPE: u32 = 6;
    /// Hash of the innermost address pair so far.
    pub(super) const HASH: u32 = 7;
}

/// A transport that never announces a tunnel: what a fragment is taken for.
const NO_TUNNEL: u32 = 255;

/// Odd numbers with well-spread bits (fractions of the square roots of 2, 3 and 5).
const FACTORS: [u32; 3] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f373];

const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const VLAN: [u32; 3] = [0x8100, 0x88a8, 0x9100];
const MPLS: [u32; 2] = [0x8847, 0x8848];
const PPPOE: u32 = 0x8864;
const BRIDGED_ETHERNET: u32 = 0x6558;
const ERSPAN: u32 = 0x88be;
const ERSPAN_THREE: u32 = 0x22eb;

/// Where a level of the program goes on.
#[derive(Clone, Copy)]
struct Level {
    /// At an Ethernet header.
    ethernet: Label,
    /// Behind an EtherType, which is in the accumulator.
    ether_type: Label,
    /// At an IP header.
    ip: Label,
}

/// The program. Its answer is a 32-bit hash, of which the kernel takes the remainder by the number of sources.
pub(super) fn program() -> Vec<Instruction> {
    let mut writer = Writer { asm: Assembler::default(), done: Label::default() };
    writer.done = writer.asm.label();
    let levels: Vec<Level> = (0..=TUNNELS).map(|_| writer.level()).collect();
    writer.asm.then(code::LOAD_NUMBER, 0).then(code::STORE, slot::HASH).then(code::X_NUMBER, 0);
    writer.asm.then(code::LOAD_WORD, PROTOCOL);
    for (depth, level) in levels.iter().enumerate() {
        if depth == 0 {
            // The kernel has read the first Ethernet header.
            writer.asm.jump(level.ether_type);
        }
        writer.write(*level, levels.get(depth + 1).copied());
    }
    writer.asm.place(writer.done);
    writer.asm.then(code::LOAD_MEMORY, slot::HASH).then(code::RETURN_A, 0);
    writer.asm.finish()
}

struct Writer {
    asm: Assembler,
    /// Answers with the hash so far.
    done: Label,
}

/// In all that follows, X is the offset of the header at hand from the network header.
impl Writer {
    fn level(&mut self) -> Level {
        Level { ethernet: self.asm.label(), ether_type: self.asm.label(), ip: self.asm.label() }
    }

    fn write(&mut self, level: Level, inner: Option<Level>) {
        self.asm.place(level.ethernet);
        self.half(12);
        self.asm.then(code::STORE, slot::TYPE);
        self.skip(14);
        self.asm.then(code::LOAD_MEMORY, slot::TYPE);
        self.asm.place(level.ether_type);
        self.ether_type(level, inner);
        self.asm.place(level.ip);
        self.ip();
        match inner {
            Some(inner) => self.tunnels(inner),
            None => self.asm.jump(self.done),
        }
    }

    /// Passes VLAN tags, PPPoE and MPLS.
    fn ether_type(&mut self, level: Level, inner: Option<Level>) {
        let untagged = self.asm.label();
        for _ in 0..TAGS {
            let tagged = self.asm.label();
            // First what is likeliest.
            self.asm.jump_if(code::IF_EQUAL, IPV4, level.ip);
            for tag in VLAN {
                self.asm.jump_if(code::IF_EQUAL, tag, tagged);
            }
            self.asm.jump(untagged);
            self.asm.place(tagged);
            self.half(2);
            self.asm.then(code::STORE, slot::TYPE);
            self.skip(4);
            self.asm.then(code::LOAD_MEMORY, slot::TYPE);
        }
        self.asm.place(untagged);
        let (pppoe, mpls) = (self.asm.label(), self.asm.label());
        self.asm.jump_if(code::IF_EQUAL, IPV4, level.ip);
        self.asm.jump_if(code::IF_EQUAL, IPV6, level.ip);
        self.asm.jump_if(code::IF_EQUAL, PPPOE, pppoe);
        for number in MPLS {
            self.asm.jump_if(code::IF_EQUAL, number, mpls);
        }
        if let Some(inner) = inner {
            self.asm.jump_if(code::IF_EQUAL, BRIDGED_ETHERNET, inner.ethernet);
        }
        self.asm.jump(self.done);
        self.asm.place(pppoe);
        self.skip(8);
        self.asm.jump(level.ip);
        self.asm.place(mpls);
        self.mpls(level, inner);
    }

    /// Passes labels up to the last; what follows, no field tells: a version number, or a control word before Ethernet
    /// (RFC 4385).
    fn mpls(&mut self, level: Level, inner: Option<Level>) {
        let last = self.asm.label();
        for _ in 0..LABELS {
            self.byte(2);
            self.asm.then(code::STORE, slot::FLAGS);
            self.skip(4);
            self.asm.then(code::LOAD_MEMORY, slot::FLAGS);
            self.asm.jump_if(code::IF_ANY_BIT, 1, last);
        }
        self.asm.jump(self.done);
        self.asm.place(last);
        if let Some(inner) = inner {
            let no_control_word = self.asm.label();
            self.byte(0);
            self.asm.jump_if(code::IF_ANY_BIT, 0xf0, no_control_word);
            self.skip(4);
            self.asm.jump(inner.ethernet);
            self.asm.place(no_control_word);
        }
        self.asm.jump(level.ip);
    }

    /// Hashes the addresses; notes the transport and where it begins.
    fn ip(&mut self) {
        let (four, six, hash) = (self.asm.label(), self.asm.label(), self.asm.label());
        self.byte(0);
        self.asm.then(code::SHIFT_RIGHT, 4);
        self.asm.jump_if(code::IF_EQUAL, 4, four);
        self.asm.jump_if(code::IF_EQUAL, 6, six);
        self.asm.jump(self.done);

        self.asm.place(four);
        let whole = self.asm.label();
        self.byte(9);
        self.asm.then(code::STORE, slot::TRANSPORT);
        self.half(6);
        self.asm.jump_unless(code::IF_ANY_BIT, 0x3fff, whole);
        self.asm.then(code::LOAD_NUMBER, NO_TUNNEL).then(code::STORE, slot::TRANSPORT);
        self.asm.place(whole);
        self.byte(0);
        self.asm
            .then(code::AND, 0x0f)
            .then(code::SHIFT_LEFT, 2)
            .then(code::ADD_X, 0)
            .then(code::STORE, slot::INSIDE);
        self.word(12);
        self.asm.then(code::STORE, slot::SOURCE);
        self.word(16);
        self.asm.jump(hash);

        self.asm.place(six);
        self.byte(6);
        self.asm.then(code::STORE, slot::TRANSPORT);
        self.asm.then(code::X_TO_A, 0).then(code::ADD, 40).then(code::STORE, slot::INSIDE);
        self.asm.then(code::X_TO_A, 0).then(code::STORE, slot::LENGTH);
        self.fold_address(8);
        self.asm.then(code::STORE, slot::SOURCE);
        self.asm.then(code::X_MEMORY, slot::LENGTH);
        self.fold_address(24);
        self.asm.place(hash);
        self.hash();
    }

    /// Folds 16 bytes at `offset` into the accumulator. X is lost.
    fn fold_address(&mut self, offset: u32) {
        self.word(offset);
        for part in 1..4 {
            // A = (A * factor) ^ word; the word is read first, since only A can be read into.
            self.asm.then(code::MULTIPLY, FACTORS[0]).then(code::STORE, slot::SUM);
            self.word(offset + 4 * part);
            self.asm.then(code::STORE, slot::FLAGS);
            self.asm.then(code::X_TO_A, 0).then(code::STORE, slot::TYPE);
            self.asm
                .then(code::X_MEMORY, slot::SUM)
                .then(code::LOAD_MEMORY, slot::FLAGS)
                .then(code::XOR_X, 0);
            self.asm.then(code::X_MEMORY, slot::TYPE);
        }
    }

    /// From one address in the accumulator and the other in memory: both combinations are symmetric, and together tell more than
    /// either. X becomes where the transport begins.
    fn hash(&mut self) {
        let [_, one, other] = FACTORS;
        self.asm.then(code::STORE, slot::FLAGS).then(code::X_MEMORY, slot::SOURCE);
        self.asm.then(code::ADD_X, 0).then(code::MULTIPLY, one).then(code::STORE, slot::SUM);
        self.asm.then(code::LOAD_MEMORY, slot::FLAGS).then(code::XOR_X, 0).then(code::MULTIPLY, other);
        self.asm.then(code::X_MEMORY, slot::SUM).then(code::XOR_X, 0).then(code::A_TO_X, 0);
        // The high bits of a product are its best, and the kernel looks at the low ones.
        self.asm.then(code::SHIFT_RIGHT, 15).then(code::XOR_X, 0).then(code::STORE, slot::HASH);
        self.asm.then(code::X_MEMORY, slot::INSIDE);
    }

    /// Goes into whatever tunnel the transport announces.
    fn tunnels(&mut self, inner: Level) {
        let (gre, udp) = (self.asm.label(), self.asm.label());
        self.asm.then(code::LOAD_MEMORY, slot::TRANSPORT);
        self.asm.jump_if(code::IF_EQUAL, 17, udp);
        self.asm.jump_if(code::IF_EQUAL, 47, gre);
        for ip_in_ip in [4, 41] {
            self.asm.jump_if(code::IF_EQUAL, ip_in_ip, inner.ip);
        }
        self.asm.jump(self.done);
        self.asm.place(gre);
        self.gre(inner);
        self.asm.place(udp);
        self.udp(inner);
    }

    /// RFC 2784 and 2890, and the mirrors in it. Source routes and PPTP's version go by the outer addresses.
    fn gre(&mut self, inner: Level) {
        const OPTIONS: [u32; 3] = [0x8000, 0x2000, 0x1000];
        const SEQUENCE: u32 = 0x1000;
        self.half(0);
        self.asm.jump_if(code::IF_ANY_BIT, 0x4007, self.done);
        self.asm.then(code::STORE, slot::FLAGS);
        self.half(2);
        self.asm.then(code::STORE, slot::TYPE);
        self.skip(4);
        for option in OPTIONS {
            let absent = self.asm.label();
            self.asm.then(code::LOAD_MEMORY, slot::FLAGS);
            self.asm.jump_unless(code::IF_ANY_BIT, option, absent);
            self.skip(4);
            self.asm.place(absent);
        }
        let (erspan, erspan_three, long) = (self.asm.label(), self.asm.label(), self.asm.label());
        self.asm.then(code::LOAD_MEMORY, slot::TYPE);
        self.asm.jump_if(code::IF_EQUAL, ERSPAN, erspan);
        self.asm.jump_if(code::IF_EQUAL, ERSPAN_THREE, erspan_three);
        self.asm.jump(inner.ether_type);
        // Type I has no sequence number, and no header of its own.
        self.asm.place(erspan);
        self.asm.then(code::LOAD_MEMORY, slot::FLAGS);
        self.asm.jump_unless(code::IF_ANY_BIT, SEQUENCE, inner.ethernet);
        self.skip(8);
        self.asm.jump(inner.ethernet);
        self.asm.place(erspan_three);
        self.byte(11);
        self.asm.jump_if(code::IF_ANY_BIT, 1, long);
        self.skip(12);
        self.asm.jump(inner.ethernet);
        self.asm.place(long);
        self.skip(20);
        self.asm.jump(inner.ethernet);
    }

    /// RFC 7348, RFC 8926, 3GPP TS 29.281. A header that a tunnel would not have is payload.
    fn udp(&mut self, inner: Level) {
        let (vxlan, geneve, gtp) = (self.asm.label(), self.asm.label(), self.asm.label());
        self.half(2);
        for port in [4789, 8472] {
            self.asm.jump_if(code::IF_EQUAL, port, vxlan);
        }
        self.asm.jump_if(code::IF_EQUAL, 6081, geneve);
        self.asm.jump_if(code::IF_EQUAL, 2152, gtp);
        self.half(0);
        self.asm.jump_unless(code::IF_EQUAL, 2152, self.done);
        self.asm.place(gtp);
        self.gtp(inner);
        self.asm.place(vxlan);
        // Only the bit that says that there is a network number, in all that the first version has.
        self.byte(8);
        self.asm.jump_unless(code::IF_ANY_BIT, 0x08, self.done);
        self.byte(15);
        self.asm.jump_unless(code::IF_EQUAL, 0, self.done);
        self.skip(16);
        self.asm.jump(inner.ethernet);
        self.asm.place(geneve);
        self.byte(8);
        self.asm.jump_if(code::IF_ANY_BIT, 0xc0, self.done);
        self.asm.then(code::SHIFT_LEFT, 2).then(code::STORE, slot::LENGTH);
        self.half(10);
        self.asm.then(code::STORE, slot::TYPE);
        self.skip(16);
        self.skip_by_memory(slot::LENGTH);
        self.asm.then(code::LOAD_MEMORY, slot::TYPE);
        for ip in [IPV4, IPV6] {
            self.asm.jump_if(code::IF_EQUAL, ip, inner.ip);
        }
        self.asm.jump_if(code::IF_EQUAL, BRIDGED_ETHERNET, inner.ethernet);
        self.asm.jump(self.done);
    }

    /// A user packet of version 1, with up to two extension headers (a 5G session container is one).
    fn gtp(&mut self, inner: Level) {
        const EXTENSIONS: usize = 2;
        let optional = self.asm.label();
        self.half(8);
        self.asm.then(code::AND, 0xf0ff).then(code::XOR, 0x30ff);
        self.asm.jump_unless(code::IF_EQUAL, 0, self.done);
        self.half(8);
        self.asm.jump_if(code::IF_ANY_BIT, 0x0700, optional);
        self.skip(16);
        self.asm.jump(inner.ip);
        self.asm.place(optional);
        self.skip(19);
        for _ in 0..=EXTENSIONS {
            // X is at the type of the next extension, which begins right behind.
            let another = self.asm.label();
            self.byte(0);
            self.asm.jump_unless(code::IF_EQUAL, 0, another);
            self.skip(1);
            self.asm.jump(inner.ip);
            self.asm.place(another);
            self.byte(1);
            self.asm.then(code::SHIFT_LEFT, 2).then(code::STORE, slot::LENGTH);
            self.skip_by_memory(slot::LENGTH);
        }
        self.asm.jump(self.done);
    }

    fn byte(&mut self, offset: u32) {
        self.asm.then(code::LOAD_BYTE_AT_X, NETWORK + offset);
    }

    fn half(&mut self, offset: u32) {
        self.asm.then(code::LOAD_HALF_AT_X, NETWORK + offset);
    }

    fn word(&mut self, offset: u32) {
        self.asm.then(code::LOAD_WORD_AT_X, NETWORK + offset);
    }

    /// Moves X on; the accumulator is lost.
    fn skip(&mut self, bytes: u32) {
        self.asm.then(code::X_TO_A, 0).then(code::ADD, bytes).then(code::A_TO_X, 0);
    }

    fn skip_by_memory(&mut self, slot: u32) {
        self.asm.then(code::LOAD_MEMORY, slot).then(code::ADD_X, 0).then(code::A_TO_X, 0);
    }
}

#[cfg(test)]
#[path = "fanout_tests.rs"]
mod tests;
