// SPDX-License-Identifier: GPL-2.0-only
/* Clocks, and whom they found; see sampling.h. */
#include "sampling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect-sample.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proc.h"
#include "slot.h"

/* So often in a row a process is looked at for files that it runs code from, in vain. */
#define LOOKS_MAX 8
/* And no more than this part of the time: a process may have a new file in each sample. */
#define LOOKS_PART 20

struct sampling {
	struct sampler *sampler;
	struct codefiles files;
	bool started; /* clocks run */
	bool failed;  /* they could not be started, which was said */
};

static void on_wake(void *userdata)
{
	sampling_drain(userdata);
}

/* The next sample in it tells of it again. */
static void on_forget(void *userdata, const struct codefile *file)
{
	const struct hp_sampled_file key = {.dev = file->map_dev, .ino = file->map_ino};

	sampler_forget(userdata, &key);
}

void sampling_new(struct registry *registry)
{
	struct sampling *s;
	int r;

	if (!registry->features.sampling)
		return;
	s = calloc(1, sizeof(*s));
	r = s ? sampler_new(registry->calls, registry->event, on_wake, registry, &s->sampler)
	      : -ENOMEM;
	if (r < 0) {
		log_warning_errno(r, "on-CPU time is not sampled: cannot load its BPF program");
		free(s);
		return;
	}
	if (!sampler_knows_probes(s->sampler))
		log_warning("samples of faults and interrupts count as in probes: cannot read "
			    "addresses in /proc/kallsyms (kernel.kptr_restrict)");
	s->files.forget = on_forget;
	s->files.userdata = s->sampler;
	registry->sampling = s;
}

void sampling_free(struct registry *registry)
{
	struct sampling *s = TAKE(registry->sampling);

	if (!s)
		return;
	codefiles_forget(&s->files);
	sampler_free(s->sampler);
	free(s);
}

struct codefiles *sampling_files(const struct registry *registry)
{
	return registry->sampling ? &registry->sampling->files : NULL;
}

uint64_t sampling_bytes(const struct registry *registry)
{
	return registry->sampling ? sampler_bytes(registry->sampling->sampler) : 0;
}

void sampling_learn(struct registry *registry, const struct proc_objects *objects)
{
	if (registry->sampling)
		codefiles_learn(&registry->sampling->files, objects);
}

/* --- what was found --------------------------------------------------------------- */

/* Generations of a target's own slot are its own, back to when it got that. Of what runs
 * without anything that is probed there is no report. */
static void on_sample(void *userdata, const struct hp_sample *sample, uint64_t count)
{
	struct registry *registry = userdata;
	struct target *t = slot_target(sample->slot);

	if (!t || t->registry != registry || !t->n_members || sample->gen > t->gen ||
	    sample->gen < t->first_gen || target_is_finished(t))
		return;
	samples_add(&t->samples, &registry->sampling->files, sample, count);
}

/* Files that were mapped since somebody looked. */
static void look_for_files(struct registry *registry, struct target *t)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct proc_objects objects = {};

	if (t->exited || now < t->samples.looked_until_ns || !t->pid || t->samples.looks >= LOOKS_MAX ||
	    !samples_lack_files(&t->samples))
		return;
	t->samples.looks++;
	if (target_is_same_process(t) && proc_objects_read(t->pid, &objects) >= 0)
		sampling_learn(registry, &objects);
	proc_objects_free(&objects);
	t->samples.looked_until_ns = now + LOOKS_PART * (clock_ns(CLOCK_MONOTONIC) - now);
	if (!samples_lack_files(&t->samples))
		t->samples.looks = 0;
}

void sampling_drain(struct registry *registry)
{
	struct sampling *s = registry->sampling;
	struct target *t;
	int r;

	if (!s || !s->started)
		return;
	r = sampler_drain(s->sampler, on_sample, registry);
	if (r < 0)
		log_warning_errno(r, "samples of the CPU are lost: cannot read their map");
	for (t = registry->targets; t; t = t->next) {
		if (target_is_finished(t))
			continue;
		t->samples.lost_bpf = __atomic_load_n(
			&calls_slot(registry->calls, t->slot)->counter[HP_COUNTER_samples_lost],
			__ATOMIC_RELAXED);
		look_for_files(registry, t);
		/* Else faults of its pages would be taken for probes. */
		if (sampler_knows_probes(s->sampler))
			contention_update(t);
	}
}

void sampling_forget(struct registry *registry, struct target *t)
{
	if (!registry->sampling)
		return;
	samples_done(&t->samples, &registry->sampling->files);
	t->contention = (struct contention){.factor = t->contention.factor};
}

void sampling_fold(struct registry *registry, struct target *into, const struct target *from)
{
	if (registry->sampling)
		samples_merge(&into->samples, &registry->sampling->files, &from->samples);
}

/* --- clocks ------------------------------------------------------------------------ */

static bool anybody_runs(const struct registry *registry)
{
	const struct target *t;

	for (t = registry->targets; t && target_is_finished(t); t = t->next)
		;
	return t;
}

void sampling_update(struct registry *registry)
{
	struct sampling *s = registry->sampling;
	bool wanted = anybody_runs(registry);
	int r;

	if (!s || s->failed || wanted == s->started)
		return;
	s->started = wanted;
	if (!wanted) {
		sampler_stop(s->sampler);
		codefiles_forget(&s->files);
		return;
	}
	r = sampler_start(s->sampler);
	if (r < 0) {
		log_warning_errno(r, "on-CPU time is not sampled: cannot start the CPUs' clocks");
		s->started = false;
		s->failed = true;
	}
}
