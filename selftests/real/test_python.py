# SPDX-License-Identifier: GPL-2.0-only
"""Debian's python3, unmodified and without symbols but its exported ones."""
import reports

# str.splitlines() is one call of PyUnicode_Splitlines, str.partition() one of
# PyUnicode_Partition; nothing else that this script does calls either.
SCRIPT = r"""
import sys
line = sys.stdin.readline
print("ready", flush=True)
while True:
    word = line()
    if not word:
        break
    n, total = int(word), 0
    for i in range(n):
        total += len("a\nb\nc".splitlines())
    for i in range(2 * n):
        total += len("a:b".partition(":")[0])
    print(total, flush=True)
"""


def start(t):
    script = f"{t.tmp}/script.py"
    with open(script, "w", encoding="ascii") as f:
        f.write(SCRIPT)
    return ["/usr/bin/python3", "-S", "-E", script]


def test_python_calls_are_those_the_script_makes(t):
    python = t.lines(start(t))
    t.equal("ready", python.line(), "ready")
    t.attach(python, "PyUnicode_Splitlines", "PyUnicode_Partition", "PyUnicode_RPartition")
    for n in (1000, 234):
        python.say(str(n))
        t.equal("the script's answer", python.line(), str(5 * n))
    f = t.functions(python)
    for name, calls in (("PyUnicode_Splitlines", 1234), ("PyUnicode_Partition", 2468), ("PyUnicode_RPartition", 0)):
        t.equal(f"{name} calls", f[name]["calls"], calls)
        t.equal(f"{name} exits", f[name]["exits"], calls)
    row = f["PyUnicode_Splitlines"]
    t.equal("returns", row["probe"]["returns"], "session")
    t.between("avg", 100, row["avg_ns"], 10**8)
    t.true("self <= total", row["self_ns"] <= row["total_ns"], row)
    t.equal("status", python.end(), 0)


def test_python_under_run_gives_the_same_calls_each_time(t):
    seen = []
    for _ in range(2):
        r, document = t.run(*start(t), args=["-f", "PyUnicode_Splitlines"], input=b"100\n", stdin=None)
        t.equal("the script's answer", r.out, b"ready\n500\n")
        seen.append(reports.functions(document["targets"][0])["PyUnicode_Splitlines"]["calls"])
    t.true("at least the script's", seen[0] >= 100, seen)
    t.equal("two runs", seen[1], seen[0])
