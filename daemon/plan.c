// SPDX-License-Identifier: GPL-2.0-only
/* Chooses the kind of probe for each function; see plan.h. */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"

void plan_done(struct plan *plan)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plan->chosen); i++)
		free(plan->chosen[i]);
}

static enum probe_kind plan_kind(const struct features *features,
				 const struct returns_verdict *verdict,
				 const Hotpath__ReaderFunction *f)
{
	const char *reason;

	switch (returns_of(verdict, f, &reason)) {
	case HOTPATH__RETURNS__RETURNS_SESSION:
		return features->session ? PROBE_SESSION : PROBE_PAIR;
	case HOTPATH__RETURNS__RETURNS_SITES:
		return PROBE_SITES;
	default:
		return PROBE_COUNT;
	}
}

static void plan_tally(struct plan *plan, enum probe_kind kind, const Hotpath__ReaderFunction *f)
{
	*(f->class_ == HOTPATH__SITE_CLASS__SITE_STEPPED ? &plan->expensive : &plan->cheap) += 1;
	*(kind == PROBE_COUNT	? &plan->entry_only
	  : kind == PROBE_SITES ? &plan->sites
				: &plan->session) += 1;
}

int plan_make(const struct features *features, const struct target *t,
	      const struct proc_object *file, const Hotpath__ReaderObjectReply *object,
	      const struct returns_verdict *verdict, struct plan *plan)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plan->chosen); i++) {
		plan->chosen[i] = calloc(object->n_functions ?: 1, sizeof(**plan->chosen));
		if (!plan->chosen[i])
			return -ENOMEM;
	}
	plan->skipped = object->impossible;
	for (i = 0; i < object->n_functions; i++) {
		const Hotpath__ReaderFunction *f = object->functions[i];
		enum probe_kind kind = plan_kind(features, verdict, f);

		/* Listed only where nothing else matched; counted in `impossible`. */
		if (f->class_ == HOTPATH__SITE_CLASS__SITE_NONE)
			continue;
		if (!proc_object_runs(file, f->offset + f->skip)) {
			plan->moved++;
			continue;
		}
		if (target_has_site(t, file->dev, file->ino, f->offset)) {
			plan->already++;
			continue;
		}
		plan->chosen[kind][plan->count[kind]++] = i;
		plan_tally(plan, kind, f);
	}
	return 0;
}

uint32_t plan_functions(const struct plan *plan)
{
	return plan->session + plan->sites + plan->entry_only;
}

bool plan_is_shared(const struct plan *plan)
{
	size_t kind;

	for (kind = 0; kind < ARRAY_SIZE(plan->count); kind++) {
		if (plan->count[kind] && (plan->shared || plan->govern || probe_kind_shared(kind)))
			return true;
	}
	return false;
}

uint32_t plan_groups(const struct plan *plan)
{
	uint32_t n = 0;
	size_t kind;

	for (kind = 0; kind < ARRAY_SIZE(plan->count); kind++)
		n += plan->count[kind] > 0;
	return n;
}

uint64_t plan_bytes(const struct plan *plan)
{
	uint64_t n = 0;
	size_t kind;

	for (kind = 0; kind < ARRAY_SIZE(plan->count); kind++)
		n += plan->count[kind] ? cell_bytes(plan->count[kind]) : 0;
	return n;
}

int plan_join(struct groups *groups, struct target *t, const struct proc_object *file,
	      const Hotpath__ReaderObjectReply *object, const struct plan *plan, const void *by)
{
	struct group *group;
	size_t kind;
	int r;

	for (kind = 0; kind < ARRAY_SIZE(plan->chosen); kind++) {
		const struct group_want want = {
			.kind = kind,
			.shared = plan->shared,
			.govern = plan->govern,
			.dev = file->dev,
			.ino = file->ino,
			.file_fd = file->fd,
			.object = object,
			.chosen = plan->chosen[kind],
			.count = plan->count[kind],
		};

		if (!want.count)
			continue;
		r = group_get(groups, &want, &group);
		if (r >= 0)
			r = target_join(t, group, by);
		if (r < 0)
			return r;
	}
	return 0;
}
