// SPDX-License-Identifier: GPL-2.0-only
/* daemon/limits.c: who may have how much, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/limits.h"

static const struct config config = {
	.max_targets = 2, .max_families = 3, .max_probes = 100, .max_kernel_bytes = 1000, .max_bystanders = 32};

#define USE(t, p, g, b) {.targets = t, .probes = p, .groups = g, .bytes = b}

static void what_is_over_is_refused_with_numbers(void **state)
{
	static const struct {
		uid_t uid;
		struct limits_use have, want;
		uint64_t all;
		const char *says; /* NULL: allowed */
	} table[] = {
		{1000, USE(1, 50, 1, 100), USE(1, 50, 1, 400), 100, NULL},
		{1000, USE(2, 0, 0, 0), USE(1, 1, 1, 1), 0, "2 targets"},
		{1000, USE(1, 99, 0, 0), USE(0, 2, 1, 1), 0, "99 probes"},
		{1000, USE(1, 1, 256, 0), USE(0, 1, 1, 1), 0, "256 groups"},
		{1000, USE(1, 1, 1, 400), USE(0, 1, 1, 101), 400, "500 B"},
		{1000, USE(0, 0, 0, 0), USE(1, 1, 1, 400), 700, "1000 B"},
		{1000, {.families = 2}, {.families = 1}, 0, NULL},
		{1000, {.families = 3}, {.families = 1}, 0, "3 attaches that follow"},
		{1000, {.kits = 256}, {.kits = 1}, 0, "256 followed executables"},
		{1000, {.slots = 510}, {.slots = 1}, 0, NULL},
		{1000, {.slots = 510}, {.slots = 2}, 0, "510 targets made in advance"},
		{1000, {.slots = 512, .kits = 257}, {.targets = 1}, 0, NULL},
		{1000, {.selectors = 100}, {.selectors = 29}, 0, "128"},
		{0, {.families = 9, .kits = 900, .selectors = 900, .slots = 900}, {.families = 1, .kits = 1, .slots = 9},
		 0, NULL},
		{0, USE(500, 5000, 900, 900), USE(1, 500, 10, 100), 900, NULL},
		{0, USE(0, 0, 0, 0), USE(1, 1, 1, 101), 900, "1000 B"},
	};
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool allowed = limits_allow(&config, table[i].uid, &table[i].have, &table[i].want,
					    table[i].all, text, sizeof(text));

		if (allowed != !table[i].says || (table[i].says && !strstr(text, table[i].says)))
			fail_msg("row %zu: allowed %d, \"%s\"", i, allowed, text);
	}
}

static void only_root_may_slow_down_more_than_the_administrator_allows(void **state)
{
	assert_int_equal(limits_bystanders(&config, 1000, 1000), 32);
	assert_int_equal(limits_bystanders(&config, 1000, 5), 5);
	assert_int_equal(limits_bystanders(&config, 0, 1000), 1000);
}

static void requests_in_flight_are_limited(void **state)
{
	assert_true(limits_allow_request(1000, LIMITS_IN_FLIGHT - 1, LIMITS_IN_FLIGHT - 1));
	assert_false(limits_allow_request(1000, LIMITS_IN_FLIGHT, LIMITS_IN_FLIGHT));
	assert_true(limits_allow_request(0, LIMITS_IN_FLIGHT, LIMITS_IN_FLIGHT));
	assert_false(limits_allow_request(0, 0, LIMITS_IN_FLIGHT_ALL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_over_is_refused_with_numbers),
		cmocka_unit_test(only_root_may_slow_down_more_than_the_administrator_allows),
		cmocka_unit_test(requests_in_flight_are_limited),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
