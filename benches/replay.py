#!/usr/bin/env python3
"""Whole replays, measured: Gbit of frames per CPU-second, peak memory, planted items found. Standard library only.

    benches/replay.py [--egret BIN] [--runs 3] [--workers 1 2] [--generator PATH] [--work DIR] [--record] [--size MIB]

Generates two captures and 997 signatures once (A: HTTP uploads of 1 GiB, B: mail with base64 attachments), replays each with the
shipped signatures alone, with the 997 beside them, and with the 997 alone, and prints a line per run. CPU is user + system time of the whole process, so
a second worker adds no merit of its own. --record writes the result to benches/record/COMMIT.json, with the machine named.
"""
import argparse, collections, json, os, platform, re, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def generate(generator, work, size):
    """The captures and the signatures; made once, since the same seed gives the same bytes."""
    work.mkdir(parents=True, exist_ok=True)
    captures = {}
    for name, kind, mib in (("A", "http", size or 1024), ("B", "smtp", max(1, (size or 1024) * 200 // 1024))):
        path = work / f"{name}-{mib}.pcap"
        if not Path(str(path).replace(".pcap", ".truth.json")).exists():
            subprocess.run([sys.executable, generator, kind, path, "--size", str(mib)], check=True)
        captures[name] = path
    beside, alone = work / "signatures-inside", work / "signatures-alone"
    for folder in (beside, alone):
        if not folder.exists():
            with tempfile.TemporaryDirectory() as generated:
                subprocess.run([sys.executable, generator, "fingerprints", generated], check=True)
                write_signatures(Path(generated) / "dlp-tcp.rules", folder)
    shipped = sorted(path.name for path in (ROOT / "signatures").iterdir() if path.is_dir())
    (alone / "off.toml").write_text("".join(f'[[override]]\nof = "{name}/"\nenabled = false\n' for name in shipped))
    return captures, beside, alone


def write_signatures(rules, folder):
    """Each rule as a signature: the literal as a phrase, the expression as a regular expression."""
    folder.mkdir()
    for line in rules.read_text().splitlines():
        sid = re.search(r"sid:(\d+)", line)[1]
        expression = re.search(r'pcre:"/(.*)/(i?)"', line)
        literal = re.search(r'content:"([^"]*)"', line)[1]
        find = f"phrases = [{json.dumps(literal)}]"
        if expression:
            body = expression[1].replace("\\/", "/")
            # Such rules ask nothing of what stands beside a match.
            find = "regex = '''" + ("(?i)" if expression[2] else "") + body + "'''\ninside = true"
        (folder / f"s{sid}.toml").write_text(
            f'id = "bench/s{sid}"\ntitle = "bench {sid}"\nseverity = "low"\n'
            f'[[find]]\nname = "it"\n{find}\n[confidence]\nhigh = "it"\n[report]\nat = "high"\n')


def measure(command):
    """(CPU seconds, wall seconds, peak MiB) of one process."""
    start = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))}: ended with status {status}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024


def planted(capture, out):
    """How many planted items were found in the flow they were planted in, of how many."""
    truth = json.loads(Path(str(capture).replace(".pcap", ".truth.json")).read_text())["planted"]
    ends = {}
    for line in (out / "transfers.jsonl").open():
        t = json.loads(line)
        ends[t["id"]] = frozenset(((t["sender"]["ip"], t["sender"]["port"]), (t["receiver"]["ip"], t["receiver"]["port"])))
    fired = collections.defaultdict(set)
    for line in (out / "findings.jsonl").open():
        f = json.loads(line)
        if f["signature"].startswith("bench/s"):
            fired[ends[f["transfer"]]].add(int(f["signature"][7:]))
    found = [t for t in truth
             if fired[frozenset(((t["client"], t["cport"]), (t["server"], t["sport"])))] & set(t["sids"])]
    for t in truth:
        if t not in found:
            print(f"    missed: {t['label']} in {t['carrier']} at {t['offset']} ({t['place']})")
    return len(found), len(truth)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--egret", type=Path, default=ROOT / "target/release/egret")
    p.add_argument("--generator", type=Path, default=ROOT / "../shared/bench/gen_pcaps.py")
    p.add_argument("--work", type=Path, default=ROOT / "target/bench")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--workers", type=int, nargs="+", default=[1])
    p.add_argument("--size", type=int, help="MiB of capture A instead of 1024")
    p.add_argument("--record", action="store_true")
    a = p.parse_args()
    if not a.generator.exists():
        sys.exit(f"{a.generator}: the generator of the captures is absent; name it with --generator")
    if not a.egret.exists():
        sys.exit(f"{a.egret}: no binary; cargo build --release, or name one with --egret")
    captures, beside, alone = generate(a.generator, a.work, a.size)
    rows = []
    for name, capture in captures.items():
        bits = capture.stat().st_size * 8
        for label, extra in (("shipped", []), ("shipped + 997", ["--signatures", beside]), ("997 alone", ["--signatures", alone])):
            for workers in a.workers:
                runs, found = [], None
                for _ in range(a.runs):
                    with tempfile.TemporaryDirectory() as out:
                        runs.append(measure([a.egret, "replay", capture, "--quiet", "--output", out, "--workers", workers, *extra]))
                        if extra and found is None:
                            found = planted(capture, Path(out))
                cpu, wall, memory = (sorted(column)[len(runs) // 2] for column in zip(*runs))
                rows.append({"capture": name, "signatures": label, "workers": workers, "gbit_per_cpu_second": round(bits / cpu / 1e9, 2),
                             "gbit_per_second": round(bits / wall / 1e9, 2), "peak_mib": round(memory), "planted": found})
                r = rows[-1]
                print(f"{name}  {label:14} workers {workers}  {r['gbit_per_cpu_second']:5.2f} Gbit/CPU-s  {r['gbit_per_second']:5.2f} Gbit/s  "
                      f"peak {r['peak_mib']} MiB" + (f"  planted {found[0]}/{found[1]}" if found else ""), flush=True)
    if a.record:
        commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
        record = ROOT / "benches/record" / f"{commit}.json"
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps({"commit": commit, "machine": f"{cpu}, {os.cpu_count()} processors, {platform.system()} {platform.release()}",
                                      "rows": rows}, indent=1) + "\n")
        print(f"recorded in {record.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
