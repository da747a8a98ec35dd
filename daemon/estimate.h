/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From what windows saw of a function to what it did all the time, with a standard error.
 * Pure: sums in, estimates out. One struct estimate per function, zeroed at first. Moments
 * are of one clock (CLOCK_MONOTONIC).
 *
 * The function's time is a row of strata, by its state (governor.h):
 *
 *	estimate_exact(e, calls, exits, total_ns)    it was armed all the time until now and
 *	                                             these are what was counted in that time
 *	estimate_open(e, now_ns, rate)               from now on it is in windows: best the
 *	                                             moment at which the fuse refused it; calls
 *	                                             per ns of own time just then, 0: not known
 *	estimate_window(e, &window)                  it was in one
 *	estimate_close(e, now_ns, own_ns)            it was in windows until now: so much own time
 *	                                             has passed since that began, windows included
 *	estimate_result(e, now_ns, own_ns, &result)  as of now; own_ns as above, of the stratum of
 *	                                             windows that goes on (none does: 0)
 *
 * estimate_result() changes nothing; for an exact part that goes on, estimate_exact() on a
 * copy comes first. A stratum of too few windows to say anything is joined to the next.
 * A function that was refused was busy just then, and may be quiet when its first window
 * comes: in between it is taken to have done something between the two.
 *
 * Sampling. Windows open at random moments. In each, x calls are seen while the targets ran t
 * for themselves; the rate is R = sum(w x) / sum(w t), and in T of own time there were R T
 * calls. A weight w makes up for what is not alike among windows: each stands for the time
 * from half way to the one before it to half way to the next, whatever decided when it came;
 * and probes slow the targets most where most is to be seen (estimate_progress()). The error
 * is that of a ratio, by the residuals x - R t, with Student's t for few windows and more for
 * skewed ones; and that of own time, because prices are known to within ESTIMATE_PRICE_ERROR
 * only.
 *
 * Standard errors are such that 1.96 of them, up and down, hold the truth in 95 of 100 cases,
 * also where windows are few.
 */
#ifndef DAEMON_ESTIMATE_H
#define DAEMON_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESTIMATE_PRICE_ERROR 0.13 /* relative, one standard error; on a busy machine */
#define ESTIMATE_WINDOWS_MIN 3

struct estimate_window {
	double now_ns;	    /* when it was opened */
	double cpu_ns;	    /* of the targets, between opening and shutting */
	double probe_ns;    /* of that, all probes: calls x price, refused ones too */
	double progress_ns; /* estimate_progress() */
	double seen;	    /* part of its length until the function was refused; 0: all of it */
	double length_ns;   /* wall time, with the grace: a call longer than that is never seen */
	double calls;	    /* entered in it */
	double exits;	    /* of these, returned in it or in its grace, ... */
	double total_ns;    /* ... and their durations */
	double censored;    /* of these, not returned when that was over */
	double late_exits, late_total_ns; /* estimate_censored(); 0: none */
};

/* Sums over windows of x, and its products with t: weighted calls, or their time. */
struct estimate_sums {
	double x, tx, xx, ttx, txx, xxx;
};

struct estimate_moments {
	double n, t, tt, ttt; /* windows; weighted own time and its powers */
	struct estimate_sums calls, total;
	double cpu, probe, own; /* not weighted; own: while it was armed and not refused */
	double censored, missing, missing_ns; /* missing: longer than any window, it seems */
	double hits;			      /* windows with calls */
};

struct estimate {
	double calls, exits, total_ns;	 /* of strata that are closed: exact, and estimated */
	double calls_var, total_var;	 /* by sampling */
	double calls_price, total_price; /* standard errors by prices: they add up */
	double windows, hits, observed_ns, own_ns, censored, strata;
	bool untimed; /* a closed stratum's total is not known */
	bool blurred; /* nor its calls: probes took most of its windows */
	double waiting_ns; /* own time of strata that had too few windows */
	struct estimate_moments now;
	struct estimate_window last; /* not in it yet: how much it stands for is not known */
	double from_ns;		     /* it stands for the time from then on */
	double wall_ns, open_ns;     /* of the windows' strata that are not closed */
	double rate; /* when it was opened; 0: not known, or there was a window since */
	double gap_ns, gap_calls, gap_error; /* wall time before first windows; x rates */
};

/* Fields as in message Estimated of lib/snapshot.proto. */
struct estimate_result {
	uint64_t windows, observed_ns, own_ns, censored;
	bool known, timed;
	double calls, calls_se, total_ns, total_se_ns;
	double calls_most; /* not known: it made fewer calls than that, 95 %; 0: no idea */
	char why[96];	   /* not known, or else not timed */
};

void estimate_exact(struct estimate *e, double calls, double exits, double total_ns);
void estimate_open(struct estimate *e, double now_ns, double rate);
void estimate_window(struct estimate *e, const struct estimate_window *window);
void estimate_close(struct estimate *e, double now_ns, double own_ns);
void estimate_result(const struct estimate *e, double now_ns, double own_ns,
		     struct estimate_result *ret);

/*
 * What a window stands for: own time that the targets would have had in it without its
 * probes. Where they had no idle time it took its cost from them, where they had, nothing.
 * Bursts that probes make longer are met by more windows: by those of functions that are
 * armed all the time, and by windows themselves as far as time is spent in them. (Left out:
 * bursts of 10 in 100 ms were seen 20 % too often.)
 */
struct estimate_cost {
	double cpu_ns;	 /* of the targets, in the window */
	double probe_ns; /* of that, all probes */
	double armed_ns; /* of that, those of functions that are armed all the time */
	double wall_ns;
	double width; /* how many CPUs they keep busy: governor_width() */
	double duty;  /* part of the time that is spent in windows: governor_duty() */
};
double estimate_progress(const struct estimate_cost *cost);

/*
 * Calls that outlive a window are seen the less often the longer they are: one of d, entered
 * at any moment of a window of length L and grace G, returns in time with probability
 * (L + G - d) / L when d > G. So each stands for one over that; these are the calls, and
 * their time, that must be added to what was seen. From a histogram of the window's own
 * exits (lib/hist.h).
 */
void estimate_censored(const uint32_t *bucket, const uint64_t *count, size_t n, double length_ns,
		       double grace_ns, double *ret_exits, double *ret_total_ns);

/*
 * Durations are what is left of calls when what their probes took is taken off, probe_ns of
 * each on the average: an error of the prices is one of the total, too.
 */
void estimate_price(struct estimate_result *ret, double probe_ns);

/* Student's t: two-sided 95 %, df >= 1. */
double estimate_student(double df);

#endif
