// SPDX-License-Identifier: GPL-2.0-only
/* Calls asm.S, and counts for it what it cannot count itself. Not hz_ret_imm: without
 * sessions its return, two words above its entry, is not recognised (unwound). */
#include "hazard.h"

unsigned long hz_red_zone(unsigned long a, unsigned long b);

#define FUNCTIONS(X)                                                                              \
	X(hz_red_nop) X(hz_two_ways) X(hz_calls_ret_imm) X(hz_jump_table) X(hz_sums_text)          \
	X(hz_sums_not_code) X(hz_falls) X(hz_fallen) X(hz_shared_one) X(hz_shared_two)             \
	X(hz_overlap) X(hz_jcc_out) X(hz_pops_return) X(hz_pushes_return) X(hz_own_address)       \
	X(hz_flags) X(hz_registers) X(hz_loop_at_entry) X(hz_push_at_entry)

#define DECLARE(name) unsigned long name(unsigned long x);
FUNCTIONS(DECLARE)

#define COUNTER(f)                                                                                \
	static struct hz_counter counter_##f __attribute__((used, section("hz_counters"), aligned(32))) = { \
		#f, 0, 0, 0                                                                        \
	};
FUNCTIONS(COUNTER)
COUNTER(hz_red_zone)

#define COUNT(f) (counter_##f.calls++, counter_##f.returns++)
#define CALL(f)                                                                                   \
	COUNT(f);                                                                                  \
	sum = sum * 3 + f(i & 0xffff);

static unsigned long all(unsigned long i)
{
	unsigned long sum = 0;

	COUNT(hz_red_zone);
	sum = hz_red_zone(i, i + 1);
	CALL(hz_red_nop)
	CALL(hz_two_ways)
	CALL(hz_calls_ret_imm)
	CALL(hz_jump_table)
	CALL(hz_sums_text)
	CALL(hz_sums_not_code)
	/* Its end is the next function's beginning: control passes both entries. */
	COUNT(hz_fallen);
	CALL(hz_falls)
	CALL(hz_fallen)
	CALL(hz_shared_one)
	CALL(hz_shared_two)
	CALL(hz_overlap)
	if (i & 1)
		COUNT(hz_fallen);
	CALL(hz_jcc_out)
	CALL(hz_pops_return)
	CALL(hz_pushes_return)
	CALL(hz_own_address)
	CALL(hz_flags)
	COUNT(hz_fallen);
	CALL(hz_registers)
	return sum;
}

static unsigned long run_all(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum = sum * 5 + all(i);
	return sum;
}

/* Apart: what stands at their entries is crossed again without a call. */
static unsigned long run_loops(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 1; i <= n; i++)
		sum += hz_loop_at_entry(i) + hz_push_at_entry(i);
	return sum;
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "all", run_all }, { "loops", run_loops }, { NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
