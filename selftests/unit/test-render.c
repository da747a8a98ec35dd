// SPDX-License-Identifier: GPL-2.0-only
/* Parts of rendering that golden files show badly: names, widths, snapshot files. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "cli/name.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/snapshot.h"

static void names_are_demangled(void **state)
{
	static const struct {
		const char *symbol, *full, *brief;
	} cases[] = {
		{"main", "main", "main"},
		{"_ZN3foo3barEiPKc", "foo::bar(int, char const*)", "foo::bar"},
		{"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write", "core::fmt::write"},
		{"_Znonsense", "_Znonsense", "_Znonsense"},
		{"_", "_", "_"},
		{"", "", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = strlen(cases[i].symbol), size;
		_cleanup_free_ char *full = name_demangle(cases[i].symbol, n, true, &size);
		_cleanup_free_ char *brief = name_demangle(cases[i].symbol, n, false, &size);

		assert_string_equal(full, cases[i].full);
		assert_string_equal(brief, cases[i].brief);
	}
}

/* f(pair<pair<...>, pair<...>>), each level twice as long as the one within. */
static void a_symbol_that_explodes_stays_as_it_is(void **state)
{
	char symbol[512] = "_Z1fSt4pairIiiE";
	size_t size;

	for (int i = 0; i < 60; i++) {
		char level[32];

		snprintf(level, sizeof(level), "St4pairIS%c_S%c_E", "0123456789ABCDEFGHIJ"[i % 20],
			 "0123456789ABCDEFGHIJ"[i % 20]);
		if (strlen(symbol) + strlen(level) < sizeof(symbol))
			strcat(symbol, level);
	}
	_cleanup_free_ char *name = name_demangle(symbol, strlen(symbol), true, &size);

	assert_non_null(name);
	assert_true(size <= 65536);
}

static void widths_are_columns(void **state)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("\u6f22\u5b57"), 4);
	assert_int_equal(text_width("e\u0301"), 1);
}

static void shortened_text_fits(void **state)
{
	static const char *const texts[] = {"abcdefghijklmnop",
					    "\u6f22\u5b57\u540d\u524d\u6f22\u5b57\u540d",
					    "e\u0301e\u0301e\u0301e\u0301e\u0301", "ab", ""};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t columns = 0; columns < 20; columns++) {
			_cleanup_free_ char *text = text_shorten(texts[i], columns);

			assert_true(text_width(text) <= columns);
			if (text_width(texts[i]) <= columns)
				assert_string_equal(text, texts[i]);
		}
}

static void a_snapshot_survives_its_file(void **state)
{
	Hotpath__Target target = HOTPATH__TARGET__INIT, *targets = &target;
	Hotpath__Snapshot snapshot = HOTPATH__SNAPSHOT__INIT, *read;
	_cleanup_free_ uint8_t *data = NULL;
	const char *why;
	size_t size;

	target.pid = 42;
	snapshot.schema = SNAPSHOT_SCHEMA;
	snapshot.targets = &targets;
	snapshot.n_targets = 1;
	assert_int_equal(snapshot_encode(&snapshot, &data, &size), 0);
	assert_int_equal(snapshot_decode(data, size, &read, &why), 0);
	assert_int_equal(read->targets[0]->pid, 42);
	hotpath__snapshot__free_unpacked(read, NULL);

	for (size_t i = 0; i < size * 8; i++) {
		data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (snapshot_decode(data, size, &read, &why) == 0)
			hotpath__snapshot__free_unpacked(read, NULL);
		data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < size; i++)
		assert_true(snapshot_decode(data, i, &read, &why) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_demangled),
		cmocka_unit_test(a_symbol_that_explodes_stays_as_it_is),
		cmocka_unit_test(widths_are_columns),
		cmocka_unit_test(shortened_text_fits),
		cmocka_unit_test(a_snapshot_survives_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
