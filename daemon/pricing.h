/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps the registry's prices: has them measured (calibrate.h), tells BPF, and has them
 * measured again now and then while there are targets, when nothing else is under way.
 *
 *	pricing_new(registry, &pricing)
 *	pricing_start(pricing)	the first time: when there is nothing else to do
 *	pricing_settle(pricing)	the same, at once, and not before it is done
 *	pricing_free(pricing)	also ends what is under way
 */
#ifndef DAEMON_PRICING_H
#define DAEMON_PRICING_H

#include "registry.h"

struct pricing;

int pricing_new(struct registry *registry, struct pricing **ret);
struct pricing *pricing_free(struct pricing *pricing);
/* Unless the configuration says not to. What goes wrong is logged, and prices stay
 * unknown; registry->prices.missing says why. */
void pricing_start(struct pricing *pricing);
void pricing_settle(struct pricing *pricing);

#define PRICING_NOTE_SIZE 256

/* What must be said of durations that a target since begun_ns has; "": probes were
 * taken off all of them. */
void pricing_note(const struct registry *registry, uint64_t begun_ns, char *text, size_t size);

#endif
