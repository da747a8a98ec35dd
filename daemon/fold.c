// SPDX-License-Identifier: GPL-2.0-only
/* Sums of what has ended; see fold.h. */
#include "fold.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/merge.h"
#include "lib/message.h"
#include "sampling.h"

static struct target *sum_of(const struct registry *registry, const struct target *t)
{
	struct target *other;

	for (other = registry->targets; other; other = other->next) {
		if (other->sum && other->family == t->family && other->exe_dev == t->exe_dev &&
		    other->exe_ino == t->exe_ino && other->state == t->state)
			return other;
	}
	return NULL;
}

static int copy_sum(const struct target *t, Hotpath__Target **ret)
{
	*ret = message_copy(&t->sum->base);
	return *ret ? 0 : -ENOMEM;
}

/* In a copy: a sum that was added to in part would be neither the one nor the other. */
static int add_to_sum(struct target *into, const Hotpath__Target *message)
{
	Hotpath__Target *grown;
	int r;

	r = copy_sum(into, &grown);
	if (r < 0)
		return r;
	r = merge_target(grown, message);
	if (r < 0) {
		hotpath__target__free_unpacked(grown, NULL);
		return r;
	}
	hotpath__target__free_unpacked(into->sum, NULL);
	into->sum = grown;
	return 0;
}

int fold_target(struct registry *registry, struct target *t)
{
	struct target *into = sum_of(registry, t);
	Hotpath__Target *message;
	int r;

	message = hotpath__target__unpack(NULL, t->final_size, t->final);
	if (!message)
		return -ENOMEM;
	if (!into) {
		t->sum = message;
		free(TAKE(t->final));
		t->final_size = 0;
		return 0;
	}
	r = add_to_sum(into, message);
	hotpath__target__free_unpacked(message, NULL);
	if (r >= 0) {
		sampling_fold(registry, into, t);
		registry_remove(registry, t);
	}
	return r;
}

int fold_message(const struct target *t, Hotpath__Target **ret)
{
	if (t->sum)
		return copy_sum(t, ret);
	*ret = hotpath__target__unpack(NULL, t->final_size, t->final);
	return *ret ? 0 : -ENOMEM;
}
