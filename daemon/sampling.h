/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sampling profile: clocks that run while there is somebody to look at, and what
 * they found brought to the targets.
 *
 *	sampling_new(registry)		no clock runs; without it nothing is sampled
 *	sampling_update(registry)	targets came or went
 *	sampling_drain(registry)	what was found until now is in the targets
 *	sampling_learn(registry, ...)	somebody has just looked at what a process has mapped
 *	sampling_free(registry)
 */
#ifndef DAEMON_SAMPLING_H
#define DAEMON_SAMPLING_H

#include "registry.h"

/* What is missing is logged. */
void sampling_new(struct registry *registry);
void sampling_free(struct registry *registry);
void sampling_update(struct registry *registry);
void sampling_drain(struct registry *registry);
void sampling_learn(struct registry *registry, const struct proc_objects *objects);
/* Of one target: what was found is forgotten. */
void sampling_forget(struct registry *registry, struct target *target);
/* Comes with the figures of another. */
void sampling_fold(struct registry *registry, struct target *into, const struct target *from);
/* Of its maps. */
uint64_t sampling_bytes(const struct registry *registry);
/* NULL: nothing is sampled at all. */
struct codefiles *sampling_files(const struct registry *registry);

#endif
