/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one user may have at once. Pure: numbers in, a verdict out. root has no
 * limits but the daemon's memory.
 */
#ifndef DAEMON_LIMITS_H
#define DAEMON_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"

/* Each probed file and kind of probe of a target is a group, and to remove one takes
 * the kernel some 10 ms. */
#define LIMITS_GROUPS 256
/* Executables that a user's families probe, each with targets made in advance; and what
 * they wait for. */
#define LIMITS_KITS	 256
#define LIMITS_SELECTORS 128
/* Of the slots of targets (HP_TARGETS_MAX) half: what all these together are made in
 * advance. More are not made then, so this alone is no reason to refuse an attach. */
#define LIMITS_SLOTS 511
/* Requests of one user, and of all, that hotpath-reader works on. */
#define LIMITS_IN_FLIGHT     4
#define LIMITS_IN_FLIGHT_ALL 16

struct limits_use {
	uint32_t targets, probes, groups;
	uint64_t bytes;
	uint32_t families, kits, selectors;
	uint32_t slots; /* of targets that are made in advance */
};

/*
 * May a user who has `have` get `want` more, when all users together hold all_bytes?
 * True; or false with a sentence in text. A user may have half of the memory.
 */
bool limits_allow(const struct config *config, uid_t uid, const struct limits_use *have,
		  const struct limits_use *want, uint64_t all_bytes, char *text, size_t size);

/* May hotpath-reader work on one more request, of a user who has `theirs` of `all`
 * under way? */
bool limits_allow_request(uid_t uid, unsigned int theirs, unsigned int all);

/* How many other processes a user's probes may slow down: what was asked for, but
 * for anyone but root no more than the administrator allows. */
uint32_t limits_bystanders(const struct config *config, uid_t uid, uint32_t asked);

#endif
