# SPDX-License-Identifier: GPL-2.0-only
"""Runs a hazardous program unprobed and probed, and compares all that it does.

The programs (selftests/hazards/targets) say what they computed and how often each of
their functions was entered and returned; compare() holds output, exit status and
signal against the program alone, and a report against what the program said.
"""
import json
import os
import re
import shutil
import subprocess

import reports
from processes import Target

RUNGS = (("session", None), ("multi", "-session"), ("perf events", "-session,-multi"))
FEW = "-session,-multi"  # at most 100 functions there
# What of the system's libraries the second target of each program has probed, too.
LIBRARIES = ("libstdc++.so.6:*", "libgcc_s.so.1:*", "libc.so.6:*")
TIMEOUT = 60
# What a backtrace shows ends at the first return that is armed (docs/ARCHITECTURE.md):
# of these cases all but the result is compared.
BLURRED = re.compile(r'("case":"(?:backtrace|unwind|walk) \d+","result":)\d+')


class Program:
    """One executable and what to ask of it. `deadly` commands end it, each its own process."""

    def __init__(self, t, name, commands, deadly=(), own=None, few=None, libraries=LIBRARIES):
        self.path = name if name.startswith("/") else f"{t.build}/selftests/hazards/{name}"
        self.name = os.path.basename(self.path)
        if not os.path.exists(self.path):
            t.skip(f"{self.path} is not built: its compiler is missing")
        self.commands, self.deadly = list(commands), list(deadly)
        self.ldd = subprocess.run(["ldd", self.path], capture_output=True, check=False).stdout.decode()
        self.own = own or [f"{self.name}:*", *(["libhz*:*"] if "libhz" in self.ldd else [])]
        # Those of them that it has.
        self.libraries = [x for x in libraries if not x.startswith("lib") or x.split(":")[0] in self.ldd]
        self.few = few or [f"{self.name}:*hz_*"]
        self.env = t.environment(LD_LIBRARY_PATH=private_libraries(t, self.ldd), RUST_BACKTRACE="0")
        self._alone = {}

    def patterns(self, features, more):
        if features == FEW:
            return self.few
        return self.own + (self.libraries if more else [])

    def alone(self, commands):
        """(output, status) of the program that no one profiles."""
        key = tuple(commands)
        if key not in self._alone:
            target = Target([self.path], env=self.env, stderr=subprocess.DEVNULL)
            self._alone[key] = finish(target, commands)
        return self._alone[key]


def in_children(commands, how=("fork", "vfork")):
    return [f"{h} {c}" for h in how for c in commands]


def private_libraries(t, ldd):
    """A folder with copies of the C and C++ libraries that the program uses: probes on
    them are no burden to the rest of the machine."""
    folder = f"{t.tmp}/lib"
    if not os.path.isdir(folder):
        os.mkdir(folder)
    for name, library in re.findall(r"(lib(?:c|m|stdc\+\+|gcc_s)\.so\.\d+) => (/\S+)", ldd):
        if not os.path.exists(f"{folder}/{name}"):
            shutil.copy(library, f"{folder}/{name}")
    return folder


def finish(target, commands):
    """Says the commands, reads to the end: (output, status)."""
    say_all(target, commands)
    return read_all(target)


def say_all(target, commands):
    try:
        target.proc.stdin.write("".join(c + "\n" for c in commands).encode())
        target.proc.stdin.close()
    except BrokenPipeError:
        pass
    target.proc.stdin = None  # communicate() would flush it


def read_all(target):
    try:
        data = target.rest + target.proc.communicate(timeout=TIMEOUT)[0]
    except subprocess.TimeoutExpired:
        target.kill()
        target.proc.wait(10)
        raise AssertionError(f"{target.argv[0]} hangs") from None
    return data.decode("utf-8", "replace"), target.proc.returncode


class Quiet(Target):
    """A target that hears all its commands at once."""

    def __init__(self, program):
        super().__init__([program.path], env=program.env, stderr=subprocess.DEVNULL)


def counts(output):
    """function -> [calls, returns] as the program's last line that has them says."""
    for line in reversed(output.splitlines()):
        if line.startswith("{") and '"calls":' in line:
            return json.loads(line)["calls"]
    return {}


def check_counts(t, program, target, output):
    """The report of a target against what the program said."""
    rows = {r["name"]: r for r in reports.rows(target) if r["object"] == program.name}
    said = counts(output)
    seen = {"session": 0, "sites": 0, "none": 0}
    stray = target["health"]["counters"].get("stray_returns", 0)
    t.true("the program counted calls", said, output[-300:])
    for name, (calls, returns) in said.items():
        row = rows.get(name, reports.Functions()[name])
        t.equal(f"calls of {name}", row["calls"], calls)
        kind = row["probe"]["returns"]
        if kind not in ("session", "sites"):
            seen["none"] += 1
            continue
        seen[kind] += 1
        # Frames of coroutines that take turns inside one stack are taken for left ones.
        what = f"{name} ({kind}): exits, with {row['vetoed']} vetoed, {stray} stray"
        t.between(what, returns - row["vetoed"] - stray, row["exits"], returns)
        t.equal(f"{name} ({kind}): lost", row["lost"], 0)
        if row["exits"]:
            t.true(f"{name} ({kind}): durations lie within what was observed",
                   row["max_ns"] <= target["elapsed_ns"] and row["self_ns"] <= row["total_ns"], row)
    return seen


def compare_attached(t, program, features):
    """Two of one executable at once, each with its own set of functions. The children of
    the second are followed, and may count into it: its calls are not compared."""
    expected = program.alone(program.commands)
    targets = [Quiet(program) for _ in range(2)]
    for i, target in enumerate(targets):
        t.attach(target, *program.patterns(features, i == 1),
                 args=["--max-bystanders", "1000", *(["--no-follow"] if i == 0 else [])])
    for target in targets:
        say_all(target, program.commands)
    seen = {}
    for i, target in enumerate(targets):
        with t.case(f"attach, {('own functions', 'with libraries')[i]}"):
            same(t, read_all(target), expected)
            if i == 0:
                seen = check_counts(t, program, t.report(target), expected[0])
            else:
                t.report(target)
    t.hotpath("detach", "all")
    return seen


def compare_run(t, program, features):
    alone = subprocess.run([program.path, *program.commands], env=program.env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
    flags = [x for p in program.patterns(features, True) for x in ("-f", p)]
    with t.case("run"):
        r, document = t.run(program.path, *program.commands, check=False, timeout=TIMEOUT, env=program.env,
                            args=[*flags, "--no-follow", "--max-bystanders", "1000"])
        same(t, (r.out.decode("utf-8", "replace"), as_signal(r.status)), (alone.stdout.decode(), alone.returncode))
        check_counts(t, program, document["targets"][0], alone.stdout.decode())


def compare_deadly(t, program, features):
    """Commands that end the program: all at once, each in a process of its own."""
    started = [(command, Quiet(program)) for command in program.deadly]
    if not started:
        return
    t.hotpath("attach", *[target.target_pid for _, target in started],
              *[x for p in program.patterns(features, False) for x in ("-f", p)])
    for command, target in started:
        with t.case(f"attach, {command}"):
            same(t, finish(target, [command]), program.alone([command]))
            t.report(target)
    t.hotpath("detach", "all")


def as_signal(status):
    """The status of `run` as a shell gives it: what waitpid would have said."""
    return 128 - status if status > 128 else status


def same(t, seen, expected):
    """Output and status of the program alone; only what differs is shown."""
    t.equal("status (a signal is negative)", seen[1], expected[1])
    seen, expected = [(BLURRED.sub(r"\1", x[0]),) for x in (seen, expected)]
    if seen[0] == expected[0]:
        return
    left, right = seen[0].splitlines(), expected[0].splitlines()
    t.equal("lines of output", len(left), len(right))
    for a, b in zip(left, right):
        if a != b:
            t.equal("a line of output", a[:600], b[:600])
            return


def compare(t, program, rungs=RUNGS, returns=None):
    """Everything above, on every rung of the ladder, a daemon each. On the last, where to
    remove a probe takes long, only what two targets do. `returns` is how those of the
    program's own functions are seen by sessions' kernels, if all are the same way."""
    for rung, features in rungs:
        with t.case(rung):
            daemon = t.new_daemon(features=features)
            seen = compare_attached(t, program, features)
            if returns and features is None:
                t.equal("how returns are seen", [k for k, n in seen.items() if n], [returns])
            if features != FEW:
                compare_run(t, program, features)
                compare_deadly(t, program, features)
            t.equal("status of hotpathd", daemon.stop(), 0)
