// SPDX-License-Identifier: GPL-2.0-only
/* Programs that ran without probes; see unmeasured.h. */
#include "unmeasured.h"

#include <stdio.h>

/* Of families that no target speaks for: encode.c says it of what was named. */
static bool has_speaker(const struct registry *registry, const struct family *f)
{
	const struct target *t;

	for (t = registry->targets; t; t = t->next) {
		if (t->family == f->id && t->named && !target_is_finished(t))
			return true;
	}
	return false;
}

size_t unmeasured_fill(const struct registry *registry, const struct peer *peer,
		       struct unmeasured *u)
{
	const struct family *f;
	size_t n = 0;

	for (f = registry->families; f && n < HP_FAMILIES_MAX; f = f->next) {
		if (!authority_may_see(peer, f->owner) || !family_not_measured(f) ||
		    has_speaker(registry, f))
			continue;
		hotpath__unmeasured__init(&u->row[n]);
		family_what(f, u->what[n]);
		u->row[n].family = f->id;
		u->row[n].what = u->what[n];
		u->row[n].programs = family_not_measured(f);
		u->rows[n] = &u->row[n];
		n++;
	}
	return n;
}

void unmeasured_leave(struct registry *registry, const struct family *family)
{
	uint64_t n = family_not_measured(family);
	struct target *t, *heir = NULL;
	char note[160];

	if (!n)
		return;
	for (t = registry->targets; t; t = t->next) {
		if (t->family == family->id && (!heir || t->named))
			heir = t;
	}
	if (!heir || !target_is_finished(heir))
		return;
	snprintf(note, sizeof(note),
		 "%llu program%s that came of the same attach ran without probes: gone, or over a "
		 "limit, before they were ready",
		 (unsigned long long)n, n == 1 ? "" : "s");
	target_amend(heir, note);
}
