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


class Storm:
    """n different programs that wait for their input, each asked for by its name."""

    def __init__(self, t, n):
        self.t, self.n = t, n
        self.held = HeldReader(t)
        self.daemon = t.new_daemon(build=self.held.build)
        program = t.compile("fan.c", text=WAITS)
        paths = [shutil.copy(program, f"{t.tmp}/fan{i}") for i in range(n)]
        wire.attach(self.daemon.socket, ["fan_work"], names=[os.path.basename(p) for p in paths])
        self.fifo, self.inlet = os.pipe()
        self.programs = [subprocess.Popen([p], stdin=self.fifo) for p in paths]

    def end(self, *seconds):
        """Lets their readers and then them go on; the targets, every call of them counted."""
        self.held.go(4 * self.n)
        wait_until("all to be measured", lambda: len(measured(self.t)) == self.n, *seconds)
        os.write(self.inlet, b"g" * self.n)
        self.t.equal("ends", {p.wait(30) for p in self.programs}, {0})
        targets = measured(self.t)
        self.t.equal("calls", [reports.functions(x)["fan_work"]["calls"] for x in targets], [10] * self.n)
        for end in (self.fifo, self.inlet):
            os.close(end)
        return targets


@deadline(60)
def test_a_storm_of_different_programs_starts_few_readers(t):
    storm = Storm(t, STORM)
    for _ in range(AT_ONCE):
        storm.held.wait()
    wait_until("the others to wait", lambda: status(t)["lost"].get("readers_waited") == STORM - AT_ONCE)
    readers = [p for p in processes.children(storm.daemon.pid) if processes.stat(p)[0] != "Z"]
    t.equal("readers at once", len(readers), AT_ONCE)
    with t.case("a request has room of its own"):
        client = raw.Client(storm.daemon.socket, timeout=30)
        client.send(raw.framed(raw.request(raw.PROBES, raw.field(1, storm.programs[0].pid))))
        storm.held.wait()
        client.close()
    late = sum(x["health"]["counters"].get("held_late", 0) for x in storm.end(30))
    t.between("late ones", 0, late, STORM)


@deadline(60)
def test_programs_that_were_let_go_before_their_reader_answered_are_measured(t):
    """They are past the loader's hook when it gets its probe, and not held there."""
    storm = Storm(t, LATE)
    storm.held.wait()
    wait_until("all to wait for their input", lambda: all(reads_input(p) for p in storm.programs), 10 * HELD)
    t.equal("late ones", [x["health"]["counters"].get("held_late") for x in storm.end()], [1] * LATE)
