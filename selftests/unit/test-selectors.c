// SPDX-License-Identifier: GPL-2.0-only
/* Names of units and control groups: no file is looked at here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <cmocka.h>
#include "cli/selectors.h"

static void cgroup_paths_begin_at_the_root_and_end_without_a_slash(void **state)
{
	static const struct {
		const char *word, *path;
	} cases[] = {
		{"/system.slice/x", "/system.slice/x"},
		{"system.slice/x/", "/system.slice/x"},
		{"/sys/fs/cgroup/system.slice//x", "/system.slice/x"},
		{"/sys/fs/cgroup", "/"},
		{"/sys/fs/cgroups/x", "/sys/fs/cgroups/x"},
		{"./a/./b..c", "/a/b..c"},
		{"/", "/"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path;

		assert_int_equal(selectors_cgroup_path("/sys/fs/cgroup", cases[i].word, &path), 0);
		assert_string_equal(path, cases[i].path);
		free(path);
	}
}

static void cgroup_paths_do_not_lead_out(void **state)
{
	static const char *const words[] = {"..", "/a/..", "../etc", "/sys/fs/cgroup/../x"};
	char *path;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_int_equal(selectors_cgroup_path("/sys/fs/cgroup", words[i], &path), -EINVAL);
}

static void units_are_services_where_nothing_else_is_said(void **state)
{
	static const struct {
		const char *word, *unit, *path;
	} cases[] = {
		{"nginx", "nginx.service", "/system.slice/nginx.service"},
		{"a.scope", "a.scope", "/system.slice/a.scope"},
		{"python3.11", "python3.11.service", "/system.slice/python3.11.service"},
		{"getty@tty1", "getty@tty1.service",
		 "/system.slice/system-getty.slice/getty@tty1.service"},
		{"a-b@c", "a-b@c.service", "/system.slice/system-a\\x2db.slice/a-b@c.service"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *unit = selectors_unit_name(cases[i].word), *path = selectors_unit_path(unit);

		assert_string_equal(unit, cases[i].unit);
		assert_string_equal(path, cases[i].path);
		free(unit);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup_paths_begin_at_the_root_and_end_without_a_slash),
		cmocka_unit_test(cgroup_paths_do_not_lead_out),
		cmocka_unit_test(units_are_services_where_nothing_else_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
