#!/usr/bin/env python3
"""Counts ordinary text for the matcher. Standard library only.

    benches/frequency.py PATH... [--out sensor/detect/engine/matcher/frequency.bin] [--most MIB]

Reads files (also gzip) under each path, takes what looks like text, and writes one byte each, in the order of frequency.rs: how often
each sign follows two others (sixteenths of bits: 32 of signs, 32*32 of pairs, 32*32*32 of triples), the commonest runs of four letters,
digits and gaps and the commonest runs of eight bytes (eighths of bits, each at two places of a table by its hash). The shipped table comes from mails,
documentation, source code and licences of a Debian system; it only decides what is fast, never what is found, so another one changes
no finding.
"""
import argparse, collections, gzip, math
from pathlib import Path

SIGNS = 32
GRAMS, GRAM_CELLS = 12_000, 1 << 16
WINDOWS, WINDOW_CELLS = 10_000, 1 << 16
MULTIPLIER = 0x9E37_79B9_7F4A_7C15
FOLD = bytes(byte | 0x20 for byte in range(256))
GAPS = bytes(byte | 0x20 if chr(byte).isalnum() and byte < 128 else 0 for byte in range(256))


def classes():
    """The class of each byte, as in frequency.rs."""
    table = bytearray(256)
    for byte in range(256):
        c = chr(byte | 0x20) if chr(byte).isalpha() and byte < 128 else chr(byte)
        if "a" <= c <= "z":
            table[byte] = ord(c) - ord("a")
        elif "0" <= c <= "9":
            table[byte] = 26
        elif c in " \t\r\n":
            table[byte] = 27
        elif c in "-_":
            table[byte] = 28
        elif byte >= 128:
            table[byte] = 29
        elif c in ".,/:=\"'()":
            table[byte] = 30
        else:
            table[byte] = 31
    return bytes(table)


def texts(paths, most):
    for path in paths:
        left = most
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
        for file in files:
            try:
                data = gzip.open(file).read(1 << 20) if file.suffix == ".gz" else file.open("rb").read(1 << 20)
            except (OSError, EOFError):
                continue
            if b"\0" in data or not data:
                continue
            yield data
            left -= len(data)
            if left <= 0:
                break


def cells(counter, total, most, size):
    """The commonest keys: each marks two cells with its rarity, a commoner one wins."""
    table = bytearray([255]) * size
    for key, count in counter.most_common(most):
        level = min(254, round(-8 * math.log2(count / total)))
        spread = int.from_bytes(key.ljust(8, b"\0"), "little") * MULTIPLIER % (1 << 64)
        for at in (spread >> 48, spread >> 32 & 0xFFFF):
            table[at % size] = min(table[at % size], level)
    return table


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("paths", type=Path, nargs="+")
    p.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "sensor/detect/engine/matcher/frequency.bin")
    p.add_argument("--most", type=int, default=12, help="MiB read under each path")
    a = p.parse_args()
    table, counts, total = classes(), collections.Counter(), 0
    grams, windows = collections.Counter(), collections.Counter()
    for data in texts(a.paths, a.most << 20):
        signs = data.translate(table)
        counts.update(zip(signs, signs[1:], signs[2:]))
        folded = data.translate(FOLD)
        gapped = data.translate(GAPS)
        grams.update(gapped[at : at + 4] for at in range(len(gapped) - 3))
        windows.update(folded[at : at + 8] for at in range(len(folded) - 7))
        total += len(data)
        if len(windows) > 6_000_000:
            windows = collections.Counter({window: n for window, n in windows.items() if n * 1_000_000 > total})
    one, two = collections.Counter(), collections.Counter()
    for (x, y, z), n in counts.items():
        one[x] += n
        two[x, y] += n
    bits = lambda part, whole: min(255, max(1, round(-16 * math.log2((part + 0.05) / (whole + 0.05 * SIGNS)))))
    out = bytearray(bits(one[x], sum(one.values())) for x in range(SIGNS))
    out += bytearray(bits(two[x, y], one[x]) for x in range(SIGNS) for y in range(SIGNS))
    out += bytearray(bits(counts[x, y, z], two[x, y]) for x in range(SIGNS) for y in range(SIGNS) for z in range(SIGNS))
    out += cells(grams, total, GRAMS, GRAM_CELLS) + cells(windows, total, WINDOWS, WINDOW_CELLS)
    for name, counter, most in (("grams", grams, GRAMS), ("windows", windows, WINDOWS)):
        print(f"the last of the commonest {name} stands at one in {total / counter.most_common(most)[-1][1]:.0f} places")
    a.out.write_bytes(out)
    print(f"{total / 1e6:.1f} MB of text, {len(out)} bytes in {a.out}")


if __name__ == "__main__":
    main()
