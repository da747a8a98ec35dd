# SPDX-License-Identifier: GPL-2.0-only
"""Each rung of the fallback ladder counts the same."""
import reports

RUNGS = ((None, "session"), ("-session", None), ("-session,-multi", None))


def test_every_rung_gives_the_same_counts(t):
    for features, _ in RUNGS:
        with t.case(features or "everything"):
            t.new_daemon(features=features)
            for name, pattern, command, expected in (
                    ("worker", "work_*", "go 1000", {"work_one": 3000, "work_two": 2000}),
                    ("nesting", "nest_*", "go 10", {"nest_a": 10, "nest_b": 30, "nest_c": 150})):
                target = t.target(name)
                t.attach(target, pattern)
                target.ask(command)
                f = t.functions(target)
                t.equal(f"{name} calls", {n: r["calls"] for n, r in f.items()}, expected)
                for row in f.values():
                    if row["probe"]["returns"] != "none":
                        t.equal(f"{row['name']} exits", row["exits"], row["calls"])
                t.hotpath("detach", target.pid)
                target.ask(command)
                t.equal("status", target.end(), 0)


def test_every_rung_survives_exceptions(t):
    for features, _ in RUNGS:
        with t.case(features or "everything"):
            t.new_daemon(features=features)
            target = t.target("throws")
            t.attach(target, "throw_*")
            truth = target.ask("go 100")
            t.equal("caught", truth["caught"], 50)
            t.equal("calls", t.functions(target)["throw_deep"]["calls"], 100)
            t.equal("status", target.end(), 3)


def test_every_rung_runs_a_command(t):
    for features, _ in RUNGS:
        with t.case(features or "everything"):
            t.new_daemon(features=features)
            _, document = t.run(t.target_path("worker"), "go 100", args=["-f", "work_one"])
            t.equal("calls", reports.functions(document["targets"][0])["work_one"]["calls"], 300)


def test_the_daemon_says_what_it_does_without(t):
    for features, word in (("-session", "session"), ("-session,-multi", "multi")):
        with t.case(features):
            d = t.new_daemon(features=features)
            t.matches("at start", rf"{word}", d.text())
            t.matches("in status", word, t.hotpath("status").out)
