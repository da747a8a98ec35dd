// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worst that a profiler can meet: one thread that calls a function of some 5 ns, for
 * ever. Says each 10 ms how many calls there were: "NS CALLS LONGEST", the longest time
 * between two looks at the clock, 1,000 calls apart.
 */
#include "target.h"

enum {
	CALLS = 1000,
	SLOT_NS = 10000000,
};

static PROBED uint64_t step(uint64_t x)
{
	PUSHES;
	for (int i = 0; i < 4; i++)
		x = x * 6364136223846793005u + 1442695040888963407u;
	return x;
}

int main(void)
{
	uint64_t last = now_ns(), told = last, longest = 0, calls = 0, x = 1;

	for (;;) {
		uint64_t now;

		for (int i = 0; i < CALLS; i++)
			x = step(x);
		calls += CALLS;
		now = now_ns();
		if (now - last > longest)
			longest = now - last;
		last = now;
		if (now - told < SLOT_NS)
			continue;
		if (printf("%llu %llu %llu\n", (unsigned long long)now, (unsigned long long)calls,
			   (unsigned long long)longest) < 0 || fflush(stdout))
			return 0;
		told = now;
		longest = 0;
	}
	return x == 0;
}
