# SPDX-License-Identifier: GPL-2.0-only
"""Go: goroutines move between threads, stacks move in memory, panics are recovered."""
from context import deadline
from hazards import Program, compare

COMMANDS = ["grow 3", "recover 30", "go 30", "collect 3"]
ENDS = ["uncaught 1", "exit 7"]


@deadline(180)
def test_go(t):
    compare(t, Program(t, "goroutines", COMMANDS, ENDS, own=["goroutines:main.*"], few=["goroutines:main.hz*"],
                       libraries=["goroutines:*"]))


@deadline(180)
def test_go_with_c(t):
    compare(t, Program(t, "gocalls", [*COMMANDS, "c 20"], ENDS, own=["gocalls:main.*", "gocalls:c_calls"],
                       few=["gocalls:main.hz*", "gocalls:c_calls"], libraries=["gocalls:*"]))
