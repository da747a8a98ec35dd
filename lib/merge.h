/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Adds the figures of one target to those of another: several processes of one
 * program as if they were one. The daemon does so with children that have ended,
 * the CLI for `report --merge`.
 *
 * What becomes of each:
 *
 *	functions	the same object, offset and name are one row; others are added
 *	sums		calls, exits, times, open, cut, unwound, vetoed, lost, histograms,
 *			health (by name), kernel_bytes, text_pages, processes, and
 *			elapsed_ns: % Total of several is of all their observed time
 *	samples		likewise; of places, those of the same kind, object, offset and
 *			name are one
 *	least, most	min_ns, attached_at, ttl_left; max_ns, open_max_ns, bystanders (the
 *			hits of one group of probes are in every target that shares it)
 *	state		running if one runs, else as it was
 *	complete	only if both are
 *	exit status, parent, family, cgroup	kept where both say the same
 *	returns		the weaker, and the reason says that they differ
 *	estimates	sums, and so are their variances; known where both are
 *	overhead	sums, percent of the time of both; none where one has none
 *	notes		each sentence once, at most 100; how many more is in the health
 *	pids		the first 1000; processes counts all
 */
#ifndef LIB_MERGE_H
#define LIB_MERGE_H

#include "snapshot.pb-c.h"

#define MERGE_PIDS_MAX	1000
#define MERGE_NOTES_MAX 100

/*
 * Into holds both then, in memory of protobuf-c's default allocator (free with
 * hotpath__target__free_unpacked()); from is left as it was. -ENOMEM: into can be
 * freed, its figures are worth nothing.
 */
int merge_target(Hotpath__Target *into, const Hotpath__Target *from);

/* A part of it, in a file of its own: where they were sampled. */
int merge_sampling(Hotpath__Target *into, const Hotpath__Target *from);

#endif
