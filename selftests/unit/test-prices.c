// SPDX-License-Identifier: GPL-2.0-only
/* daemon/prices.c: what a call costs, from what its probes cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/prices.h"

#define CLASS(name)   HOTPATH__SITE_CLASS__SITE_##name
#define RETURNS(name) HOTPATH__RETURNS__RETURNS_##name

static const struct prices known = {
	.entry_ns = {0, 200, 500, 9000},
	.session_ns = {0, 600, 900, 9900},
	.session_inside_ns = {0, 300, 600, 5000},
	.sites_ns = {{0}, {0, 0, 600, 8200}, {0, 0, 900, 8500}, {0, 0, 9300, 17000}},
	.sites_inside_ns = {{0}, {0, 0, 200, 210}, {0, 0, 500, 510}, {0, 0, 4800, 4900}},
};

static void a_call_pays_for_its_probes(void **state)
{
	static const struct {
		Hotpath__Returns returns;
		Hotpath__SiteClass class, exit;
		uint64_t ns;
	} table[] = {
		{RETURNS(NONE), CLASS(NOP5), 0, 200},
		{RETURNS(NONE), CLASS(STEPPED), CLASS(STEPPED), 9000},
		{RETURNS(SESSION), CLASS(EMULATED), 0, 900},
		{RETURNS(SITES), CLASS(EMULATED), CLASS(STEPPED), 8500},
		{RETURNS(SITES), CLASS(NOP5), CLASS(EMULATED), 600},
		{RETURNS(SITES), CLASS(NOP5), CLASS(NOP5), 0},
		{RETURNS(SITES), CLASS(NOP5), CLASS(NONE), 0},
		{RETURNS(NONE), CLASS(NONE), 0, 0},
		/* From a newer reader. */
		{RETURNS(NONE), 17, 0, 0},
		{RETURNS(SITES), CLASS(NOP5), 17, 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(prices_call(&known, table[i].returns, table[i].class,
					     table[i].exit),
				 table[i].ns);
}

static void only_known_prices_are_told(void **state)
{
	static const struct prices none;
	Hotpath__Price row[PRICES_ROWS], *rows[PRICES_ROWS];
	size_t n = prices_fill(&known, row, rows);

	assert_int_equal(n, 8);
	for (size_t i = 0; i < n; i++)
		assert_true(rows[i]->ns > 0);
	assert_int_equal(prices_fill(&none, row, rows), 0);
}

static void a_way_out_is_told_by_what_it_adds(void **state)
{
	Hotpath__Price row[PRICES_ROWS], *rows[PRICES_ROWS];
	size_t n = prices_fill(&known, row, rows), seen = 0;

	for (size_t i = 0; i < n; i++) {
		if (rows[i]->returns != RETURNS(SITES) || rows[i]->class_ != CLASS(STEPPED))
			continue;
		assert_int_equal(rows[i]->ns, 8000);
		assert_int_equal(rows[i]->inside_ns, 510);
		seen++;
	}
	assert_int_equal(seen, 1);
}

static void bpf_knows_two_classes(void **state)
{
	static const struct prices none;
	struct hp_prices bpf = prices_for_bpf(&known), nothing = prices_for_bpf(&none);

	assert_int_equal(bpf.count[0], 500);
	assert_int_equal(bpf.count[1], 9000);
	assert_int_equal(bpf.session[1], 9900);
	assert_int_equal(bpf.session_inside[0], 600);
	assert_int_equal(bpf.sites[0][1], 8500);
	assert_int_equal(bpf.sites[1][0], 9300);
	assert_int_equal(bpf.sites_inside[1][1], 4900);
	for (size_t i = 0; i < sizeof(nothing); i++)
		assert_int_equal(((const char *)&nothing)[i], 0);
}

static void a_histogram_s_median_is_finer_than_its_buckets(void **state)
{
	/* 512 .. 527, 528 .. 543, 544 .. 559 */
	static const uint32_t bucket[] = {160, 161, 162};
	static const struct {
		uint64_t count[3], median;
	} table[] = {
		{{0, 100, 0}, 536}, {{50, 100, 50}, 536}, {{25, 100, 75}, 540},
		{{75, 100, 25}, 532}, {{100, 0, 100}, 528}, {{1, 0, 0}, 520},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(prices_histogram_median(bucket, table[i].count, 3),
				 table[i].median);
	assert_int_equal(prices_histogram_median(bucket, table[0].count, 0), 0);
}

static void what_rises_must_be_said_twice(void **state)
{
	/* What holds, the one before, the fresh one; which of them holds then. */
	static const struct {
		uint64_t held, before, fresh;
		const char *missing;
		int believed;
	} table[] = {
		{0, 0, 950, "", 2},	  {950, 950, 970, "", 2},     {950, 950, 700, "", 2},
		{950, 950, 1365, "", 0},  {950, 1365, 1300, "", 2},   {950, 1300, 1365, "", 1},
		{950, 950, 0, "lost", 0}, {0, 0, 0, "unmeasured", 2},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct prices p[3] = {};

		p[0].session_ns[CLASS(EMULATED)] = table[i].held;
		p[1].session_ns[CLASS(EMULATED)] = table[i].before;
		p[2].session_ns[CLASS(EMULATED)] = table[i].fresh;
		strcpy(p[2].missing, table[i].missing);
		assert_ptr_equal(prices_believe(&p[0], &p[1], &p[2]), &p[table[i].believed]);
	}
}

static void a_text_is_cut_never_overrun(void **state)
{
	char text[256];

	prices_text(&known, text, sizeof(text));
	assert_non_null(strstr(text, "emulated 500/900/400 ns"));
	for (size_t size = 1; size < sizeof(text); size++) {
		memset(text, 'x', sizeof(text));
		prices_text(&known, text, size);
		assert_true(strlen(text) < size);
		assert_int_equal(text[size], 'x');
	}
}

static void a_median_is_the_middle_one(void **state)
{
	int64_t odd[] = {5, -100, 3000000000000}, one[] = {7};

	assert_int_equal(prices_median(odd, 3), 5);
	assert_int_equal(prices_median(one, 1), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_pays_for_its_probes),
		cmocka_unit_test(only_known_prices_are_told),
		cmocka_unit_test(what_rises_must_be_said_twice),
		cmocka_unit_test(a_way_out_is_told_by_what_it_adds),
		cmocka_unit_test(bpf_knows_two_classes),
		cmocka_unit_test(a_histogram_s_median_is_finer_than_its_buckets),
		cmocka_unit_test(a_text_is_cut_never_overrun),
		cmocka_unit_test(a_median_is_the_middle_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
