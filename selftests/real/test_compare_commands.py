# SPDX-License-Identifier: GPL-2.0-only
"""Programs as they come do the same with hundreds of their functions probed, from their
first instruction: output, files, exit status, and the calls that they are known to make."""
import ctypes

import reports
import workloads
from context import deadline

ADDR_NO_RANDOMIZE = 0x0040000


def same_addresses():
    """Tables that hash pointers make the same calls each time."""
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


def profiled(t, work, patterns):
    """(Result, targets) of the workload under `hotpath run`; the program itself is the first."""
    argv, more = work.start(f"{t.tmp}/work")
    more["stdin" if work.input else "timeout"] = None if work.input else 120
    r, document = t.run(*argv, args=[x for p in patterns for x in ("-f", p)], check=False,
                        input=work.input, preexec_fn=same_addresses, **more)
    return work.result(f"{t.tmp}/work", r.status, r.out, r.err), document["targets"]


def compare(t, cls, rungs=None, sample=None, least=100):
    """All of the program's functions where it needs no ways out, else a sample of them."""
    work = cls(t.build)
    try:
        alone, _ = work.alone(f"{t.tmp}/work")
    except workloads.Missing as e:
        if cls is workloads.Go:  # the one that is not packaged everywhere
            t.skip(str(e))
        raise AssertionError(str(e)) from None
    counts = None
    for features in rungs or work.rungs:
        with t.case(features or "everything"):
            t.new_daemon(features=features)
            patterns = work.patterns if features is None and len(work.rungs) > 1 else sample or work.sample
            seen, (target, *_) = profiled(t, work, (*patterns, *work.truths))
            for difference in seen.differences(alone):
                t.fail(difference)
            health, f = target["health"], {r["name"]: r for r in reports.rows(target)}
            t.true("hundreds of functions", health["functions_attached"] >= least, health)
            for name, calls in work.truth.items():
                t.equal(f"calls of {name}", f.get(name, {}).get("calls", 0), calls)
            t.equal("lost", health["calls"]["lost"], 0)
            if work.exact:
                now = {name: r["calls"] for name, r in f.items()}
                if counts is not None:
                    t.equal("functions whose calls differ from those on the rung above",
                            {n: (c, counts[n]) for n, c in now.items() if counts.get(n, c) != c}, {})
                counts = now


@deadline(180)
def test_sqlite3_is_the_same(t):
    compare(t, workloads.Sqlite)


@deadline(180)
def test_python3_is_the_same(t):
    compare(t, workloads.Python)


@deadline(120)
def test_cmake_throws_and_is_the_same(t):
    compare(t, workloads.CMake)


@deadline(120)
def test_ripgrep_is_the_same(t):
    compare(t, workloads.Ripgrep)


@deadline(180)
def test_a_go_program_is_the_same(t):
    compare(t, workloads.Go)


@deadline(120)
def test_cc1_is_the_same(t):
    compare(t, workloads.Compiler)


def test_gcc_is_the_same(t):
    compare(t, workloads.Driver)


@deadline(120)
def test_gcc_and_the_programs_it_runs_are_the_same(t):
    """Which it starts by vfork and exec, one after the other."""
    work = workloads.Driver(t.build)
    alone, _ = work.alone(f"{t.tmp}/work")
    t.new_daemon()
    seen, targets = profiled(t, work, ("*gcc*:*", *workloads.Compiler.sample, *workloads.Compiler.truths, "*-as:*"))
    for difference in seen.differences(alone):
        t.fail(difference)
    found = {target["comm"]: reports.rows(target) for target in targets}
    t.true("the programs", set(found) >= {"gcc", "cc1", "as"}, list(found))
    t.equal("calls of c_parse_file() in cc1",
            [r["calls"] for r in found.get("cc1", ()) if r["name"] == "c_parse_file()"], [1])
    t.true("functions of as", len(found.get("as", ())) > 100, len(found.get("as", ())))


@deadline(120)
def test_without_sessions_they_are_the_same(t):
    """The lower rungs, for programs that do not fork; perf events carry at most 100 functions."""
    compare(t, workloads.Sqlite, ("-session", "-session,-multi"), ("libsqlite3*:/^sqlite3_[b-d].*[e-m]$/",), 20)
    compare(t, workloads.Python, ("-session",), ("python3*:/^Py[D-I].*[g-m]$/",), 20)


def test_a_command_that_fails_is_the_same(t):
    class Failing(workloads.CMake):
        define = ("-DFAIL=1",)
        sample = ("cmake:/60$/",)
    compare(t, Failing)
