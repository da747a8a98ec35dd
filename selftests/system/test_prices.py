# SPDX-License-Identifier: GPL-2.0-only
"""What a probed call costs here, as hotpathd measures it when it has started."""
import json
import re

CLASSES = ("emulated", "single-stepped")


def calibrated(daemon):
    """{class: (counted, timed, way out)} in ns, from the log; waits for it."""
    line = daemon.log.wait(re.compile(r"a call costs here|prices of probes are not known"))
    found = re.findall(r"(nop5|emulated|single-stepped) (\d+)/(\d+)/(\d+) ns", line or daemon.text())
    return {name: tuple(map(int, ns)) for name, *ns in found}, line


def kernel_bytes(t, daemon):
    return status(t, daemon)["kernel_bytes"]


def status(t, daemon):
    return json.loads(t.hotpath("status", "--format", "json", "--socket", daemon.socket).out)


def plausible(t, prices):
    """To time is more than to count; beside a single step the difference is small, and a
    busy machine disturbs it."""
    for name, (counted, timed, _) in prices.items():
        least = counted * (0.5 if name == "single-stepped" else 1)
        t.true(f"{name}: counted {counted} ns, timed {timed} ns", timed > least > 0)


def test_prices_are_measured_on_this_machine(t):
    daemon = t.new_daemon(calibrate=True)
    prices, line = calibrated(daemon)
    t.equal(f"classes in: {line}", tuple(prices), CLASSES)
    plausible(t, prices)
    t.true("a single step costs more than an emulation, counted",
           prices["single-stepped"][0] > prices["emulated"][0], line)
    t.true("and timed", prices["single-stepped"][1] > prices["emulated"][1], line)
    told = {(p["class"], p["returns"]): p["price_ns"] for p in status(t, daemon)["prices"]}
    t.equal("hotpath status says the same of a counted call at an emulated site",
            told[("emulated", "none")], prices["emulated"][0])
    t.equal("how many prices: two classes, each counted, timed and as a way out", len(told), 6)
    t.true("none at a nop of 5 bytes: no probe is placed there", "nop5" not in {c for c, _ in told}, told)
    t.true("and on a way out", prices["single-stepped"][2] > prices["emulated"][2] > 0, line)


def test_calibration_leaves_nothing_behind(t):
    calibrating = t.new_daemon(calibrate=True)
    calibrated(calibrating)
    other = t.new_daemon()
    t.equal("kernel memory, as in a daemon that never calibrated", kernel_bytes(t, calibrating),
            kernel_bytes(t, other))
    with open(f"/proc/{calibrating.pid}/task/{calibrating.pid}/children", encoding="utf-8") as f:
        t.equal("children", f.read().split(), [])
    t.equal("ends well", calibrating.stop(), 0)


def test_a_daemon_can_end_while_it_calibrates(t):
    for _ in range(3):
        daemon = t.new_daemon(calibrate=True)
        t.equal("exit status", daemon.stop(), 0)


def test_without_calibration_no_price_is_told(t):
    daemon = t.new_daemon()
    t.equal("prices", status(t, daemon)["prices"], [])
    t.matches("why", "--no-calibrate", status(t, daemon)["prices_missing"])
    t.equal("exit status", daemon.stop(), 0)
    t.true("nothing of prices in the log", "costs here" not in daemon.text(), daemon.text())


def test_a_kernel_that_cannot_be_calibrated_says_so(t):
    daemon = t.new_daemon(calibrate=True, features="-session,-multi")
    line = daemon.log.wait(re.compile(r"prices of probes are not known"))
    t.true("says why", line and "takes too long to remove" in line, daemon.text())
    t.matches("and hotpath status", "takes too long", status(t, daemon)["prices_missing"])


def test_two_probes_are_calibrated_where_there_is_no_session(t):
    daemon = t.new_daemon(calibrate=True, features="-session")
    prices, line = calibrated(daemon)
    t.equal(f"classes in: {line}", tuple(prices), CLASSES)
    plausible(t, prices)
