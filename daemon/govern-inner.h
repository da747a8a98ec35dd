/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What govern.c (ticks), govern-account.c (figures of a target), govern-report.c and
 * govern-window.c share.
 * Nobody else includes it. "Functions" are numbered through all groups of a budget.
 */
#ifndef DAEMON_GOVERN_INNER_H
#define DAEMON_GOVERN_INNER_H

#include "arming.h"
#include "cpuclock.h"
#include "govern.h"
#include "governor.h"
#include "target.h"

/* What to place or to remove a probe at one place takes from each process that has mapped
 * it (measured: docs/ARCHITECTURE.md). */
#define GOVERN_PLACE_NS 6250.0
/* Of a budget, and those of groups that are gone and whose numbers nobody fits into: 250 bytes
 * each, and a look at each tick. */
#define GOVERN_FUNCTIONS_MAX (HP_FUNCTIONS_MAX / 8)
/* Of all accounts of a budget; targets beyond have no estimates. */
#define GOVERN_ESTIMATES_MAX (64 * 1024 * 1024 / sizeof(struct estimate))

struct governed_group {
	struct group *group; /* NULL: it is gone */
	uint32_t first;	     /* its function 0 */
	uint32_t count;
	uint32_t room; /* numbers that it may have: another's, when it is gone */
	uint32_t link; /* of the window; 0: none */
};

/* What a cell had at one moment. */
struct seen {
	uint64_t calls, exits, gone; /* gone: vetoed, unwound, cut */
	int64_t total_ns; /* less than 0 where prices say more than was taken */
};

/* How long its calls took until then; only what is not 0. */
struct durations {
	uint32_t *bucket;
	uint64_t *count;
	size_t n;
};

/* A function of a window, before that. */
struct before {
	struct seen seen;
	struct durations durations;
};

/* A function of a target. */
struct stratum {
	uint64_t last;	  /* calls, as of the last look */
	uint64_t before_tick; /* the same, before the last tick */
	struct seen from; /* when it was armed for good */
	double from_own;  /* own time when it began to be armed in windows */
	struct estimate *estimate; /* NULL: it never was */
};

/* A target under the budget. */
struct account {
	struct target *target;
	uint32_t gen; /* as it was when the figures began */
	struct stratum **of; /* by group; NULL: it is no member */
	size_t n;
	uint64_t cpu_base, cpu_ns;
	double hits_ns, refused_ns, arming_ns, other_ns;
	double priced_ns; /* hits and refused ones, on a machine at rest */
	uint64_t hits, refused;
	uint32_t late; /* functions, armed when it had been there for a while */
	double own_before; /* at the last tick */
	bool in_window;
	struct cpuclock clock;
	uint64_t window_cpu_ns;
	double window_probe_ns; /* what probes took meanwhile; before, sum when it opened */
	struct before *before; /* of the window's functions */
	size_t n_before;
	struct account *next;
};

enum govern_window {
	WINDOW_NONE,
	WINDOW_PLANNED,
	WINDOW_OPEN,
	WINDOW_GRACE,
};

struct govern {
	unsigned int refs;
	struct registry *registry;
	struct governor *governor;
	uint32_t budget_ppm;
	bool asked, at_once;
	uint64_t sampled_ns; /* when it was told who is hot */
	bool priced; /* with prices of this machine */
	uint32_t processes; /* that pay for what is placed, as the governor was told */
	struct governed_group *group;
	size_t n_groups;
	size_t n; /* functions */
	double *price_ns, *refused_ns; /* of a call that is counted, or refused */
	double refusing_ns; /* what those that are refused now cost, on the average */
	uint64_t *sum;	 /* calls, of all accounts that are and were */
	uint64_t *limit; /* of sum; 0: none */
	uint64_t *tripped_ns; /* when it was refused, if it was since the last tick */
	uint64_t *released_ns; /* when it was first, after having been armed for good */
	uint8_t *state;
	uint32_t *scratch;
	uint32_t *tripped;
	size_t n_tripped;
	struct account *accounts;
	size_t n_estimates;
	uint64_t gone_cpu_ns;
	double gone_refused_ns, arming_ns;
	uint64_t changes; /* of all armings, as charged */
	uint64_t begun_ns;
	uint64_t interval_us;
	sd_event_source *tick;
	bool hurry; /* the next tick comes at once */

	enum govern_window window_state;
	sd_event_source *window_timer;
	const struct governor_window *window;
	uint64_t opened_ns, shut_ns, ended_ns, deadline_ns, wait_us;
	uint64_t *window_calls, *window_censored; /* per function of the window */
	double *window_part;
};

/* govern-account.c */
/* Accounts for targets that have come; those that have ended leave by govern_leave(). */
void accounts_look(struct govern *g);
/* Calls and CPU time as of now. */
void accounts_read(struct govern *g, bool is_tick);
void accounts_done(struct govern *g);
/* A group is going: what was seen of it goes, too. */
void accounts_forget(struct govern *g, size_t group);
/* A function goes from one state to another. */
void accounts_switch(struct govern *g, uint32_t f, enum governor_state from,
		     enum governor_state to);
void accounts_limit(struct govern *g, uint32_t f, uint64_t limit);
/* Of a cell, in an account: NULL when the target has no such group. */
struct member *account_member(const struct account *a, const struct governed_group *gg);
void account_see(const struct member *m, uint32_t function, bool exits, struct seen *ret);
void account_forget_window(struct account *a);
double account_own_ns(const struct account *a);
void account_read(struct govern *g, struct account *a, bool is_tick);
/* NULL: the target has no such function. */
struct stratum *account_stratum(const struct govern *g, const struct account *a, uint32_t f);
/* What it had since it was armed for good, of which everything was seen. */
void stratum_exact(const struct stratum *s, const struct seen *now, struct estimate *e);
/* What a call of it takes here and now. */
double account_price_ns(const struct govern *g, const struct account *a, uint32_t f);
/* Where its estimate goes; NULL: there are too many, or no memory. */
struct estimate *account_estimate(struct govern *g, struct account *a, uint32_t f);
void accounts_charge_arming(struct govern *g);
struct prices;
/* What a call of a group's function costs when it is counted. */
double govern_price_ns(const struct group *group, uint32_t i, const struct prices *prices);
/* And when it is refused: all of its probes are met, but no return is armed. */
double govern_refused_ns(const struct group *group, uint32_t i, const struct prices *prices);

struct governed_group *govern_group_of(const struct govern *g, uint32_t f);

/* govern-window.c */
void window_consider(struct govern *g);
/* BPF refused a call of a function; true: of the window that is open. */
bool window_tripped(struct govern *g, uint32_t f, uint64_t time_ns);
/* It is broken off, not estimated from. */
void window_abort(struct govern *g);

#endif
