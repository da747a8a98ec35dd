# SPDX-License-Identifier: GPL-2.0-only
"""Functions that exist no more as such: DWARF says where they went."""
import subprocess

TEXT = r'''
#include "target.h"
/* Inlined at three places, and nowhere else. */
static inline __attribute__((always_inline)) long gone_inside(long x)
{
	asm volatile("" : "+r"(x));
	return x + 1;
}
/* Inlined at two, and one that can be called: its address is taken. */
static inline __attribute__((always_inline)) long both_ways(long x)
{
	asm volatile("" : "+r"(x));
	return x * 3;
}
long (*volatile by_address)(long) = both_ways;
PROBED long outer_one(long x)
{
	PUSHES;
	return gone_inside(x) + both_ways(x) + gone_inside(x + 1);
}
PROBED long outer_two(long x)
{
	PUSHES;
	return gone_inside(x) + both_ways(x);
}
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		long sum = 0;
		for (long i = 0; i < (long)target_number(0); i++)
			sum += outer_one(i) + outer_two(i) + by_address(i);
		target_truth("\"sum\":%ld", sum);
	}
	return 0;
}
'''


def notes_of(t, target):
    return t.report(target, "--sections", "all")["health"].get("notes", [])


def test_a_name_that_was_inlined_is_said_to_be(t):
    for cc in ("gcc", "clang"):
        for what, flags in (("alone", []), ("with LTO", ["-flto"]), ("compressed", ["-gz=zlib"])):
            with t.case(f"{cc} {what}"):
                path = t.compile("inlined.c", *flags, cc=cc, name="inlined", text=TEXT)
                target = t.target("inlined", path=path)
                t.refused("attach", target.pid, "-f", "gone_inside",
                          says=[r"gone_inside: inlined at 3 sites, not seen there; use "
                                r"HOTPATH_SCOPE or -fno-inline"])
                t.attach(target, "both_ways", "outer_*")
                target.ask("go 10")
                rows = t.functions(target)
                t.equal("calls", (rows["both_ways"]["calls"], rows["outer_one"]["calls"]), (10, 10))
                t.matches("noted", r"inlined, not seen there .*: both_ways at 2 sites",
                          "\n".join(notes_of(t, target)))
                t.equal("status", target.end(), 0)


def test_without_debug_information_nothing_is_said(t):
    path = t.compile("inlined.c", "-g0", name="inlined", text=TEXT)
    target = t.target("inlined", path=path)
    r = t.refused("attach", target.pid, "-f", "gone_inside", says=["gone_inside"])
    t.true("no word of inlining", b"inlined" not in r.err.split(b"\n", 1)[1], str(r))


def test_a_split_debug_file_tells_it_too(t):
    path = t.compile("inlined.c", "-Wl,--build-id", name="inlined", text=TEXT)
    copy = f"{t.tmp}/inlined"
    subprocess.run(["objcopy", "--only-keep-debug", path, f"{copy}.debug"], check=True)
    subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={copy}.debug", path, copy], check=True)
    target = t.target("inlined", path=copy)
    t.refused("attach", target.pid, "-f", "gone_*", says=["gone_inside: inlined at 3 sites"])
