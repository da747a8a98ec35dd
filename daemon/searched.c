// SPDX-License-Identifier: GPL-2.0-only
/* Files that are known; see searched.h. */
#include "searched.h"

#include <stdlib.h>

/* A program may load new files for ever: then all are forgotten, and read again. */
#define SEARCHED_MAX 4096

bool searched_has(const struct searched *searched, const struct proc_object *object)
{
	const struct searched_file *f;

	for (f = searched->file; f < searched->file + searched->n; f++) {
		if (f->dev == object->dev && f->ino == object->ino && f->version == object->version)
			return true;
	}
	return false;
}

void searched_add(struct searched *searched, const struct proc_object *object)
{
	struct searched_file *grown;
	size_t room;

	if (searched_has(searched, object))
		return;
	if (searched->n == SEARCHED_MAX)
		searched->n = 0;
	if (searched->n == searched->room) {
		room = searched->room ? 2 * searched->room : 32;
		grown = reallocarray(searched->file, room, sizeof(*grown));
		if (!grown)
			return;
		searched->file = grown;
		searched->room = room;
	}
	searched->file[searched->n++] =
		(struct searched_file){object->dev, object->ino, object->version};
}

void searched_done(struct searched *searched)
{
	free(searched->file);
	*searched = (struct searched){};
}
