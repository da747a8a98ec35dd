/* SPDX-License-Identifier: GPL-2.0-only */
/* --focus: a text that names contain, or a /regex/ (PCRE2) that they match. */
#ifndef CLI_FOCUS_H
#define CLI_FOCUS_H

#include <stdbool.h>
#include <stddef.h>

struct focus;

/* -EINVAL with the reason in why: PCRE2's message and where in the pattern. */
int focus_new(const char *word, struct focus **ret, char *why, size_t why_size);
struct focus *focus_free(struct focus *focus);

/* A NULL focus takes everything. */
bool focus_takes(const struct focus *focus, const void *name, size_t size);

#endif
