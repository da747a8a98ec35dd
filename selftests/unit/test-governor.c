// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the governor decides, by tables where one decision is meant, and simulated (sim.h):
 * does it keep within the budget, does it use it, does it come to rest?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>
#include "sim.h"

enum { N = 1000 };

static uint64_t calls[N];

static struct governor *make(size_t n, const struct governor_config *config,
			     const struct governor_facts *facts)
{
	struct governor *g = governor_new(n, config);

	assert_non_null(g);
	memset(calls, 0, sizeof(calls));
	for (size_t i = 0; facts && i < n; i++)
		governor_facts(g, i, facts);
	return g;
}

/* A tick at that moment; the target was busy all the time and probes cost nothing yet. */
static const struct governor_plan *tick(struct governor *g, double ms)
{
	struct governor_sight sight = {
		.now_ns = 1e9 + ms * 1e6, .cpu_ns = ms * 1e6, .calls = calls};

	return governor_tick(g, &sight);
}

static void without_a_budget_all_are_armed_without_limits(void **state)
{
	struct governor *g = make(N, &(struct governor_config){},
				  &(struct governor_facts){.arming_ns = 20000, .expensive = true});
	const struct governor_plan *plan = tick(g, 0);

	assert_int_equal(plan->n_arm, N);
	assert_int_equal(plan->n_limited, 0);
	for (int i = 0; i < N; i++)
		calls[i] = 1000000;
	plan = tick(g, 100);
	assert_true(!plan->n_arm && !plan->n_release && !plan->n_limited);
	assert_null(governor_next(g, 1.1e9));
	governor_free(g);
}

static void a_run_begins_with_all_cheap_ones_armed(void **state)
{
	struct governor *g = make(N, &(struct governor_config){.budget = 0.05, .at_once = true},
				  &(struct governor_facts){.arming_ns = 20000});
	const struct governor_plan *plan;

	for (int i = 0; i < 100; i++)
		governor_facts(g, i, &(struct governor_facts){.arming_ns = 2e6, .expensive = true});
	plan = tick(g, 0);
	/* And of the expensive ones as many as half of the advance pays for, here: less than one. */
	assert_true(plan->n_arm >= 900 && plan->n_arm < 915);
	assert_int_equal(plan->n_limited, plan->n_arm);
	for (size_t k = 0; k < plan->n_limited; k++)
		assert_true(plan->limit[k] > 0);
	governor_free(g);
}

static void arming_goes_by_batches_and_by_what_it_costs(void **state)
{
	static const struct {
		uint32_t batch;
		double arming_ns;
		size_t most, least;
	} table[] = {
		{64, 0, 64, 64},
		{0, 0, 512, 512},
		{0, 50000, 400, 300}, /* half of 40 ms */
		{0, 10e6, 2, 1},
		{0, 100e6, 0, 0}, /* more than there is */
	};

	for (size_t k = 0; k < sizeof(table) / sizeof(*table); k++) {
		struct governor *g = make(
			N, &(struct governor_config){.budget = 0.05, .batch = table[k].batch},
			&(struct governor_facts){.arming_ns = table[k].arming_ns});
		const struct governor_plan *plan = tick(g, 0);

		assert_true(plan->n_arm <= table[k].most && plan->n_arm >= table[k].least);
		governor_free(g);
	}
}

static void asked_ones_go_first_and_expensive_ones_last(void **state)
{
	struct governor *g =
		make(N, &(struct governor_config){.budget = 0.05, .batch = 100}, NULL);
	const struct governor_plan *plan;

	for (int i = 0; i < N; i++)
		governor_facts(g, i, &(struct governor_facts){.asked = i % 10 == 3,
							      .expensive = i % 10 < 3});
	plan = tick(g, 0);
	assert_int_equal(plan->n_arm, 100);
	for (size_t k = 0; k < plan->n_arm; k++)
		assert_int_equal(plan->arm[k] % 10, 3);
	for (int t = 1; t < 7; t++) {
		plan = tick(g, 100 * t);
		for (size_t k = 0; k < plan->n_arm; k++)
			assert_true(plan->arm[k] % 10 > 3);
	}
	plan = tick(g, 700);
	assert_int_equal(plan->n_arm, 100);
	for (size_t k = 0; k < plan->n_arm; k++)
		assert_true(plan->arm[k] % 10 < 3);
	governor_free(g);
}

static void hot_ones_go_to_windows_unless_asked_for(void **state)
{
	struct governor *g = make(N, &(struct governor_config){.budget = 0.05}, NULL);
	uint32_t samples[N] = {[10] = 50, [20] = 2, [30] = 1, [40] = 100};

	governor_facts(g, 40, &(struct governor_facts){.asked = true});
	governor_samples(g, samples, 250);
	tick(g, 0);
	tick(g, 100);
	assert_int_equal(governor_state(g, 10), GOVERNOR_WINDOWED);
	assert_int_equal(governor_state(g, 20), GOVERNOR_WINDOWED);
	assert_int_equal(governor_state(g, 30), GOVERNOR_ARMED);
	assert_int_equal(governor_state(g, 40), GOVERNOR_ARMED);
	governor_free(g);
}

/* Rates of ARMED ones per second, 1 us each; the budget pays for 50,000 calls in a second,
 * 20,000 of them always. */
static void the_dearest_are_released_and_the_rest_stays(void **state)
{
	static const struct {
		double rate[4];
		bool asked[4];
		const char *armed; /* in the end */
	} table[] = {
		{{1000, 1000, 1000, 1000}, {}, "yyyy"},
		{{9000, 5000, 5000, 5000}, {}, "yyyy"}, /* within the margin */
		{{15000, 9000, 5000, 5000}, {}, "nyyy"},
		{{15000, 14000, 13000, 12000}, {}, "nnny"},
		{{15000, 14000, 13000, 1000}, {true}, "ynny"},
		{{30000, 30000, 30000, 1000}, {true, true, true}, "nnyy"},
		{{100000, 1000, 1000, 1000}, {true}, "nyyy"},
		{{3, 2, 1, 0}, {}, "yyyy"},
	};

	for (size_t k = 0; k < sizeof(table) / sizeof(*table); k++) {
		struct governor *g = make(4, &(struct governor_config){.budget = 0.05}, NULL);

		for (int i = 0; i < 4; i++)
			governor_facts(g, i,
				       &(struct governor_facts){.call_ns = 1000,
								.asked = table[k].asked[i]});
		for (int t = 0; t < 50; t++) {
			tick(g, 100 * t);
			for (int i = 0; i < 4; i++)
				if (governor_state(g, i) == GOVERNOR_ARMED)
					calls[i] += table[k].rate[i] / 10;
		}
		for (int i = 0; i < 4; i++) {
			if ((governor_state(g, i) == GOVERNOR_ARMED) != (table[k].armed[i] == 'y'))
				fail_msg("row %zu: function %d", k, i);
		}
		governor_free(g);
	}
}

static void what_trips_is_released_in_the_same_tick(void **state)
{
	struct governor *g = make(N, &(struct governor_config){.budget = 0.05}, NULL);
	uint32_t tripped[] = {7, 9};
	struct governor_sight sight = {.now_ns = 1.203e9,
				       .cpu_ns = 203e6,
				       .calls = calls,
				       .tripped = tripped,
				       .n_tripped = 2};
	struct governor_counts counts;
	const struct governor_plan *plan;

	tick(g, 0);
	tick(g, 100);
	tick(g, 200);
	calls[7] = calls[9] = 100;
	plan = governor_tick(g, &sight);
	assert_int_equal(plan->n_release, 2);
	assert_int_equal(plan->release[0], 7);
	assert_int_equal(plan->release[1], 9);
	assert_int_equal(governor_state(g, 7), GOVERNOR_WINDOWED);
	/* Told again, late: it is no news. */
	sight.now_ns += 100e6;
	sight.cpu_ns += 100e6;
	assert_int_equal(governor_tick(g, &sight)->n_release, 0);
	governor_counts(g, &counts);
	assert_int_equal(counts.trips, 2);
	assert_int_equal(counts.windowed, 2);
	assert_int_equal(counts.armed, N - 2);
	governor_free(g);
}

/* 50 never called: what all of them may do unseen is little; one that is called may go on. */
static void limits_are_small_at_first_and_follow_what_is_called(void **state)
{
	struct governor *g =
		make(100, &(struct governor_config){.budget = 0.05},
		     &(struct governor_facts){.call_ns = 1000});
	const struct governor_plan *plan = tick(g, 0);
	uint64_t limit = 0;

	for (size_t k = 0; k < plan->n_limited; k++)
		assert_true(plan->limit[k] >= 16 && plan->limit[k] * 1000 < 0.5e6);
	for (int t = 1; t < 20; t++) {
		calls[5] += 60;
		plan = tick(g, 100 * t);
		for (size_t k = 0; k < plan->n_limited; k++) {
			if (plan->limited[k] == 5)
				limit = plan->limit[k];
		}
		assert_true(limit >= calls[5] + 100);
	}
	assert_true(limit < calls[5] + 3000);
	assert_int_equal(governor_state(g, 5), GOVERNOR_ARMED);
	/* Nothing moves: nothing is said. */
	tick(g, 2000);
	assert_int_equal(tick(g, 2100)->n_limited, 0);
	governor_free(g);
}

/* All of them WINDOWED, seen once at these rates (calls per ms of own time), 1 us each. */
static struct governor *all_windowed(size_t n, const double *rate, double arming_ns)
{
	struct governor *g = make(n, &(struct governor_config){.budget = 0.05, .seed = 3},
				  &(struct governor_facts){.call_ns = 1000,
							   .arming_ns = arming_ns});
	uint32_t samples[N];
	uint64_t seen_calls[N];
	double ms = 0;

	for (size_t i = 0; i < n; i++)
		samples[i] = 100;
	governor_samples(g, samples, 1000);
	tick(g, 0);
	for (size_t seen = 0; seen < n;) {
		const struct governor_window *w;
		double probes = 0;

		ms += 50;
		tick(g, ms);
		w = governor_next(g, 1e9 + ms * 1e6);
		if (!w)
			continue;
		for (size_t k = 0; k < w->n; k++)
			probes += rate[w->function[k]] * 1e-3;
		for (size_t k = 0; k < w->n; k++)
			seen_calls[k] = rate[w->function[k]] * 10 / (1 + probes);
		governor_window_done(g, &(struct governor_seen){.now_ns = 1e9 + ms * 1e6,
								.cpu_ns = 10e6,
								.length_ns = 10e6,
								.calls = seen_calls});
		for (seen = 0; seen < n && governor_rate(g, seen) >= 0;)
			seen++;
	}
	return g;
}

struct rounds {
	uint32_t count[N], together[N], least, most, alone;
	double overhead;
	uint64_t length_ns;
};

/* So many windows, in which each does as ever. */
static void open_windows(struct governor *g, size_t n, const double *rate, int windows,
			 struct rounds *r)
{
	uint64_t seen_calls[N];
	double ms = 100000;

	*r = (struct rounds){.least = UINT32_MAX};
	while (windows) {
		const struct governor_window *w;
		double probes = 0, own;

		ms += 100;
		tick(g, ms);
		w = governor_next(g, 1e9 + ms * 1e6);
		if (!w)
			continue;
		windows--;
		assert_true(w->length_ns >= 1e6 && w->length_ns <= 20e6);
		for (size_t k = 0; k < w->n; k++)
			probes += rate[w->function[k]] * 1e-3;
		own = w->length_ns / (1 + probes);
		for (size_t k = 0; k < w->n; k++) {
			seen_calls[k] = rate[w->function[k]] * own / 1e6;
			assert_true(w->cap[k] >= seen_calls[k] && w->cap[k] <= 10000);
			r->count[w->function[k]]++;
			if (w->n > 1)
				r->together[w->function[k]]++;
		}
		if (w->n > 1)
			r->overhead = fmax(r->overhead, probes);
		r->length_ns += w->length_ns;
		governor_window_done(g, &(struct governor_seen){.now_ns = 1e9 + ms * 1e6,
								.cpu_ns = w->length_ns,
								.length_ns = w->length_ns,
								.calls = seen_calls});
	}
	for (size_t i = 0; i < n; i++) {
		if (governor_state(g, i) != GOVERNOR_WINDOWED)
			continue;
		r->least = r->count[i] < r->least ? r->count[i] : r->least;
		r->most = r->count[i] > r->most ? r->count[i] : r->most;
	}
}

static void windows_are_shared_out_evenly(void **state)
{
	double rate[60];
	struct governor *g;
	struct rounds r;

	for (int i = 0; i < 60; i++)
		rate[i] = 200.0 / (1 + i); /* 0.2 of own time to 0.003 */
	g = all_windowed(60, rate, 20000);
	open_windows(g, 60, rate, 200, &r);
	print_message("%u to %u windows, overhead %.2f\n", r.least, r.most, r.overhead);
	assert_true(r.least > 20 && r.most - r.least <= 2);
	assert_true(r.overhead <= 0.4);
	for (int i = 0; i < 60; i++)
		assert_true(r.together[i] > r.count[i] * 0.8);
	governor_free(g);
}

/* 5,000 calls per ms: the target would run at a sixth of its speed. */
static void what_is_too_dear_goes_alone_and_briefly(void **state)
{
	double rate[10] = {5000, 900, 20, 20, 20, 20, 20, 20, 20, 20};
	struct governor *g = all_windowed(10, rate, 20000);
	struct rounds r;

	open_windows(g, 10, rate, 60, &r);
	assert_true(r.most - r.least <= 2);
	assert_true(!r.together[0] && !r.together[1]);
	assert_true(r.together[9] == r.count[9]);
	governor_free(g);
}

static void arming_is_a_part_of_what_a_window_costs(void **state)
{
	static double rate[N];
	struct governor *g;
	struct rounds r;

	for (int i = 0; i < N; i++)
		rate[i] = 0.5;
	g = all_windowed(N, rate, 40000);
	/* They do little, and still not all of them are placed for each window. */
	open_windows(g, N, rate, 100, &r);
	assert_true(r.most * 40000.0 * N / 100 < 5e6);
	governor_free(g);
}

static void functions_may_come_later(void **state)
{
	struct governor *g = make(0, &(struct governor_config){.budget = 0.05}, NULL);
	struct governor_counts counts;

	assert_int_equal(tick(g, 0)->n_arm, 0);
	assert_true(governor_grow(g, 10));
	assert_int_equal(tick(g, 100)->n_arm, 10);
	assert_true(governor_grow(g, N));
	governor_facts(g, 50, &(struct governor_facts){.asked = true});
	assert_int_equal(tick(g, 200)->arm[0], 50);
	tick(g, 300);
	governor_counts(g, &counts);
	assert_int_equal(counts.armed, N);
	governor_free(g);
}

static void a_window_that_failed_is_followed_by_another(void **state)
{
	double rate[10] = {20, 20, 20, 20, 20, 20, 20, 20, 20, 20};
	struct governor *g = all_windowed(10, rate, 0);
	struct governor_counts before, after;
	int opened = 0;

	governor_counts(g, &before);
	governor_failed(g, 3);
	for (double ms = 50000; ms < 60000; ms += 100) {
		const struct governor_window *w;

		tick(g, ms);
		w = governor_next(g, 1e9 + ms * 1e6);
		if (!w)
			continue;
		opened++;
		for (size_t k = 0; k < w->n; k++)
			assert_true(w->function[k] != 3);
		assert_null(governor_next(g, 1e9 + ms * 1e6));
		governor_window_done(g, &(struct governor_seen){.failed = true});
	}
	governor_counts(g, &after);
	assert_true(opened > 20);
	assert_true(after.windows == before.windows);
	assert_int_equal(governor_state(g, 3), GOVERNOR_WAITING);
	governor_free(g);
}

/* --- simulated -------------------------------------------------------------- */

/* 60 functions that a request of 14 us calls 48 times, among 1,900; some are rare. */
enum { ALL = 1900, HOT = 60 };

static void redis_like(struct sim_function *f)
{
	double sum = 0;

	for (int i = 0; i < HOT; i++)
		sum += 1 / (1 + i * 0.12);
	for (int i = 0; i < ALL; i++)
		f[i].process = -1;
	for (int i = 0; i < HOT; i++) {
		f[i * 7] = (struct sim_function){.process = -1, .duration_ns = 100};
		f[i * 7].rate = 48 / (1 + i * 0.12) / sum / 14000;
		f[i * 7 + 1].rate = 1e-8 * i; /* up to 600 in a second */
	}
}

/* 40 us: two sites of 20. */
static void begin(struct sim *s, struct sim_function *f, double budget, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->arming_ns = 40000;
	sim_init(s, f, ALL, &(struct governor_config){.budget = budget}, seed);
}

static void budget_is_kept_from_two_seconds_on(void **state)
{
	static const double budget[] = {0.05, 0.05, 0.05, 0.05, 0.02, 0.01};

	for (size_t k = 0; k < sizeof(budget) / sizeof(*budget); k++) {
		static struct sim_function f[ALL];
		struct sim s;
		double lost, own;

		memset(f, 0, sizeof(f));
		redis_like(f);
		begin(&s, f, budget[k], k + 1);
		/* One knows half of the hot ones before. */
		if (k % 2) {
			uint32_t samples[ALL] = {};

			for (int i = 0; i < HOT / 2; i++)
				samples[i * 7] = 5;
			governor_samples(s.g, samples, 250);
		}
		sim_run(&s, 2);
		assert_true(s.lost_ns <= 100e6);
		lost = s.lost_ns;
		own = s.own;
		sim_run(&s, 10);
		lost = (s.lost_ns - lost) / (s.own - own);
		print_message("budget %.0f %%: %.2f %%\n", budget[k] * 100, lost * 100);
		assert_true(lost <= budget[k] * 1.05 + 0.0005 && lost >= budget[k] * 0.6);
		sim_done(&s);
	}
}

static void the_ten_hottest_are_within_ten_percent_after_ten_seconds(void **state)
{
	int within = 0, held = 0, narrow = 0, all = 0, exact = 0, rare = 0;

	for (uint64_t seed = 1; seed <= 10; seed++) {
		static struct sim_function f[ALL];
		struct sim s;

		memset(f, 0, sizeof(f));
		redis_like(f);
		begin(&s, f, 0.05, seed);
		sim_run(&s, 10);
		for (int i = 0; i < 10; i++) {
			struct estimate_result r;

			sim_estimate(&s, i * 7, &r);
			assert_true(r.known && r.timed);
			all++;
			within += fabs(r.calls / f[i * 7].calls - 1) <= 0.1 &&
				  fabs(r.total_ns / f[i * 7].total_ns - 1) <= 0.1;
			held += fabs(r.calls - f[i * 7].calls) <= 1.96 * r.calls_se;
			narrow += 1.96 * r.calls_se <= 0.1 * r.calls;
		}
		for (int i = 1; i < HOT; i++) {
			struct estimate_result r;

			sim_estimate(&s, i * 7 + 1, &r);
			rare++;
			exact += r.known && fabs(r.calls - f[i * 7 + 1].calls) <= 10;
		}
		sim_done(&s);
	}
	print_message("%d of %d within 10 %%, %d held, %d narrow; %d of %d rare ones exact\n",
		      within, all, held, narrow, exact, rare);
	assert_int_equal(within, all);
	assert_true(held >= 0.93 * all && narrow >= 0.9 * all && exact >= 0.85 * rare);
}

static void a_steady_target_is_left_alone(void **state)
{
	static struct sim_function f[ALL];
	struct sim s;
	uint32_t moves;

	memset(f, 0, sizeof(f));
	redis_like(f);
	begin(&s, f, 0.05, 9);
	sim_run(&s, 10);
	moves = s.moves;
	sim_run(&s, 60);
	print_message("%u moves in 50 s\n", s.moves - moves);
	assert_true(s.moves - moves <= 20);
	sim_done(&s);
}

/* For ten seconds none of the hot ones is called, and then again. */
static void a_quiet_phase_brings_them_back(void **state)
{
	static struct sim_function f[ALL];
	struct governor_counts counts;
	struct sim s;
	double lost, own;

	memset(f, 0, sizeof(f));
	redis_like(f);
	for (int i = 0; i < HOT; i++) {
		f[i * 7].to_s = 6;
		f[i * 7 + 2] = f[i * 7];
		f[i * 7 + 2].from_s = 30;
		f[i * 7 + 2].to_s = 100;
	}
	begin(&s, f, 0.05, 5);
	sim_run(&s, 5);
	governor_counts(s.g, &counts);
	assert_true(counts.windowed >= HOT * 0.9);
	sim_run(&s, 29);
	governor_counts(s.g, &counts);
	print_message("%u are still in windows\n", counts.windowed);
	assert_true(counts.windowed <= 5);
	/* Others become hot: noticed before the next tick, and paid for later. */
	lost = s.lost_ns;
	sim_run(&s, 29.06);
	governor_counts(s.g, &counts);
	print_message("%u are in windows after 60 ms, %.1f ms lost\n", counts.windowed,
		      (s.lost_ns - lost) / 1e6);
	assert_true(counts.windowed >= HOT * 0.8 && s.lost_ns - lost < 30e6);
	sim_run(&s, 32);
	lost = s.lost_ns;
	own = s.own;
	sim_run(&s, 40);
	assert_true((s.lost_ns - lost) / (s.own - own) <= 0.0525);
	sim_done(&s);
}

static void an_idle_target_costs_nothing_and_loses_nothing(void **state)
{
	static struct sim_function f[ALL];
	struct sim s;
	struct governor_counts counts;

	memset(f, 0, sizeof(f));
	for (int i = 0; i < ALL; i++)
		f[i] = (struct sim_function){.process = -1, .rate = i < 50 ? 1e-6 : 0};
	memset(&s, 0, sizeof(s));
	s.demand = 0.001;
	s.arming_ns = 40000;
	sim_init(&s, f, ALL, &(struct governor_config){.budget = 0.05}, 4);
	sim_run(&s, 20);
	governor_counts(s.g, &counts);
	assert_int_equal(counts.windowed, 0);
	assert_true(s.lost_ns < 100e6);
	sim_done(&s);
}

static void many_functions_take_little_time(void **state)
{
	enum { MANY = 40000 };
	struct governor *g = governor_new(MANY, &(struct governor_config){.budget = 0.05});
	uint64_t *c = calloc(MANY, sizeof(*c));
	struct governor_sight sight = {.calls = c};
	struct governor_counts counts;

	for (int t = 0; t < 200; t++) {
		sight.now_ns = 1e9 + t * 100e6;
		sight.cpu_ns = t * 100e6;
		for (int i = 0; i < MANY; i += 7)
			c[i] += i % 5;
		governor_tick(g, &sight);
		governor_next(g, sight.now_ns);
	}
	governor_counts(g, &counts);
	assert_int_equal(counts.waiting + counts.armed + counts.windowed, MANY);
	free(c);
	governor_free(g);
}

static void the_same_seed_decides_the_same(void **state)
{
	double lost[2];

	for (int k = 0; k < 2; k++) {
		static struct sim_function f[ALL];
		struct sim s;

		memset(f, 0, sizeof(f));
		redis_like(f);
		begin(&s, f, 0.05, 11);
		sim_run(&s, 3);
		lost[k] = s.lost_ns;
		sim_done(&s);
	}
	assert_true(lost[0] == lost[1]);
}

static void test_a_number_that_is_used_again_is_another_function(void **state)
{
	const struct governor_config config = {.budget = 0, .seed = 1};
	struct governor *g = governor_new(3, &config);
	uint64_t calls[3] = {};
	struct governor_sight sight = {.now_ns = 1000000000, .calls = calls};
	struct governor_counts counts;

	assert_non_null(g);
	governor_retire(g, 1);
	governor_retire(g, 1);
	governor_counts(g, &counts);
	assert_int_equal(counts.waiting, 2);
	assert_int_equal(governor_tick(g, &sight)->n_arm, 2);
	assert_int_equal(governor_state(g, 1), GOVERNOR_WAITING);
	governor_renew(g, 1);
	governor_counts(g, &counts);
	assert_int_equal(counts.waiting, 1);
	sight.now_ns += 100000000;
	assert_int_equal(governor_tick(g, &sight)->n_arm, 1);
	assert_int_equal(governor_state(g, 1), GOVERNOR_ARMED);
	governor_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_number_that_is_used_again_is_another_function),
		cmocka_unit_test(without_a_budget_all_are_armed_without_limits),
		cmocka_unit_test(a_run_begins_with_all_cheap_ones_armed),
		cmocka_unit_test(arming_goes_by_batches_and_by_what_it_costs),
		cmocka_unit_test(asked_ones_go_first_and_expensive_ones_last),
		cmocka_unit_test(hot_ones_go_to_windows_unless_asked_for),
		cmocka_unit_test(the_dearest_are_released_and_the_rest_stays),
		cmocka_unit_test(what_trips_is_released_in_the_same_tick),
		cmocka_unit_test(limits_are_small_at_first_and_follow_what_is_called),
		cmocka_unit_test(windows_are_shared_out_evenly),
		cmocka_unit_test(what_is_too_dear_goes_alone_and_briefly),
		cmocka_unit_test(arming_is_a_part_of_what_a_window_costs),
		cmocka_unit_test(functions_may_come_later),
		cmocka_unit_test(a_window_that_failed_is_followed_by_another),
		cmocka_unit_test(budget_is_kept_from_two_seconds_on),
		cmocka_unit_test(the_ten_hottest_are_within_ten_percent_after_ten_seconds),
		cmocka_unit_test(a_steady_target_is_left_alone),
		cmocka_unit_test(a_quiet_phase_brings_them_back),
		cmocka_unit_test(an_idle_target_costs_nothing_and_loses_nothing),
		cmocka_unit_test(many_functions_take_little_time),
		cmocka_unit_test(the_same_seed_decides_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
