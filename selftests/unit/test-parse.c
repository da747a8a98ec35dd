// SPDX-License-Identifier: GPL-2.0-only
/* Words of users: what is accepted, and that nothing else is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "lib/cleanup.h"
#include "lib/parse.h"

static void durations(void **state)
{
	static const struct {
		const char *word;
		int r;
		uint64_t ns;
	} cases[] = {
		{"10", 0, 10000000000},
		{"10s", 0, 10000000000},
		{"500ms", 0, 500000000},
		{"1.5m", 0, 90000000000},
		{"1h", 0, 3600000000000},
		{"250us", 0, 250000},
		{"0.5", 0, 500000000},
		{"0", 0, 0},
		{"1.0000000019s", 0, 1000000001},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 s", -EINVAL, 0},
		{"1.", -EINVAL, 0},
		{".5", -EINVAL, 0},
		{"1x", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"999999999999h", -ERANGE, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ns = 77;

		assert_int_equal(parse_duration(cases[i].word, &ns), cases[i].r);
		assert_int_equal(ns, cases[i].r ? 77 : cases[i].ns);
	}
}

static void percentiles(void **state)
{
	static const char *const wrong[] = {"", "-1", "nan", "1e1", "95%", "9.", "+5", "0x10"};
	double p = 7;

	assert_int_equal(parse_percent("99.9", &p), 0);
	assert_true(p == 99.9);
	assert_int_equal(parse_percent("0", &p), 0);
	assert_int_equal(parse_percent("100.0", &p), 0);
	assert_true(p == 100);
	assert_int_equal(parse_percent("101", &p), -ERANGE);
	assert_int_equal(parse_percent("100.01", &p), -ERANGE);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(parse_percent(wrong[i], &p), -EINVAL);
	assert_true(p == 100);
}

static void numbers_and_pids(void **state)
{
	uint64_t n = 7;
	int32_t pid = 7;

	assert_int_equal(parse_u64("18446744073709551615", UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_u64("18446744073709551616", UINT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_u64("11", 10, &n), -ERANGE);
	assert_int_equal(parse_u64("-1", 10, &n), -EINVAL);
	assert_int_equal(parse_u64("", 10, &n), -EINVAL);
	assert_int_equal(parse_u64("1a", 10, &n), -EINVAL);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_pid("4194304", &pid), 0);
	assert_int_equal(parse_pid("4194305", &pid), -ERANGE);
	assert_int_equal(parse_pid("0", &pid), -EINVAL);
	assert_int_equal(pid, 4194304);
}

static void truths(void **state)
{
	bool value = false;

	assert_int_equal(parse_bool("Yes", &value), 0);
	assert_true(value);
	assert_int_equal(parse_bool("0", &value), 0);
	assert_false(value);
	assert_int_equal(parse_bool("maybe", &value), -EINVAL);
	assert_int_equal(parse_bool("", &value), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(percentiles),
		cmocka_unit_test(numbers_and_pids),
		cmocka_unit_test(truths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
