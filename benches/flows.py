#!/usr/bin/env python3
"""What many small flows cost, and which stage has it. Standard library and valgrind only.

    benches/flows.py [--egret BIN] [--flows 20000] [--hosts 400] [--work DIR] [--capture FILE] [--signatures DIR]

Generates a morning of an office (names asked of a resolver, short TLS and HTTP connections, leases, log-ins at a proxy), replays it under
callgrind and prints the instructions of each stage behind the packet path as a share of all. Start-up (signatures) is measured by a replay
of a few flows and taken off. With --capture the same is told of that capture, a packet instead of a flow. The binary needs its symbols: `cargo build --profile quick`.
"""
import argparse, base64, os, random, re, struct, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN = 1_795_424_400
STAGES = {
    "correlator, all of it": "egret_pipeline::correlate::Recorder::take",
    "identity": "egret_identity::index::IdentityIndex::attribute",
    "identity: stations": "egret_pipeline::observe::stations",
    "behaviour: flows": "egret_behavior::Behavior::flow",
    "behaviour: names": "egret_behavior::Behavior::name",
    "behaviour: transfers": "egret_behavior::Behavior::transfer",
    "incident: transfers": "egret_incident::correlate::Correlator::transfer",
    "incident: anomalies": "egret_incident::correlate::Correlator::anomaly",
}


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Capture:
    def __init__(self):
        self.packets = []

    def add(self, at, source, target, protocol, body):
        """One IPv4 packet. Inside, each host has a link address of its own; outside there is the router."""
        address = lambda ip: bytes(map(int, ip.split(".")))
        link = lambda ip: b"\x02\0" + address(ip) if ip.startswith("10.") else b"\x02\0\0\0\0\x01"
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, address(source), address(target))
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        self.packets.append((at, link(target) + link(source) + b"\x08\0" + head + body))

    def udp(self, at, source, target, ports, data):
        self.add(at, source, target, 17, struct.pack(">HHHH", *ports, 8 + len(data), 0) + data)

    def tcp(self, at, client, server, ports, turns):
        """A whole connection: handshake, what each side says by turns, and its end."""
        sequence = {client: 1000, server: 5000}
        port = {client: ports[0], server: ports[1]}
        step = 0

        def segment(source, flags, data=b""):
            nonlocal step
            target = server if source == client else client
            acknowledged = sequence[target] if flags & 0x10 else 0
            head = struct.pack(">HHIIBBHHH", port[source], port[target], sequence[source], acknowledged, 0x50, flags, 65000, 0, 0)
            self.add(at + step * 0.004, source, target, 6, head + data)
            sequence[source] += len(data) + bool(flags & 3)
            step += 1

        segment(client, 2), segment(server, 0x12), segment(client, 0x10)
        for source, data in turns:
            for begin in range(0, len(data), 1400):
                segment(source, 0x18, data[begin : begin + 1400])
        segment(client, 0x11), segment(server, 0x11), segment(client, 0x10)

    def write(self, path):
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for at, packet in sorted(self.packets):
                file.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(packet), len(packet)) + packet)


def question(name, answer=None):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    head = struct.pack(">HHHHHH", random.randrange(65536), 0x8180 if answer else 0x0100, 1, bool(answer), 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 300, 4) + bytes(map(int, answer.split("."))) if answer else b""
    return head + labels + struct.pack(">HH", 1, 1) + record


def hello(name):
    host = name.encode()
    server_name = struct.pack(">HHHBH", 0, len(host) + 5, len(host) + 3, 0, len(host)) + host
    others = struct.pack(">HHHH", 10, 4, 2, 29) + struct.pack(">HHHHH", 13, 6, 4, 0x0403, 0x0804)
    body = b"\x03\x03" + random.randbytes(32) + b"\0" + struct.pack(">HHHH", 6, 0x1301, 0x1302, 0xC02F) + b"\x01\0"
    body += struct.pack(">H", len(server_name + others)) + server_name + others
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message


def sealed(length):
    return b"\x17\x03\x03" + struct.pack(">H", length) + random.randbytes(length)


def generate(path, flows, hosts):
    random.seed(23)
    capture = Capture()
    inside = [f"10.20.{1 + host // 200}.{10 + host % 200}" for host in range(hosts)]
    # Few destinations have most of the contacts.
    outside = [(f"s{n}.site{n % 997}.example", f"198.51.{100 + n % 100}.{1 + n % 250}") for n in range(4000)]
    for number in range(flows):
        at = BEGIN + number * 14_400 / flows
        host = random.choice(inside)
        name, server = outside[min(int(random.paretovariate(0.7)) - 1, len(outside) - 1)]
        ports = 32768 + number % 28000
        kind = random.random()
        if kind < 0.5:
            capture.udp(at, host, "10.20.9.53", (ports, 53), question(name))
            capture.udp(at + 0.01, "10.20.9.53", host, (53, ports), question(name, server))
        elif kind < 0.85:
            turns = [(host, hello(name)), (server, sealed(1200)), (host, sealed(300)), (server, sealed(2500))]
            capture.tcp(at, host, server, (ports, 443), turns)
        else:
            secret = base64.b64encode(f"user{host.replace('.', '')}:secret".encode()).decode()
            user = f"Authorization: Basic {secret}\r\n" if random.random() < 0.05 else ""
            ask = f"GET /p{number % 50} HTTP/1.1\r\nHost: {name}\r\n{user}\r\n".encode()
            page = b"<html><body>" + b"nothing of note here " * 20 + b"</body></html>"
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page) + page
            capture.tcp(at, host, server, (ports, 80), [(host, ask), (server, answer)])
    capture.write(path)


def counted(egret, capture, folder, signatures=None):
    """Instructions of all, and of each stage with what it calls."""
    out = folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", egret, "replay", capture, "--quiet", "--workers", "1"]
    command += ["--internal", "10.20.0.0/16", "--output", folder / "records"]
    if signatures:
        command += ["--signatures", signatures]
    environment = {**os.environ, "EGRET_CACHE": "off"}
    subprocess.run([str(part) for part in command], check=True, capture_output=True, env=environment)
    told = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(out)], check=True, capture_output=True, text=True).stdout
    number = lambda text: int(text.replace(",", ""))
    total = number(re.search(r"([\d,]+) \([\d.]+%\)  PROGRAM TOTALS", told)[1])
    found = {}
    for stage, function in STAGES.items():
        lines = re.findall(rf"^ *([\d,]+) \(.*?[:>]{re.escape(function)}(?:'\d+)?(?: \[|$)", told, re.M)
        found[stage] = max(map(number, lines), default=0)
    return total, found


def packets(path):
    """How many a pcap file holds."""
    count = 0
    with open(path, "rb") as file:
        order = "<" if file.read(4) in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        file.seek(24)
        while head := file.read(16):
            file.seek(struct.unpack(f"{order}I", head[8:12])[0], 1)
            count += 1
    return count


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--egret", type=Path, default=ROOT / "target/quick/egret")
    options.add_argument("--flows", type=int, default=20_000)
    options.add_argument("--hosts", type=int, default=400)
    options.add_argument("--work", type=Path)
    options.add_argument("--capture", type=Path)
    options.add_argument("--signatures", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder = given.work or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        few, many = folder / "few.pcap", given.capture or folder / "many.pcap"
        generate(few, 10, given.hosts)
        if not given.capture:
            generate(many, given.flows, given.hosts)
        start, _ = counted(given.egret, few, folder, given.signatures)
        total, stages = counted(given.egret, many, folder, given.signatures)
        total -= start
        count, unit = (packets(many), "packet") if given.capture else (given.flows, "flow")
        print(f"{count} {unit}s: {total / count:,.0f} instructions a {unit}, start-up ({start / 1e9:.1f} G) taken off")
        for stage, cost in stages.items():
            print(f"  {stage:24} {cost / count:10,.0f} a {unit}  {100 * cost / total:6.2f} %")


if __name__ == "__main__":
    main()
