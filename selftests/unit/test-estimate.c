// SPDX-License-Identifier: GPL-2.0-only
/*
 * Estimates from windows: by hand where that can be done, and simulated: how often does the
 * 95 % interval hold the truth, for workloads that are steady or come in bursts of any
 * length, and for calls that outlive their windows?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "lib/hist.h"
#include "sim.h"

static void assert_near(double a, double b, double relative)
{
	if (!(fabs(a - b) <= relative * fabs(b)))
		fail_msg("%g is not within %g of %g", a, relative, b);
}

/* A window of 5 ms of own time and as many probes as say, opened at so many ms. */
static void look(struct estimate *e, double at_ms, double calls, double probe_part)
{
	struct estimate_window w = {.now_ns = at_ms * 1e6,
				    .cpu_ns = 5e6 * (1 + probe_part),
				    .probe_ns = 5e6 * probe_part,
				    .progress_ns = 5e6,
				    .length_ns = 5e6,
				    .calls = calls,
				    .exits = calls,
				    .total_ns = calls * 100};

	estimate_window(e, &w);
}

static void student_is_as_in_the_tables(void **state)
{
	static const double table[][2] = {{1, 12.706}, {2, 4.303}, {3, 3.182},	 {4, 2.776},
					  {5, 2.571},  {9, 2.262}, {29, 2.045}, {1e6, 1.96}};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_near(estimate_student(table[i][0]), table[i][1], 0.004);
	for (double df = 1; df < 20; df += 0.25)
		assert_true(estimate_student(df) > estimate_student(df + 0.25));
}

static void all_that_was_counted_is_no_estimate(void **state)
{
	struct estimate e = {};
	struct estimate_result r;

	estimate_exact(&e, 1000, 990, 5e6);
	estimate_exact(&e, 10, 20, 1e6);
	estimate_result(&e, 1e9, 0, &r);
	assert_true(r.known && r.timed);
	assert_true(r.calls == 1010 && r.calls_se == 0 && r.total_ns == 6e6);
	assert_true(!r.windows && !r.own_ns);
}

static void windows_are_scaled_by_own_time(void **state)
{
	struct estimate e = {};
	struct estimate_result r;

	estimate_open(&e, 1, 0);
	for (int i = 0; i < 10; i++)
		look(&e, 50 + 100 * i, i % 2 ? 110 : 90, 0);
	estimate_result(&e, 1e9, 1e9, &r);
	assert_true(r.known && r.timed);
	/* 1,000 calls in 50 ms of 1,000; each tenth of them has a standard error of 10.5. */
	assert_near(r.calls, 20000, 0.001);
	assert_near(r.calls_se, 20000 * 10.54 / 100 / sqrt(10) * 2.262 / 1.96, 0.03);
	assert_near(r.total_ns, 20000 * 100, 0.001);
	assert_int_equal(r.windows, 10);
	assert_near(r.observed_ns, 50e6, 0.001);
	assert_true(r.own_ns == 1000000000);
}

/* Ten windows in the first half of the time, which saw nothing, are worth one half of it. */
static void a_window_stands_for_the_time_around_it(void **state)
{
	struct estimate e = {};
	struct estimate_result r;

	estimate_open(&e, 1, 0);
	for (int i = 0; i < 50; i++)
		look(&e, 5 + 10 * i, 0, 0);
	for (int i = 0; i < 5; i++)
		look(&e, 550 + 100 * i, 100, 0);
	estimate_result(&e, 1e9, 1e9, &r);
	assert_near(r.calls, 10000, 0.06);
}

static void an_error_of_prices_is_one_of_own_time(void **state)
{
	struct estimate e = {};
	struct estimate_result r;

	estimate_open(&e, 1, 0);
	for (int i = 0; i < 100; i++)
		look(&e, 5 + 10 * i, 100000, 0.5);
	estimate_result(&e, 1e9, 1e9, &r);
	/* Half as much as own time, known to that. */
	assert_near(r.calls_se / r.calls, ESTIMATE_PRICE_ERROR * 0.5, 0.02);
	assert_near(r.total_se_ns / r.total_ns, ESTIMATE_PRICE_ERROR * 0.5, 0.02);
}

static void short_calls_behind_dear_probes_have_no_times(void **state)
{
	const struct estimate_result before = {
		.known = true, .timed = true, .calls = 1000, .total_ns = 1e6, .total_se_ns = 3e4};
	struct estimate_result r = before;

	/* 1,000 ns each, and 400 ns were taken off. */
	estimate_price(&r, 400);
	assert_true(r.timed);
	assert_near(r.total_se_ns, hypot(3e4, ESTIMATE_PRICE_ERROR * 4e5), 1);
	r = before;
	estimate_price(&r, 10000);
	assert_true(r.known && !r.timed && *r.why);
}

static void what_probes_take_most_of_is_not_known(void **state)
{
	struct estimate e = {};
	struct estimate_result r;

	estimate_open(&e, 1, 0);
	for (int i = 0; i < 100; i++)
		look(&e, 5 + 10 * i, 100000, 1.1);
	estimate_result(&e, 1e9, 1e9, &r);
	assert_true(!r.known && *r.why);
}

static void what_was_refused_in_a_window_is_filled_up(void **state)
{
	struct estimate e = {};
	struct estimate_result r;
	struct estimate_window w = {.cpu_ns = 5e6, .progress_ns = 5e6, .length_ns = 5e6};

	estimate_open(&e, 1, 0);
	for (int i = 0; i < 20; i++) {
		w.now_ns = 25e6 + 50e6 * i;
		w.seen = i % 2 ? 0.25 : 1;
		w.calls = w.seen * 1000;
		w.exits = w.calls;
		w.total_ns = w.calls * 10;
		estimate_window(&e, &w);
	}
	estimate_result(&e, 1e9, 1e9, &r);
	assert_near(r.calls, 200000, 0.001);
	assert_near(r.observed_ns, 20 * 5e6 * 0.625, 0.001);
}

static void strata_add_up(void **state)
{
	struct estimate e = {};
	struct estimate_result r, first;

	estimate_exact(&e, 500, 500, 5e4);
	estimate_open(&e, 1, 0);
	for (int i = 0; i < 10; i++)
		look(&e, 50 + 100 * i, i % 2 ? 110 : 90, 0);
	estimate_close(&e, 1e9, 1e9);
	estimate_result(&e, 1e9, 0, &first);
	assert_near(first.calls, 20500, 0.001);
	estimate_exact(&e, 300, 300, 3e4);
	estimate_open(&e, 2e9, 0);
	for (int i = 0; i < 10; i++)
		look(&e, 2050 + 100 * i, i % 2 ? 11 : 9, 0);
	estimate_result(&e, 3e9, 1e9, &r);
	assert_true(r.known && r.windows == 20);
	assert_near(r.calls, 22800, 0.001);
	assert_true(r.calls_se > first.calls_se && r.calls_se < first.calls_se * 1.1);
}

static void a_stratum_of_few_windows_joins_the_next(void **state)
{
	struct estimate e = {};
	struct estimate_result r;

	estimate_open(&e, 1, 0);
	look(&e, 50, 100, 0);
	look(&e, 150, 100, 0);
	estimate_close(&e, 200e6, 200e6);
	estimate_result(&e, 300e6, 0, &r);
	assert_false(r.known);
	assert_string_equal(r.why, "seen in 2 windows, 3 are needed");
	estimate_open(&e, 1e9, 0);
	for (int i = 0; i < 8; i++)
		look(&e, 1050 + 100 * i, i % 2 ? 101 : 99, 0);
	estimate_result(&e, 1800e6, 800e6, &r);
	assert_true(r.known && r.windows == 10);
	assert_near(r.calls, 20000, 0.001);
}

static void what_cannot_be_told_is_not(void **state)
{
	static const struct {
		int windows, with_calls;
		double calls;
		const char *why;
	} table[] = {
		{0, 0, 0, "seen in 0 windows, 3 are needed"},
		{2, 2, 100, "seen in 2 windows, 3 are needed"},
		{20, 0, 0, "not called in 20 windows"},
		{20, 1, 100, "called in 1 of 20 windows only"},
		{20, 3, 100, "called in 3 of 20 windows only"},
		{100, 5, 100, "calls differ too much among 100 windows"},
		{100, 100, 100, ""},
	};

	for (size_t k = 0; k < sizeof(table) / sizeof(*table); k++) {
		struct estimate e = {};
		struct estimate_result r;

		estimate_open(&e, 1, 0);
		for (int i = 0; i < table[k].windows; i++)
			look(&e, 5 + 10 * i, i < table[k].with_calls ? table[k].calls : 0, 0);
		estimate_result(&e, 1e9, 1e9, &r);
		assert_string_equal(r.why, table[k].why);
		assert_int_equal(r.known, !*table[k].why);
		assert_true(r.windows == (uint64_t)table[k].windows);
	}
}

/* 20 windows of 5 ms in 1 s saw none: fewer than 3 in each 100 ms. */
static void not_seen_is_fewer_than_some_not_none(void **state)
{
	struct estimate e = {};
	struct estimate_result r;

	estimate_open(&e, 1, 0);
	for (int i = 0; i < 20; i++)
		look(&e, 25 + 50 * i, 0, 0);
	estimate_result(&e, 1e9, 1e9, &r);
	assert_false(r.known);
	assert_near(r.calls_most, 30, 0.01);
	/* Beside 1,000 that were counted these are little. */
	estimate_exact(&e, 1000, 1000, 1e6);
	estimate_result(&e, 1e9, 1e9, &r);
	assert_true(r.known && r.calls == 1000);
	assert_near(r.calls_se, 30 / 1.96, 0.01);
}

/* It was refused at 1,000 calls per ms; the first window, 100 ms later, sees none. */
static void a_refused_one_was_not_idle_until_its_first_window(void **state)
{
	struct estimate e = {};
	struct estimate_result r;

	estimate_exact(&e, 2000, 2000, 2e6);
	estimate_open(&e, 1, 1e-3);
	for (int i = 0; i < 10; i++)
		look(&e, 100 + 10 * i, 0, 0);
	estimate_result(&e, 200e6, 200e6, &r);
	assert_false(r.known);
	assert_true(r.calls - 1.96 * r.calls_se <= 2000 + 0.0);
	assert_true(r.calls_most >= 2000 + 80000);
}

static void progress_is_what_would_have_been(void **state)
{
	static const struct {
		struct estimate_cost cost;
		double progress;
	} table[] = {
		/* cpu, probes, armed, wall, width, duty */
		{{5e6, 0, 0, 5e6, 1, 0}, 5e6},
		{{5e6, 1e6, 0, 5e6, 1, 0}, 5e6},	  /* busy: they took from it */
		{{5e6, 1e6, 0, 5e6, 0.4, 0}, 4e6},	  /* idle time was there */
		{{5e6, 1e6, 0, 5e6, 0.9, 0}, 4.5e6},	  /* a little of it */
		{{1e6, 0.5e6, 0, 5e6, 1, 0}, 1e6},	  /* a quiet one of a busy target */
		{{5e6, 1e6, 1e6, 5e6, 1, 0}, 4e6},	  /* not by this window */
		{{5e6, 1e6, 0, 5e6, 1, 0.2}, 4.8e6},	  /* met more often by a fifth of that */
		{{20e6, 4e6, 0, 5e6, 4, 0}, 20e6},
		{{0, 0, 0, 5e6, 1, 0}, 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_near(estimate_progress(&table[i].cost), table[i].progress, 1e-9);
}

/* --- simulated -------------------------------------------------------------- */

static const struct workload {
	const char *name;
	enum sim_kind kind;
	double on_ms, off_ms, demand;
} workloads[] = {
	{"steady", SIM_STEADY, 0, 0, 1},
	{"bursts of 5 in 10 ms", SIM_ON_OFF, 5, 5, 1},
	{"bursts of 20 in 100 ms", SIM_ON_OFF, 20, 80, 1},
	{"bursts of 5 in 105 ms", SIM_ON_OFF, 5, 100, 1},
	{"bursts of 1 in 2 s", SIM_ON_OFF, 1000, 1000, 1},
	{"bursts of 0.2 in 2.2 s", SIM_ON_OFF, 200, 2000, 1},
	{"50 of each 100 ms", SIM_PERIODIC, 50, 50, 1},
	{"10 of each 100 ms", SIM_PERIODIC, 10, 90, 1},
	{"500 of each 1000 ms", SIM_PERIODIC, 500, 500, 1},
	{"more and more", SIM_DRIFT, 10000, 1, 1},
	{"bursts of 20 in 100 ms, 40 % busy", SIM_ON_OFF, 20, 80, 0.4},
	{"bursts of 20 in 100 ms, 80 % busy", SIM_ON_OFF, 20, 80, 0.8},
};

struct score {
	unsigned int seen, known, held;
};

enum { FUNCTIONS = 40, BURSTY = 24 };

/* Ten seconds at 5 %; true prices are 10 % off (one standard error). */
static void score_run(const struct workload *w, uint64_t seed, struct score *score)
{
	static const double rate[] = {2e-4, 5e-5, 1e-5};
	struct sim s = {.arming_ns = 20000, .n_process = 1, .demand = w->demand};
	struct sim_function f[FUNCTIONS] = {};
	double duty = w->on_ms ? w->on_ms / (w->on_ms + w->off_ms) : 1, error;

	s.process[0] = (struct sim_process){
		.kind = w->kind, .on_ms = w->on_ms, .off_ms = w->off_ms};
	s.random = seed * 1234567 + 991;
	for (int i = 0; i < 10; i++)
		sim_random(&s);
	error = ESTIMATE_PRICE_ERROR * sim_normal(&s);
	for (int i = 0; i < FUNCTIONS; i++) {
		f[i].process = i < BURSTY ? 0 : -1;
		f[i].rate = rate[i % 12 / 4] * (i < BURSTY ? 1 : duty);
		f[i].duration_ns = 100;
		f[i].price_ns = 800 * (1 + error);
	}
	sim_init(&s, f, FUNCTIONS, &(struct governor_config){.budget = 0.05}, seed);
	sim_run(&s, 10);
	for (int i = 0; i < BURSTY; i++) {
		struct estimate_result r;

		sim_estimate(&s, i, &r);
		if (!r.windows)
			continue;
		score->seen++;
		score->known += r.known;
		score->held += r.known && fabs(r.calls - f[i].calls) <= 1.96 * r.calls_se;
	}
	sim_done(&s);
}

static void intervals_hold_the_truth(void **state)
{
	for (size_t k = 0; k < sizeof(workloads) / sizeof(*workloads); k++) {
		struct score score = {};

		for (uint64_t seed = 1; seed <= 50; seed++)
			score_run(&workloads[k], seed, &score);
		print_message("%-36s known %5.1f %%, of these held %5.1f %%\n", workloads[k].name,
			      100.0 * score.known / score.seen, 100.0 * score.held / score.known);
		assert_true(score.seen > 500 && score.known > score.seen / 4);
		assert_true(score.held >= 0.93 * score.known);
	}
}

/*
 * Calls of one duration (or of durations spread evenly around it, or exponentially) enter at
 * random moments of windows of 5 ms; those that have not returned after the grace are
 * censored.
 */
enum spread { FIXED, EVEN, EXPONENTIAL };

static double draw(struct sim *s, double mean, enum spread spread)
{
	if (spread == FIXED)
		return mean;
	return spread == EVEN ? mean * 2 * sim_random(s) : -mean * log(1 - sim_random(s));
}

static void censor_window(struct sim *s, struct estimate *e, double at_ns, double duration_ns,
			  double grace_ns, enum spread spread)
{
	double length_ns = 5e6, n = sim_poisson(s, 20);
	struct estimate_window w = {.now_ns = at_ns,
				    .cpu_ns = length_ns,
				    .progress_ns = length_ns,
				    .length_ns = length_ns + grace_ns,
				    .calls = n};

	for (int i = 0; i < n; i++) {
		double d = draw(s, duration_ns, spread), late, late_ns;
		uint32_t bucket = hist_bucket(d);
		uint64_t one = 1;

		if (sim_random(s) * length_ns + d > length_ns + grace_ns) {
			w.censored++;
			continue;
		}
		w.exits++;
		w.total_ns += d;
		estimate_censored(&bucket, &one, 1, length_ns, grace_ns, &late, &late_ns);
		w.late_exits += late;
		w.late_total_ns += late_ns;
	}
	estimate_window(e, &w);
}

static struct score censor(double duration_ns, double grace_ns, enum spread spread, double *ret_bias)
{
	struct score score = {};
	double truth = 4000.0 * 10 * duration_ns, sum = 0;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct sim s = {.random = seed * 7919 + 1};
		struct estimate e = {};
		struct estimate_result r;

		estimate_open(&e, 1, 0);
		for (int i = 0; i < 40; i++)
			censor_window(&s, &e, 10e9 / 40 * (i + sim_random(&s)), duration_ns,
				      grace_ns, spread);
		estimate_result(&e, 10e9, 10e9, &r);
		score.seen++;
		if (!r.timed)
			continue;
		score.known++;
		score.held += fabs(r.total_ns - truth) <= 1.96 * r.total_se_ns;
		sum += r.total_ns / truth - 1;
	}
	*ret_bias = score.known ? sum / score.known : 0;
	return score;
}

/* A total is told when (nearly) all calls can be seen, not when none can, and holds. */
static void calls_that_outlive_windows_are_made_up_for(void **state)
{
	static const struct {
		double duration, grace; /* in windows */
		enum spread spread;
		int told; /* 1: nearly always; 0: now and then; -1: never */
	} table[] = {
		{0.1, 0, FIXED, 1},	 {0.1, 0.25, EXPONENTIAL, 1}, {0.5, 0, FIXED, 1},
		{0.5, 0, EVEN, 0},	 {1.0, 0.25, FIXED, 1},	      {2.0, 0.25, FIXED, -1},
		{5.0, 0.25, FIXED, -1},	 {10.0, 0.25, FIXED, -1},     {2.0, 2, FIXED, 1},
		{2.0, 4, EVEN, 1},	 {2.0, 20, EXPONENTIAL, 1},   {5.0, 5, FIXED, 1},
		{5.0, 10, EVEN, 1},	 {10.0, 10, FIXED, 1},	      {10.0, 9.5, FIXED, 0},
	};

	for (size_t k = 0; k < sizeof(table) / sizeof(*table); k++) {
		double bias;
		struct score score = censor(table[k].duration * 5e6, table[k].grace * 5e6,
					    table[k].spread, &bias);

		print_message("%4.1f windows, grace %5.2f: told %3u of %u, held %3u, %+.1f %%\n",
			      table[k].duration, table[k].grace, score.known, score.seen,
			      score.held, 100 * bias);
		assert_true(score.known >= (table[k].told > 0 ? 0.9 : 0) * score.seen);
		assert_true(table[k].told >= 0 || !score.known);
		assert_true(score.held >= 0.93 * score.known);
		assert_true(fabs(bias) < 0.07);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(student_is_as_in_the_tables),
		cmocka_unit_test(all_that_was_counted_is_no_estimate),
		cmocka_unit_test(windows_are_scaled_by_own_time),
		cmocka_unit_test(a_window_stands_for_the_time_around_it),
		cmocka_unit_test(an_error_of_prices_is_one_of_own_time),
		cmocka_unit_test(short_calls_behind_dear_probes_have_no_times),
		cmocka_unit_test(what_probes_take_most_of_is_not_known),
		cmocka_unit_test(what_was_refused_in_a_window_is_filled_up),
		cmocka_unit_test(strata_add_up),
		cmocka_unit_test(a_stratum_of_few_windows_joins_the_next),
		cmocka_unit_test(what_cannot_be_told_is_not),
		cmocka_unit_test(not_seen_is_fewer_than_some_not_none),
		cmocka_unit_test(a_refused_one_was_not_idle_until_its_first_window),
		cmocka_unit_test(progress_is_what_would_have_been),
		cmocka_unit_test(intervals_hold_the_truth),
		cmocka_unit_test(calls_that_outlive_windows_are_made_up_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
