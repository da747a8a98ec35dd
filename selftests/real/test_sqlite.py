# SPDX-License-Identifier: GPL-2.0-only
"""Debian's libsqlite3 against a program that counts its own calls."""
import json

import reports


def check(t, row, truth):
    t.equal("calls", row["calls"], truth["steps"])
    t.equal("exits", row["exits"], truth["steps"])
    t.equal("returns", row["probe"]["returns"], "session")
    t.true("object", row["object"].startswith("libsqlite3"), row["object"])
    t.between("avg", 100, row["avg_ns"], 10**8)


def test_sqlite3_step_equals_the_programs_own_count(t):
    with t.case("attach"):
        target = t.target("sqlite-steps")
        t.attach(target, "libsqlite3*:sqlite3_step")
        truth = target.ask("go 2000")
        t.equal("the answer", truth["sum"], 5997000)
        check(t, t.functions(target)["sqlite3_step"], truth)
        t.equal("status", target.end(), 0)
    with t.case("run"):
        r, document = t.run(t.target_path("sqlite-steps"), "go 2000", args=["-f", "libsqlite3*:sqlite3_step"])
        truth = json.loads(r.out)
        t.equal("the answer", truth["sum"], 5997000)
        check(t, reports.functions(document["targets"][0])["sqlite3_step"], truth)
