# SPDX-License-Identifier: GPL-2.0-only
"""How many hotpath-readers run at once, whatever starts meanwhile."""
import json
import os
import shutil
import subprocess

import processes
import raw
import reports
import wire
from context import deadline
from heldreader import HeldReader
from processes import wait_until

STORM, AT_ONCE = 60, 4  # of one user: daemon/turn.h
LATE = 8
HELD = 1.0  # seconds at most: GATE_HOLD_NS

WAITS = """
#include "target.h"
PROBED int fan_work(int i) { PUSHES; return i * 3 + 1; }
int main(void)
{
	char c;
	int sum = 0;
	if (read(0, &c, 1) != 1)
		return 1;
	for (int i = 0; i < 10; i++)
		sum += fan_work(i);
	return sum == 0;
}
"""


def status(t):
    return json.loads(t.hotpath("status", "--format", "json").out)


def measured(t):
    """Those of the storm whose probes are in place."""
    return [x for x in t.document("--merge", "none")["targets"] if x["health"]["functions_attached"]]


def reads_input(process):
    with open(f"/proc/{process.pid}/syscall") as f:
        return f.read().startswith("0 0x0 ")


@deadline(60)
def test_a_storm_of_different_programs_starts_few_readers(t):
    held = HeldReader(t)
    d = t.new_daemon(build=held.build)
    program = t.compile("fan.c", text=WAITS)
    paths = [shutil.copy(program, f"{t.tmp}/fan{n}") for n in range(STORM)]
    wire.attach(d.socket, ["fan_work"], names=[os.path.basename(p) for p in paths])
    fifo, inlet = os.pipe()
    storm = [subprocess.Popen([p], stdin=fifo) for p in paths]
    for _ in range(AT_ONCE):
        held.wait()
    wait_until("the others to wait", lambda: status(t)["lost"].get("readers_waited") == STORM - AT_ONCE)
    readers = [p for p in processes.children(d.pid) if processes.stat(p)[0] != "Z"]
    t.equal("readers at once", len(readers), AT_ONCE)
    with t.case("a request has room of its own"):
        client = raw.Client(d.socket, timeout=30)
        client.send(raw.framed(raw.request(raw.PROBES, raw.field(1, storm[0].pid))))
        held.wait()
        client.close()
    held.go(4 * STORM)
    wait_until("all to be measured", lambda: len(measured(t)) == STORM, 30)
    os.write(inlet, b"g" * STORM)
    t.equal("ends", {p.wait(30) for p in storm}, {0})
    targets = measured(t)
    t.equal("calls", [reports.functions(x)["fan_work"]["calls"] for x in targets], [10] * STORM)
    late = sum(x["health"]["counters"].get("held_late", 0) for x in targets)
    t.between("late ones", 0, late, STORM)
    for end in (fifo, inlet):
        os.close(end)


@deadline(60)
def test_programs_that_were_let_go_before_their_reader_answered_are_measured(t):
    """They are past the loader's hook when it gets its probe, and not held there."""
    held = HeldReader(t)
    d = t.new_daemon(build=held.build)
    program = t.compile("fan.c", text=WAITS)
    paths = [shutil.copy(program, f"{t.tmp}/late{n}") for n in range(LATE)]
    wire.attach(d.socket, ["fan_work"], names=[os.path.basename(p) for p in paths])
    fifo, inlet = os.pipe()
    storm = [subprocess.Popen([p], stdin=fifo) for p in paths]
    held.wait()
    wait_until("all to wait for their input", lambda: all(reads_input(p) for p in storm), 10 * HELD)
    held.go(4 * LATE)
    wait_until("all to be measured", lambda: len(measured(t)) == LATE)
    os.write(inlet, b"g" * LATE)
    t.equal("ends", {p.wait(30) for p in storm}, {0})
    targets = measured(t)
    t.equal("calls", [reports.functions(x)["fan_work"]["calls"] for x in targets], [10] * LATE)
    t.equal("late ones", [x["health"]["counters"].get("held_late") for x in targets], [1] * LATE)
    for end in (fifo, inlet):
        os.close(end)
