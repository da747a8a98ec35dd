/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that a family should have measured and did not (family_not_measured), where no
 * target that was named speaks for it (encode.c).
 */
#ifndef DAEMON_UNMEASURED_H
#define DAEMON_UNMEASURED_H

#include "family.h"
#include "registry.h"

struct unmeasured {
	Hotpath__Unmeasured row[HP_FAMILIES_MAX], *rows[HP_FAMILIES_MAX];
	char what[HP_FAMILIES_MAX][FAMILY_WHAT_MAX];
};

/* For a report to peer: how many rows; they point into u. */
size_t unmeasured_fill(const struct registry *registry, const struct peer *peer,
		       struct unmeasured *u);
/* The family ends: the number stays with what it was begun for, or with one of its
 * targets, whose figures are final. */
void unmeasured_leave(struct registry *registry, const struct family *family);

#endif
