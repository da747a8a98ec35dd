// SPDX-License-Identifier: GPL-2.0-only
/* daemon/borrow.c: which descriptor of a client counts as a file it may read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <cmocka.h>

#include "daemon/borrow.h"

static void only_what_is_open_for_reading_is_lent(void **state)
{
	const struct borrow_info ours = {O_PATH, 30, 7};
	static const struct {
		const char *text;
		bool lent;
	} table[] = {
		{"pos:\t0\nflags:\t02100000\nmnt_id:\t30\nino:\t7\n", true},
		{"pos:\t9\nflags:\t02100002\nmnt_id:\t30\nino:\t7\n", true},  /* O_RDWR */
		{"pos:\t0\nflags:\t02100001\nmnt_id:\t30\nino:\t7\n", false}, /* O_WRONLY */
		{"pos:\t0\nflags:\t012000000\nmnt_id:\t30\nino:\t7\n", false}, /* O_PATH */
		{"pos:\t0\nflags:\t02100000\nmnt_id:\t31\nino:\t7\n", false},
		{"pos:\t0\nflags:\t02100000\nmnt_id:\t30\nino:\t8\n", false},
	};
	struct borrow_info theirs;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_true(borrow_parse_info(table[i].text, &theirs));
		if (borrow_is_readable(&theirs, &ours) != table[i].lent)
			fail_msg("row %zu", i);
	}
}

static void what_lacks_a_number_is_none(void **state)
{
	static const char *const texts[] = {"", "flags:\t0\nmnt_id:\t1\n", "flags:\nmnt_id:\nino:\n",
					    "flags:\t0\nmnt_id:\tx\nino:\t1\n"};
	struct borrow_info info;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(borrow_parse_info(texts[i], &info));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_open_for_reading_is_lent),
		cmocka_unit_test(what_lacks_a_number_is_none),
	};

	return cmocka_run_group_tests_name("borrow", tests, NULL, NULL);
}
