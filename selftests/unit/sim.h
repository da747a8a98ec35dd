/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A target that is simulated, and a doer that carries out what the governor decides, as
 * govern.c does, with estimates beside. No time passes: the target is moved from one event to
 * the next (a tick, a window, a limit that is reached, a phase of its work).
 *
 *	sim_init(&sim, functions, n, &config, seed)
 *	sim_run(&sim, until_s)
 *	sim_estimate(&sim, i, &result), sim.f[i].calls is the truth
 *	sim_done(&sim)
 *
 * Rates are per ns of own time. A function's calls come at random (Poisson) at its rate, that
 * its process turns on and off. Probes slow the target: what they take it does not run, or,
 * with sim.demand < 1, first what it would have been idle.
 */
#ifndef SELFTESTS_UNIT_SIM_H
#define SELFTESTS_UNIT_SIM_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/estimate.h"
#include "daemon/governor.h"

enum sim_kind {
	SIM_STEADY,
	SIM_ON_OFF,   /* exponential: on_ms, off_ms on the average */
	SIM_PERIODIC, /* on for on_ms of each on_ms + off_ms */
	SIM_DRIFT,    /* from nothing to twice the rate over on_ms */
};

struct sim_process {
	enum sim_kind kind;
	double on_ms, off_ms;
	bool on;
	double next_ns; /* own time of its next change */
};

struct sim_function {
	double rate; /* while its process is on */
	int process; /* < 0: steady */
	double duration_ns;
	double from_s, to_s; /* on the wall clock: called only then; 0, 0: always */
	bool asked;
	/* state */
	double price_ns;
	uint64_t calls, counted, limit;
	double total_ns; /* truth */
	bool placed, open; /* probes are there; calls may be counted */
	bool tripped;
	bool in_window;
	uint64_t exact_from;
	double own_from, tripped_at, tripped_own;
	struct estimate estimate;
};

struct sim {
	struct governor *g;
	struct sim_function *f;
	uint32_t n;
	struct sim_process process[4];
	uint32_t n_process;
	uint64_t random;
	double believed_ns, refused_part, arming_ns, demand;
	double now, own, cpu;		       /* ns */
	double refused_ns, arming_spent_ns;    /* as the doer knows it */
	double lost_ns;			       /* truth: what probes and arming took */
	double window_from;		       /* 0: none is open */
	uint64_t *counts;
	uint32_t *tripped, n_tripped;
	uint32_t moves; /* of functions between states */
	double worst_tick_lost;
	double next_tick;
};

static inline double sim_random(struct sim *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return (double)((s->random * 0x2545f4914f6cdd1d) >> 11) * 0x1p-53;
}

static inline double sim_normal(struct sim *s)
{
	return sqrt(-2 * log(1 - sim_random(s))) * cos(2 * M_PI * sim_random(s));
}

static inline double sim_poisson(struct sim *s, double mean)
{
	double k = 0, p = exp(-mean), sum = p, u;

	if (mean <= 0)
		return 0;
	if (mean > 30)
		return fmax(round(mean + sqrt(mean) * sim_normal(s)), 0);
	for (u = sim_random(s); u > sum && k < 200; sum += p)
		p *= mean / ++k;
	return k;
}

static inline void sim_change(struct sim *s, struct sim_process *p)
{
	double ms;

	p->on = !p->on;
	ms = p->on ? p->on_ms : p->off_ms;
	if (p->kind == SIM_ON_OFF)
		ms *= -log(1 - sim_random(s));
	p->next_ns += ms * 1e6;
}

/* The rate of it now. */
static inline double sim_rate(const struct sim *s, const struct sim_function *f)
{
	const struct sim_process *p = f->process < 0 ? NULL : &s->process[f->process];

	if (f->to_s && (s->now < f->from_s * 1e9 || s->now >= f->to_s * 1e9))
		return 0;
	if (!p)
		return f->rate;
	if (p->kind == SIM_DRIFT)
		return f->rate * 2 * fmin(s->own / (p->on_ms * 1e6), 1);
	return p->on ? f->rate : 0;
}

static inline void sim_init(struct sim *s, struct sim_function *f, uint32_t n,
			    const struct governor_config *config, uint64_t seed)
{
	struct governor_config c = *config;
	uint32_t i;

	c.seed = seed * 77 + 1;
	s->random = seed * 0x9e3779b97f4a7c15 + 12345;
	s->f = f;
	s->n = n;
	s->g = governor_new(n, &c);
	s->counts = calloc(n, sizeof(*s->counts));
	s->tripped = calloc(n, sizeof(*s->tripped));
	s->believed_ns = s->believed_ns ?: 800;
	s->refused_part = 0.65;
	s->demand = s->demand ?: 1;
	s->now = 1e9;
	s->next_tick = s->now;
	for (i = 0; i < n; i++) {
		f[i].price_ns = f[i].price_ns ?: s->believed_ns;
		governor_facts(s->g, i,
			       &(struct governor_facts){.call_ns = s->believed_ns,
							.arming_ns = s->arming_ns,
							.asked = f[i].asked});
	}
	for (i = 0; i < s->n_process; i++) {
		struct sim_process *p = &s->process[i];

		p->on = sim_random(s) < p->on_ms / (p->on_ms + p->off_ms);
		if (p->kind == SIM_STEADY)
			p->on = true;
		p->next_ns = (p->on ? p->on_ms : p->off_ms) * 1e6 * sim_random(s);
		if (p->kind == SIM_DRIFT || p->kind == SIM_STEADY)
			p->next_ns = INFINITY;
	}
}

static inline void sim_done(struct sim *s)
{
	governor_free(s->g);
	free(s->counts);
	free(s->tripped);
}

/* What a call of it takes now, of own time. */
static inline double sim_price(const struct sim *s, const struct sim_function *f)
{
	return !f->placed ? 0 : f->price_ns * (f->open ? 1 : s->refused_part);
}

/* Own time, as far as the doer knows. */
static inline double sim_own(const struct sim *s)
{
	double counted = 0;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		counted += s->f[i].counted;
	return s->cpu - counted * s->believed_ns - s->refused_ns - s->arming_spent_ns;
}

/* At most so much wall time passes, less when something happens. */
static inline void sim_step(struct sim *s, double wall)
{
	double slow = 0, own, cost = 0, work;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		if (s->f[i].placed && s->f[i].rate)
			slow += sim_rate(s, &s->f[i]) * sim_price(s, &s->f[i]);
	/* Own time per wall time: what it wants, or what there is. */
	work = fmin(s->demand, 1 / (1 + slow));
	/* Time is of 1 ns: a step is no less, whatever remains. */
	own = fmax(wall, 10) * work;
	for (i = 0; i < s->n_process; i++)
		own = fmin(own, fmax(s->process[i].next_ns - s->own, 1));
	for (i = 0; i < s->n; i++) {
		struct sim_function *f = &s->f[i];
		double rate = f->placed && f->open ? sim_rate(s, f) : 0;

		/* Up to its limit, or a little beyond. */
		if (rate && f->limit)
			own = fmin(own, fmax((f->limit - f->counted + 1.0) / rate, 1000));
	}
	for (i = 0; i < s->n; i++) {
		struct sim_function *f = &s->f[i];
		double rate = f->rate ? sim_rate(s, f) : 0, calls, counted;

		if (!rate)
			continue;
		calls = sim_poisson(s, rate * own);
		f->calls += calls;
		f->total_ns += calls * f->duration_ns;
		if (!f->placed)
			continue;
		counted = f->open ? calls : 0;
		if (f->open && f->limit && f->counted + counted >= f->limit) {
			counted = f->limit - f->counted;
			f->open = false;
			f->tripped = true;
			f->tripped_at = INFINITY; /* at the end of this step */
			if (!f->in_window) {
				s->tripped[s->n_tripped++] = i;
				s->next_tick = fmin(s->next_tick, s->now + 3e6);
			}
		}
		f->counted += counted;
		cost += (counted + (calls - counted) * s->refused_part) * f->price_ns;
		s->refused_ns += (calls - counted) * s->refused_part * s->believed_ns;
	}
	s->lost_ns += cost;
	s->own += own;
	s->cpu += own + cost;
	s->now += work < s->demand ? own + cost : fmax(own / work, own + cost);
	for (i = 0; i < s->n; i++)
		if (s->f[i].tripped_at == INFINITY) {
			s->f[i].tripped_at = s->now;
			s->f[i].tripped_own = sim_own(s);
		}
	for (i = 0; i < s->n_process; i++)
		if (s->own >= s->process[i].next_ns)
			sim_change(s, &s->process[i]);
}

static inline void sim_arm(struct sim *s, uint32_t i, bool placed)
{
	struct sim_function *f = &s->f[i];

	f->placed = placed;
	f->open = placed;
	s->arming_spent_ns += s->arming_ns / 2;
	s->lost_ns += s->arming_ns / 2;
	s->now += s->arming_ns / 2;
	s->cpu += s->arming_ns / 2;
}

/* It is in windows since it was refused, or now. */
static inline void sim_open(struct sim *s, struct sim_function *f)
{
	f->own_from = f->tripped ? f->tripped_own : fmax(sim_own(s), 1);
	estimate_open(&f->estimate, f->tripped ? f->tripped_at : s->now,
		      governor_rate(s->g, f - s->f) * 1e-9);
	f->tripped = false;
}

static inline void sim_tick(struct sim *s)
{
	const struct governor_plan *plan;
	struct governor_sight sight = {.now_ns = s->now,
				       .cpu_ns = s->cpu,
				       .calls = s->counts,
				       .refused_ns = s->refused_ns,
				       .arming_ns = s->arming_spent_ns,
				       .tripped = s->tripped,
				       .n_tripped = s->n_tripped};
	uint32_t i, k;

	for (i = 0; i < s->n; i++)
		s->counts[i] = s->f[i].counted;
	plan = governor_tick(s->g, &sight);
	s->n_tripped = 0;
	for (k = 0; k < plan->n_limited; k++)
		s->f[plan->limited[k]].limit = plan->limit[k];
	for (k = 0; k < plan->n_release; k++) {
		struct sim_function *f = &s->f[plan->release[k]];
		double calls = f->counted - f->exact_from;

		sim_arm(s, plan->release[k], false);
		estimate_exact(&f->estimate, calls, calls, calls * f->duration_ns);
		s->moves++;
	}
	for (k = 0; k < plan->n_arm; k++) {
		struct sim_function *f = &s->f[plan->arm[k]];

		if (f->own_from) {
			estimate_close(&f->estimate, s->now, sim_own(s) - f->own_from);
			s->moves++;
		}
		sim_arm(s, plan->arm[k], true);
		f->exact_from = f->counted;
		f->tripped = false;
		f->own_from = 0;
	}
	for (i = 0; i < s->n; i++)
		if (governor_state(s->g, i) == GOVERNOR_WINDOWED && !s->f[i].own_from)
			sim_open(s, &s->f[i]);
	s->next_tick = s->now + 100e6;
}

static inline void sim_until(struct sim *s, double until)
{
	while (s->now < until) {
		double to = fmin(until, s->next_tick);

		if (s->now >= s->next_tick)
			sim_tick(s);
		else
			sim_step(s, to - s->now);
	}
}

static inline void sim_window(struct sim *s, const struct governor_window *w)
{
	uint64_t *calls = calloc(w->n, sizeof(*calls));
	double *part = calloc(w->n, sizeof(*part));
	struct governor_seen seen = {.calls = calls, .part = part};
	double from, began, cpu, probes, refused, all = 0, end, progress, counted_before = 0, armed;
	uint32_t k, i;

	for (k = 0; k < w->n; k++) {
		struct sim_function *f = &s->f[w->function[k]];

		sim_arm(s, w->function[k], true);
		f->limit = f->counted + w->cap[k];
		f->in_window = true;
		f->tripped = false;
		calls[k] = f->counted;
	}
	for (i = 0; i < s->n; i++)
		counted_before += s->f[i].counted;
	from = began = s->now;
	cpu = s->cpu;
	refused = s->refused_ns;
	while (s->now < from + w->length_ns) {
		if (s->n_tripped && s->now >= s->next_tick)
			sim_tick(s);
		sim_step(s, from + w->length_ns - s->now);
	}
	end = s->now;
	cpu = s->cpu - cpu;
	for (i = 0; i < s->n; i++)
		all += s->f[i].counted;
	probes = (all - counted_before) * s->believed_ns + s->refused_ns - refused;
	armed = all - counted_before;
	for (k = 0; k < w->n; k++) {
		s->f[w->function[k]].open = false;
		armed -= s->f[w->function[k]].counted - calls[k];
	}
	progress = estimate_progress(&(struct estimate_cost){
		cpu, probes, armed * s->believed_ns, end - from, governor_width(s->g),
		governor_duty(s->g)});
	/* Shut; some grace. */
	for (from = s->now; s->now < from + 0.3e6;)
		sim_step(s, from + 0.3e6 - s->now);
	from = began;
	for (k = 0; k < w->n; k++) {
		struct sim_function *f = &s->f[w->function[k]];

		sim_arm(s, w->function[k], false);
		calls[k] = f->counted - calls[k];
		part[k] = f->tripped ? fmin((f->tripped_at - from) / (end - from), 1) : 1;
		f->in_window = false;
		estimate_window(&f->estimate,
				&(struct estimate_window){
					.cpu_ns = cpu,
					.probe_ns = probes,
					.progress_ns = progress,
					.now_ns = began,
					.seen = part[k],
					.length_ns = end - from,
					.calls = calls[k],
					.exits = calls[k],
					.total_ns = calls[k] * f->duration_ns,
				});
		f->tripped = false;
	}
	seen.now_ns = s->now;
	seen.cpu_ns = cpu;
	seen.length_ns = end - from;
	governor_window_done(s->g, &seen);
	free(calls);
	free(part);
}

static inline void sim_run(struct sim *s, double until_s)
{
	double until = 1e9 + until_s * 1e9;

	while (s->now < until) {
		const struct governor_window *w;

		if (s->now >= s->next_tick)
			sim_tick(s);
		w = governor_next(s->g, s->now);
		if (!w) {
			sim_until(s, fmin(until, s->next_tick));
			continue;
		}
		sim_until(s, w->start_ns);
		sim_window(s, w);
	}
}

static inline void sim_estimate(const struct sim *s, uint32_t i, struct estimate_result *ret)
{
	const struct sim_function *f = &s->f[i];
	struct estimate e = f->estimate;
	double calls = f->counted - f->exact_from;

	if (governor_state(s->g, i) == GOVERNOR_ARMED)
		estimate_exact(&e, calls, calls, calls * f->duration_ns);
	estimate_result(&e, s->now, f->own_from ? sim_own(s) - f->own_from : 0, ret);
}

#endif
