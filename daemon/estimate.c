// SPDX-License-Identifier: GPL-2.0-only
/* Ratio estimates of windows; see estimate.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate.h"
#include "lib/hist.h"

#define HALF 1.96 /* standard errors in half of a 95 % interval */
/* Windows with calls, before their scatter says anything. */
#define HITS_MIN 4
#define SE_MOST	 0.5
/* Where probes take more of a window's CPU time than this, what is left for the program is
 * too small a difference: prices a fifth too low made it three times too large. */
#define PROBES_MOST 0.5
#define SE_GOOD	 0.1 /* of an exact part, say, beside which windows hardly count */
/* Own time is no less of CPU time than this: prices are not that exact. */
#define OWN_LEAST 0.02
/* Part of the time that may be missing: calls longer than any window. */
#define MISSING_MOST 0.10
/* A call that returned with less probability than this stands for no more. */
#define SEEN_LEAST 0.05

double estimate_student(double df)
{
	static const double z = 1.959964;
	double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;

	/* Cornish-Fisher is good to 0.2 % from 5 on; below, from the tables, and between these
	 * linear in the logarithm. */
	if (df < 5) {
		static const double exact[] = {12.706, 4.303, 3.182, 2.776, 2.571};
		double at = fmax(df, 1) - 1;
		int i = (int)at;

		return exp(log(exact[i]) + (log(exact[i + 1]) - log(exact[i])) * (at - i));
	}
	return z + (z3 + z) / (4 * df) + (5 * z5 + 16 * z3 + 3 * z) / (96 * df * df) +
	       (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * df * df * df);
}

double estimate_progress(const struct estimate_cost *c)
{
	double own = fmax(c->cpu_ns - c->probe_ns, c->cpu_ns * OWN_LEAST);
	double armed_ns = fmax(fmin(c->armed_ns, c->probe_ns), 0), most;

	if (own <= 0)
		return 0;
	most = fmax(c->cpu_ns * own / (own + armed_ns), own);
	most -= c->duty * (most - own);
	return fmin(fmax(c->width * c->wall_ns, own), most);
}

void estimate_censored(const uint32_t *bucket, const uint64_t *count, size_t n, double length_ns,
		       double grace_ns, double *ret_exits, double *ret_total_ns)
{
	double exits = 0, total = 0;
	size_t i;

	for (i = 0; i < n && length_ns > 0; i++) {
		double d = (hist_low(bucket[i]) + (double)hist_high(bucket[i]) - 1) / 2, seen, more;

		if (d <= grace_ns)
			continue;
		seen = fmax((length_ns + grace_ns - d) / length_ns, SEEN_LEAST);
		more = count[i] * (1 / seen - 1);
		exits += more;
		total += more * d;
	}
	*ret_exits = exits;
	*ret_total_ns = total;
}

void estimate_exact(struct estimate *e, double calls, double exits, double total_ns)
{
	e->calls += calls;
	e->exits += exits;
	e->total_ns += total_ns;
}

static void sums_add(struct estimate_sums *s, double t, double x)
{
	s->x += x;
	s->tx += t * x;
	s->xx += x * x;
	s->ttx += t * t * x;
	s->txx += t * x * x;
	s->xxx += x * x * x;
}

/* A window that stands for so much time. */
static void moments_add(struct estimate_moments *m, const struct estimate_window *w, double weight)
{
	double own = fmax(w->cpu_ns - w->probe_ns, w->cpu_ns * OWN_LEAST);
	double seen = w->seen > 0 ? fmin(w->seen, 1) : 1, scale, t;

	m->n++;
	if (own <= 0)
		return;
	scale = fmax(weight, 1) * fmax(w->progress_ns, own) / own;
	t = scale * own;
	scale /= seen;
	m->t += t;
	m->tt += t * t;
	m->ttt += t * t * t;
	sums_add(&m->calls, t, scale * w->calls);
	sums_add(&m->total, t, scale * (w->total_ns + w->late_total_ns));
	m->cpu += w->cpu_ns;
	m->probe += w->cpu_ns - own;
	m->own += own * seen;
	m->censored += w->censored;
	m->missing += w->censored - w->late_exits;
	m->missing_ns += scale * (w->censored - w->late_exits) * w->length_ns;
	m->hits += w->calls > 0;
}

static void add_last(struct estimate *e, double until_ns)
{
	if (e->last.now_ns)
		moments_add(&e->now, &e->last, until_ns - e->from_ns);
	e->from_ns = until_ns;
	e->last.now_ns = 0;
}

void estimate_open(struct estimate *e, double now_ns, double rate)
{
	e->from_ns = e->open_ns = now_ns;
	e->rate = rate;
}

/* The time before the first window: at its rate, or if that is less than the rate of then,
 * anything in between. */
static void close_gap(struct estimate *e, const struct estimate_window *w)
{
	double own = fmax(w->cpu_ns - w->probe_ns, w->cpu_ns * OWN_LEAST);
	double wall = fmax(w->now_ns - e->open_ns, 0), rate;

	rate = own > 0 ? w->calls / own / (w->seen > 0 ? w->seen : 1) : 0;
	if (rate < e->rate) {
		/* Mostly calm: what trips a fuse is over soon, more often than not. */
		e->gap_calls += wall * (e->rate + 2 * rate) / 3;
		e->gap_error += wall * (e->rate - rate) / 2;
		e->gap_ns += wall;
		e->from_ns = w->now_ns;
	}
	e->rate = 0;
}

void estimate_window(struct estimate *e, const struct estimate_window *w)
{
	if (e->rate > 0)
		close_gap(e, w);
	if (e->last.now_ns)
		add_last(e, (e->last.now_ns + w->now_ns) / 2);
	e->last = *w;
}

/* The estimate of all of own_ns and its variance, such that 1.96 of its root are half of
 * the interval. */
static double scale_up(const struct estimate_moments *m, const struct estimate_sums *s,
		       double own_ns, double *ret_var)
{
	double r = s->x / m->t, dd, ddd, skew2, n, half;

	/* Of the residuals x - r t, the sums of squares and cubes. */
	dd = fmax(s->xx - 2 * r * s->tx + r * r * m->tt, 0);
	ddd = s->xxx - 3 * r * s->txx + 3 * r * r * s->ttx - r * r * r * m->ttt;
	skew2 = dd > 0 ? ddd * ddd * m->n / (dd * dd * dd) : 0;
	/* Unequal ones count as fewer. */
	n = fmin(fmax(m->t * m->t / m->tt, 2), m->n);
	/* The interval of a skewed mean misses more often, by its skewness squared / n (first
	 * order of the Edgeworth expansion of Student's t). */
	half = estimate_student(n - 1) * (1 + 1.08 * skew2 / n);
	half *= own_ns / m->t * sqrt(dd * n / (n - 1));
	*ret_var = half * half / (HALF * HALF);
	return r * own_ns;
}

static bool all_seen(const struct estimate_moments *m)
{
	return m->missing <= 2 * sqrt(m->censored + 1) ||
	       m->missing_ns <= MISSING_MOST * m->total.x;
}

/* What was done before first windows; returns how much of own_ns that is. */
static double add_gap(struct estimate *e, double own_ns)
{
	double scale = e->wall_ns > 0 ? own_ns / e->wall_ns : 0;
	double each = e->exits > 0 ? e->total_ns / e->exits : 0, error = e->gap_error * scale;

	e->calls += e->gap_calls * scale;
	e->calls_var += error * error;
	e->total_ns += e->gap_calls * scale * each;
	e->total_var += error * each * error * each;
	return e->gap_ns * scale;
}

/* What the windows say of own_ns. */
static void add(struct estimate *e, const struct estimate_moments *m, double own_ns)
{
	double up = own_ns / m->own, calls, calls_var, total, total_var, price;
	double missing = fmax(m->missing_ns, 0) / m->t * own_ns;

	e->windows += m->n;
	e->observed_ns += m->own;
	e->own_ns += own_ns;
	e->censored += m->censored;
	e->hits += m->hits;
	e->strata++;
	own_ns -= add_gap(e, own_ns);

	calls = scale_up(m, &m->calls, own_ns, &calls_var);
	total = scale_up(m, &m->total, own_ns, &total_var);
	/* Counts are whole numbers and windows begin anywhere; when there was no call at all,
	 * three may have been missed, 95 %. */
	calls_var += up * up * (calls ? m->n / 12 : 9 / (HALF * HALF));
	price = ESTIMATE_PRICE_ERROR * m->probe / fmax(m->cpu - m->probe, 1);
	e->blurred |= m->probe > PROBES_MOST * m->cpu;
	e->calls += calls;
	e->total_ns += total;
	e->calls_var += calls_var;
	e->total_var += total_var + missing * missing;
	e->calls_price += price * calls;
	e->total_price += price * total;
	e->untimed |= !all_seen(m);
}

void estimate_close(struct estimate *e, double now_ns, double own_ns)
{
	add_last(e, now_ns);
	e->wall_ns += fmax(now_ns - e->open_ns, 0);
	own_ns += e->waiting_ns;
	if (e->now.n < ESTIMATE_WINDOWS_MIN || e->now.t <= 0) {
		e->waiting_ns = own_ns;
		return;
	}
	add(e, &e->now, own_ns);
	e->waiting_ns = e->wall_ns = 0;
	e->gap_calls = e->gap_error = e->gap_ns = 0;
	e->now = (struct estimate_moments){};
}

/* Is that an estimate, and if not, why? */
static void judge(const struct estimate *e, struct estimate_result *ret)
{
	unsigned long long windows = ret->windows;

	if (e->blurred)
		snprintf(ret->why, sizeof(ret->why), "its probes take most of a window");
	else if (e->strata && e->hits && e->hits < HITS_MIN && ret->calls_se > SE_GOOD * ret->calls)
		snprintf(ret->why, sizeof(ret->why), "called in %.0f of %llu windows only",
			 e->hits, windows);
	else if (ret->calls_se <= SE_MOST * ret->calls)
		ret->known = true;
	else if (!ret->calls)
		snprintf(ret->why, sizeof(ret->why), "not called in %llu windows", windows);
	else
		snprintf(ret->why, sizeof(ret->why),
			 "calls differ too much among %llu windows", windows);
	if (!ret->known) {
		ret->calls_most = ret->calls + HALF * ret->calls_se;
		return;
	}
	ret->timed = !e->untimed && ret->total_se_ns <= SE_MOST * ret->total_ns;
	if (e->untimed)
		snprintf(ret->why, sizeof(ret->why), "calls outlive windows");
	else if (!ret->timed)
		snprintf(ret->why, sizeof(ret->why),
			 "durations differ too much among %llu windows", windows);
}

void estimate_result(const struct estimate *e, double now_ns, double own_ns,
		     struct estimate_result *ret)
{
	struct estimate sum = *e;

	if (own_ns > 0 || sum.waiting_ns > 0)
		estimate_close(&sum, now_ns, own_ns);
	*ret = (struct estimate_result){
		.windows = sum.windows + sum.now.n,
		.observed_ns = sum.observed_ns + sum.now.own,
		.own_ns = sum.own_ns + sum.waiting_ns,
		.censored = sum.censored + sum.now.censored,
		.calls = sum.calls,
		.total_ns = sum.total_ns,
		.calls_se = hypot(sqrt(sum.calls_var), sum.calls_price),
		.total_se_ns = hypot(sqrt(sum.total_var), sum.total_price),
	};
	if (sum.waiting_ns > 0)
		snprintf(ret->why, sizeof(ret->why), "seen in %.0f windows, %d are needed",
			 sum.now.n, ESTIMATE_WINDOWS_MIN);
	else
		judge(&sum, ret);
}

void estimate_price(struct estimate_result *r, double probe_ns)
{
	if (!r->timed)
		return;
	r->total_se_ns = hypot(r->total_se_ns, ESTIMATE_PRICE_ERROR * probe_ns * r->calls);
	r->timed = r->total_se_ns <= SE_MOST * r->total_ns;
	if (!r->timed)
		snprintf(r->why, sizeof(r->why), "calls are short against what their probes take");
}
