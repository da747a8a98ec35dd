// SPDX-License-Identifier: GPL-2.0-only
/* What the words of -f match, and which of them are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "daemon/reader/glob.h"
#include "daemon/reader/nearest.h"
#include "daemon/reader/pattern.h"

#define CXX  "_ZN2ns5thing4loopEi"	       /* ns::thing::loop(int) */
#define RUST "_ZN3foo3bar17h0123456789abcdefE" /* foo::bar */

static const struct {
	const char *pattern, *name;
	bool fits;
} names[] = {
	{"main", "main", true},
	{"main", "main2", false},
	{"ma*", "main", true},
	{"*", "", true},
	{"m?in", "main", true},
	{"m[a-c]in", "main", true},
	{"m[!a-c]in", "main", false},
	{"m[in", "m[in", true},
	{"m\\*", "m*", true},
	{"m\\*", "mx", false},
	{"/^m.in$/", "main", true},
	{"/ai/", "main", true},
	{"/^ai/", "main", false},
	{CXX, CXX, true},
	{"ns::thing::loop", CXX, true},
	{"ns::thing::loop(int)", CXX, true},
	{"ns::*", CXX, true},
	{"*::loop", CXX, true},
	{"*::loop(*)", CXX, true},
	{"loop", CXX, false},
	{"/thing::loop/", CXX, true},
	{"foo::bar", RUST, true},
	{"foo::b*", RUST, true},
	{"foo::baz", RUST, false},
	{"std::string::size", "_ZNKSs4sizeEv", true},
	{"std::basic_string*::size", "_ZNKSs4sizeEv", false},
	{"std::str*::size", "_ZNKSs4sizeEv", true},
	{"operator new(unsigned long)", "_Znwm", true},
	{"*new*", "_Znwm", true},
	{"foo.bar()", "_D3foo3barFZv", true},
	{"foo.bar", "_D3foo3barFZv", true},
	{"foo.bar!(int).baz", "_D3foo__T3barTiZ3bazFiZv", true},
	{"mycrate::example", "_RNvCs1234_7mycrate7example", true},
	{"parse", "parse.constprop.0", true},
	{"parse", "parse.isra.0.constprop.12", true},
	{"parse", "parse.lto_priv.3", true},
	{"parse", "parse.llvm.1234567", true},
	{"pars?", "parse.constprop.0", true},
	{"parse.constprop.0", "parse.constprop.0", true},
	{"runtime.memmove", "runtime.memmove.abi0", true},
	{"parse", "parse.part.0", false},
	{"parse", "parse.cold", false},
	{"parse", "parse.constprop", true},
	{"parse", ".constprop.0", false},
	{"ns::thing::loop", CXX ".constprop.0", true},
	{"ns::thing::loop(int)", CXX ".isra.0", true},
};

static struct pattern *parse(const char *source)
{
	struct pattern *p = NULL;
	char *error = NULL;

	if (pattern_parse(text_from(source), &p, &error) < 0)
		fail_msg("'%s' refused: %s", source, error);

	return p;
}

static void fits_names_as_written_and_as_mangled(void **state)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct pattern *p = parse(names[i].pattern);
		struct demangled cache = {0};

		if (pattern_fits_name(p, text_from(names[i].name), &cache) != names[i].fits)
			fail_msg("'%s' against %s (%s): expected %d", names[i].pattern,
				 names[i].name, cache.full ? cache.full : "-", names[i].fits);
		demangled_free(&cache);
		pattern_free(p);
	}
}

static const struct {
	const char *pattern, *path, *soname;
	bool fits;
} objects[] = {
	{"libc*:malloc", "/usr/lib/libc.so.6", "", true},
	{"libc:malloc", "/usr/lib/libc.so.6", "", true},
	{"libc.so:malloc", "/usr/lib/libc.so.6", "", true},
	{"libc.so.6:malloc", "/usr/lib/libc.so.6", "", true},
	{"libc.so.6:malloc", "/usr/lib/libc-2.31.so", "libc.so.6", true},
	{"libm:malloc", "/usr/lib/libc.so.6", "", false},
	{"!libc:malloc", "/usr/lib/libc.so.6", "", true},
	{"app:main", "/opt/app (deleted)", "", true},
	{"/opt/app:main", "/opt/app", "", true},
	{"ns::f", "/opt/app", "", true},
	{"app:ns::f", "/opt/other", "", false},
	{"app:ns::f", "/opt/app", "", true},
	{"app:/^a:b$/", "/opt/app", "", true},
	{"/a:b/", "/opt/app", "", true},
};

static void separates_the_object_from_the_name(void **state)
{
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		struct pattern *p = parse(objects[i].pattern);

		if (pattern_fits_object(p, text_from(objects[i].path),
					text_from(objects[i].soname)) != objects[i].fits)
			fail_msg("'%s' against %s: expected %d", objects[i].pattern,
				 objects[i].path, objects[i].fits);
		pattern_free(p);
	}
}

static void refuses_with_a_reason(void **state)
{
	static const struct {
		const char *pattern, *error;
	} refused[] = {
		{"", "names no function"},
		{"!", "names no function"},
		{"//", "names no function"},
		{"usdt:redis:cmd", "markers are not available yet"},
		{"/a(b/", "missing closing parenthesis at offset 3"},
		{"libc:/[/", "missing terminating ] for character class at offset 1"},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct pattern *p = NULL;
		char *error = NULL;

		assert_true(pattern_parse(text_from(refused[i].pattern), &p, &error) < 0);
		assert_non_null(error);
		if (!strstr(error, refused[i].error))
			fail_msg("'%s': %s", refused[i].pattern, error);
		free(error);
	}
}

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void takes_bounded_time(void **state)
{
	static char name[4000];
	struct pattern *regex = parse("/(a*)*(a*)*(a*)*b/");
	struct demangled cache = {0};
	double start = cpu_seconds();

	memset(name, 'a', sizeof(name) - 1);
	assert_false(glob_match(text_from("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), text_from(name)));
	assert_false(pattern_fits_name(regex, text_from(name), &cache));
	/* Each P doubles what the one before stands for. */
	demangle(text_from("_Z1fI1AIS0_S0_EIS1_S1_EIS2_S2_EIS3_S3_EIS4_S4_EEvv"), &cache);
	assert_true(cpu_seconds() - start < 2);
	demangled_free(&cache);
	pattern_free(regex);
}

static void offers_names_that_are_near(void **state)
{
	static const char *const there[] = {"processCommand", "processInputBuffer",
					    "call",	      "freeClient",
					    "zaddCommand",    "processCommandAndResetClient"};
	static const struct {
		const char *needle, *first;
	} cases[] = {
		{"procesCommand", "processCommand"},
		{"PROCESSCOMMAND", "processCommand"},
		{"inputbuf", "processInputBuffer"},
		{"zadCommand", "zaddCommand"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nearest n = {.needle = text_from(cases[i].needle)};

		for (size_t k = 0; k < sizeof(there) / sizeof(there[0]); k++)
			nearest_offer(&n, text_from(there[k]), false);
		assert_true(n.count > 0);
		assert_true(text_is(n.best[0], cases[i].first));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits_names_as_written_and_as_mangled),
		cmocka_unit_test(separates_the_object_from_the_name),
		cmocka_unit_test(refuses_with_a_reason),
		cmocka_unit_test(takes_bounded_time),
		cmocka_unit_test(offers_names_that_are_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
