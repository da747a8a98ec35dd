// SPDX-License-Identifier: GPL-2.0-only
/* Numbers for people, and names that are harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "lib/cleanup.h"
#include "lib/fmt.h"

static void spans(void **state)
{
	static const struct {
		uint64_t s;
		const char *expected;
	} cases[] = {
		{1, "1.00 s"},	     {119, "119.00 s"},	     {120, "2 min"},
		{3599, "59 min 59 s"}, {3600, "1 h"},	     {3725, "1 h 2 min"},
		{86400, "1 d"},	     {90000, "1 d 1 h"},
	};
	char b[FMT_MAX];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(fmt_span(b, cases[i].s * 1000000000), cases[i].expected);
}

static void durations(void **state)
{
	static const struct {
		uint64_t ns;
		const char *expected;
	} cases[] = {
		{0, "0 ns"},
		{17, "17 ns"},
		{999, "999 ns"},
		{1000, "1.00 us"},
		{16580, "16.58 us"},
		{999994, "999.99 us"},
		{999996, "1.00 ms"},
		{1200000, "1.20 ms"},
		{999999999, "1.00 s"},
		{2050000000, "2.05 s"},
		{3600000000000, "3600.00 s"},
		{UINT64_MAX, "18446744073.71 s"},
	};
	char b[FMT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(fmt_ns(b, cases[i].ns, false), cases[i].expected);
	assert_string_equal(fmt_ns(b, 16580, true), "16.58 \u00b5s");
}

static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *expected;
	} cases[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.0 KB"},
		{60416, "59.0 KB"},
		{1048575, "1.0 MB"},
		{1073741824, "1.0 GB"},
		{UINT64_MAX, "16.0 EB"},
	};
	char b[FMT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(fmt_bytes(b, cases[i].bytes), cases[i].expected);
}

static void counts_and_percents(void **state)
{
	char b[FMT_MAX];

	assert_string_equal(fmt_count(b, 0), "0");
	assert_string_equal(fmt_count(b, 999), "999");
	assert_string_equal(fmt_count(b, 1000), "1,000");
	assert_string_equal(fmt_count(b, 1234567), "1,234,567");
	assert_string_equal(fmt_count(b, UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(fmt_percent(b, 0.9435), "94.35%");
	assert_string_equal(fmt_percent(b, 4), "400.00%");
}

#define FFFD "\xef\xbf\xbd"

static void names_become_harmless(void **state)
{
	static const struct {
		const char *name, *expected;
	} cases[] = {
		{"plain", "plain"},
		{"", ""},
		{"a\nb\x1b[31m", "a" FFFD "b" FFFD "[31m"},
		{"\xff\xc0\xaf", FFFD FFFD FFFD},	   /* never valid, overlong */
		{"\xed\xa0\x80", FFFD FFFD FFFD},	   /* a surrogate */
		{"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD}, /* past U+10FFFF */
		{"\xe2\x82", FFFD FFFD},		   /* cut short */
		{"\xc2\x9b", FFFD},			   /* CSI */
		{"\xe2\x80\xae", FFFD},			   /* right-to-left override */
		{"\xe2\x80\x8b", FFFD},			   /* zero width space */
		{"\xe6\xbc\xa2", "\xe6\xbc\xa2"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *safe = fmt_safe(cases[i].name, strlen(cases[i].name));

		assert_string_equal(safe, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(spans),
		cmocka_unit_test(sizes),
		cmocka_unit_test(counts_and_percents),
		cmocka_unit_test(names_become_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
