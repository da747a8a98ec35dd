/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the words of an object's data hold once it is loaded, as far as its file tells:
 * by its relocations, else as they lie in the file. A symbol that another object may
 * define, too, is taken for the object's own.
 *
 *	slots_read(&slots, o)
 *	slots_find(&slots, o, vaddr, &value)
 *	slots_free(&slots)
 */
#ifndef READER_SLOTS_H
#define READER_SLOTS_H

#include "daemon/reader/flow.h"
#include "daemon/reader/object.h"

#define SLOTS_MAX (4u << 20)

struct slot {
	uint64_t at;
	uint64_t value; /* 0: another object's */
};

struct slots {
	struct slot *list; /* by address */
	size_t n, room;
	bool known;
};

int slots_read(struct slots *s, const struct object *o);
enum slot_kind slots_find(const struct slots *s, const struct object *o, uint64_t vaddr,
			  uint64_t *ret);
void slots_free(struct slots *s);

#endif
