/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The targets of a snapshot as they are shown: several processes as one where
 * --merge says so, children behind their parents.
 *
 *	processes_arrange(snapshot, by);
 *	for each target: depth = processes_depth(&line, target);
 */
#ifndef CLI_PROCESSES_H
#define CLI_PROCESSES_H

#include <stddef.h>
#include "cli/options.h"
#include "snapshot.pb-c.h"

/*
 * Adds up what belongs together (lib/merge.h) and puts the targets into the order
 * of a tree. Tells when a target lacks what --merge asks for. -ENOMEM: the snapshot
 * can be freed, no more.
 */
int processes_arrange(Hotpath__Snapshot *snapshot, enum merge_by by);

#define PROCESSES_DEPTH_MAX 8 /* deeper ones are indented no further */

/* The ancestors of the target that was shown last; {0} at first. */
struct processes_line {
	int32_t pid[PROCESSES_DEPTH_MAX];
	size_t n;
};

/* How many of those shown before are its ancestors, in the order of the tree. */
size_t processes_depth(struct processes_line *line, const Hotpath__Target *target);

#endif
