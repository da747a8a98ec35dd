// SPDX-License-Identifier: GPL-2.0-only
/* Calls data.S, and counts for it what it cannot count itself. */
#include "hazard.h"

#define FUNCTIONS(X)                                                                              \
	X(hz_own_address_taken) X(hz_own_address_pushed) X(hz_own_table) X(hz_own_from_beside)     \
	X(hz_own_from_start) X(hz_behind_branch) X(hz_behind_nested) X(hz_behind_late)             \
	X(hz_behind_slot) X(hz_behind_register) X(hz_holds_data) X(hz_reads_held_data)

#define DECLARE(name) unsigned long name(unsigned long x);
FUNCTIONS(DECLARE)

#define COUNTER(f)                                                                                \
	static struct hz_counter counter_##f __attribute__((used, section("hz_counters"), aligned(32))) = { \
		#f, 0, 0, 0                                                                        \
	};
FUNCTIONS(COUNTER)

#define CALL(f)                                                                                   \
	counter_##f.calls++, counter_##f.returns++;                                                \
	sum = sum * 3 + f(i & 0xffff);

static unsigned long run_all(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		FUNCTIONS(CALL)
	}
	return sum;
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "all", run_all }, { NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
