//! Promise: memory stays within its budgets: open flows cost little, and a flood of handshakes that nobody answers neither fills
//! memory nor hides what passes meanwhile.

mod support;
mod traffic {
    //! Captures made as they are read: nothing large is kept anywhere.

    use std::io::{self, Write};

    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const ACK: u8 = 0x10;
    pub(crate) const PUSH: u8 = 0x08;

    /// Writes Ethernet frames with TCP over IPv4 as a pcap, `step_us` microseconds apart.
    pub(crate) struct Wire<W> {
        to: W,
        now_us: u64,
        step_us: u64,
    }

    /// One end of a connection.
    #[derive(Clone, Copy)]
    pub(crate) struct End {
        pub(crate) address: u32,
        pub(crate) port: u16,
        /// Sequence number of the next byte.
        pub(crate) next: u32,
    }

    impl<W: Write> Wire<W> {
        pub(crate) fn new(mut to: W, step_us: u64) -> io::Result<Self> {
            to.write_all(&[
                0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0,
            ])?;
            Ok(Self { to, now_us: 1_700_000_000_000_000, step_us })
        }

        /// One segment; the sender's sequence number moves on.
        pub(crate) fn send(&mut self, from: &mut End, to: &End, flags: u8, payload: &[u8]) -> io::Result<()> {
            let length = 40 + payload.len();
            let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
            frame.extend((length as u16).to_be_bytes());
            frame.extend([0, 0, 0, 0, 64, 6, 0, 0]);
            frame.extend(from.address.to_be_bytes());
            frame.extend(to.address.to_be_bytes());
            frame.extend(from.port.to_be_bytes());
            frame.extend(to.port.to_be_bytes());
            frame.extend(from.next.to_be_bytes());
            frame.extend(if flags & ACK != 0 { to.next } else { 0 }.to_be_bytes());
            frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            frame.extend(payload);
            from.next = from.next.wrapping_add(payload.len() as u32 + u32::from(flags & SYN != 0));
            self.now_us += self.step_us;
            let captured = (frame.len() as u32).to_le_bytes();
            self.to.write_all(&((self.now_us / 1_000_000) as u32).to_le_bytes())?;
            self.to.write_all(&((self.now_us % 1_000_000) as u32).to_le_bytes())?;
            self.to.write_all(&captured)?;
            self.to.write_all(&captured)?;
            self.to.write_all(&frame)
        }

        /// Hands over everything sent so far.
        pub(crate) fn flush(&mut self) -> io::Result<()> {
            self.to.flush()
        }
    }
}

use std::io::{self, BufWriter};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;
use traffic::{ACK, End, PUSH, SYN, Wire};

/// Replays what `write` writes, and returns the records' folder and the most memory that the process took until it had worked on
/// all of it, bytes. What closing everything at the end of input takes beyond that, [`peak`] tells.
fn replayed(
    step_us: u64,
    write: impl FnOnce(&mut Wire<BufWriter<ChildStdin>>) -> io::Result<()>,
) -> (tempfile::TempDir, u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = support::egret()
        .args(["replay", "-", "--quiet", "--internal", "10.0.0.0/8", "--workers", "2", "--output"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let input = child.stdin.take().expect("its input is a pipe");
    let mut wire = Wire::new(BufWriter::with_capacity(1 << 16, input), step_us).expect("the program reads");
    write(&mut wire).expect("the program reads to the end");
    wire.flush().expect("the program reads to the end");
    let peak = peak_when_idle(child.id());
    drop(wire);
    assert!(child.wait().expect("the program ends").success());
    (folder, peak)
}

/// Peak memory of the processes that have ended so far, bytes.
fn peak() -> u64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN);
    usage.expect("the usage of children").max_rss().cast_unsigned() * 1024
}

/// The most memory that a process has taken, bytes, once it has nothing left to do.
fn peak_when_idle(pid: u32) -> u64 {
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).expect("the process lives");
    let worked = || {
        let stat = read("stat");
        // Time in the process and in the kernel for it: fields 14 and 15 (proc_pid_stat(5)), behind the name in parentheses.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        fields.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut before = worked();
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = worked();
        if now == before {
            break;
        }
        before = now;
    }
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak is told");
    let kilobytes: u64 = peak.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kilobytes * 1024
}

const SERVER: u32 = 0xc633_6407; // 198.51.100.7

/// A client of its own for each number.
fn client(number: u32) -> End {
    End { address: 0x0a14_0100 + number % 50_000, port: 40_000 + (number / 50_000) as u16, next: number }
}

fn connect(wire: &mut Wire<BufWriter<ChildStdin>>, client: &mut End, server: &mut End) -> io::Result<()> {
    wire.send(client, server, SYN, b"")?;
    wire.send(server, client, SYN | ACK, b"")?;
    wire.send(client, server, ACK, b"")
}

/// `count` connections that have been used once and stay open.
fn idle_connections(count: u32) -> (tempfile::TempDir, u64) {
    replayed(100, |wire| {
        (0..count).try_for_each(|number| {
            let (mut client, mut server) = (client(number), End { address: SERVER, port: 80, next: 7 });
            connect(wire, &mut client, &mut server)?;
            wire.send(&mut client, &server, ACK | PUSH, b"GET /news HTTP/1.1\r\nHost: www.example\r\n\r\n")?;
            wire.send(&mut server, &client, ACK | PUSH, b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n")?;
            wire.send(&mut client, &server, ACK, b"")
        })
    })
}

/// `count` handshakes that nobody answers, and an upload whose segments lie far apart among them.
fn flood_around_an_upload(count: u32) -> (tempfile::TempDir, u64) {
    let body = format!("name,ssn\n{}", "Alice Example,536-90-4399\nBob Example,219-09-9999\n".repeat(40));
    let head = format!("POST /in HTTP/1.1\r\nHost: up.example\r\nContent-Length: {}\r\n\r\n", body.len());
    let upload = [head, body].concat();
    let (mut uploader, mut receiver) =
        (End { address: 0x0a14_010b, port: 51_000, next: 1 }, End { address: SERVER, port: 80, next: 1 });
    let mut script: Vec<(bool, u8, &[u8])> =
        vec![(true, SYN, b""), (false, SYN | ACK, b""), (true, ACK, b"")];
    script.extend(upload.as_bytes().chunks(800).map(|piece| (true, ACK | PUSH, piece)));
    script.push((false, ACK | PUSH, b"HTTP/1.1 204 No Content\r\n\r\n"));
    let apart = count / (script.len() as u32 + 1);
    replayed(10, |wire| {
        let mut steps = script.into_iter();
        for number in 0..count {
            // Sources all over the address space, as they are in such a flood.
            let mut source = End {
                address: number.wrapping_mul(0x9e37_79b1),
                port: 1024 + (number % 60_000) as u16,
                next: number,
            };
            wire.send(&mut source, &End { address: SERVER, port: 80, next: 0 }, SYN, b"")?;
            if number % apart == apart - 1
                && let Some((up, flags, payload)) = steps.next()
            {
                let (from, to) = if up { (&mut uploader, &receiver) } else { (&mut receiver, &uploader) };
                wire.send(from, to, flags, payload)?;
            }
        }
        assert!(steps.next().is_none(), "the flood is longer than the upload");
        Ok(())
    })
}

#[test]
fn open_flows_are_cheap_and_a_flood_of_handshakes_stays_within_its_budget() {
    if !cfg!(target_os = "linux") {
        eprintln!("SKIPPED: the peak memory of a process is only read on Linux");
        return;
    }
    let (_, before) = idle_connections(1);
    let (_, with_flows) = idle_connections(100_000);
    let idle = with_flows.saturating_sub(before);
    println!("100,000 open idle flows: {} bytes each", idle / 100_000);
    assert!(idle < 100_000_000, "100,000 open idle flows take {idle} bytes");
    let closing = peak().saturating_sub(before);
    println!("closing them all at once: {closing} bytes");
    assert!(closing < 150_000_000, "closing 100,000 flows takes {closing} bytes");

    let (records, with_flood) = flood_around_an_upload(1_000_000);
    let flood = with_flood.saturating_sub(before);
    println!("a flood of 1,000,000 handshakes: {flood} bytes");
    assert!(flood < 100_000_000, "the flood takes {flood} bytes");
    let read = |name: &str| std::fs::read_to_string(records.path().join(name)).expect("a record file");
    let transfers = read("transfers.jsonl");
    assert!(transfers.contains("POST /in") && transfers.contains("\"complete\":true"), "{transfers}");
    assert!(read("findings.jsonl").contains("\"us-ssn\""), "the upload during the flood is inspected");
}
