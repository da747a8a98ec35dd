/* SPDX-License-Identifier: GPL-2.0-only */
/* Words for what a snapshot has as numbers, and the name of a target's program. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include "cli/jsonstream.h"
#include "snapshot.pb-c.h"

/* The executable's name when the kernel's 15 bytes of it agree, else those bytes
 * (a thread may rename itself). The caller frees; NULL without memory. */
char *program_name(const Hotpath__Target *target, size_t *ret_size);

/* Never NULL; numbers of a newer daemon are "unknown". */
const char *program_state(Hotpath__TargetState state);
const char *program_site_class(Hotpath__SiteClass site_class);
const char *program_returns(Hotpath__Returns returns);

/* "prices":[{"class":"emulated","returns":"session","price_ns":540}] of an open object. */
void program_json_prices(struct jsonstream *s, Hotpath__Price **price, size_t n);

#endif
