// SPDX-License-Identifier: GPL-2.0-only
/*
 * "jump DEPTH TIMES": jump_outer sets a mark, calls jump_down DEPTH deep, which
 * jumps back over all of it; then jump_later (which calls jump_leaf) is called
 * as ever.
 */
#include <setjmp.h>
#include "target.h"

static jmp_buf mark;
static uint64_t own_later, own_leaf, outer_later, outer_leaf;
static volatile unsigned long landed, never;

PROBED unsigned long jump_down(unsigned long depth)
{
	unsigned long r;

	if (depth <= 1 && !never)
		longjmp(mark, 1);
	else if (depth == 0)
		return 0;
	r = jump_down(depth - 1);
	NOT_A_TAIL;
	return r + 1;
}

PROBED void jump_leaf(void)
{
	own_leaf += busy(20000);
}

PROBED void jump_later(void)
{
	uint64_t t;

	own_later += busy(50000);
	t = now_ns();
	jump_leaf();
	outer_leaf += now_ns() - t;
}

PROBED void jump_outer(unsigned long depth)
{
	if (!setjmp(mark))
		jump_down(depth);
	else
		landed++;
	NOT_A_TAIL;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long depth = target_number(0), times = target_number(1);

		for (unsigned long i = 0; i < times; i++) {
			uint64_t t;

			jump_outer(depth);
			t = now_ns();
			jump_later();
			outer_later += now_ns() - t;
		}
		target_truth("\"landed\":%lu,\"own_later\":%lu,\"own_leaf\":%lu,\"outer_later\":%lu,"
			     "\"outer_leaf\":%lu", landed, own_later, own_leaf, outer_later, outer_leaf);
	}
	return 0;
}
