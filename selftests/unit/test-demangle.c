// SPDX-License-Identifier: GPL-2.0-only
/* Names of each language, and hostile ones within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lib/demangle.h"

static void names_are_as_their_authors_wrote_them(void **state)
{
	static const struct {
		const char *symbol, *full, *brief;
	} cases[] = {
		{"_ZN3foo3barEi", "foo::bar(int)", "foo::bar"},
		{"_ZNSt6vectorIiSaIiEE9push_backERKi",
		 "std::vector<int, std::allocator<int> >::push_back(int const&)",
		 "std::vector<int, std::allocator<int> >::push_back"},
		{"_ZL4workv.constprop.0", "work() [clone .constprop.0]", "work"},
		{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write", "core::fmt::write"},
		{"_RNvC6_123foo3bar", "123foo::bar", "123foo::bar"},
		{"_Dmain", "D main", "D main"},
		{"_D8demangle4testFaZv", "demangle.test(char)", "demangle.test"},
		{"main", NULL, NULL},
		{"main.main", NULL, NULL},
		{"runtime.(*mheap).alloc", NULL, NULL},
		{"__geometry_MOD_area", NULL, NULL},
		{"ada__text_io__put_line", NULL, NULL},
		{"_DYNAMIC", NULL, NULL},
		{"_init", NULL, NULL},
		{"_", NULL, NULL},
		{"", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int arguments = 0; arguments < 2; arguments++) {
			const char *expected = arguments ? cases[i].full : cases[i].brief;
			size_t size = 0;
			char *name = demangle_symbol(cases[i].symbol, strlen(cases[i].symbol),
						     arguments, &size);

			if (!expected)
				assert_null(name);
			else
				assert_string_equal(name ?: "(null)", expected);
			assert_int_equal(size, expected ? strlen(expected) : 0);
			free(name);
		}
	}
}

/* Every pair of references doubles what the pair before it wrote. */
static void doubling_names_stay_within_bounds(void **state)
{
	char cxx[4096] = "_Z1f", d[4096] = "_D1fFS1a1bT";
	size_t size;
	char *name;

	for (int i = 0; i < 200; i++)
		strcat(cxx, i % 2 ? "St4pairIS_S_E" : "PFvS_S0_E");
	free(demangle_symbol(cxx, strlen(cxx), true, &size));
	for (int i = 0; i < 200; i++)
		strcat(d, "HQcQe");
	strcat(d, "Zv");
	assert_null(demangle_symbol(d, strlen(d), true, &size));
	d[11 + 5 * 8] = 0;
	strcat(d, "Zv");
	name = demangle_symbol(d, strlen(d), true, &size);
	assert_true(!name || size <= DEMANGLE_OUT_MAX);
	free(name);
}

static void what_is_too_long_or_holds_a_nul_is_left_alone(void **state)
{
	static char name[DEMANGLE_IN_MAX + 10] = "_Z1f";
	size_t size;

	memset(name + 4, 'i', sizeof(name) - 5);
	assert_null(demangle_symbol(name, sizeof(name) - 1, true, &size));
	assert_null(demangle_symbol("_Z1\0fv", 6, true, &size));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_as_their_authors_wrote_them),
		cmocka_unit_test(doubling_names_stay_within_bounds),
		cmocka_unit_test(what_is_too_long_or_holds_a_nul_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
