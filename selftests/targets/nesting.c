// SPDX-License-Identifier: GPL-2.0-only
/*
 * "go N": nest_a N times; nest_a calls nest_b 3 times, nest_b calls nest_c 5
 * times. Each waits by the clock and knows how long it waited itself; outside of
 * each call the caller measures too. What a probe sees lies between the two.
 */
#include "target.h"

static uint64_t own_a, own_b, own_c;	   /* measured inside, without callees */
static uint64_t outer_a, outer_b, outer_c; /* measured around the calls */
static uint64_t inner_a, inner_b;	   /* measured inside, with callees */

PROBED void nest_c(void)
{
	own_c += busy(20000);
}

PROBED void nest_b(void)
{
	uint64_t start = now_ns();

	own_b += busy(30000);
	for (int i = 0; i < 5; i++) {
		uint64_t t = now_ns();

		nest_c();
		outer_c += now_ns() - t;
	}
	inner_b += now_ns() - start;
}

PROBED void nest_a(void)
{
	uint64_t start = now_ns();

	own_a += busy(100000);
	for (int i = 0; i < 3; i++) {
		uint64_t t = now_ns();

		nest_b();
		outer_b += now_ns() - t;
	}
	inner_a += now_ns() - start;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long n = target_number(0);

		for (unsigned long i = 0; i < n; i++) {
			uint64_t t = now_ns();

			nest_a();
			outer_a += now_ns() - t;
		}
		target_truth("\"own_a\":%lu,\"own_b\":%lu,\"own_c\":%lu,\"inner_a\":%lu,\"inner_b\":%lu,"
			     "\"outer_a\":%lu,\"outer_b\":%lu,\"outer_c\":%lu",
			     own_a, own_b, own_c, inner_a, inner_b, outer_a, outer_b, outer_c);
	}
	return 0;
}
