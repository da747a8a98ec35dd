/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Links on parts of a group: of one that is under a budget any subset of its functions is
 * probed, and another one a moment later. The cookie leads to the same cell, whichever link
 * a hit comes by; a link that is shut counts nothing (bpf/fuse.bpf.h), and vetoes.
 *
 *	arming_new(group, ...)		nothing is linked
 *	arming_arm(a, functions, n)	for good, in links of a few functions each
 *	arming_release(a, functions, n)	these are probed no more; what shares a link with them
 *					is handed to another one, and no call of it is missed
 *	arming_link(a, ...)		one link, shut: for a window
 *	arming_open / _shut(a, link)
 *	arming_unlink(a, link)		shut, and removed soon
 *	arming_free(a, closing)
 *
 * Links are removed beside the event loop (closer.h). Functions are indices into the group.
 */
#ifndef DAEMON_ARMING_H
#define DAEMON_ARMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "closer.h"
#include "closing.h"

struct arming;
struct calls;
struct group;

int arming_new(struct group *group, struct calls *calls, struct closer *closer,
	       struct arming **ret);
/* Its links go to closing; waits for those that are being removed already. */
struct arming *arming_free(struct arming *a, struct closing *closing);

/* Those that are linked already are left alone. On failure those of whole links may be
 * armed: arming_is_armed() tells. */
int arming_arm(struct arming *a, const uint32_t *functions, size_t n);
void arming_release(struct arming *a, const uint32_t *functions, size_t n);
bool arming_is_armed(const struct arming *a, uint32_t function);

int arming_link(struct arming *a, const uint32_t *functions, size_t n, uint32_t *ret_link);
void arming_open(struct arming *a, uint32_t link);
void arming_shut(struct arming *a, uint32_t link);
void arming_unlink(struct arming *a, uint32_t link);

/* From here on the ways out of what sessions sit on are probed as well. */
int arming_probe_exits(struct arming *a);

/* How many places are probed for a function. */
uint32_t arming_sites(const struct arming *a, uint32_t function);
/* Places that probes were put to or removed from, so far. */
uint64_t arming_changes(const struct arming *a);

#endif
