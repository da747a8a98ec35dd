// SPDX-License-Identifier: GPL-2.0-only
/* The histogram's arithmetic: every value lies in its bucket, percentiles hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "lib/hist.h"

static void every_value_lies_in_its_bucket(void **state)
{
	for (unsigned int bit = 0; bit < 40; bit++)
		for (int64_t near = -2; near <= 2; near++) {
			uint64_t v = (1ull << bit) + (uint64_t)near;
			uint32_t b = hist_bucket(v);

			if (v >= 1ull << 40)
				continue;
			assert_true(hist_low(b) <= v && v < hist_high(b));
		}
}

static void buckets_follow_each_other_without_gaps(void **state)
{
	for (uint32_t b = 0; b + 1 < HIST_BUCKETS; b++) {
		assert_true(hist_high(b) == hist_low(b + 1));
		assert_int_equal(hist_bucket(hist_low(b)), b);
		assert_int_equal(hist_bucket(hist_high(b) - 1), b);
	}
	assert_true(hist_high(HIST_BUCKETS - 1) == 1ull << 40);
}

static void middle_is_within_two_percent(void **state)
{
	for (uint32_t b = 0; b < HIST_BUCKETS; b++) {
		double low = (double)hist_low(b), high = (double)hist_high(b) - 1;
		double middle = (double)(hist_low(b) + (hist_high(b) - 1 - hist_low(b)) / 2);

		assert_true(middle - low <= 0.016 * low + 0.5);
		assert_true(high - middle <= 0.016 * high + 0.5);
	}
}

static void values_past_the_end_fall_into_the_last(void **state)
{
	assert_int_equal(hist_bucket(1ull << 40), HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
}

static void percentiles_are_of_nearest_rank(void **state)
{
	/* 1 .. 20, each once: buckets are single values there. */
	static const struct {
		double percentile;
		uint64_t expected;
	} cases[] = {{0, 1},   {5, 1},	    {5.1, 2},	{50, 10},
		     {95, 19}, {95.01, 20}, {99.9, 20}, {100, 20}};
	uint32_t bucket[20];
	uint64_t count[20];

	for (uint32_t i = 0; i < 20; i++) {
		bucket[i] = i + 1;
		count[i] = 1;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(hist_percentile(bucket, count, 20, cases[i].percentile, 1, 20),
				 cases[i].expected);
}

static void percentiles_stay_within_min_and_max(void **state)
{
	uint32_t bucket = hist_bucket(1000000);
	uint64_t count = 1;

	assert_int_equal(hist_percentile(&bucket, &count, 1, 50, 1000000, 1000000), 1000000);
	assert_int_equal(hist_percentile(&bucket, &count, 0, 50, 1, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_lies_in_its_bucket),
		cmocka_unit_test(buckets_follow_each_other_without_gaps),
		cmocka_unit_test(middle_is_within_two_percent),
		cmocka_unit_test(values_past_the_end_fall_into_the_last),
		cmocka_unit_test(percentiles_are_of_nearest_rank),
		cmocka_unit_test(percentiles_stay_within_min_and_max),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
