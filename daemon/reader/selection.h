/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All patterns of a request together: which objects they speak about, which
 * functions they choose.
 *
 * Every including pattern applies to every object unless it names some. Only excluding
 * ones, or none at all: everything in the main executable but those. A pattern of an object
 * alone ("libfoo:") adds all that it has to what is chosen otherwise.
 */
#ifndef READER_SELECTION_H
#define READER_SELECTION_H

#include "daemon/reader/functions.h"
#include "daemon/reader/pattern.h"

struct selection {
	struct pattern **patterns;
	size_t n;
	size_t n_including; /* but for those of an object alone */
};

/* What an object is called; which of its functions are chosen depends on it. */
struct selection_object {
	struct text path;
	struct text called; /* redis-server, where that is a link to redis-check-rdb */
	struct text soname;
	bool main;
};

/* -EINVAL: *ret_error says which pattern is wrong, and why; the caller frees it. */
int selection_parse(struct selection *s, const struct text *sources, size_t n, char **ret_error);
void selection_free(struct selection *s);

bool selection_reads(const struct selection *s, const struct selection_object *o);
/* Counts the match for each pattern that made it, also when another leaves it out. */
bool selection_takes(struct selection *s, const struct selection_object *o,
		     const struct functions *f, const struct function *fn);
/* By a name alone, which no symbol has: nothing is counted. */
bool selection_names(const struct selection *s, const struct selection_object *o,
		     struct text name);

#endif
