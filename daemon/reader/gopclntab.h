/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of a Go program without symbols (-ldflags '-s -w'): the runtime's own table
 * of functions, .gopclntab, stays, for stack traces need it. As of Go 1.18.
 */
#ifndef READER_GOPCLNTAB_H
#define READER_GOPCLNTAB_H

#include "daemon/reader/functions.h"

/* 0, also when there is no such table: *ret_added says how many functions it gave, and
 * *ret_objection, static, why there are none though there is one. -ENOMEM. */
int gopclntab_add(struct functions *f, const struct object *o, size_t *ret_added,
		  const char **ret_objection);

#endif
