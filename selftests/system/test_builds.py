# SPDX-License-Identifier: GPL-2.0-only
"""One program whose counts are known, built each way that programs are built."""
import itertools
import shutil

from context import deadline

COMPILERS = {"gcc": "gcc", "clang": "clang"}
# Every level; with the rest, pairs that are common.
LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os")
WAYS = {
    "plain": [],
    "CET": ["-fcf-protection=full"],
    "no CET": ["-fcf-protection=none"],
    "frame pointer": ["-fno-omit-frame-pointer"],
    "no frame pointer": ["-fomit-frame-pointer"],
    "LTO": ["-flto"],
    "LTO, no PIE": ["-flto", "-fno-pie", "-no-pie"],
    "sections": ["-ffunction-sections", "-Wl,--gc-sections"],
    "stack protector": ["-fstack-protector-all"],
    "no PLT": ["-fno-plt"],
    "exceptions": ["-fexceptions"],
}
TEXT = r'''
#include "target.h"
/* Has an effect: no call of what has it is left out or done once for all. */
#define HERE __asm__ volatile("" ::: "memory")
/* Shapes of functions that compilers make: a leaf, one with a jump table, one that
 * returns early, one that tail-calls, one that recurses, one with a large frame. */
PROBED long shape_leaf(long x) { HERE; return x * 3 + 1; }
PROBED long shape_table(long x)
{
	HERE;
	switch (x % 11) {
	case 0: return 4;
	case 1: return x ^ 5;
	case 2: return shape_leaf(x);
	case 3: return x + 9;
	case 4: return x * x;
	case 5: return -x;
	case 6: return 77;
	case 7: return x << 2;
	case 8: return shape_leaf(x) + 1;
	case 9: return ~x;
	}
	return 1;
}
PROBED long shape_early(long *x)
{
	HERE;
	if (!x)
		return 0;
	*x += shape_leaf(*x);
	return *x;
}
PROBED long shape_tail(long x) { HERE; return shape_leaf(x + 1); }
PROBED long shape_deep(long n) { HERE; return n ? 1 + shape_deep(n - 1) * 3 % 1000 : 0; }
PROBED long shape_frame(long x)
{
	volatile char room[5000];

	room[x & 4095] = (char)x;
	return room[x & 4095] + shape_leaf(x);
}
PROBED double shape_float(double x) { HERE; return x * 1.5 + 2; }
int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		long n = (long)target_number(0);
		unsigned long sum = 0;

		for (long i = 0; i < n; i++) {
			long v = i;

			sum += (unsigned long)shape_table(i);
			sum += (unsigned long)shape_early(i % 2 ? &v : NULL);
			sum += (unsigned long)shape_tail(i);
			sum += (unsigned long)shape_deep(5);
			sum += (unsigned long)shape_frame(i);
			sum += (unsigned long)shape_float((double)i);
		}
		target_truth("\"sum\":%lu", sum);
	}
	return 0;
}
'''
N = 1100
LEAF = 2 * (N // 11) + N // 2 + N + N  # table, early, tail, frame
EXPECTED = {"shape_leaf": LEAF, "shape_table": N, "shape_early": N, "shape_tail": N, "shape_deep": 6 * N,
            "shape_frame": N, "shape_float": N}


def builds():
    for level in LEVELS:
        yield level, "plain", [level]
    for (what, flags), level in itertools.product(list(WAYS.items())[1:], ("-O2",)):
        yield level, what, [level, *flags]
    for what in ("CET", "LTO"):
        yield "-O0", what, ["-O0", *WAYS[what]]
        yield "-O3", what, ["-O3", *WAYS[what]]


@deadline(240)
def test_counts_are_exact_however_it_is_built(t):
    reference = None
    for name, cc in COMPILERS.items():
        if not shutil.which(cc):
            continue
        for level, what, flags in builds():
            with t.case(f"{name} {level} {what}"):
                path = t.compile("shapes.c", "-fno-ipa-icf" if cc == "gcc" else "-Wno-unused",
                                 *flags, cc=cc, name="shapes", text=TEXT)
                target = t.target("shapes", path=path)
                quiet = target.ask(f"go {N}")["sum"]
                t.attach(target, "shape_*")
                t.equal("result", target.ask(f"go {N}")["sum"], quiet)
                t.equal("every build computes the same", quiet, reference or quiet)
                reference = quiet
                rows = t.functions(target)
                t.equal("calls", {n: rows[n]["calls"] for n in EXPECTED}, EXPECTED)
                t.equal("timed or said why not", [n for n in EXPECTED if rows[n]["probe"]["returns"] == "none"
                                                  and not rows[n]["probe"].get("reason")], [])
                t.equal("exits", {n: rows[n]["exits"] for n in EXPECTED
                                  if rows[n]["probe"]["returns"] != "none"},
                        {n: c for n, c in EXPECTED.items() if rows[n]["probe"]["returns"] != "none"})
                t.equal("status", target.end(), 0)
