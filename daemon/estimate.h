/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From what windows saw of a function to what it did all the time, with a standard error.
 * Pure: sums in, estimates out. One struct estimate per function, zeroed at first.
 *
 * The function's time is a row of strata, by its state (governor.h):
 *
 *	estimate_exact(e, calls, exits, total_ns)    it was armed all the time until now and
 *	                                             these are what was counted in that time
 *	estimate_window(e, &window)                  it was in one window
 *	estimate_close(e, own_ns)                    it was in windows until now: so much own time
 *	                                             has passed since that began, windows included
 *	estimate_result(e, own_ns, &result)          as of now; own_ns as above, of the stratum of
 *	                                             windows that goes on (0: none does)
 *
 * Between two estimate_exact() there may be any number of estimate_close(). estimate_result()
 * adds nothing: the exact part that goes on is estimate_exact() on a copy.
 *
 * Sampling. Windows open at random moments. In each, x calls are seen while the targets ran t
 * for themselves; the rate is R = sum(w x) / sum(w t), and in T of own time there were R T
 * calls. A weight w makes up for what is not alike among windows: how densely they were
 * planned (window.weight of governor.h), and that probes slow the targets most where most is
 * to be seen (estimate_progress()). Its error is that of a ratio, by the residuals x - R t,
 * with Student's t for few windows and more for skewed ones; and that of own time, because
 * prices are known to ESTIMATE_PRICE_ERROR only.
 */
#ifndef DAEMON_ESTIMATE_H
#define DAEMON_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESTIMATE_PRICE_ERROR 0.10 /* relative, one standard error */

struct estimate_window {
	double cpu_ns;	    /* of the targets, between opening and shutting */
	double probe_ns;    /* of that, all probes of the window: calls x price, refused ones too */
	double progress_ns; /* estimate_progress(): own time if there had been no probes */
	double weight;	    /* window.weight of governor.h; 0: 1 */
	double seen;	    /* part of its length until the function was refused; 0: all, 1 */
	double calls;	    /* entered in it */
	double exits;	    /* of these, returned in it or in its grace, ... */
	double total_ns;    /* ... and their durations */
	double censored;    /* of these, neither returned nor gone otherwise when that was over */
};

struct estimate_moments {
	double n, t, x, y, e; /* windows, and weighted sums of own time, calls, total, exits */
	double tt, tx, xx, ty, yy; /* weighted squares and products */
	double t3, t2x, tx2, x3, t2y, ty2, y3; /* third ones: skewness */
	double own, probe; /* not weighted: own time and the probes' */
	double calls, censored;
	double hit, hit_y; /* windows in which there were calls, exits */
};

struct estimate {
	double calls, exits, total_ns;	 /* of strata that are closed */
	double calls_var, total_var;	 /* by sampling */
	double calls_price, total_price; /* standard error by prices: it adds up linearly */
	double upper;			 /* calls that closed strata without any may have had */
	double windows, observed_ns, own_ns, censored, released;
	bool unknown, untimed; /* a closed stratum was not known */
	char why[96];
	struct estimate_moments now;
};

/* Fields as in message Estimated of lib/snapshot.proto. */
struct estimate_result {
	uint64_t windows, observed_ns, own_ns, censored;
	bool known, timed;
	double calls, calls_se, total_ns, total_se_ns; /* 1.96 se are half of a 95 % interval */
	double calls_most; /* known: 0; else, when nothing was seen: fewer than so many, 95 % */
	char why[96];
};

void estimate_exact(struct estimate *e, double calls, double exits, double total_ns);
void estimate_window(struct estimate *e, const struct estimate_window *window);
void estimate_close(struct estimate *e, double own_ns);
void estimate_result(const struct estimate *e, double own_ns, struct estimate_result *ret);

/*
 * Own time that the targets would have had in a window without its probes. width: how many
 * CPUs they use at the most (cpu / wall of busy ticks). Where they were busy all the time the
 * probes took their time away; where there was idle time to take, it is as if nothing were.
 */
double estimate_progress(double cpu_ns, double probe_ns, double wall_ns, double width);

/*
 * Calls that outlive a window are seen the less often the longer they are: one of d, entered
 * at any moment of a window of length L and grace G, returns in time with probability
 * (L + G - d) / L when d > G. Exits and their time, each weighted by one over that; from a
 * histogram of the window's own exits (lib/hist.h), and what it does not hold is left alone.
 */
void estimate_censored(const uint32_t *bucket, const uint64_t *count, size_t n, double length_ns,
		       double grace_ns, double *exits, double *total_ns);

/* Student's t, two-sided 95 %, for any df >= 1. */
double estimate_student(double df);

#endif
