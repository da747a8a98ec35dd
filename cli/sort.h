/* SPDX-License-Identifier: GPL-2.0-only */
/* --sort: the order of rows. Numbers descend, names ascend; ties go by name. */
#ifndef CLI_SORT_H
#define CLI_SORT_H

#include <stddef.h>
#include "snapshot.pb-c.h"

struct figures;

struct sort {
	/* What to compare by; NULL: by name. */
	double (*value)(const struct figures *figures, const Hotpath__Function *function,
			double percentile);
	double percentile;
};

int sort_parse(const char *word, struct sort *ret, char *why, size_t why_size);
/* By what is shown of them: estimates, too. */
void sort_functions(const struct sort *sort, const Hotpath__Target *t,
		    const Hotpath__Function **function, size_t n);

#endif
