/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One word of -f:
 *
 *	processCommand     a name, mangled or as its author wrote it, with or
 *	                   without arguments
 *	str*  [ab]_?       a glob over the same
 *	/^z(add|rem)/      a regular expression (PCRE2) over the same
 *	libc*:malloc       any of these, in objects whose file name fits a glob
 *	!...               leaves out what fits
 *
 * "::" never separates an object: ns::f is a name. A pattern that begins and
 * ends with a slash is a regular expression over names.
 */
#ifndef READER_PATTERN_H
#define READER_PATTERN_H

#include "daemon/reader/demangle.h"

#define PATTERN_MAX 4096u

struct pattern;

/* -EINVAL: *ret_error says why (the caller frees it); -ENOMEM. */
int pattern_parse(struct text source, struct pattern **ret, char **ret_error);
struct pattern *pattern_free(struct pattern *p);

struct text pattern_source(const struct pattern *p);
bool pattern_excludes(const struct pattern *p);
/* Does it name an object and no function? */
bool pattern_is_whole(const struct pattern *p);

/* Whether it speaks about an object, by its path as the kernel names it and its soname. */
bool pattern_fits_object(const struct pattern *p, struct text path, struct text soname);
/* cache: of that name, shared by all patterns that look at it. A compiler's clone
 * (clone.h) fits by the name of its function, too. */
bool pattern_fits_name(const struct pattern *p, struct text name, struct demangled *cache);

/*
 * Whether it speaks about functions that have no name (unnamed.h): it names an object,
 * or such a function, or is `*` and means the executable. Else `cache*` in a stripped
 * program called cache would be all of it.
 */
bool pattern_means_unnamed(const struct pattern *p, bool main);

/* A name to look for neighbours of: the pattern's longest run without wildcards. */
struct text pattern_needle(const struct pattern *p);

/* Counters of the caller. */
uint64_t *pattern_matches(struct pattern *p);

/* "/usr/lib/libc.so.6 (deleted)" -> "libc.so.6" */
struct text pattern_file_name(struct text path);

#endif
