// SPDX-License-Identifier: GPL-2.0-only
/* daemon/privilege: what is missing is named. */
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/privilege.h"
#include "lib/cleanup.h"

#define CAP(c) (1ull << CAP_##c)

static void the_first_thing_that_is_missing(void **state)
{
	static const struct {
		uint64_t effective;
		const char *missing; /* begins with; NULL: nothing */
	} cases[] = {
		{0, "CAP_BPF and CAP_PERFMON"},
		{CAP(BPF), "CAP_BPF and CAP_PERFMON"},
		{CAP(PERFMON) | CAP(SYS_PTRACE), "CAP_BPF and CAP_PERFMON"},
		{CAP(BPF) | CAP(PERFMON), "CAP_SYS_PTRACE"},
		{CAP(SYS_ADMIN), "CAP_SYS_PTRACE"},
		{CAP(BPF) | CAP(PERFMON) | CAP(SYS_PTRACE), "CAP_CHECKPOINT_RESTORE"},
		{CAP(BPF) | CAP(PERFMON) | CAP(SYS_PTRACE) | CAP(CHECKPOINT_RESTORE), NULL},
		{CAP(SYS_ADMIN) | CAP(SYS_PTRACE), NULL},
		{(1ull << 41) - 1, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *missing = privilege_missing(cases[i].effective);

		if (cases[i].missing)
			assert_ptr_equal(strstr(missing, cases[i].missing), missing);
		else
			assert_null(missing);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_thing_that_is_missing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
