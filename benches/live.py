#!/usr/bin/env python3
"""The rate that `egret run` sustains without loss, over a cable between two network namespaces. Standard library only; needs root,
iproute2, ethtool and tcpreplay.

    benches/live.py [--egret BIN] [--capture PCAP] [--workers 1 2] [--rates MBPS…] [--signatures DIR] [--record]

Replays a capture (default: the 1 GiB of HTTP uploads that benches/replay.py makes) with tcpreplay at growing rates, each with a fresh
sensor, until packets are lost; what counts is the highest rate at which none was. The sender takes processor time, too: on a small
machine the figure is that of both together. Nothing leaves the namespaces, which this script makes and removes.

Each line: the rate that tcpreplay reached, packets sent, received, dropped by the kernel, shed, the sensor's processor time, and the
time from the last byte of a transfer to its record that 99 of 100 transfers keep, as the sensor's own histogram tells it.
"""
import argparse, json, os, platform, re, signal, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT, IN = f"egret-bench-{os.getpid()}-out", f"egret-bench-{os.getpid()}-in"


def sh(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def inside(namespace, *command):
    return ["ip", "netns", "exec", namespace, *map(str, command)]


def lay_cable():
    for namespace in (OUT, IN):
        sh("ip", "netns", "add", namespace)
        sh("ip", "-n", namespace, "link", "set", "lo", "up")
        sh(*inside(namespace, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"))
    sh("ip", "link", "add", "out0", "netns", OUT, "type", "veth", "peer", "name", "in0", "netns", IN)
    for namespace, end in ((OUT, "out0"), (IN, "in0")):
        sh("ip", "-n", namespace, "link", "set", end, "mtu", 9000, "up")
        sh(*inside(namespace, "ethtool", "-K", end, "tx", "off", "tso", "off", "gso", "off", "gro", "off"))


def remove_cable():
    for namespace in (OUT, IN):
        subprocess.run(["ip", "netns", "delete", namespace], stderr=subprocess.DEVNULL)


def latency_p99():
    """The upper bound of the bucket in which 99 of 100 transfers are, milliseconds; None without transfers."""
    fetch = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9464/metrics', timeout=5).read().decode())"
    text = subprocess.run(inside(IN, sys.executable, "-c", fetch), check=True, capture_output=True, text=True).stdout
    buckets = [(float(bound), int(count)) for bound, count in re.findall(r'record_latency_seconds_bucket\{le="([^"]+)"\} (\d+)', text)]
    count = buckets[-1][1] if buckets else 0
    bounds = [bound for bound, below in buckets if below >= 0.99 * count]
    return round(bounds[0] * 1000, 1) if count else None


def one_run(a, workers, mbps):
    """A fresh sensor while the capture goes by at `mbps` (0: as fast as it can)."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        records = Path(folder) / "records"
        log = (Path(folder) / "log").open("w+")
        sensor = subprocess.Popen(
            inside(IN, a.egret, "run", "--interface", "in0", "--output", records, "--workers", workers,
                   *(["--signatures", a.signatures] if a.signatures else [])),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        try:
            while "started" not in Path(log.name).read_text():
                if sensor.poll() is not None:
                    sys.exit(f"the sensor ended: {Path(log.name).read_text()}")
                time.sleep(0.05)
            speed = f"--mbps={mbps}" if mbps else "--topspeed"
            sent = subprocess.run(inside(OUT, "tcpreplay", speed, "--preload-pcap", "-i", "out0", a.capture),
                                  check=True, capture_output=True, text=True).stdout
            # A record is written within a second.
            time.sleep(1.5)
            latency = latency_p99()
            sensor.send_signal(signal.SIGTERM)
            _, status, usage = os.wait4(sensor.pid, 0)
            if status:
                sys.exit(f"the sensor ended with status {status}: {Path(log.name).read_text()}")
        finally:
            if sensor.returncode is None and sensor.poll() is None:
                sensor.kill()
        account = json.loads((records / "summary.json").read_text())["packet_account"]
    number = lambda pattern: float(re.search(pattern, sent)[1])
    row = {
        "workers": workers, "asked_mbps": mbps, "reached_mbps": round(number(r"Rated: [\d.]+ Bps, ([\d.]+) Mbps")),
        "sent": int(number(r"Successful packets:\s+(\d+)")), "received": account["received"],
        "dropped_by_kernel": account["dropped_by_kernel"], "shed": sum(account["shed"].values()),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1), "peak_mib": round(usage.ru_maxrss / 1024), "latency_p99_ms": latency,
    }
    row["balanced"] = account["received"] == account["processed"] + row["dropped_by_kernel"] + row["shed"]
    row["lost"] = row["sent"] - row["received"] + row["dropped_by_kernel"] + row["shed"]
    print(f"workers {workers}  asked {mbps or 'all':>5}  reached {row['reached_mbps']:5} Mbit/s  sent {row['sent']}  received "
          f"{row['received']}  dropped {row['dropped_by_kernel']}  shed {row['shed']}  CPU {row['cpu_seconds']} s  "
          f"peak {row['peak_mib']} MiB  p99 {latency} ms{'' if row['balanced'] else '  NOT BALANCED'}", flush=True)
    return row


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--egret", type=Path, default=ROOT / "target/release/egret")
    p.add_argument("--capture", type=Path, default=ROOT / "target/bench/A-1024.pcap")
    p.add_argument("--workers", type=int, nargs="+", default=[1])
    p.add_argument("--rates", type=int, nargs="+", default=[250, 500, 750, 1000, 1250, 1500, 2000, 2500, 3000, 4000, 5000],
                   help="Mbit/s to try, growing; 0 is as fast as it goes")
    p.add_argument("--signatures", type=Path)
    p.add_argument("--record", action="store_true")
    a = p.parse_args()
    if os.geteuid() != 0:
        sys.exit("SKIPPED: network namespaces need root")
    for file in (a.egret, a.capture):
        if not file.exists():
            sys.exit(f"{file} is absent: build with cargo build --release, make the capture with benches/replay.py")
    # What else the machine was doing: the figure of a busy one is that of what was left.
    load = round(os.getloadavg()[0], 1)
    rows, best = [], {}
    try:
        lay_cable()
        for workers in a.workers:
            for mbps in a.rates:
                row = one_run(a, workers, mbps)
                rows.append(row)
                if row["lost"]:
                    break
                best[workers] = max(best.get(workers, 0), row["reached_mbps"])
    finally:
        remove_cable()
    for workers, mbps in best.items():
        print(f"sustained without loss, {workers} workers: {mbps} Mbit/s (load average before: {load})")
    if a.record:
        commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
        record = ROOT / "benches/record" / f"live-{commit}.json"
        record.write_text(json.dumps({"commit": commit, "machine": f"{cpu}, {os.cpu_count()} processors, {platform.system()} {platform.release()}",
                                      "load_average": load, "program": a.egret.name, "capture": a.capture.name, "sustained_mbps": best, "rows": rows}, indent=1) + "\n")
        print(f"recorded in {record.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
