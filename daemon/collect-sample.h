/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Collector sample, daemon side: the clocks of all CPUs and what they found (the only
 * user of that skeleton). Who is looked at is the shared maps' to say.
 *
 *	sampler_new(calls, ...)		load; no clock runs
 *	sampler_start(sampler)		from here on each CPU is looked at, HP_SAMPLE_HZ a second
 *	sampler_drain(sampler, ...)	what was found since the last time
 *	sampler_stop(sampler)		no clock runs any more
 *	sampler_free(sampler)
 */
#ifndef DAEMON_COLLECT_SAMPLE_H
#define DAEMON_COLLECT_SAMPLE_H

#include "collect-calls.h"

struct sampler;

/* wake, from the event loop: there is so much, or such a thing, that it should be drained. */
int sampler_new(struct calls *calls, sd_event *event, void (*wake)(void *userdata), void *userdata,
		struct sampler **ret);
struct sampler *sampler_free(struct sampler *sampler);

int sampler_start(struct sampler *sampler);
void sampler_stop(struct sampler *sampler);

/* Does it tell time in probes from other time in the kernel? */
bool sampler_knows_probes(const struct sampler *sampler);
uint64_t sampler_bytes(const struct sampler *sampler);

typedef void (*sampler_handler)(void *userdata, const struct hp_sample *sample, uint64_t count);
/* Each place once; it is taken out of the map. */
int sampler_drain(struct sampler *sampler, sampler_handler handler, void *userdata);
/* Of that file one is told again. */
void sampler_forget(struct sampler *sampler, const struct hp_sampled_file *file);

#endif
