/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an object's .eh_frame says: whether any function has a personality routine
 * or language specific data (LSDA), so that an exception may be caught or a cleanup
 * run there (true also when the table can not be understood), and where functions
 * begin.
 */
#ifndef READER_FRAMES_H
#define READER_FRAMES_H

#include "daemon/reader/object.h"

bool frames_land(const struct object *o);

/*
 * For objects without a lookup table, as static C++ programs are: all that .eh_frame
 * describes is sorted into the object, for the questions below. 0, also when it can not
 * be understood, or -ENOMEM.
 */
#define FRAMES_SORTED_MAX (1u << 20)
int frames_sort(struct object *o);

/*
 * The stretch of code around vaddr that one frame description covers: a
 * function, or a part of one. For programs without symbols. False: none is
 * known, or the lookup table is not of the usual form.
 */
bool frames_find(const struct object *o, uint64_t vaddr, uint64_t *ret_start, uint64_t *ret_size);

/* What one description covers. */
struct frame {
	uint64_t start;
	uint64_t size;
	uint64_t at; /* the description itself */
	bool called; /* begins as a call leaves the stack: not the cold part of a function */
};

/* In the table's order; ends with what visit() returns below zero, else 0. */
typedef int (*frames_visit)(const struct frame *frame, void *context);
int frames_each(const struct object *o, frames_visit visit, void *context);

/* Where the LSDA of the code at vaddr lies, and the start that its places count from. */
enum frames_lsda {
	FRAMES_NO_LSDA, /* nothing is described there, or without one */
	FRAMES_LSDA,
	FRAMES_UNREADABLE,
};
enum frames_lsda frames_find_lsda(const struct object *o, uint64_t vaddr, uint64_t *ret_start,
				  uint64_t *ret_lsda);

#endif
