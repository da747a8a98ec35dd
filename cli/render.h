/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formats: one cli/render-<f>.c and one line in renders.def each. A format shows
 * every section without knowing any.
 */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include "cli/options.h"
#include "cli/output.h"
#include "snapshot.pb-c.h"

struct render {
	const char *name;
	bool json; /* verbs with no report of sections ask this: status, probes */
	bool pretty;
	bool silent;
	/* 0 or -ENOMEM; errors of writing stay in output->file. */
	int (*write)(struct output *output, const Hotpath__Snapshot *snapshot,
		     const struct options *options);
};

/* NULL: why says what is accepted. */
const struct render *render_find(const char *name, char *why, size_t why_size);

#define RENDER(id, name, json, pretty, silent, write)                                              \
	int write(struct output *output, const Hotpath__Snapshot *snapshot,                        \
		  const struct options *options);
#define RENDER_LATER(...)
#include "cli/renders.def"
#undef RENDER
#undef RENDER_LATER

#endif
