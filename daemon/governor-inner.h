/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What governor.c (accounts, states), governor-limits.c and governor-window.c share. Nobody
 * else includes it.
 */
#ifndef DAEMON_GOVERNOR_INNER_H
#define DAEMON_GOVERNOR_INNER_H

#include "governor.h"

#define MS_NS 1000000.0
#define S_NS  1000000000.0

/* The beginning, when an advance is spent and half of what accrues: both together lose the
 * targets no more than 100 ms of 5 %. */
#define GOVERNOR_BEGINNING_NS  (2 * S_NS)
#define GOVERNOR_BEGINNING	0.5
/* Parts of the budget: functions that are armed all the time, those asked for, and windows
 * at least; together with it what is planned at all. */
#define GOVERNOR_ARMED_PART	0.4
#define GOVERNOR_ASKED_PART	0.85
#define GOVERNOR_WINDOW_PART	0.3
#define GOVERNOR_PLANNED_PART	0.93

struct governed {
	double call_ns, refused_ns, arming_ns;
	double rate;	    /* calls per ns of own time, smoothed; < 0: never seen */
	double peak;	    /* its highest of late */
	double lately;	    /* its highest of the last few windows */
	double armed_ns;    /* own time while it was ARMED, this time */
	double grace_ns;    /* for its calls to return */
	uint64_t calls;	    /* as of the last tick */
	uint64_t limit;	    /* while ARMED */
	uint64_t since_ns;  /* of its state */
	uint64_t backoff_ns; /* in windows at least so long */
	int64_t turn;	    /* windows it was in, and what it began with: the least go first */
	uint32_t windows;   /* since it is WINDOWED */
	uint32_t place;	    /* in governor.windowed */
	enum governor_state state;
	bool asked, expensive, failed, hot;
	bool retired; /* failed, and not counted as one that waits */
	bool planned;  /* in the window that is next */
	bool recalled; /* was WINDOWED before it was ARMED */
};

struct governor_sortable {
	double key;
	uint32_t i;
};

struct governor {
	struct governor_config config;
	size_t n;
	struct governed *f;
	uint64_t random;

	uint64_t first_ns, now_ns;
	double cpu_ns, calls_ns, refused_ns, arming_ns; /* sums so far */
	double contention;
	double tick_ns;	   /* wall time of a tick, smoothed */
	double own_rate;   /* own time per wall time, smoothed */
	double width;	   /* cpu per wall, highest of late */
	double balance_ns; /* accrued and not spent */
	double pending_ns; /* spent in windows since the last tick */
	double armed, asked; /* cost of ARMED ones, of own time; of these, asked for */
	double own_ns;
	double spent_ns; /* by what this tick's plan arms */
	double alarm; /* trips, of the last moments */
	uint64_t recalled_ns;

	uint32_t *order; /* of arming; WAITING ones are beyond the cursor */
	size_t cursor;
	bool ordered;

	uint32_t *windowed;
	size_t n_windowed;
	struct governor_window window;
	uint32_t *window_function;
	uint64_t *window_cap;
	uint32_t *candidate;
	int64_t turn;	       /* who joins begins before that */
	bool chosen, outstanding; /* the next window's functions are; it is told */
	double chosen_cost_ns, usual_ns; /* at the most; and usually */
	uint64_t next_ns, last_ns; /* start of the next window, and of the last */
	double paid_ns, paid_windows; /* what windows cost, and how many these were; of late */
	double wall_ns, windows_ns;   /* time, and time in windows; of late */
	double done_ns;		      /* since the last tick */
	uint32_t done_windows;
	/* What refused hits took, and the overhead of windows, summed: their probes are there
	 * before they open, and after. */
	double shut_ns, shut_overhead, done_overhead;

	struct governor_plan plan;
	uint32_t *limited, *release, *arm;
	uint64_t *limit;
	uint32_t *counted;		  /* calls of this tick */
	struct governor_sortable *sorted; /* for a moment */

	struct governor_counts counts;
};

/* One call of it here and now. */
static inline double governed_price_ns(const struct governor *g, const struct governed *f)
{
	return f->call_ns * g->contention;
}

/* What its calls take when it is armed, of own time. */
static inline double governed_cost(const struct governor *g, const struct governed *f)
{
	return f->rate > 0 ? f->rate * governed_price_ns(g, f) : 0;
}

static inline bool governor_begins(const struct governor *g)
{
	return g->now_ns - g->first_ns < GOVERNOR_BEGINNING_NS;
}

/* [0, 1) */
double governor_random(struct governor *g);

/* governor-limits.c: those of ARMED ones, until the next look. */
void governor_limit_all(struct governor *g);

/* governor-window.c: i begins, or ceases, to be WINDOWED. */
void governor_window_join(struct governor *g, uint32_t i);
void governor_window_leave(struct governor *g, uint32_t i);

#endif
