//! The rules of the stage, one script each.

use crate::harness::{Observer, observe, observe_within, tcp, udp};
use egret_model::{
    CloseReason, Flow, MacAddress, Segment, Side, StreamEvent, StreamLimits, Timestamp, Transport, TunnelPath,
};

const HANDSHAKE: &str = "> S 99\n < SA 299 100\n > A 100 300\n";

/// After a handshake that gives the client 100 and the server 300 as their first bytes.
fn connected(script: &str) -> String {
    observe(&format!("{HANDSHAKE}{script}")).0
}

#[test]
fn bytes_come_in_order_once() {
    for (what, script, events) in [
        ("plain", "> A 100 300 one\n < A 300 103 two\n > A 103 303 three", ">one <two >three"),
        ("out of order", "> A 103 300 two\n > A 100 300 one\n > A 106 300 three", ">one >two >three"),
        (
            "sent again",
            "> A 100 300 one\n > A 100 300 one\n > A 103 300 two\n > A 100 300 onetwo",
            ">one >two",
        ),
        ("sent again with more", "> A 100 300 one\n > A 101 300 netwo", ">one >two"),
        ("held twice", "> A 103 300 two\n > A 103 300 two\n > A 100 300 one", ">one >two"),
        ("around what is held", "> A 103 300 d\n > A 100 300 abcdef", ">abc >d >ef"),
        (
            "behind and before what is held",
            "> A 102 300 cd\n > A 103 300 def\n > A 100 300 abc",
            ">ab >cd >ef",
        ),
        ("keep-alive", "> A 100 300 one\n > A 102 300\n > A 102 300 \0\n > A 103 300 two", ">one >two"),
        ("window probe", "> A 100 300 one\n > A 103 300 t\n > A 103 300 two", ">one >t >wo"),
    ] {
        assert_eq!(connected(script), format!("{events} [EndOfInput]"), "{what}");
    }
}

#[test]
fn sequence_numbers_wrap() {
    let (events, _) = observe(
        "> S 4294967293\n > A 4294967294 0 abcd\n > A 5 0 hi\n > A 2 0 efg\n > A 4294967295 0 bcdefg\n > FA 7 0",
    );
    assert_eq!(events, ">abcd >efg >hi >end [Finished]");
}

#[test]
fn the_first_copy_wins_and_others_are_noticed() {
    for (what, script, events, noticed) in [
        ("delivered", "> A 100 300 one\n > A 100 300 ONE", ">one", 1),
        ("delivered in pieces", "> A 100 300 one\n > A 103 300 two\n > A 100 300 onetwO", ">one >two", 1),
        ("same", "> A 100 300 one\n > A 103 300 two\n > A 100 300 onetwo", ">one >two", 0),
        ("held", "> A 103 300 two\n > A 102 300 XTWO\n > A 100 300 on", ">on >X >two", 1),
        ("before held", "> A 103 300 two\n > A 100 300 oneTwo", ">one >two", 1),
        ("keep-alive", "> A 100 300 one\n > A 102 300 \0", ">one", 0),
    ] {
        let (seen, stats) = observe(&format!("{HANDSHAKE}{script}"));
        assert_eq!(
            (seen, stats.inconsistent_overlaps),
            (format!("{events} [EndOfInput]"), noticed),
            "{what}"
        );
    }
    let mut observer = Observer::new(&StreamLimits::default());
    observer.script(&format!("{HANDSHAKE} > A 100 300 one\n > A 100 300 two")).finish();
    assert!(observer.flows.iter().all(|flow| flow.inconsistent_overlap));
}

#[test]
fn wrong_checksums_never_win_over_a_better_copy() {
    for (what, script, events, wrong) in [
        (
            "before",
            "> A 100 300 = one\n > A 103 300 ! bad\n > A 106 300 = three\n > A 103 300 = two",
            ">one >two >three",
            1,
        ),
        ("after", "> A 100 300 = one\n > A 100 300 ! bad\n > A 103 300 = two", ">one >two", 1),
        (
            "wider",
            "> A 100 300 = a\n > A 101 300 ! XYZW\n > A 102 300 = c\n > A 101 300 = b\n > A 103 300 = de",
            ">a >b >c >de",
            1,
        ),
        ("the only copy, at the end", "> A 100 300 = one\n > A 103 300 ! two", ">one >two", 1),
        (
            "far away, at the end",
            "> A 100 300 = one\n > A 900103 300 ! two\n > A 103 300 = two",
            ">one >two",
            1,
        ),
        ("on a side that never showed a right one", "> A 100 300 ! one\n > A 103 300 ! two", ">one >two", 0),
        ("RST", "> A 100 300 = one\n > R 103 0 !\n > A 103 300 = two", ">one >two", 1),
    ] {
        let (seen, stats) = observe(&format!("{HANDSHAKE}{script}"));
        assert_eq!((seen, stats.wrong_checksums), (format!("{events} [EndOfInput]"), wrong), "{what}");
    }
    let acknowledged =
        format!("{HANDSHAKE} > A 100 300 = one\n > A 103 300 ! two\n {}", "< A 300 106\n".repeat(40));
    let mut observer = Observer::new(&StreamLimits::default());
    assert_eq!(observer.script(&acknowledged).words.join(" "), ">one >two", "the receiver took it");
}

#[test]
fn a_hole_is_a_gap_once_the_receiver_has_its_bytes() {
    let limits = StreamLimits { hole_segments: 4, ..StreamLimits::default() };
    let lost = format!("{HANDSHAKE} > A 100 300 one\n > A 106 300 three\n");
    let mut observer = Observer::new(&limits);
    let seen = |observer: &mut Observer, script: &str| observer.script(script).words.join(" ");
    assert_eq!(seen(&mut observer, &lost), ">one");
    assert_eq!(seen(&mut observer, &"< A 300 103\n".repeat(40)), ">one", "the receiver lacks it too");
    assert_eq!(seen(&mut observer, "< A 300 111\n < A 300 111\n"), ">one", "the capture may be out of order");
    assert_eq!(seen(&mut observer, "> A 103 300 two"), ">one >two >three", "and it was");
    assert_eq!(seen(&mut observer, "> A 114 300 five"), ">one >two >three");
    assert_eq!(seen(&mut observer, &"< A 300 118\n".repeat(5)), ">one >two >three >gap(3) >five");
    assert_eq!(seen(&mut observer, "> A 111 300 fou"), ">one >two >three >gap(3) >five", "too late");

    let mut observer = Observer::new(&limits);
    assert_eq!(seen(&mut observer, &lost), ">one");
    assert_eq!(seen(&mut observer, "< A 300 111\n @1.5 < A 300 111"), ">one >gap(3) >three", "packet time");
}

#[test]
fn a_side_that_goes_on_elsewhere_is_followed_and_the_gap_has_only_what_was_seen() {
    let run = |from: u32| -> String {
        (0..9).map(|number| format!("> A {} 300 {number}\n", from.wrapping_add(number))).collect()
    };
    for (what, start) in [("ahead", 3_000_000_000), ("behind", 4_294_000_000), ("before its SYN", 50)] {
        let (events, stats) =
            observe(&format!("{HANDSHAKE}> A 100 300 a\n> A 2000000000 300 forged\n{}", run(start)));
        assert_eq!(events, ">a >gap(7) >7 >8 [EndOfInput]", "{what}");
        assert_eq!(stats.resynchronised, 1, "{what}");
    }
    let (events, stats) = observe(&format!("{HANDSHAKE}{}", run(3_000_000_000)));
    assert_eq!(events, ">gap(7) >7 >8 [EndOfInput]", "numbers that change behind the handshake");
    assert_eq!(stats.out_of_window_bytes, 0);
    let (events, stats) = observe(&format!("{HANDSHAKE}> A 500000000 300 a\n> A 500000001 300 b"));
    assert_eq!(
        (events.as_str(), stats.resynchronised),
        (">gap(1048576) >a >b [EndOfInput]", 1),
        "within the window"
    );
    let (events, stats) = observe(&format!("{HANDSHAKE}> A 3000000000 300 abc"));
    assert_eq!((events.as_str(), stats.out_of_window_bytes), ("[EndOfInput]", 3), "one astray");
}

#[test]
fn an_acknowledgment_of_what_cannot_have_been_sent_proves_no_gap() {
    for (what, script, events) in [
        (
            "one that never goes on",
            "> A 1 900 one\n < A 900 800000001 two\n < A 903 800000001 six",
            ">one <two <six",
        ),
        (
            "one that goes on",
            "> A 1 900 one\n < A 900 3000001 two\n < A 903 3001001 six",
            ">one <two >gap(3000997) <six",
        ),
        ("near", "> A 1 900 one\n < A 900 2001 two", ">one <two >gap(1997)"),
    ] {
        let (seen, _) = observe(script);
        let in_any_order = |text: &str| {
            let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(in_any_order(&seen), in_any_order(&format!("{events} [EndOfInput]")), "{what}");
    }
}

#[test]
fn bytes_from_before_the_middle_are_counted_once() {
    let count = |script: &str| observe(script).1.early_bytes;
    let begins = "> A 1000 300 later\n";
    assert_eq!(count(&format!("{begins}> A 990 300 0123456789")), 10);
    assert_eq!(
        count(&format!("{begins}> A 990 300 0123456789\n> A 988 300 ab0123456789la")),
        12,
        "with more"
    );
    assert_eq!(count(&format!("{begins}> A 1004 300 \0")), 0, "keep-alive");
    assert_eq!(count(&format!("{begins}> A 1000 300 la")), 0, "sent again");
    assert_eq!(count(&format!("{HANDSHAKE}> A 100 300 one\n> A 90 300 0123456789one")), 0, "before the SYN");
}

#[test]
fn one_direction_alone_is_enough() {
    let limits = StreamLimits::default();
    let mut observer = Observer::new(&limits);
    observer.script("> S 99\n > A 100 300\n > A 100 300 one\n > A 106 300 three\n @4 > A 111 300 four");
    assert_eq!(observer.words.join(" "), ">one");
    observer.script("@6 > A 115 300 five");
    assert_eq!(observer.words.join(" "), ">one >gap(3) >three >four >five");
    observer.script("> A 119 400 six\n > FA 122 500").finish();
    assert_eq!(observer.words.join(" "), ">one >gap(3) >three >four >five >six >end <gap(200) [Finished]");

    let far = "> S 99\n > A 100 300\n > A 100 1048876\n > A 100 2097452\n > A 100 2097453";
    assert_eq!(
        observe(far).0,
        "<gap(1048576) <gap(1048576) [EndOfInput]",
        "a download of which nothing is seen"
    );
}

#[test]
fn what_a_snap_length_cut_is_a_gap_unless_another_copy_is_fuller() {
    for (what, script, events) in [
        ("cut", "> A 100 300 on +8\n > A 110 300 th +3\n > A 115 300 end", ">on >gap(8) >th >gap(3) >end"),
        ("cut at the end", "> A 100 300 on +8", ">on >gap(8)"),
        ("nothing captured", "> A 100 300 +8\n > A 118 300 +2", ">gap(8) >gap(10) >gap(2)"),
        ("nothing captured, out of order", "> A 108 300 +2\n > A 100 300 +8", ">gap(8) >gap(2)"),
        ("twice", "> A 100 300 on +8\n > A 100 300 on +8\n > A 110 300 th", ">on >gap(8) >th"),
        ("fuller", "> A 100 300 on +4\n > A 100 300 onetwo\n > A 106 300 th", ">on >etwo >th"),
        ("fuller, out of order", "> A 102 300 c +2\n > A 102 300 cde\n > A 100 300 ab", ">ab >c >de"),
        ("acknowledged", "> A 100 300 on +4\n < A 300 106\n @2 < A 300 106 ok", ">on >gap(4) <ok"),
    ] {
        assert_eq!(connected(script), format!("{events} [EndOfInput]"), "{what}");
    }
    assert_eq!(
        connected("> FA 100 300 on +8\n < A 300 111\n < FA 300 111\n > A 111 301"),
        ">on >gap(8) >end <end [Finished]"
    );
}

#[test]
fn a_flow_ends_when_both_sides_have() {
    for (what, script, events) in [
        ("both", "> FA 100 300 bye\n < FA 300 104 ok\n > A 104 303", ">bye >end <ok <end [Finished]"),
        (
            "half closed",
            "> FA 100 300 q\n < A 300 102 a\n < FA 301 102 b\n > A 102 303",
            ">q >end <a <b <end [Finished]",
        ),
        (
            "out of order",
            "> FA 103 300\n < A 300 100\n > A 100 300 one\n < FA 300 104\n > A 104 301",
            ">one >end <end [Finished]",
        ),
        ("FIN with a hole before it", "> FA 103 300 x\n < FA 300 100", ">gap(3) >x >end <end [EndOfInput]"),
        ("last ACK not captured", "> FA 100 300\n < FA 300 101", ">end <end [Finished]"),
        ("FIN not acknowledged", "> FA 100 300", ">end [EndOfInput]"),
        ("FIN not captured", "> A 100 300 a\n < A 300 102", ">a [EndOfInput]"),
        ("tail not captured", "> A 100 300 a\n < A 300 111", ">a >gap(10) [EndOfInput]"),
        ("forged FIN", "> A 100 300 a\n > FA 101 300\n > A 101 300 bc", ">a >bc [EndOfInput]"),
        (
            "late copies",
            "> FA 100 300 a\n < FA 300 102\n > A 102 301\n > A 100 300 a\n < A 300 102\n > FA 100 300 a",
            ">a >end <end [Finished]",
        ),
    ] {
        assert_eq!(connected(script), events, "{what}");
    }
}

#[test]
fn a_reset_counts_when_a_receiver_would_believe_it() {
    for (what, script, events, ignored) in [
        ("at the expected place", "> A 100 300 a\n > R 101", ">a [Reset]", 0),
        ("far away", "> A 100 300 a\n > R 900101\n > A 101 300 b", ">a >b [EndOfInput]", 1),
        ("long past", "> A 100 300 abcd\n > R 99", ">abcd [EndOfInput]", 1),
        ("where the receiver stands", "> A 100 300 abcd\n < A 300 102\n > R 102", ">abcd [Reset]", 0),
        ("forged: its sender goes on", "> A 100 300 a\n > R 101\n > A 101 300 b", ">a >b [EndOfInput]", 1),
        ("bytes on their way", "> A 100 300 a\n > R 101\n < A 300 101 late", ">a <late [Reset]", 0),
    ] {
        let (seen, stats) = observe(&format!("{HANDSHAKE}{script}"));
        assert_eq!((seen.as_str(), stats.resets_ignored), (events, ignored), "{what}");
    }
    assert_eq!(observe("> S 99\n < RA 0 100").0, "[Reset]", "refused");
    assert_eq!(observe("> S 99\n < RA 0 777").0, "[EndOfInput]", "refused by nobody");
    assert_eq!(
        observe("> S 99\n < A 700 25000\n > R 25000\n > S 99\n < SA 299 100\n > A 100 300 a\n < A 300 101 b")
            .0,
        ">a <b [EndOfInput]",
        "of an earlier connection"
    );
    assert_eq!(connected("> R 100\n @11 :9 > S 1"), "[Reset] [EndOfInput]", "after it has lingered");
}

#[test]
fn a_new_connection_of_the_same_endpoints_is_a_new_flow() {
    let ended = "> FA 100 300 a\n < FA 300 102\n > A 102 301\n";
    for (what, script, events) in [
        (
            "after the end",
            &*format!("{ended} > S 5000\n < SA 900 5001\n > A 5001 901 b"),
            ">a >end <end [Finished] >b [EndOfInput]",
        ),
        (
            "after the end, start not captured",
            &format!("{ended} > A 9000 301 b"),
            ">a >end <end [Finished] >b [EndOfInput]",
        ),
        (
            "after the end of one side, start not captured",
            "> FA 100 300 a\n < A 300 102\n > A 101 300 ?\n < A 300 102 b\n > A 102 301 cd\n < A 301 104 e",
            ">a >end <b [Replaced] >cd <e [EndOfInput]",
        ),
        ("after a reset", "> A 100 300 a\n < R 300\n > S 5000\n > A 5001 0 b", ">a [Reset] >b [EndOfInput]"),
        (
            "within, answered",
            "> A 100 300 a\n > S 5000\n < SA 900 5001\n > A 5001 901 b",
            ">a [Replaced] >b [EndOfInput]",
        ),
        ("within, used", "> A 100 300 a\n > S 5000\n > A 5001 901 b", ">a [Replaced] >b [EndOfInput]"),
        ("within, forged", "> A 100 300 a\n > S 5000\n > A 101 300 b", ">a >b [EndOfInput]"),
        ("the same SYN again", "> S 99\n > A 100 300 a\n > S 99\n > A 101 300 b", ">a >b [EndOfInput]"),
    ] {
        assert_eq!(connected(script), events, "{what}");
    }
    assert_eq!(observe("> S 99\n > S 77\n < SA 299 78\n > A 78 300 a").0, "[Replaced] >a [EndOfInput]");
    assert_eq!(
        observe("> S 99\n < SA 299 78\n > A 78 300 a").0,
        ">a [EndOfInput]",
        "the answered SYN was another"
    );
    assert_eq!(
        observe("> S 99\n < S 299\n > SA 99 300\n < SA 299 100\n > A 100 300 a").0,
        ">a [EndOfInput]",
        "simultaneous"
    );
}

#[test]
fn data_in_a_syn_counts() {
    assert_eq!(observe("> S 99 0 get\n < SA 299 103 ok\n > A 103 302 more").0, ">get <ok >more [EndOfInput]");
    assert_eq!(
        observe("> S 99 0 get\n < SA 299 100\n > A 100 300 get").0,
        ">get [EndOfInput]",
        "not taken, sent again"
    );
}

#[test]
fn flows_are_picked_up_in_the_middle() {
    let side = |script: &str| {
        let mut observer = Observer::new(&StreamLimits::default());
        observer.script(script).finish();
        let flow = observer.flows.first().cloned();
        (observer.words.join(" "), flow.map(|flow| (flow.midstream, flow.initiator.port)))
    };
    let picked = |events: &str| (events.to_owned(), Some((true, 40_000)));
    assert_eq!(side("> A 500 700 a\n < A 700 501 b"), picked(">a <b [EndOfInput]"));
    assert_eq!(
        side("< A 700 500 b\n > A 500 701 a"),
        picked("<b >a [EndOfInput]"),
        "the server is told by its port"
    );
    assert_eq!(side("< A 700 500 b\n > A 501 701 d\n > A 500 701 c"), picked("<b >c >d [EndOfInput]"));
    assert_eq!(side("< SA 299 100\n > A 100 300 a"), (">a [EndOfInput]".into(), Some((false, 40_000))));
    assert_eq!(
        side("> A 100 300 a\n > S 99\n > A 101 300 b"),
        (">a >b [EndOfInput]".into(), Some((false, 40_000)))
    );
    for stray in ["> A 1 2", "> R 1", "> FA 1 2", "> RA 1 2"] {
        let (events, stats) = observe(stray);
        assert_eq!((events.as_str(), stats.flows, stats.strays), ("", 0, 1), "{stray}");
    }
}

#[test]
fn idle_flows_end_by_packet_time_that_never_runs_backwards() {
    assert_eq!(connected("> A 100 300 a\n @299 < A 300 101\n @600 :9 > S 1"), ">a [Idle] [EndOfInput]");
    assert_eq!(
        connected("> A 100 300 a\n @-500 < A 300 101\n @299 :9 > S 1"),
        ">a [EndOfInput] [EndOfInput]"
    );
    assert_eq!(observe("> S 99\n @61 :9 > S 1").0, "[Idle] [EndOfInput]", "a SYN without an answer");
    assert_eq!(
        connected("> FA 100 300 a\n < FA 300 102\n @11 :9 > S 1"),
        ">a >end <end [Finished] [EndOfInput]"
    );
}

#[test]
fn budgets_are_kept() {
    let limits = StreamLimits { flow_bytes: 200, ..StreamLimits::default() };
    let held = format!("{HANDSHAKE} > A 101 300 b\n > A 103 300 d\n > A 105 300 f\n > A 107 300 h\n");
    assert_eq!(observe_within(&limits, &held).0, ">over(1) >b >gap(1) >d >gap(1) >f >gap(1) >h [EndOfInput]");

    let limits = StreamLimits { total_bytes: 200, ..StreamLimits::default() };
    let three = ":1 > A 100 0 a\n :2 > A 100 0 a\n :3 > A 100 0 a\n :2 > A 102 0 c\n :1 > A 102 0 c\n :3 > A 102 0 c\n :3 > A 105 0 e";
    assert_eq!(
        observe_within(&limits, three).0,
        ">a >a >a >over(1) >c >gap(1) >c [EndOfInput] [EndOfInput] >gap(1) >c >gap(2) >e [EndOfInput]"
    );

    let limits = StreamLimits { flows: 2, ..StreamLimits::default() };
    let evicted = ":1 > S 99\n :2 > A 100 0 a\n :3 > A 100 0 b\n :1 > A 100 0 c\n :3 > A 101 0 d";
    let (events, stats) = observe_within(&limits, evicted);
    assert_eq!(
        events, ">a [Evicted] >b [Evicted] >c >d [EndOfInput] [EndOfInput]",
        "handshakes first, then the idlest"
    );
    assert_eq!((stats.flows, stats.evictions), (4, 2));

    let limits = StreamLimits { opening_flows: 1, ..StreamLimits::default() };
    let flooded = ":1 > S 99\n :2 > S 99\n :3 > S 99\n :1 < SA 299 100\n :4 > S 99\n :1 > A 100 300 a\n :4 > A 100 300 b";
    let (events, stats) = observe_within(&limits, flooded);
    assert_eq!(
        events, "[Evicted] [Evicted] [Evicted] [Evicted] >a >b [EndOfInput] [EndOfInput]",
        "handshakes make room for handshakes; who goes on is followed all the same"
    );
    assert_eq!((stats.evictions, stats.midstream), (4, 1));
}

#[test]
fn datagrams_stand_for_themselves() {
    let mut observer = Observer::new(&StreamLimits::default());
    let at = |nanos: i64| Timestamp::from_nanos(1_000_000_000_000 + nanos);
    observer.take(&Segment { at: at(0), ..udp(true, b"a") });
    observer.take(&Segment { at: at(1_000), ..udp(true, b"a") });
    observer.take(&Segment { at: at(2_000), ..udp(false, b"a") });
    observer.take(&Segment { at: at(1_000_000_000), missing: 7, ..udp(true, b"a") });
    observer.take(&Segment { at: at(2_000_000_000), ..udp(true, b"") });
    assert_eq!(observer.words.join(" "), ">a <a >a >gap(7)", "the second copy within microseconds is a copy");
    assert_eq!(observer.table.stats().duplicate_datagrams, 1);
    observer.take(&Segment { at: at(70_000_000_000), ..udp(false, b"b") });
    observer.finish();
    assert_eq!(observer.words.join(" "), ">a <a >a >gap(7) [Idle] <b [EndOfInput]");
    assert!(observer.flows[1].midstream, "opened by what looks like an answer");
}

#[test]
fn echoes_are_sessions_and_other_transports_are_counted() {
    let mut observer = Observer::new(&StreamLimits::default());
    let echo = |client, reply| {
        let transport = Transport::IcmpEcho { identifier: 7, reply };
        Segment { transport, ..udp(client, if reply { b"pong" } else { b"ping" }) }
    };
    observer.take(&echo(true, false));
    observer.take(&echo(false, true));
    observer.take(&Segment {
        transport: Transport::Other { protocol: 132 },
        missing: 3,
        ..udp(true, b"chunk")
    });
    observer.finish();
    assert_eq!(observer.words.join(" "), ">ping <pong [EndOfInput]");
    let stats = observer.table.stats();
    assert_eq!((stats.flows, stats.untracked_segments, stats.untracked_bytes), (1, 1, 8));
}

#[test]
fn a_flow_is_the_same_in_any_tunnel_and_keeps_what_its_first_packets_told() {
    let mut observer = Observer::new(&StreamLimits::default());
    let mac = |last| Some(MacAddress([2, 0, 0, 0, 0, last]));
    let vlan = TunnelPath::new(vec!["vlan 10".into()]);
    observer.take(&Segment { tunnel: vlan.clone(), source_mac: mac(1), ..tcp(true, 40_000, 100, b"a") });
    observer.take(&Segment { source_mac: mac(9), destination_mac: mac(2), ..tcp(true, 40_000, 100, b"a") });
    observer.take(&tcp(true, 40_000, 101, b"b"));
    observer.finish();
    assert_eq!(observer.words.join(" "), ">a >b [EndOfInput]");
    let flow = &observer.flows[0];
    assert_eq!((&flow.tunnel, flow.initiator_mac, flow.responder_mac), (&vlan, mac(1), mac(2)));
}

#[test]
fn each_flow_has_its_own_state_until_it_is_closed() {
    let mut table = crate::FlowTable::<Vec<u8>>::new(&StreamLimits::default(), 1);
    let mut closed = Vec::new();
    let mut sink = |flow: &Flow, state: &mut Vec<u8>, event: StreamEvent<'_>| match event {
        StreamEvent::Data { data, .. } => state.extend_from_slice(data),
        StreamEvent::Closed { reason } => {
            closed.push((flow.endpoint(Side::Initiator).port, state.clone(), reason));
        }
        _ => {}
    };
    for (port, sequence, data) in [(2, 1, "a"), (1, 1, "b"), (2, 2, "c"), (1, 2, "d")] {
        table.segment(&tcp(true, port, sequence, data.as_bytes()), &mut sink);
    }
    table.finish(&mut sink);
    let end = CloseReason::EndOfInput;
    assert_eq!(
        closed,
        [(2, b"ac".to_vec(), end), (1, b"bd".to_vec(), end)],
        "in order of their first packets"
    );
}
