// SPDX-License-Identifier: GPL-2.0-only
/* Plans for every object of a process; see plans.h. */
#include "plans.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "govern.h"

/* The reader answers in the order of the request, which left out unopened files. */
const struct proc_object *plans_file(const struct proc_objects *objects, size_t nth)
{
	size_t i;

	for (i = 0; i < objects->count; i++) {
		if (objects->object[i].fd >= 0 && nth-- == 0)
			return &objects->object[i];
	}
	return NULL;
}

int plans_make(const struct features *features, const struct target *t,
	       const struct proc_objects *objects, const Hotpath__ReaderReply *reply,
	       const struct returns_verdict *verdict, struct plans *ret)
{
	size_t i;
	int r;

	ret->of = calloc(reply->n_objects + 1, sizeof(*ret->of));
	if (!ret->of)
		return -ENOMEM;
	ret->n = reply->n_objects;
	for (i = 0; i < ret->n; i++) {
		const struct proc_object *file = plans_file(objects, i);

		if (!file)
			return -ESRCH;
		r = plan_make(features, t, file, reply->objects[i], verdict, &ret->of[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

void plans_weigh(const struct plans *plans, struct limits_use *ret)
{
	size_t i;

	for (i = 0; i < plans->n; i++) {
		ret->probes += plan_functions(&plans->of[i]);
		ret->groups += plan_groups(&plans->of[i]);
		ret->bytes += plan_bytes(&plans->of[i]);
	}
}

void plans_share(struct plans *plans, bool shared)
{
	size_t i;

	for (i = 0; i < plans->n; i++)
		plans->of[i].shared = shared;
}

int plans_govern(struct plans *plans, struct registry *registry,
		 const Hotpath__AttachRequest *request, const struct target *t,
		 struct govern **holder)
{
	struct govern *g = NULL;
	size_t i;
	int r;

	r = govern_for(registry, request, t, holder, &g);
	for (i = 0; r >= 0 && i < plans->n; i++)
		plans->of[i].govern = g;
	return r;
}

size_t plans_shared_files(const struct plans *plans, const struct proc_objects *objects,
			  uint64_t (*files)[2], size_t room)
{
	size_t i, n = 0;

	for (i = 0; i < plans->n && n < room; i++) {
		const struct proc_object *file = plans_file(objects, i);

		if (!plan_is_shared(&plans->of[i]))
			continue;
		files[n][0] = file->dev;
		files[n++][1] = file->ino;
	}
	return n;
}

#define NAMES_MAX 3

void plans_shared_names(const struct plans *plans, const struct proc_objects *objects, char *text,
			size_t size)
{
	size_t i, n = 0, at = 0;

	*text = '\0';
	for (i = 0; i < plans->n; i++) {
		if (!plan_is_shared(&plans->of[i]) || !plan_functions(&plans->of[i]))
			continue;
		if (n++ < NAMES_MAX && at < size)
			at += snprintf(text + at, size - at, "%s%.64s", at ? ", " : "",
				       basename(plans_file(objects, i)->path));
	}
	if (n > NAMES_MAX && at < size)
		snprintf(text + at, size - at, " and %zu more", n - NAMES_MAX);
}

int plans_join(const struct plans *plans, struct groups *groups, struct target *t,
	       const struct proc_objects *objects, const Hotpath__ReaderReply *reply,
	       const void *by)
{
	size_t i;
	int r;

	for (i = 0; i < plans->n; i++) {
		r = plan_join(groups, t, plans_file(objects, i), reply->objects[i],
			      &plans->of[i], by);
		if (r < 0)
			return r;
	}
	if (govern_of(t))
		govern_begin(govern_of(t));
	return 0;
}

uint32_t plans_moved(const struct plans *plans)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < plans->n; i++)
		n += plans->of[i].moved;
	return n;
}

void plans_done(struct plans *plans)
{
	size_t i;

	for (i = 0; i < plans->n; i++)
		plan_done(&plans->of[i]);
	free(plans->of);
}
