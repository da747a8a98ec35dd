/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reviewed lists of functions by name: whose return must never be armed,
 * which must not be probed at all, and which can span neither an unwind nor a
 * stack switch (kernel-facts.md section 3). A function is judged by each of its
 * names. Each returns a reason, or NULL when the name is in no list.
 */
#ifndef READER_NEVER_H
#define READER_NEVER_H

#include "daemon/reader/object.h"

const char *never_probe(struct text name);
const char *never_return(struct text name);
/* Nor can its ways out tell how long it took: it does not return once, to its caller. */
const char *never_timed(struct text name);
/* Whole objects: the dynamic loader, Go programs. */
const char *never_return_object(const struct object *o, bool go);
/* Functions without a name in objects where one of those lists may mean them. */
const char *never_return_unnamed(const struct object *o);

bool never_unwinds(struct text name);
/* An allocator library, whose malloc is malloc; file is its name without directory. */
bool never_unwinds_object(const struct object *o, struct text file);

#endif
