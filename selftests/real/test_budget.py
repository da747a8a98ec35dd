# SPDX-License-Identifier: GPL-2.0-only
"""`hotpath attach PID` on programs at full load: they keep their speed and answer right,
and the report says where the time goes. Speeds are compared with the program's own,
generously: what the budget really costs is measured by bench/budget."""
import re
import time

import loads
import reports
from workloads import Missing

SECOND = 10**9
FLOOR = 0.75  # of the unprobed speed; the budget is 5 %, the rest is for a machine with other work
SLACK = 0.25  # of a count, beside its interval: of a few windows on a machine with other work


class Loaded:
    """A program at full load, attached to with no options but its patterns."""

    def __init__(self, t, cls):
        self.t, self.load = t, cls(t.build)
        t.new_daemon(calibrate=True)
        try:
            self.load.start(f"{t.tmp}/{cls.name}")
        except Missing as e:
            raise AssertionError(f"{e}; make deps-bench too") from e
        self.series = self.load.series

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.load.end()

    def speed(self, seconds):
        """Work from now on: (a nanosecond, a nanosecond of its CPU time)."""
        start, cpu = time.monotonic_ns(), self.load.cpu_ns()
        time.sleep(seconds)
        end, cpu = time.monotonic_ns(), self.load.cpu_ns() - cpu
        self.t.true("it goes on", self.series.wait(end, 20))
        done = self.series.done(start, end)
        return done / (end - start), done / max(1, cpu)

    def attach(self):
        """And see how fast it is from 2 s after that on."""
        self.before = self.speed(1)
        flags = [x for p in self.load.patterns for x in ("-f", p)]
        # The default, said: other tests are without a budget (context.py).
        self.t.hotpath("attach", *self.load.pids, *flags, "--budget", "5", "--max-bystanders", "1000")
        time.sleep(2)
        self.probed = [self.speed(1.5), self.speed(1.5)]

    def detach(self):
        """It kept its speed: of the better stretch, by the clock or by its own CPU time, against the unprobed
        speed before or behind. What else the machine does then is no fault of the probes."""
        self.t.hotpath("detach", *self.load.pids)
        time.sleep(0.3)
        after = self.speed(1)
        seen = [max(p[i] for p in self.probed) / min(self.before[i], after[i]) for i in (0, 1)]
        self.t.true(f"at least {FLOOR} of the unprobed speed", max(seen) >= FLOOR, (seen, self.before, self.probed, after))

    def reported(self):
        """(targets of the report, work done while they were observed)."""
        document = self.t.document(*self.load.pids)
        end = time.monotonic_ns()
        self.series.wait(end)
        elapsed = max(x["elapsed_ns"] for x in document["targets"])
        return document["targets"], self.series.done(end - elapsed, end)

    def estimated(self, name, seconds=6):
        """The row of a function whose calls may be known by then, targets, work done so far."""
        end = time.monotonic() + seconds
        while True:
            targets, work = self.reported()
            row = rows(targets)[name]
            if "calls" in row or time.monotonic() > end:
                return row, targets, work
            time.sleep(0.5)


def rows(targets):
    return {r["name"]: r for x in targets for r in reports.rows(x)}


def estimates_hold(t, row, truth):
    """The 95 % interval, half as wide again, has the truth; else it is said why none is known."""
    if "calls" not in row:
        t.true(f"why the calls of {row['name']} are not known", row["estimated"]["why"], row)
        return
    if "calls_95" in row.get("estimated", {}):
        low, high = row["estimated"]["calls_95"]
    else:
        low = high = row["calls"]
    more = 0.25 * (high - low) + SLACK * truth
    t.between(f"calls of {row['name']}", round(low - more), round(truth), round(high + more))


def test_attach_without_options_says_where_redis_spends_its_time(t):
    with Loaded(t, loads.Redis) as it:
        it.attach()
        t.equal("an answer", it.load.ask("SET", "k", "v7"), "OK")
        t.equal("another", it.load.ask("GET", "k"), "v7")
        row, targets, commands = it.estimated("processCommand")
        seen = rows(targets)
        t.true("functions are named", len(seen) >= 20, sorted(seen))
        own = sorted((n for n in seen if "self_ns" in seen[n]), key=lambda n: -seen[n]["self_ns"])[:25]
        hot = {"processCommand", "call", "readQueryFromClient", "processInputBuffer", "writeToClient", "lookupKey",
               "dictFind", "aeProcessEvents", "aeMain", "addReply", "processMultibulkBuffer", "handleClientsWithPendingWrites"}
        t.true("hot functions of redis among those with most time", len(hot & set(own)) >= 3, own)
        estimates_hold(t, row, commands)
        t.true("what it cost is said", 0 <= targets[0]["overhead"]["percent"] < 25, targets[0].get("overhead"))
        it.detach()
        t.equal("an answer after detach", it.load.ask("GET", "k"), "v7")


def test_a_loop_of_5_ns_calls_keeps_its_speed(t):
    with Loaded(t, loads.Spin) as it:
        it.attach()
        step, targets, calls = it.estimated("step", 4)
        t.true("most of the time is in it", step["self_ns"] > 0.5 * targets[0]["cpu_total_ns"], step)
        estimates_hold(t, step, calls)
        it.detach()


def test_sqlite_and_python_keep_their_speed(t):
    for cls in (loads.Sqlite, loads.Python):
        with t.case(cls.name), Loaded(t, cls) as it:
            it.attach()
            targets, _ = it.reported()
            t.true("functions are named", len(rows(targets)) >= 20, sorted(rows(targets)))
            it.detach()


def test_time_in_a_library_is_named_with_the_pattern_that_measures_it(t):
    with Loaded(t, loads.Sqlite) as it:
        t.hotpath("attach", *it.load.pids, "--budget", "5")  # the shell itself has next to no code that runs
        time.sleep(2)
        outside = t.report(it.load.pids[0])["functions_cpu"]["outside"]
        t.true("libsqlite3 comes first", outside and outside[0]["place"].startswith("[libsqlite3"), outside)
        t.true("most of the time", outside[0]["percent"] > 50, outside)
        t.matches("the report says it to people, too", re.escape(outside[0]["add"]),
                  t.hotpath("report", *it.load.pids).out)
        r = t.hotpath("attach", *it.load.pids, "-f", outside[0]["add"], "--budget", "5", "--max-bystanders", "1000")
        t.matches("many functions of it", r"[0-9]{3,} functions", r.out + r.err)
