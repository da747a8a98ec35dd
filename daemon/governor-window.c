// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which functions are armed together in the next window, when, and for how long.
 *
 * All WINDOWED functions take turns: those that were in the fewest windows first (of two that
 * the samples say are hot counts as one), at random among equals, as many as the target bears: what they cost together stays below
 * TOGETHER of its own time, so that an error of the prices is a small error of its own
 * progress. One that is dearer than that goes alone and briefly. Moments are random, at
 * distances whose mean is what a window costs, by what windows may cost.
 */
#include <math.h>

#include "governor-inner.h"

#define TOGETHER     0.35
#define UNSEEN	     0.12 /* at least, of one that no window has seen */
#define LENGTH_MIN_NS (2 * MS_NS)
#define LENGTH_MAX_NS (20 * MS_NS)
#define ALONE_MIN_NS  (1 * MS_NS)
#define ALONE_CALLS   2000.0
#define CAP_MIN	      200.0
#define CAP_TIMES     4.0
/* Counted hits take this many times what else a window takes, if the length allows. */
#define FIXED_TIMES   1.0
/* Time that probes are there and shut, at first; and windows (of overhead) to learn it. */
#define SHUT_NS	      (1 * MS_NS)
#define SHUT_MAX_NS   (20 * MS_NS)
#define SHUT_MIN      1.0
/* Windows are made so cheap that there is one in this time, at least. */
#define OFTEN_NS      (160 * MS_NS)
#define GAP_MAX_NS    (2 * S_NS)
/* More windows are not worth hotpathd's time: 0.8 to 1.5 % of a CPU as it is (bench/budget). */
#define GAP_MIN_NS    (25 * MS_NS)
/* A window is planned no longer than this before it opens: its choice is of what is known. */
#define AHEAD_NS      (150 * MS_NS)
/* A window counts so much for a function. */
#define TURN	      2
#define TURN_HOT      1
#define GRACE_MIN_NS  (1 * MS_NS)
#define GRACE_MAX_NS  (200 * MS_NS)
#define CENSORED_PART 0.02
/* What is expected of the first window counts as this many. */
#define PAID_FIRST    4.0
#define USUAL	      8.0 /* windows, in what is usually expected of one */
#define PART_MIN      0.01
/* Of a function, from window to window; the second says when it is quiet. */
#define PEAK_LASTS    0.99
#define LATELY_LASTS  0.7
#define PEAK_TRIPPED  4
/* Seconds of the budget: what may be owed, and what is owed is paid in the course of. */
#define OWED_S	      1.0
#define EVEN_S	      2.0

static int64_t least_turn(const struct governor *g)
{
	int64_t least = INT64_MAX;
	size_t i;

	for (i = 0; i < g->n_windowed; i++) {
		if (g->f[g->windowed[i]].turn < least)
			least = g->f[g->windowed[i]].turn;
	}
	return least;
}

/* New ones go first, once. */
void governor_window_join(struct governor *g, uint32_t i)
{
	struct governed *f = &g->f[i];

	f->turn = g->turn - TURN;
	f->windows = 0;
	f->place = g->n_windowed;
	f->grace_ns = GRACE_MIN_NS;
	g->windowed[g->n_windowed++] = i;
}

void governor_window_leave(struct governor *g, uint32_t i)
{
	uint32_t last = g->windowed[--g->n_windowed];

	g->windowed[g->f[i].place] = last;
	g->f[last].place = g->f[i].place;
}

/* Calls per ns, in windows that see most. A burst must not slow the target down by many
 * times: it would last as much longer, and be seen the more. */
static double busiest(const struct governed *f)
{
	return fmax(f->rate, f->peak);
}

/* What its calls take in a window, of own time. One that tripped is called more often than
 * was seen. */
static double expected(const struct governor *g, const struct governed *f)
{
	double cost = busiest(f) * governed_price_ns(g, f);

	return f->windows ? cost : fmax(cost, UNSEEN);
}

/* Own time per wall time that windows may take. */
static double affordable(const struct governor *g)
{
	double budget = g->config.budget;
	double part = fmax(GOVERNOR_WINDOW_PART * budget,
			   GOVERNOR_PLANNED_PART * budget - g->armed);

	if (governor_begins(g))
		part *= GOVERNOR_BEGINNING;
	return part * g->own_rate;
}

/* The WINDOWED ones in the order of their turns, equals shuffled; those after the second
 * turn are not wanted. */
static size_t take_turns(struct governor *g)
{
	int64_t least = least_turn(g), turn;
	size_t n = 0, begin, i;

	if (least > g->turn)
		g->turn = least;

	for (turn = least; turn <= least + TURN; turn++) {
		begin = n;
		for (i = 0; i < g->n_windowed; i++) {
			uint32_t other, *at;

			if (g->f[g->windowed[i]].turn != turn)
				continue;
			at = &g->candidate[begin + (size_t)(governor_random(g) * (n + 1 - begin))];
			other = *at;
			*at = g->windowed[i];
			if (at != &g->candidate[n])
				g->candidate[n] = other;
			n++;
		}
	}
	return n;
}

/* Long calls wait for each other, not short ones for long ones. */
static bool same_grace(const struct governed *a, const struct governed *b)
{
	return a->grace_ns <= 4 * b->grace_ns && b->grace_ns <= 4 * a->grace_ns;
}

/* Fills window_function; the first candidate is always in it. */
static size_t choose(struct governor *g, size_t candidates, double most_ns)
{
	const struct governed *first = &g->f[g->candidate[0]];
	double overhead = 0, arming_ns = 0;
	size_t n = 0, k;

	for (k = 0; k < candidates; k++) {
		const struct governed *f = &g->f[g->candidate[k]];
		double more = expected(g, f);

		if (n && (overhead + more > TOGETHER || arming_ns + f->arming_ns > most_ns ||
			  !same_grace(first, f)))
			continue;
		overhead += more;
		arming_ns += f->arming_ns;
		g->window_function[n++] = g->candidate[k];
	}
	return n;
}

/* What is expected of those that are chosen, in own time where it is a time. */
struct together {
	double overhead, usual, arming_ns, grace_ns; /* usual: not the most */
	bool unseen;
};

static struct together look_together(const struct governor *g)
{
	struct together t = {};
	size_t k;

	for (k = 0; k < g->window.n; k++) {
		const struct governed *f = &g->f[g->window_function[k]];

		t.overhead += expected(g, f);
		t.usual += governed_cost(g, f);
		t.arming_ns += f->arming_ns;
		t.grace_ns = fmax(t.grace_ns, f->grace_ns);
		t.unseen |= !f->windows;
	}
	return t;
}

/* What a window takes besides its counted hits: arming, and hits that are refused while its
 * probes are there and it is not open. */
static double fixed_cost(const struct governor *g, double arming_ns, double overhead)
{
	double shut = SHUT_NS;

	if (g->shut_overhead > SHUT_MIN)
		shut = fmin(g->shut_ns / g->shut_overhead, SHUT_MAX_NS);
	return arming_ns + overhead * shut;
}

/* Of own time. */
static double choose_length(const struct governor *g, const struct together *t, double most_ns)
{
	const struct governed *f = &g->f[g->window_function[0]];
	double scale = fmax(g->own_rate, 0.01) / (1 + t->overhead), own;

	if (t->unseen)
		return LENGTH_MIN_NS * scale;
	own = fmin(FIXED_TIMES * fixed_cost(g, t->arming_ns, t->overhead), most_ns);
	own /= fmax(t->overhead, 1e-6);
	own = fmin(fmax(own, LENGTH_MIN_NS * scale), LENGTH_MAX_NS * scale);
	if (t->overhead > TOGETHER)
		own = fmax(fmin(own, ALONE_CALLS / busiest(f)), ALONE_MIN_NS * scale);
	return own;
}

static void set_caps(struct governor *g, double own)
{
	size_t k;

	for (k = 0; k < g->window.n; k++) {
		const struct governed *f = &g->f[g->window_function[k]];
		double calls = busiest(f) * own;

		g->window_cap[k] = fmax(f->windows ? CAP_MIN : ALONE_CALLS, CAP_TIMES * calls);
	}
}

/* The next one is due: a random distance from the last, longer when much is owed. */
static void set_next(struct governor *g, uint64_t from_ns)
{
	double owed_s = -g->balance_ns / (g->config.budget * S_NS * g->own_rate);
	double cost = fmax(g->paid_ns / g->paid_windows, g->usual_ns);
	double gap = cost / fmax(affordable(g), 1e-9);

	gap *= 1 + fmin(fmax(owed_s / EVEN_S, -0.5), 0.5);
	g->next_ns = from_ns + fmin(fmax(gap, GAP_MIN_NS), GAP_MAX_NS) * (0.5 + governor_random(g));
}

/* Who is in the next window. A choice stands until it can be paid for: else the cheap ones
 * would be seen more often than the dear. */
static void choose_next(struct governor *g)
{
	struct governor_window *w = &g->window;
	size_t k;

	w->n = choose(g, take_turns(g), affordable(g) * OFTEN_NS / 3);
	for (k = 0; k < w->n; k++) {
		g->f[w->function[k]].planned = true;
		g->f[w->function[k]].turn += g->f[w->function[k]].hot ? TURN_HOT : TURN;
	}
	g->chosen = true;
}

static double plan_cost(struct governor *g, const struct together *t)
{
	struct governor_window *w = &g->window;
	double rate = fmax(g->own_rate, 0.01), own, usual;

	own = choose_length(g, t, affordable(g) * OFTEN_NS * 2 / 3);
	w->length_ns = own * (1 + t->overhead) / rate;
	w->grace_ns = t->grace_ns;
	w->overhead = t->overhead;
	set_caps(g, own);
	usual = own * t->usual + fixed_cost(g, t->arming_ns, t->usual);
	g->usual_ns += (usual - g->usual_ns) / USUAL;
	return own * t->overhead + fixed_cost(g, t->arming_ns, t->overhead);
}

/* May so much be spent now? */
static bool can_pay(const struct governor *g, double cost)
{
	double left = g->balance_ns - g->pending_ns - g->spent_ns;

	if (governor_begins(g))
		return cost <= left;
	return left > -OWED_S * S_NS * g->config.budget * g->own_rate;
}

const struct governor_window *governor_next(struct governor *g, uint64_t now_ns)
{
	struct together t;

	if (g->outstanding || !g->n_windowed || !g->config.budget || !g->own_rate)
		return NULL;
	if (g->next_ns > now_ns + AHEAD_NS)
		return NULL;
	if (!g->chosen)
		choose_next(g);
	t = look_together(g);
	g->chosen_cost_ns = plan_cost(g, &t);
	if (!g->paid_windows) {
		g->paid_windows = PAID_FIRST;
		g->paid_ns = PAID_FIRST * g->chosen_cost_ns;
		set_next(g, now_ns);
	}
	if (!can_pay(g, g->chosen_cost_ns))
		return NULL;
	g->window.start_ns = g->last_ns = g->next_ns > now_ns ? g->next_ns : now_ns;
	g->chosen = false;
	g->outstanding = true;
	return &g->window;
}

static void learn(struct governed *f, double calls, double own, double censored)
{
	double rate = calls / own;

	f->rate = f->windows ? f->rate + (rate - f->rate) * 0.3 : rate;
	/* What was seen when it tripped is not worth much. */
	f->peak = fmax(rate, f->peak * (f->windows++ < PEAK_TRIPPED ? LATELY_LASTS : PEAK_LASTS));
	f->lately = fmax(rate, f->lately * LATELY_LASTS);
	if (censored > CENSORED_PART * calls)
		f->grace_ns = fmin(2 * f->grace_ns, GRACE_MAX_NS);
	else
		f->grace_ns = fmax(0.95 * f->grace_ns, GRACE_MIN_NS);
}

void governor_window_done(struct governor *g, const struct governor_seen *seen)
{
	struct governor_window *w = &g->window;
	double cost = 0, arming = 0, own;
	size_t k;

	if (!g->outstanding)
		return;
	g->outstanding = false;
	set_next(g, g->last_ns);
	for (k = 0; k < w->n; k++) {
		g->f[w->function[k]].planned = false;
		if (seen->failed)
			continue;
		cost += seen->calls[k] * governed_price_ns(g, &g->f[w->function[k]]);
		arming += g->f[w->function[k]].arming_ns;
	}
	if (seen->failed)
		return;
	own = fmax(seen->cpu_ns * (1 - fmin(g->armed, 0.5)) - cost, seen->cpu_ns * 0.01);
	own = fmax(own, MS_NS / 1000);
	for (k = 0; k < w->n; k++) {
		if (g->f[w->function[k]].state == GOVERNOR_WINDOWED)
			learn(&g->f[w->function[k]], seen->calls[k],
			      own * (seen->part ? fmax(seen->part[k], PART_MIN) : 1),
			      seen->censored ? seen->censored[k] : 0);
	}
	g->pending_ns += cost + arming;
	if (governor_begins(g)) {
		g->paid_ns += cost + arming;
		g->paid_windows++;
	} else {
		g->done_windows++;
	}
	g->counts.windows++;
	g->done_ns += seen->length_ns;
	g->done_overhead += cost / own;
	g->counts.window_ns += seen->length_ns;
}
