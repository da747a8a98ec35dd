/* SPDX-License-Identifier: GPL-2.0-only */
/* --sort: the order of rows. Numbers descend, names ascend; ties go by name. */
#ifndef CLI_SORT_H
#define CLI_SORT_H

#include <stddef.h>
#include "snapshot.pb-c.h"

struct sort {
	/* What to compare by; NULL: by name. */
	double (*value)(const Hotpath__Function *function, double percentile);
	double percentile;
};

int sort_parse(const char *word, struct sort *ret, char *why, size_t why_size);
void sort_functions(const struct sort *sort, const Hotpath__Function **function, size_t n);

#endif
