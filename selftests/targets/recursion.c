// SPDX-License-Identifier: GPL-2.0-only
/*
 * "down N": recurse_down calls itself until it is N deep (N calls).
 * "pingpong N": recurse_ping and recurse_pong call each other, N calls in all.
 */
#include "target.h"

PROBED unsigned long recurse_down(unsigned long depth)
{
	unsigned long r = depth <= 1 ? 0 : recurse_down(depth - 1);

	NOT_A_TAIL;
	return r + depth;
}

PROBED unsigned long recurse_pong(unsigned long depth);

PROBED unsigned long recurse_ping(unsigned long depth)
{
	unsigned long r = depth <= 1 ? 0 : recurse_pong(depth - 1);

	NOT_A_TAIL;
	return r + depth;
}

PROBED unsigned long recurse_pong(unsigned long depth)
{
	unsigned long r = depth <= 1 ? 0 : recurse_ping(depth - 1);

	NOT_A_TAIL;
	return r + depth;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		uint64_t start = now_ns();
		unsigned long sum = 0;

		if (target_is("down"))
			sum = recurse_down(target_number(0));
		else if (target_is("pingpong"))
			sum = recurse_ping(target_number(0));
		target_truth("\"sum\":%lu,\"outer\":%lu", sum, now_ns() - start);
	}
	return 0;
}
