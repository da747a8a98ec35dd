// SPDX-License-Identifier: GPL-2.0-only
/* Sites against what is mapped now; see moved.h. */
#include "moved.h"

#include "group.h"
#include "lib/cleanup.h"
#include "proc.h"

/* NULL: not mapped at all, as of a library that was closed: it cannot be called. */
static const struct proc_object *find_file(const struct proc_objects *objects,
					   const struct group *group)
{
	size_t i;

	for (i = 0; i < objects->count; i++) {
		if (objects->object[i].fd >= 0 && objects->object[i].dev == group->dev &&
		    objects->object[i].ino == group->ino)
			return &objects->object[i];
	}
	return NULL;
}

static uint32_t count_moved(const struct target *t, const struct proc_objects *objects)
{
	uint32_t n = 0;
	size_t i, k;

	for (i = 0; i < t->n_members; i++) {
		const struct group *group = t->member[i].group;
		const struct proc_object *file = find_file(objects, group);

		for (k = 0; file && k < group->count; k++)
			n += !proc_object_runs(file, group->sites[k]);
	}
	return n;
}

uint32_t moved_count(struct target *t)
{
	_cleanup_(proc_objects_free) struct proc_objects objects = {};

	if (!t->ended_ns && target_is_alive(t) && proc_objects_read(t->pid, &objects) >= 0)
		t->moved = count_moved(t, &objects);
	return t->moved;
}
