// SPDX-License-Identifier: GPL-2.0-only
/*
 * "go N": tail_a jumps to tail_b, which jumps to tail_c (a test reads the
 * disassembly to be sure), N times; tail_self jumps to itself 10 times each.
 */
#include "target.h"

static volatile unsigned long seen;

PROBED unsigned long tail_c(unsigned long x)
{
	seen += busy(5000) > 0;
	return x + 1;
}

PROBED unsigned long tail_b(unsigned long x)
{
	seen++;
	return tail_c(x * 2);
}

PROBED unsigned long tail_a(unsigned long x)
{
	seen++;
	return tail_b(x + 3);
}

PROBED unsigned long tail_odd(unsigned long x);

PROBED unsigned long tail_even(unsigned long x)
{
	return x ? tail_odd(x - 1) : seen;
}

PROBED unsigned long tail_odd(unsigned long x)
{
	return x ? tail_even(x - 1) : seen + 1;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long n = target_number(0), sum = 0;

		for (unsigned long i = 0; i < n; i++) {
			sum += tail_a(i);
			sum += tail_even(9) & 1;
			NOT_A_TAIL;
		}
		target_truth("\"sum\":%lu", sum);
	}
	return 0;
}
