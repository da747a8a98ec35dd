// SPDX-License-Identifier: GPL-2.0-only
/* Several processes as one: figures known on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lib/merge.h"

/* --- targets --------------------------------------------------------------- */

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){strlen(text), (uint8_t *)strdup(text)};
}

static Hotpath__Target *target(int32_t pid)
{
	Hotpath__Target *t = malloc(sizeof(*t));

	hotpath__target__init(t);
	t->pid = pid;
	t->comm = bytes("worker");
	t->complete = true;
	t->elapsed_ns = 1000;
	t->cpu_total_ns = 500;
	t->functions = calloc(16, sizeof(*t->functions));
	return t;
}

static Hotpath__Function *function(Hotpath__Target *t, const char *name, uint64_t offset,
				   Hotpath__Returns returns)
{
	Hotpath__Function *f = malloc(sizeof(*f));

	hotpath__function__init(f);
	f->id = (uint32_t)t->n_functions;
	f->name = bytes(name);
	f->object = bytes("worker");
	f->probe = malloc(sizeof(*f->probe));
	hotpath__probe__init(f->probe);
	f->probe->offset = offset;
	f->probe->returns = returns;
	f->probe->reason = strdup("nobody raises");
	t->functions[t->n_functions++] = f;
	return f;
}

#define SESSION HOTPATH__RETURNS__RETURNS_SESSION
#define SITES	HOTPATH__RETURNS__RETURNS_SITES
#define NONE	HOTPATH__RETURNS__RETURNS_NONE

/* Calls that all returned after ns each. */
static void times(Hotpath__Function *f, uint64_t calls, uint64_t ns, uint32_t bucket)
{
	f->calls = f->exits = calls;
	f->total_ns = f->self_ns = calls * ns;
	f->min_ns = f->max_ns = ns;
	f->durations = malloc(sizeof(*f->durations));
	hotpath__histogram__init(f->durations);
	f->durations->bucket = malloc(sizeof(uint32_t));
	f->durations->count = malloc(sizeof(uint64_t));
	f->durations->n_bucket = f->durations->n_count = 1;
	f->durations->bucket[0] = bucket;
	f->durations->count[0] = calls;
}

static void note(Hotpath__Target *t, const char *text)
{
	t->notes = reallocarray(t->notes, t->n_notes + 1, sizeof(*t->notes));
	t->notes[t->n_notes++] = strdup(text);
}

static void counter(Hotpath__Target *t, const char *name, uint64_t value)
{
	Hotpath__Counter *c = malloc(sizeof(*c));

	hotpath__counter__init(c);
	c->name = strdup(name);
	c->value = value;
	t->health = reallocarray(t->health, t->n_health + 1, sizeof(*t->health));
	t->health[t->n_health++] = c;
}

static void merge(Hotpath__Target *into, Hotpath__Target *from)
{
	assert_int_equal(merge_target(into, from), 0);
	hotpath__target__free_unpacked(from, NULL);
}

static void drop(Hotpath__Target *t)
{
	hotpath__target__free_unpacked(t, NULL);
}

/* --- tests ----------------------------------------------------------------- */

static void sums_are_sums_and_extremes_extremes(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11);
	Hotpath__Function *f = function(a, "work", 0x100, SESSION), *g;

	times(f, 3, 20, 20);
	g = function(b, "work", 0x100, SESSION);
	times(g, 5, 10, 10);
	g->calls = 12;
	g->open = 1, g->cut = 1, g->unwound = 2, g->vetoed = 3, g->lost = 1;
	merge(a, b);

	assert_int_equal(a->n_functions, 1);
	assert_int_equal(f->calls, 15);
	assert_int_equal(f->exits, 8);
	assert_int_equal(f->calls, f->exits + f->open + f->unwound + f->vetoed + f->lost);
	assert_int_equal(f->cut, 1);
	assert_int_equal(f->total_ns, 3 * 20 + 5 * 10);
	assert_int_equal(f->self_ns, 110);
	assert_int_equal(f->min_ns, 10);
	assert_int_equal(f->max_ns, 20);
	assert_int_equal(a->elapsed_ns, 2000);
	assert_int_equal(a->cpu_total_ns, 1000);
	drop(a);
}

static void histograms_are_zipped_in_ascending_order(void **state)
{
	static const uint32_t bucket[] = {10, 20, 30};
	static const uint64_t count[] = {4, 3, 9};
	Hotpath__Target *a = target(10);
	Hotpath__Function *f = function(a, "work", 1, SESSION);

	times(f, 3, 20, 20);
	for (int i = 0; i < 3; i++) {
		Hotpath__Target *b = target(11 + i);

		times(function(b, "work", 1, SESSION), i == 2 ? 9 : 2, 5, i == 2 ? 30 : 10);
		merge(a, b);
	}
	assert_int_equal(f->durations->n_bucket, 3);
	assert_int_equal(f->durations->n_count, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f->durations->bucket[i], bucket[i]);
		assert_int_equal(f->durations->count[i], count[i]);
	}
	drop(a);
}

static void min_of_a_function_without_exits_means_nothing(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11), *c = target(12);
	Hotpath__Function *f = function(a, "work", 1, SESSION);

	function(b, "work", 1, SESSION);
	times(b->functions[0], 1, 7, 7);
	function(c, "work", 1, SESSION);
	merge(a, b);
	merge(a, c);
	assert_int_equal(f->min_ns, 7);
	assert_int_equal(f->max_ns, 7);
	drop(a);
}

static void functions_meet_by_object_offset_and_name_in_any_order(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11);

	function(a, "one", 1, SESSION)->calls = 1;
	function(a, "two", 2, SESSION)->calls = 10;
	function(a, "same", 3, SESSION)->calls = 100;
	function(b, "two", 2, SESSION)->calls = 20;
	function(b, "same", 4, SESSION)->calls = 200; /* static, of another file */
	function(b, "one", 1, SESSION)->calls = 2;
	function(b, "new", 5, NONE)->calls = 7;
	merge(a, b);

	assert_int_equal(a->n_functions, 5);
	assert_int_equal(a->functions[0]->calls, 3);
	assert_int_equal(a->functions[1]->calls, 30);
	assert_int_equal(a->functions[2]->calls, 100);
	assert_int_equal(a->functions[3]->calls, 200);
	assert_int_equal(a->functions[3]->id, 3);
	assert_int_equal(a->functions[4]->calls, 7);
	assert_int_equal(a->functions[4]->id, 4);
	assert_int_equal(a->functions_attached, 5);
	assert_int_equal(a->functions_session, 4);
	assert_int_equal(a->functions_entry_only, 1);
	drop(a);
}

static void the_weaker_returns_stand(void **state)
{
	static const struct {
		Hotpath__Returns a, b, merged;
		const char *reason;
	} cases[] = {{SESSION, SESSION, SESSION, "nobody raises"},
		     {SESSION, SITES, SITES, "differs between processes"},
		     {SITES, SESSION, SITES, "differs between processes"},
		     {SITES, NONE, NONE, "differs between processes"},
		     {NONE, SESSION, NONE, "differs between processes"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Hotpath__Target *a = target(10), *b = target(11);

		function(a, "work", 1, cases[i].a)->probe->price_ns = 500;
		function(b, "work", 1, cases[i].b)->probe->price_ns = 900;
		merge(a, b);
		assert_int_equal(a->functions[0]->probe->returns, cases[i].merged);
		assert_string_equal(a->functions[0]->probe->reason, cases[i].reason);
		assert_int_equal(a->functions[0]->probe->price_ns, 900);
		drop(a);
	}
}

static void health_is_summed_by_name_and_notes_said_once(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11);

	counter(a, "stray_returns", 2);
	counter(b, "other", 1);
	counter(b, "stray_returns", 3);
	note(a, "one");
	note(b, "one");
	note(b, "two");
	merge(a, b);
	assert_int_equal(a->n_health, 2);
	assert_int_equal(a->health[0]->value, 5);
	assert_string_equal(a->health[1]->name, "other");
	assert_int_equal(a->n_notes, 2);
	drop(a);
}

static void what_is_left_out_is_a_number(void **state)
{
	Hotpath__Target *a = target(1);

	for (int i = 2; i <= 2000; i++) {
		Hotpath__Target *b = target(i);
		char text[32];

		snprintf(text, sizeof(text), "of pid %d", i);
		note(b, text);
		merge(a, b);
	}
	assert_int_equal(a->processes, 2000);
	assert_int_equal(a->n_pids, MERGE_PIDS_MAX);
	assert_int_equal(a->pids[0], 1);
	assert_int_equal(a->pids[MERGE_PIDS_MAX - 1], MERGE_PIDS_MAX);
	assert_int_equal(a->n_notes, MERGE_NOTES_MAX);
	assert_string_equal(a->health[0]->name, "notes_left_out");
	assert_int_equal(a->health[0]->value, 1999 - MERGE_NOTES_MAX);
	drop(a);
}

static void what_differs_is_not_claimed(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11);

	a->state = HOTPATH__TARGET_STATE__TARGET_EXITED;
	a->exit_status_known = b->exit_status_known = true;
	b->exit_status = 256;
	a->parent_pid = b->parent_pid = 9;
	a->family = 3, b->family = 4;
	b->complete = false;
	a->cgroup = bytes("/one");
	b->cgroup = bytes("/two");
	merge(a, b);
	assert_int_equal(a->cgroup.len, 0);
	assert_int_equal(a->state, HOTPATH__TARGET_STATE__TARGET_RUNNING);
	assert_false(a->exit_status_known);
	assert_int_equal(a->parent_pid, 9);
	assert_int_equal(a->family, 0);
	assert_false(a->complete);
	drop(a);
}

/* As a file may have it: lists of different length, sums that do not fit. */
static void damaged_figures_do_no_harm(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11);
	Hotpath__Function *f = function(a, "work", 1, SESSION);

	times(f, UINT64_MAX, 1, 1);
	times(function(b, "work", 1, SESSION), 1, 1, 1);
	b->functions[0]->durations->n_bucket = 0;
	merge(a, b);
	assert_true(f->calls == UINT64_MAX);
	assert_int_equal(f->durations->n_bucket, 1);
	drop(a);
}

static Hotpath__Estimated *estimate(Hotpath__Function *f, double calls, double se)
{
	f->estimated = malloc(sizeof(*f->estimated));
	hotpath__estimated__init(f->estimated);
	f->estimated->known = f->estimated->timed = true;
	f->estimated->calls = calls;
	f->estimated->calls_se = se;
	f->estimated->total_ns = calls * 10;
	f->estimated->total_se_ns = se * 10;
	f->estimated->windows = 7;
	return f->estimated;
}

static void estimates_and_their_variances_are_summed(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11), *c = target(12), *d = target(13);
	Hotpath__Function *f = function(a, "work", 0x100, SESSION);
	Hotpath__Estimated *e;

	times(f, 100, 10, 10);
	estimate(f, 1000, 30)->released_at_ns = 900;
	estimate(function(b, "work", 0x100, SESSION), 500, 40)->released_at_ns = 300;
	times(function(c, "work", 0x100, SESSION), 20, 10, 10); /* saw every call */
	merge(a, b);
	merge(a, c);

	e = f->estimated;
	assert_int_equal(f->calls, 120);
	assert_true(e->calls == 1520 && e->calls_se == 50);
	assert_true(e->total_ns == 15200 && e->total_se_ns == 500);
	assert_true(e->known && e->timed);
	assert_int_equal(e->windows, 14);
	assert_int_equal(e->released_at_ns, 300);

	e = estimate(function(d, "work", 0x100, SESSION), 9, 1);
	e->known = false;
	e->why = strdup("seen in 1 window only");
	e->calls_most = 100;
	merge(a, d);
	assert_false(f->estimated->known);
	assert_true(f->estimated->calls_most == 1520 + 1.96 * 50 + 100);
	assert_string_equal(f->estimated->why, "seen in 1 window only");
	drop(a);
}

static void estimates_join_what_saw_every_call(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11);
	Hotpath__Function *f = function(a, "work", 0x100, SESSION);

	times(f, 20, 10, 10);
	estimate(function(b, "work", 0x100, SESSION), 500, 40);
	merge(a, b);

	assert_true(f->estimated->calls == 520 && f->estimated->calls_se == 40);
	assert_true(f->estimated->total_ns == 5200 && f->estimated->known);
	drop(a);
}

static Hotpath__Overhead *overhead(Hotpath__Target *t, uint64_t cpu_ns, double percent)
{
	t->cpu_total_ns = cpu_ns;
	t->overhead = malloc(sizeof(*t->overhead));
	hotpath__overhead__init(t->overhead);
	t->overhead->budgeted = t->overhead->sampled = true;
	t->overhead->percent = percent;
	t->overhead->budget_percent = 5;
	t->overhead->hits = cpu_ns;
	t->overhead->contention = percent;
	t->overhead->armed = (uint32_t)percent;
	return t->overhead;
}

static void costs_are_of_the_time_of_both(void **state)
{
	Hotpath__Target *a = target(10), *b = target(11), *c = target(12);

	overhead(a, 1020, 2); /* 1000 own, 20 of probes */
	overhead(b, 3120, 4); /* 3000 own, 120 of probes */
	b->overhead->sampled = false;
	merge(a, b);

	assert_true(a->overhead->percent > 3.4999 && a->overhead->percent < 3.5001);
	assert_int_equal(a->overhead->hits, 4140);
	assert_true(a->overhead->contention > 3.5 && a->overhead->contention < 3.51);
	assert_true(a->overhead->budgeted && a->overhead->budget_percent == 5);
	assert_false(a->overhead->sampled);
	assert_int_equal(a->overhead->armed, 4);

	c->cpu_total_ns = 3000; /* and no call: its probes have cost nothing */
	merge(a, c);
	assert_true(a->overhead->percent > 1.9999 && a->overhead->percent < 2.0001);
	assert_true(a->overhead->budgeted);

	c = target(13);
	times(function(c, "work", 0x100, SESSION), 20, 10, 10); /* at a price that nobody knows */
	merge(a, c);
	assert_null(a->overhead);
	drop(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_sums_and_extremes_extremes),
		cmocka_unit_test(histograms_are_zipped_in_ascending_order),
		cmocka_unit_test(min_of_a_function_without_exits_means_nothing),
		cmocka_unit_test(functions_meet_by_object_offset_and_name_in_any_order),
		cmocka_unit_test(the_weaker_returns_stand),
		cmocka_unit_test(health_is_summed_by_name_and_notes_said_once),
		cmocka_unit_test(what_is_left_out_is_a_number),
		cmocka_unit_test(what_differs_is_not_claimed),
		cmocka_unit_test(damaged_figures_do_no_harm),
		cmocka_unit_test(estimates_and_their_variances_are_summed),
		cmocka_unit_test(estimates_join_what_saw_every_call),
		cmocka_unit_test(costs_are_of_the_time_of_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
