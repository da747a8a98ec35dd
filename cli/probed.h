/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be probed in an object, whoever told of it: hotpathd judges returns and
 * knows prices, of a file alone neither is known. For text and JSON of `probes`.
 */
#ifndef CLI_PROBED_H
#define CLI_PROBED_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/output.h"
#include "wire.pb-c.h"

struct probed {
	const Hotpath__ReaderFunction *f;
	bool judged; /* returns are known */
	Hotpath__Returns returns;
	const char *reason;
	Hotpath__SiteClass exit_class; /* the dearest way out; of sites */
	uint64_t price_ns;	       /* of one call; 0: not known */
	uint32_t inlined;	       /* copies that are not seen */
};

/* The i-th function of it. */
struct probed probed_at(const Hotpath__ProbedObject *object, size_t i);
bool probed_is_possible(const struct probed *p);
/* Its entry or a way out that its returns need is single-stepped. */
bool probed_is_stepped(const struct probed *p);

struct probed_tally {
	size_t session, sites, entry_only, impossible;
	size_t stepped;		  /* single-stepped, and possible */
	uint64_t stepped_most_ns; /* the dearest call of one; 0: not known */
	bool judged, priced, inlined;
};
struct probed_tally probed_count(const Hotpath__ProbedObject *object);

/* 0 or -ENOMEM; errors of writing stay in out->file. */
int probed_text(const struct output *out, const Hotpath__ProbesReply *probes);
int probed_json(const struct output *out, const Hotpath__ProbesReply *probes, bool pretty);

#endif
