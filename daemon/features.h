/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this kernel can do, found by trying, not by its version (but where a bug
 * cannot be tried without harm). Each feature that is missing has a next best.
 */
#ifndef DAEMON_FEATURES_H
#define DAEMON_FEATURES_H

#include <stdbool.h>

/* name, first kernel, what is done without it */
#define FEATURES(X)                                                                                \
	X(session, "6.13", "returns are probed only in programs with one stack a thread and no "  \
			   "unwinder")                                                             \
	X(returns, "any", "no return is ever touched: the ways out are probed instead")            \
	X(multi, "6.6", "one perf event per function: at most 100 functions a target")            \
	X(pid_filter, "6.10", "other processes of the same file are probed too")                  \
	X(nop5, "6.18", "a nop of 5 bytes is as expensive to probe as most instructions")         \
	X(find_vma, "5.17", "required")                                                           \
	X(task_iterator, "5.8", "open calls are shown without their age")                         \
	X(uretprobe_seccomp, "not 6.11-6.14", "no returns in processes under seccomp")            \
	X(sampling, "5.17", "no on-CPU time: only what is probed is seen")

struct features {
#define X(name, since, without) bool name;
	FEATURES(X)
#undef X
};

/* Tries everything. mask, for tests: "-session,-multi" takes features away. An
 * unknown name in it is -EINVAL, logged; no right to load BPF is -EPERM. */
int features_probe(const char *mask, struct features *ret);

struct feature_text {
	const char *name;
	const char *since;
	const char *without;
	bool present;
};

/* The table above, with what was found; returns the number of rows. */
unsigned int features_table(const struct features *features, const struct feature_text **ret);

#endif
