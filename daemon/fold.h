/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Children that have ended are kept one by one up to a limit; older ones are added up,
 * one target for each executable of a family, so that nothing vanishes.
 */
#ifndef DAEMON_FOLD_H
#define DAEMON_FOLD_H

#include "registry.h"

/* Adds a finished target to the sum of its kind, and removes it; or it becomes that
 * sum. On an error it, and that sum,
 * stay as they are: it is tried again when the next one ends. */
int fold_target(struct registry *registry, struct target *target);
/* A copy of the final figures. */
int fold_message(const struct target *target, Hotpath__Target **ret);

#endif
