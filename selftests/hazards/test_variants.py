# SPDX-License-Identifier: GPL-2.0-only
"""The same programs as other compilers and options make them (hazards/Makefile.inc)."""
import subprocess

import reports
from context import deadline
from hazards import Program, Quiet, compare_attached, compare_run, in_children, read_all, same, say_all

VARIANTS = ("gcc-O0", "gcc-O1", "gcc-O3", "gcc-lto", "clang-O0", "clang-O1", "clang-O2", "clang-O3", "static")
RUNGS = (("session", None), ("multi", "-session"))
EXCEPTIONS = ["throw 20", "rethrow 6", "nested 3", "constructor 12", "callback 12", "sort 24", "objects 12",
              "library 10", "threads 4", "depth 100", *in_children(["throw 4", "objects 4", "noexcept 1"])]
LEAPS = ["setjmp 40", "nesting 2", "handlers 30", "tails 40", "callbacks 6", "guarded 20", "timer 20",
         *in_children(["setjmp 10", "end 2"]), "fork smash 1"]


def variants(t, program, commands):
    for rung, features in RUNGS:
        with t.case(rung):
            t.new_daemon(features=features)
            for variant in VARIANTS:
                with t.case(variant):
                    p = Program(t, f"{program}-{variant}", commands, libraries=[])
                    compare_attached(t, p, features)
                    if features is None:
                        compare_run(t, p, features)


@deadline(180)
def test_exceptions_as_compilers_make_them(t):
    variants(t, "exceptions", EXCEPTIONS)


@deadline(180)
def test_jumps_as_compilers_make_them(t):
    variants(t, "leaps", LEAPS)


@deadline(120)
def test_a_static_program_that_throws_is_timed_by_its_ways_out(t):
    """Its linker makes no table to look frame descriptions up in."""
    built = Program(t, "exceptions-static", EXCEPTIONS[:8], libraries=[])
    headers = subprocess.run(["readelf", "-lW", built.path], capture_output=True, text=True, check=True).stdout
    if "GNU_EH_FRAME" in headers:
        t.skip("this compiler's static programs have a table")
    stripped = f"{t.tmp}/stripped"
    subprocess.run(["strip", "-o", stripped, built.path], check=True)
    for program in (built, Program(t, stripped, built.commands, libraries=[])):
        with t.case(program.name):
            target = Quiet(program)
            t.attach(target, *program.own)
            say_all(target, program.commands)
            same(t, read_all(target), program.alone(program.commands))
            called = [r for r in reports.rows(t.report(target)) if r["calls"]]
            timed = [r for r in called if r["probe"]["returns"] == "sites" and r["exits"]]
            t.true(f"of {len(called)} functions called most are timed: {len(timed)}",
                   len(called) > 50 and len(timed) > len(called) / 2)
