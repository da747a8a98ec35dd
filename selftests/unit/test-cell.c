// SPDX-License-Identifier: GPL-2.0-only
/* daemon/cell.h: the memory formula that `hotpath status` states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/cell.h"

static void memory_is_bounded_by_the_formula(void **state)
{
	static const struct {
		uint32_t functions, chunks;
	} table[] = {
		{1, 36},     /* all a function can have */
		{4, 144},    /* likewise */
		{5, 144},    /* fewer than 36 each, still four functions' worth */
		{18, 144},   /* 8 each */
		{1000, 8000},
		{20000, 27000}, /* most of many are never called */
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(cell_chunks(table[i].functions), table[i].chunks);
		assert_int_equal(cell_bytes(table[i].functions),
				 256ull * (1 + table[i].functions + table[i].chunks));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(memory_is_bounded_by_the_formula)};

	return cmocka_run_group_tests_name("cell", tests, NULL, NULL);
}
