// SPDX-License-Identifier: GPL-2.0-only
/*
 * "run MS": works for so long: leap() is called 15 times from one place in the stack, and once
 * more from there, but left by longjmp; then comes 1 ms of something else. It says how often
 * leap() returned and how often it did not.
 */
#include <setjmp.h>
#include "target.h"

static jmp_buf mark;
static volatile unsigned long returned, left, never;

PROBED unsigned long leap(unsigned long x, int out)
{
	PUSHES;
	if (out && !never)
		longjmp(mark, 1);
	return (x ^ (x >> 7)) * 2654435761u + 1;
}

PROBED unsigned long leap_round(unsigned long x)
{
	for (int i = 0; i < 15; i++)
		x = leap(x, 0);
	returned += 15;
	if (!setjmp(mark))
		leap(x, 1);
	else
		left++;
	busy(1000000);
	NOT_A_TAIL;
	return x;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		uint64_t begin = now_ns();
		unsigned long x = 1;

		while (now_ns() - begin < target_number(0) * 1000000)
			x = leap_round(x);
		target_truth("\"returned\":%lu,\"left\":%lu,\"x\":%lu", returned, left, x);
	}
	return 0;
}
