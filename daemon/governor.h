/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decides which functions are armed, so that what their probes cost stays within a share of
 * the time that the targets run for themselves. Pure: numbers in, verdicts out; no clock,
 * no file, no kernel. govern.c reads the numbers and does what is said here.
 *
 *	g = governor_new(n, &config);                one per budget; its functions may be of
 *	                                             several groups
 *	governor_facts(g, i, &facts)                 for each of its functions, before the first tick
 *	governor_samples(g, i, count)                when a first sampling is done: who is hot
 *	plan = governor_tick(g, &sight)              about every 100 ms, and at once after a trip
 *	window = governor_next(g, now_ns)            after each tick and each window, unless one
 *	                                             is planned: the next one, or none for now
 *	governor_window_done(g, &seen)               when it is over, or failed
 *	governor_free(g)
 *
 * A function is in one of these states, which governor_tick() alone changes:
 *
 *	WAITING   not armed yet
 *	ARMED     armed all the time: its counts are exact
 *	WINDOWED  armed in windows, at random moments, with a random part of the others
 *
 * A plan is carried out at once and in this order: limits, release, arm; the governor takes it
 * as done. What fails is told by governor_failed(). A function that tripped (BPF refused a
 * call beyond its limit) is among the released of the next tick: it stays refused, at its
 * limit, until its probes are gone. Ticks begin when a first sampling of some 200 ms has
 * been told, or at once when there is none.
 *
 * "Own time" is CPU time of the targets less what the probes took of it. Costs are charged as
 * counted calls x price x contention, and what the doer says of refused hits and of arming.
 * What may be spent accrues with own time, budget x own; in the first two seconds half of
 * that, and there is an advance. Windows come as often as is paid for on the average of some
 * ten seconds, or else a phase in which they are dear would be seen less: meanwhile some tenths
 * of a second of the budget may be owed. Owed, too, is what one tick's limits let through
 * before anybody can look.
 */
#ifndef DAEMON_GOVERNOR_H
#define DAEMON_GOVERNOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum governor_state {
	GOVERNOR_WAITING,
	GOVERNOR_ARMED,
	GOVERNOR_WINDOWED,
};

struct governor_config {
	uint64_t seed;	     /* of its random numbers */
	double budget;	     /* share of own time, 0.05; 0: no limit, all armed, no windows */
	bool at_once;	     /* arm all cheap ones in the first tick (run) */
	uint64_t advance_ns; /* may be lost in the beginning; 0: 40 ms */
	uint32_t batch;	     /* most functions armed in one tick; 0: 512 */
};

/* What is known of a function before it has been called. */
struct governor_facts {
	double call_ns;	   /* a call that is counted, entry and return; > 0 (0: 1,000 is assumed) */
	double refused_ns; /* a hit that is refused; 0: 0.65 of that */
	double arming_ns;  /* what placing and removing all its probes once takes from the targets */
	bool asked;	   /* named by -f: goes first */
	bool expensive;	   /* of a class that is armed last, and not by at_once */
};

/* Sums since the beginning, at one moment. Per function: one entry each, n of them. Calls may
 * become fewer, when a target goes. */
struct governor_sight {
	uint64_t now_ns;
	uint64_t cpu_ns;	 /* of the targets' threads, those that ended included */
	const uint64_t *calls;	 /* that were counted, in windows or not */
	double refused_ns;	 /* what refused hits took */
	double arming_ns;	 /* what placing and removing took */
	double contention;	 /* what a hit costs here, of its price; 0: 1 */
	const uint32_t *tripped; /* whose calls were refused since the last tick, but for those
				  * in a window: once each */
	size_t n_tripped;
};

/* Owned by the governor, until the next call of governor_tick(). */
struct governor_plan {
	const uint32_t *limited; /* whose limit changes ... */
	const uint64_t *limit;	 /* ... and what it is now, of each of these: calls since the
				  * beginning, absolute (hp_func.limit); 0: none */
	size_t n_limited;
	const uint32_t *release; /* ARMED until now */
	size_t n_release;
	const uint32_t *arm; /* for good, limits are among the above */
	size_t n_arm;
};

/* Owned by the governor, until governor_window_done(). */
struct governor_window {
	size_t n;
	const uint32_t *function;
	const uint64_t *cap; /* of each: this many calls may be counted in it */
	uint64_t start_ns;   /* on now_ns's clock */
	uint64_t length_ns;  /* wall time between opening and shutting */
	uint64_t grace_ns;   /* after that: at most so long for open calls to return */
	double overhead;     /* expected: what probes take in it, of own time */
};

/* What happened in the window. Per function: in its order. */
struct governor_seen {
	uint64_t now_ns;
	uint64_t cpu_ns;       /* of the targets, between opening and shutting */
	uint64_t length_ns;    /* wall time between these */
	const uint64_t *calls; /* counted */
	const uint64_t *censored; /* that had not returned when the grace was over; NULL: none */
	const double *part; /* of the length, until it was refused at its cap; 1: all of it, or
			     * NULL for all functions */
	bool failed;		  /* it was never opened: the rest is not looked at */
};

struct governor_counts {
	uint32_t waiting, armed, windowed;
	uint64_t trips, windows, window_ns;
};

struct governor;

/* NULL: no memory. O(n), 200 bytes each. */
struct governor *governor_new(size_t n, const struct governor_config *config);
struct governor *governor_free(struct governor *g);
/* So many functions from here on, the new ones WAITING. False: no memory, nothing changed
 * but room. Not while a window is outstanding. */
bool governor_grow(struct governor *g, size_t n);

void governor_facts(struct governor *g, uint32_t i, const struct governor_facts *facts);

/*
 * Of all on-CPU samples taken so far, so many were in function i and so many at all. Hot
 * ones that are WAITING go to windows without having been armed. May be called at any time;
 * counts replace those of an earlier call.
 */
void governor_samples(struct governor *g, const uint32_t *count, uint64_t all);

const struct governor_plan *governor_tick(struct governor *g, const struct governor_sight *sight);
/* NULL: none is to be opened for now; ask after the next tick. O(functions in windows). */
const struct governor_window *governor_next(struct governor *g, uint64_t now_ns);
void governor_window_done(struct governor *g, const struct governor_seen *seen);

/* There is no such function (any more), until governor_renew() makes the number another's,
 * which waits. Calls go on from where they are. Not while a window is outstanding. */
void governor_retire(struct governor *g, uint32_t i);
void governor_renew(struct governor *g, uint32_t i);

/* Its probes could not be placed for good: WAITING for ever, in no window. */
void governor_failed(struct governor *g, uint32_t i);

enum governor_state governor_state(const struct governor *g, uint32_t i);
/* Calls per second of own time, as last seen; < 0: never seen. */
double governor_rate(const struct governor *g, uint32_t i);
/* How many CPUs the targets keep busy by themselves, at their busiest of late: for
 * estimate_progress(). */
double governor_width(const struct governor *g);
/* What part of the time is spent in windows. */
double governor_duty(const struct governor *g);
/* What counted calls, refused ones and arming took so far. */
double governor_cost_ns(const struct governor *g);
void governor_counts(const struct governor *g, struct governor_counts *ret);

#endif
