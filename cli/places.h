/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a target's threads were on a CPU, by samples: shares and words for them. Shares
 * are of what the program did by itself and had the kernel do, without the probes.
 */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include "cli/section.h"

/* Fewer tell nothing: a table leaves them out. */
#define PLACES_SAMPLES_LEAST 20

/* Of these all shares are; 0: nothing was sampled. */
uint64_t places_own(const Hotpath__Target *t);
/* On-CPU time that so many samples stand for. */
uint64_t places_ns(const Hotpath__Target *t, uint64_t samples);

/* Its standard error, binomial. */
uint64_t places_se_ns(const Hotpath__Target *t, uint64_t samples);

/* "[kernel]" and the like; NULL: it has a name of its own. */
const char *places_word(Hotpath__SampledKind kind);
/* "function", "object", "kernel", "anonymous", "unknown". */
const char *places_kind(Hotpath__SampledKind kind);

/*
 * One line for each thing outside the measured functions, with what to type next:
 *	[libcrypto.so.3] 33.00% (add -f 'libcrypto*:')
 */
void places_note(struct sheet *sheet);
/* The same for JSON, with keys: outside: [{"object", "percent", "add"}]. */
json_t *places_json(const Hotpath__Target *t);

#endif
