// SPDX-License-Identifier: GPL-2.0-only
/* Kits that fit again; see refit.h. */
#include "refit.h"

#include <stdio.h>
#include <string.h>

#include "registry.h"
#include "slot.h"
#include "spare.h"

static bool kit_has(const struct kit *kit, const struct group *group)
{
	size_t i;

	for (i = 0; i < kit->n_groups && kit->group[i] != group; i++)
		;
	return i < kit->n_groups;
}

static bool target_has(const struct target *t, const struct group *group)
{
	size_t i;

	for (i = 0; i < t->n_members && t->member[i].group != group; i++)
		;
	return i < t->n_members;
}

/* A link of the target's own does not see its children. */
static bool has_all_of(const struct kit *kit, const struct target *t)
{
	size_t i;

	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].group->shared && !kit_has(kit, t->member[i].group))
			return false;
	}
	return true;
}

/* Then it can grow to what t has: a target has no function twice. What another process
 * brought in besides may be the same functions in another group. */
static bool is_part_of(const struct kit *kit, const struct target *t)
{
	size_t i;

	for (i = 0; i < kit->n_groups && target_has(t, kit->group[i]); i++)
		;
	return i == kit->n_groups;
}

static bool same_verdict(const struct kit *kit, const struct target *t)
{
	return kit->returns_forbidden == t->returns_forbidden && kit->goroutines == t->goroutines;
}

int refit_kit(struct target *t, bool is_static, struct kit **ret)
{
	struct family *family = t->kit->family;
	struct kit *kit = t->kit;
	int r;

	if (kit->passive || (kit->retired && !(same_verdict(kit, t) && has_all_of(kit, t))))
		kit = kit_find(family, t->exe_dev, t->exe_ino);
	if (kit && same_verdict(kit, t) && (has_all_of(kit, t) || is_part_of(kit, t))) {
		if (!has_all_of(kit, t))
			kit_extend(kit, t);
		*ret = kit;
		return 0;
	}
	r = kit_new(family, t, is_static, -1, ret);
	/* For this executable BPF knows the new one by now. */
	if (r >= 0 && kit)
		kit->retired = true;
	return r;
}

/* Any process that has one of its spares, or may have one? */
static bool is_in_use(const struct kit *kit)
{
	uint32_t i, n = 0;

	for (i = 1; i < HP_TARGETS_MAX; i++) {
		const struct target *t = slot_target(i);

		n += t && t->kit == kit;
	}
	return n > kit_slots(kit) || (kit->common && target_is_shared(kit->common));
}

void refit_keep_common(struct kit *kit)
{
	struct registry *registry = kit->family->registry;
	struct target *t = kit->common;

	if (kit->passive || !t || spare_is_untouched(t))
		return;
	kit->common = NULL;
	snprintf(t->comm, sizeof(t->comm), "%s", basename(t->exe));
	t->begun_ns = registry->started_ns;
	target_note(t, "processes that began when no target was ready for them, together");
	registry_list(registry, t);
	registry_finish(registry, t, HOTPATH__TARGET_STATE__TARGET_EXITED);
	target_unref(t);
}

void refit_sweep(struct family *family)
{
	struct kit **at = &family->kits, *kit;

	while ((kit = *at)) {
		bool over = kit->retired && !is_in_use(kit);

		/* BPF may have been about to take one. */
		if (over)
			blocks_barrier(family->registry->blocks);
		if (!over || is_in_use(kit)) {
			at = &kit->next;
			continue;
		}
		*at = kit->next;
		refit_keep_common(kit);
		kit_free(kit);
	}
}
