# SPDX-License-Identifier: GPL-2.0-only
"""Servers as they come give the same answers, under load, with all of their functions
probed and again without; their own counts of requests are ours."""
import contextlib
import threading

import reports
import servers
import workloads
from context import deadline


def compare(t, cls, features, sample):
    server, calls = cls(t.build), {}
    t.new_daemon(features=features)

    @contextlib.contextmanager
    def profile(pids):
        t.hotpath("attach", *pids, *[x for p in (server.sample if sample else server.patterns) for x in ("-f", p)])
        yield
        for pid in pids:
            target = t.report(pid)
            health = target["health"]
            t.true("hundreds of functions", health["functions_attached"] >= 300, health)
            t.equal("lost", health["calls"]["lost"], 0)
            for row in reports.rows(target):
                calls[row["name"]] = calls.get(row["name"], 0) + row["calls"]
        t.hotpath("detach", *pids)

    try:
        alone = server.work(f"{t.tmp}/alone")
    except workloads.Missing as e:
        raise AssertionError(str(e)) from None
    for difference in server.work(f"{t.tmp}/probed", profile).differences(alone):
        t.fail(difference)
    t.equal("the server's own counts", {n: calls.get(n, 0) for n in server.truth}, server.truth)


@deadline(120)
def test_redis_server_answers_the_same(t):
    compare(t, servers.Redis, None, False)


@deadline(120)
def test_redis_server_answers_the_same_by_ways_out(t):
    compare(t, servers.Redis, "-returns", True)


def test_nginx_answers_the_same(t):
    compare(t, servers.Nginx, None, False)


def test_nginx_answers_the_same_by_ways_out(t):
    compare(t, servers.Nginx, "-returns", False)


@deadline(120)
def test_postgres_answers_the_same(t):
    compare(t, servers.Postgres, None, False)


@deadline(120)
def test_postgres_answers_the_same_by_ways_out(t):
    compare(t, servers.Postgres, "-returns", True)


@deadline(120)
def test_nginx_answers_the_same_while_probes_come_and_go(t):
    for features in (None, "-returns"):
        with t.case(features or "everything"):
            server, rounds = servers.Nginx(t.build), []
            t.new_daemon(features=features)
            alone = server.work(f"{t.tmp}/alone")

            @contextlib.contextmanager
            def profile(pids):
                done = threading.Event()

                def come_and_go():
                    while not done.is_set() or not rounds:
                        t.hotpath("attach", *pids, "-f", "nginx:*")
                        t.hotpath("detach", *pids)
                        rounds.append(1)
                thread = threading.Thread(target=come_and_go)
                thread.start()
                yield
                done.set()
                thread.join()
            for _ in range(5):
                for difference in server.work(f"{t.tmp}/probed", profile).differences(alone):
                    t.fail(difference)
            t.true("probes came and went", len(rounds) >= 5, len(rounds))
