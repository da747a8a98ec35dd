# SPDX-License-Identifier: GPL-2.0-only
"""Exceptions, panics and cancellation leave probed functions as if no one looked."""
import subprocess

import reports
from context import deadline
from hazards import Program, compare, in_children

EXCEPTIONS = ["throw 40", "rethrow 12", "nested 4", "constructor 20", "callback 20", "sort 24", "objects 20",
              "library 25", "threads 8", "depth 300"]
ENDS = ["noexcept 1", "uncaught 1", "bomb 1", "handler 1", "in-thread 1"]


@deadline(180)
def test_exceptions(t):
    children = in_children(["throw 4", "rethrow 4", "nested 2", "objects 4", "sort 12", "library 5", "depth 40"])
    ends = in_children(ENDS, ["fork"]) + in_children(["noexcept 1", "uncaught 1"], ["vfork"])
    compare(t, Program(t, "exceptions", [*EXCEPTIONS, *children, *ends, "throw 20"], ENDS), returns="sites")


@deadline(120)
def test_a_c_program_called_back_by_a_library_that_catches(t):
    compare(t, Program(t, "guest", ["guest 60", *in_children(["guest 9", "uncaught 1"]), "guest 9"],
                       ["uncaught 1"]))


@deadline(120)
def test_cxx_coroutines(t):
    compare(t, Program(t, "coroutines", ["generator 60", "moved 12", *in_children(["generator 12"]),
                                         "fork moved 5", "generator 9"]), returns="sites")


@deadline(180)
def test_threads_that_are_cancelled_or_exit(t):
    for name in ("cancels", "cancels-unwind", "cancels-cxx"):
        with t.case(name):
            compare(t, Program(t, name, ["ends 6", "fork ends 2", "fork self 1", "ends 2"], ["self 1"]))


@deadline(180)
def test_rust_panics(t):
    compare(t, Program(t, "panics", ["catch 4", "over-c 3", "deep 2", "thread 2", "bounds 4"],
                       ["uncaught 1", "exit 4", "abort 2"]))


@deadline(60)
def test_a_panic_that_is_resumed(t):
    """By itself, and with its own functions alone: it makes the library read its debug
    information, which takes half a minute when every function of that is probed. The call
    after it finds the last frame that a panic left: at the thread's end it would be `cut`."""
    program = Program(t, "panics", ["again 12", "catch 1"])
    alone = subprocess.run([program.path, *program.commands], env=program.env, capture_output=True, check=False)
    r, document = t.run(program.path, *program.commands, args=["-f", "panics:hz_*"], check=False, env=program.env)
    t.equal("output and status", (r.out, r.status), (alone.stdout, alone.returncode))
    again = reports.functions(document["targets"][0])["hz_again"]
    t.equal("calls, and those that a panic left", (again["calls"], again["unwound"]), (12, 6))
