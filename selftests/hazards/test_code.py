# SPDX-License-Identifier: GPL-2.0-only
"""Jumps, foreign stacks, machine code and rules: what it computes is what it computed."""
from context import deadline
from hazards import Program, compare, in_children

LEAPS = ["setjmp 60", "nesting 4", "handlers 60", "timer 60", "tails 40", "callbacks 12", "guarded 30"]
ENDS = ["smash 1", *[f"end {n}" for n in range(8) if n != 7]]
THREADS = ["end-thread 0", "end-thread 2", "end-thread 4", "end-thread 6"]


@deadline(180)
def test_jumps_tail_calls_and_violent_ends(t):
    commands = [*LEAPS, *in_children(["setjmp 20", "handlers 12", "tails 9", "end 2"]),
                *in_children([*ENDS, *THREADS], ["fork"]), "setjmp 20", "nesting 1"]
    compare(t, Program(t, "leaps", commands, [*ENDS[:6], *THREADS[:2]]))


@deadline(120)
def test_very_deep_recursion(t):
    compare(t, Program(t, "leaps", ["recursion 100000", "fork recursion 1000", "setjmp 20"], libraries=[]))


@deadline(120)
def test_stacks_that_are_not_the_threads_own(t):
    cases = ["signal 20", "signal-thread 10", "context 20", "context-thread 10", "moved 10", "fibre 20"]
    compare(t, Program(t, "stacks", [*cases, *in_children(["signal 5", "context 5", "fibre 5"]), *cases]))


@deadline(120)
def test_machine_code_written_by_hand(t):
    compare(t, Program(t, "asm", ["all 50", *in_children(["all 5"]), "loops 20", "all 5"], libraries=[]))


@deadline(120)
def test_data_among_machine_code(t):
    for program in ("data", "data-fixed"):
        with t.case(program):
            compare(t, Program(t, program, ["all 50", *in_children(["all 5"]), "all 5"], libraries=[]),
                    (("session", None), ("ways out", "-returns")))


@deadline(120)
def test_rules_and_children(t):
    compare(t, Program(t, "guards", ["plain 20", "children 6",
                                     *in_children(["strict 5", "strict-killed 5", "filter-killed 5"], ["fork"]),
                                     "dispatch 10", "filter 5", "plain 20"], ["strict 5", "filter-killed 5"]))


@deadline(120)
def test_a_nop_under_syscall_user_dispatch(t):
    compare(t, Program(t, "guards", ["dispatch-nop 10", "fork dispatch-nop 10", "dispatch 5"], libraries=[]))


@deadline(120)
def test_code_that_is_made_changed_and_looks_back(t):
    compare(t, Program(t, "codes", ["jit 20", "modify 20", "unpacked 20", "return 20", "jit 5"]))


@deadline(120)
def test_backtraces_taken_by_the_program(t):
    compare(t, Program(t, "codes", ["backtrace 20", "unwind 20", "walk 20"]))
