//! The fan-out program, run by a small machine of the test's own (tests/live runs it in the kernel).

use super::*;
use proptest::prelude::*;

/// What the kernel would answer for a packet whose network header begins with `network`.
fn run(program: &[Instruction], ether_type: u16, network: &[u8]) -> u32 {
    let (mut a, mut x, mut memory, mut at) = (0u32, 0u32, [None; 16], 0usize);
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps <= program.len(), "jumps go forwards only");
        let Instruction { code, jump_true, jump_false, operand: k } = program[at];
        at += 1;
        let load = |bytes: usize| {
            let from = x.wrapping_add(k).wrapping_sub(NETWORK) as usize;
            network.get(from..from + bytes).map(|part| part.iter().fold(0, |sum, b| sum << 8 | u32::from(*b)))
        };
        let branch = |holds: bool| usize::from(if holds { jump_true } else { jump_false });
        match code {
            code::LOAD_WORD if k == PROTOCOL => a = ether_type.into(),
            code::LOAD_WORD_AT_X | code::LOAD_HALF_AT_X | code::LOAD_BYTE_AT_X => {
                let bytes = match code {
                    code::LOAD_WORD_AT_X => 4,
                    code::LOAD_HALF_AT_X => 2,
                    _ => 1,
                };
                match load(bytes) {
                    Some(value) => a = value,
                    None => return 0,
                }
            }
            code::LOAD_NUMBER => a = k,
            code::LOAD_MEMORY => a = memory[k as usize].expect("memory is written before it is read"),
            code::X_NUMBER => x = k,
            code::X_MEMORY => x = memory[k as usize].expect("memory is written before it is read"),
            code::STORE => memory[k as usize] = Some(a),
            code::ADD => a = a.wrapping_add(k),
            code::ADD_X => a = a.wrapping_add(x),
            code::MULTIPLY => a = a.wrapping_mul(k),
            code::AND => a &= k,
            code::SHIFT_LEFT => a <<= k,
            code::SHIFT_RIGHT => a >>= k,
            code::XOR => a ^= k,
            code::XOR_X => a ^= x,
            code::A_TO_X => x = a,
            code::X_TO_A => a = x,
            code::JUMP => at += k as usize,
            code::IF_EQUAL => at += branch(a == k),
            code::IF_ANY_BIT => at += branch(a & k != 0),
            code::RETURN_A => return a,
            other => panic!("unknown instruction {other:#x}"),
        }
    }
}

fn v4(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    packet.extend(source);
    packet.extend(destination);
    packet.extend(payload);
    packet
}

fn v6(source: [u8; 16], destination: [u8; 16], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, protocol, 64];
    packet.extend(source);
    packet.extend(destination);
    packet.extend(payload);
    packet
}

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    frame
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = source.to_be_bytes().to_vec();
    datagram.extend(destination.to_be_bytes());
    datagram.extend([0; 4]);
    datagram.extend(payload);
    datagram
}

const HERE: [u8; 4] = [192, 0, 2, 1];
const THERE: [u8; 4] = [192, 0, 2, 2];

/// Every way to carry `inner`, with the EtherType of the outermost header.
fn carried(inner: &[u8]) -> Vec<(&'static str, u16, Vec<u8>)> {
    let number: u16 = if inner[0] >> 4 == 4 { 0x0800 } else { 0x86dd };
    let frame = ethernet(number, inner);
    let number = number.to_be_bytes();
    let with = |head: &[u8], rest: &[u8]| [head, rest].concat();
    let gre = |head: &[u8], rest: &[u8]| v4(HERE, THERE, 47, &with(head, rest));
    let over_udp =
        |port: u16, head: &[u8], rest: &[u8]| v4(HERE, THERE, 17, &udp(40_000, port, &with(head, rest)));
    vec![
        ("vlan", 0x8100, with(&[0, 5, number[0], number[1]], inner)),
        ("three tags", 0x88a8, [&[0, 5, 0x81, 0, 0, 6, 0x91, 0, 0, 7, number[0], number[1]], inner].concat()),
        ("pppoe", 0x8864, with(&[0x11, 0, 0, 1, 0, 99, 0, 0x21], inner)),
        ("mpls", 0x8847, with(&[0, 1, 0x00, 64, 0, 2, 0x01, 64], inner)),
        ("mpls, ethernet", 0x8847, [&[0, 1, 0x01, 64, 0, 0, 0, 0], &frame[..]].concat()),
        ("ip in ip", 0x0800, v4(HERE, THERE, if number == [8, 0] { 4 } else { 41 }, inner)),
        ("gre", 0x0800, gre(&[0, 0, number[0], number[1]], inner)),
        (
            "gre with all options",
            0x0800,
            gre(&[&[0xb0, 0, number[0], number[1]][..], &[0; 12]].concat(), inner),
        ),
        ("gre with ethernet", 0x0800, gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 9], &frame)),
        ("erspan I", 0x0800, gre(&[0, 0, 0x88, 0xbe], &frame)),
        ("erspan II", 0x0800, gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 5, 0, 0, 0, 0], &frame)),
        (
            "erspan III",
            0x0800,
            gre(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0], &frame),
        ),
        ("vxlan", 0x0800, over_udp(4789, &[8, 0, 0, 0, 0, 0, 7, 0], &frame)),
        ("geneve", 0x0800, over_udp(6081, &[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 4], &frame)),
        ("geneve with ip", 0x0800, over_udp(6081, &[0, 0, number[0], number[1], 0, 0, 7, 0], inner)),
        ("gtp-u", 0x0800, over_udp(2152, &[0x30, 255, 0, 99, 0, 0, 0, 1], inner)),
        (
            "gtp-u of 5g",
            0x0800,
            over_udp(2152, &[0x34, 255, 0, 99, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 1, 0], inner),
        ),
        (
            "vxlan in gre, over ipv6",
            0x86dd,
            v6(
                [1; 16],
                [9; 16],
                47,
                &with(&[0, 0, 8, 0], &over_udp(8472, &[8, 0, 0, 0, 0, 0, 7, 0], &frame)),
            ),
        ),
    ]
}

#[test]
fn the_program_is_what_the_kernel_takes() {
    let program = program();
    // BPF_MAXINSNS; and every jump lands inside.
    assert!(program.len() <= 4096, "{} instructions", program.len());
    for (at, one) in program.iter().enumerate() {
        let farthest = match one.code {
            code::JUMP => one.operand as usize,
            code::IF_EQUAL | code::IF_ANY_BIT => one.jump_true.max(one.jump_false).into(),
            _ => continue,
        };
        assert!(at + 1 + farthest < program.len(), "instruction {at} jumps to nowhere: {one:?}");
    }
    assert_eq!(program.last().map(|one| one.code), Some(code::RETURN_A));
}

#[test]
fn whatever_carries_a_packet_it_goes_by_the_innermost_addresses() {
    let program = program();
    let tcp = [0, 80, 200, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0];
    for inner in [
        v4([10, 20, 1, 5], [198, 51, 100, 7], 6, &tcp),
        v6([0x20; 16], [0x21, 7, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], 6, &tcp),
    ] {
        let plain = run(&program, if inner[0] >> 4 == 4 { 0x0800 } else { 0x86dd }, &inner);
        assert_ne!(plain, 0);
        for (name, ether_type, packet) in carried(&inner) {
            assert_eq!(run(&program, ether_type, &packet), plain, "{name}");
        }
    }
}

#[test]
fn what_only_looks_like_a_tunnel_goes_by_its_own_addresses() {
    let program = program();
    let plain = run(&program, 0x0800, &v4(HERE, THERE, 6, &[]));
    let dns = udp(53, 4789, b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x03www");
    let other_port = udp(53, 40_000, b"anything");
    for payload in [&dns, &other_port, &udp(2152, 2152, &[0x32, 1, 0, 0, 0, 0, 0, 0])] {
        assert_eq!(run(&program, 0x0800, &v4(HERE, THERE, 17, payload)), plain);
    }
    // The second part of a fragmented tunnel has no inner addresses, and the first goes with it.
    let mut fragment = v4(HERE, THERE, 47, &[0, 0, 8, 0, 0x45]);
    fragment[6] = 0x20;
    assert_eq!(run(&program, 0x0800, &fragment), plain);
    fragment[6..8].copy_from_slice(&[0, 185]);
    assert_eq!(run(&program, 0x0800, &fragment), plain);
}

#[test]
fn what_has_no_addresses_goes_to_the_first_source() {
    let program = program();
    assert_eq!(run(&program, 0x0806, &[0; 28]), 0);
    assert_eq!(run(&program, 0x0800, &[]), 0);
    assert_eq!(run(&program, 0x0800, &[0x45, 0, 0, 40]), 0);
    assert_eq!(run(&program, 0x0800, &[0x75; 40]), 0);
}

#[test]
fn neighbours_spread_evenly() {
    let program = program();
    for sources in [2, 3, 8] {
        let mut sizes = vec![0; sources];
        for low in 0..=255 {
            for server in [[198, 51, 100, 7], [203, 0, 113, 9], [10, 20, 1, 254]] {
                sizes[run(&program, 0x0800, &v4([10, 20, 1, low], server, 6, &[])) as usize % sources] += 1;
            }
            let (mut client, server) = ([0x20; 16], [0x21; 16]);
            client[15] = low;
            sizes[run(&program, 0x86dd, &v6(client, server, 6, &[])) as usize % sources] += 1;
        }
        let even = 4 * 256 / sources;
        assert!(sizes.iter().all(|size| *size > even / 2 && *size < even * 2), "{sizes:?}");
    }
}

proptest! {
    #[test]
    fn both_directions_agree(one: [u8; 16], other: [u8; 16], ports: (u16, u16)) {
        let program = program();
        let (payload, back) = (udp(ports.0, ports.1, &[7; 40]), udp(ports.1, ports.0, &[7; 40]));
        prop_assert_eq!(
            run(&program, 0x86dd, &v6(one, other, 17, &payload)),
            run(&program, 0x86dd, &v6(other, one, 17, &back))
        );
        let (one, other) = (*one.first_chunk().unwrap(), *other.first_chunk().unwrap());
        prop_assert_eq!(
            run(&program, 0x0800, &v4(one, other, 17, &payload)),
            run(&program, 0x0800, &v4(other, one, 17, &back))
        );
    }

    #[test]
    fn any_bytes_get_an_answer(ether_type in prop_oneof![Just(0x0800u16), Just(0x86dd), Just(0x8847), any::<u16>()],
                               bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        run(&program(), ether_type, &bytes);
    }
}
