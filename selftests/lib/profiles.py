# SPDX-License-Identifier: GPL-2.0-only
"""What a report says, beside what others say of the same work: perf's samples, counts.

perf knows the names of symbol tables and no others, so a function without a name is
looked up by where it is, and both are given the name that hotpath has for it.
"""
import bisect
import collections
import json
import os
import re
import subprocess

import reports

RATE_HZ, SECONDS = 1999, 3
TOP = 10
KERNEL, NAMELESS = "[kernel]", "[no symbol]"


# --- perf --------------------------------------------------------------------
def mappings(pid):
    """[(start, end, offset in the file, file name)] of what is executable."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
        for line in f:
            words = line.split(maxsplit=5)
            if "x" in words[1] and len(words) == 6:
                start, end = (int(x, 16) for x in words[0].split("-"))
                found.append((start, end, int(words[2], 16), words[5].strip()))
    return found


def by_perf(pids, path):
    """(file, symbol or None, offset in it or None) -> samples of the programs as they run now."""
    maps = [m for pid in pids for m in mappings(pid)]
    # -a, a clock of each CPU: that of a thread (-p) starts and stops with it, and adds to the kernel's share of a
    # program that waits often: redis -P 16 has 43 % there by -a, 53 % by -p; postgres 50 and 58 %.
    subprocess.run(["perf", "record", "-q", "-a", "-e", "cpu-clock", "-F", str(RATE_HZ), "-o", path, "--", "sleep",
                    str(SECONDS)], check=True, capture_output=True)
    text = subprocess.run(["perf", "script", "-i", path, "-F", "ip,sym,dso", "--no-demangle", "--pid",
                           ",".join(map(str, pids))], check=True, capture_output=True).stdout.decode("utf-8", "replace")
    os.unlink(path)
    seen = collections.Counter()
    for line in text.splitlines():
        if m := re.match(r"\s*([0-9a-f]+) (.*) \((.*)\)$", line):
            seen[place(int(m[1], 16), m[2], m[3], maps)] += 1
    return seen


def place(ip, symbol, file, maps):
    if ip >> 63 or file.startswith("[kernel") or file.endswith(".ko"):
        return "", KERNEL, None
    where = next((m for m in maps if m[0] <= ip < m[1]), None)
    return file, None if symbol == "[unknown]" else symbol, ip - where[0] + where[2] if where else None


# --- hotpath's names -----------------------------------------------------------
class Names:
    """Functions of a file as hotpath names them, by offset."""

    def __init__(self, build, path):
        r = subprocess.run([f"{build}/hotpath", "probes", path, "*", "--format", "json"], capture_output=True,
                           check=False)
        found = json.loads(r.stdout)["objects"] if r.returncode == 0 else []
        self.all = sorted((f["offset"], f["size"], f["name"]) for o in found for f in o["functions"])
        self.offsets = [offset for offset, *_ in self.all]

    def at(self, offset):
        i = bisect.bisect_right(self.offsets, offset or 0) - 1
        return self.all[i][2] if i >= 0 and offset < self.all[i][0] + max(1, self.all[i][1]) else None


# --- where the time goes ---------------------------------------------------------
def sampled(document):
    """(object, name) -> samples, of all functions and of what is outside of them."""
    seen = collections.Counter()
    for target in document["targets"]:
        for row in target.get("functions_cpu", {}).get("data", []):
            seen[row.get("object", ""), row["name"]] += row["samples"]
    return seen


def resolved(perf, build, known):
    """perf's samples under our names: its symbol where we know that, else by the place. What is in no
    function perf gives to the symbol before it; for us it has none."""
    names, seen = {}, collections.Counter()
    for (path, symbol, offset), n in perf.items():
        if path.startswith("/"):
            if path not in names:
                names[path] = Names(build, path)
            here = names[path].at(offset)
            symbol = here if here is None or (os.path.basename(path), symbol) not in known else symbol
        seen[os.path.basename(path), symbol if path.startswith("/") or not path else None] += n
    return collections.Counter({(o, s or NAMELESS): n for (o, s), n in seen.items()})


def shares(document, perf, build):
    """The ten functions with the most own time by either, and the largest difference."""
    ours = sampled(document)
    if not ours or not perf:
        yield "where the time goes: not sampled"
        return
    theirs = resolved(perf, build, ours)
    n, m = sum(ours.values()), sum(theirs.values())
    a, b = ({k: 100 * v / sum(x.values()) for k, v in x.items()} for x in (ours, theirs))
    top = sorted({k for x in (a, b) for k in sorted(x, key=x.get, reverse=True)[:TOP]},
                 key=lambda k: -max(a.get(k, 0), b.get(k, 0)))
    yield f"own time, % of {n:,} samples; perf's, of {m:,}; three standard errors of the difference"
    worst, most = 0, None
    for k in top:
        p, q = a.get(k, 0), b.get(k, 0)
        mean = min(0.999, max(1 / (n + m), (p * n + q * m) / 100 / (n + m)))
        error = 300 * (mean * (1 - mean) * (1 / n + 1 / m)) ** 0.5
        yield f"  {k[1]:<40.40} {k[0]:<18.18} {p:6.1f} {q:6.1f}  {error:5.1f}{'' if abs(p - q) <= error else '  *'}"
        if abs(p - q) > worst:
            worst, most = abs(p - q), k
    yield f"  largest difference {worst:.1f} % points{f', {most[1]} of {most[0] or most[1]}' if most else ''}"


# --- how often ---------------------------------------------------------------------
OFTEN = 0.2  # times a unit of work; what runs by a timer is not the same at another speed


class Counted:
    """Of a function in all processes: calls and variance, None where it is said why."""

    def __init__(self):
        self.calls, self.variance, self.self_ns, self.why = 0, 0.0, 0, None

    def add(self, row):
        estimated = row.get("estimated", {})
        self.self_ns += row.get("self_ns", 0)
        if "calls" in row:
            self.calls += row["calls"]
            self.variance += estimated.get("calls_se", 0) ** 2
        else:
            self.why = estimated.get("why", "?")


def counted(document):
    """(object, name) -> Counted."""
    seen = collections.defaultdict(Counted)
    for row in (r for t in document["targets"] for r in reports.rows(t)):
        seen[row["object"], row["name"]].add(row)
    return seen


def against(what, row, per, truth, how):
    """A line: calls of a unit of work, beside the truth, with the 95 % interval."""
    if row.why:
        return f"  {what:<40.40} {'-':>12}   {'':>10} {truth:12.4f}  {'':>6}  {how}; not known: {row.why}"
    mine, error = row.calls / per, 1.96 * row.variance ** 0.5 / per
    inside = abs(mine - truth) <= error + 0.02 * truth  # 2 %: both ends of the time are not sharp
    return f"  {what:<40.40} {mine:12.4f} +-{error:10.4f} {truth:12.4f}  {mine / truth:6.3f}  {how}" \
           f"{'' if inside else ' *'}"


def calls(cls, seen, exact):
    """Calls a unit of work by the report; by the program itself, and as counted without a budget."""
    mine = counted(seen.document)
    if not mine or not seen.work:
        yield "calls: none known"
        return
    yield f"calls for each of {seen.work:,.0f} {cls.unit}, 95 % interval; the truth; the ratio"
    for key, row in mine.items():
        if key[1] == cls.counts:
            yield against(key[1], row, seen.work, 1.0, f"the program's own count of {cls.unit}")
    if not exact or not exact.work:
        return
    before = counted(exact.before)
    truth = {k: (r.calls - before[k].calls) / exact.work for k, r in counted(exact.document).items()}
    often = [k for k in mine if truth.get(k, 0) >= OFTEN]
    for key in sorted(often, key=lambda k: -mine[k].self_ns)[:TOP]:
        yield against(key[1], mine[key], seen.work, truth[key], "--budget 0")
