/* SPDX-License-Identifier: GPL-2.0-only */
/* What the probes have cost a target so far: the header of the table, `overhead` of JSON. */
#ifndef CLI_OVERHEAD_H
#define CLI_OVERHEAD_H

#include <stdio.h>
#include "cli/jsonstream.h"
#include "snapshot.pb-c.h"

/*
 * ", probes cost 3.1 % (budget 5 %)"; "about" where it is not by samples but by prices;
 * false where nothing is known.
 */
bool overhead_text(FILE *f, const Hotpath__Target *t);
/* The member "overhead" of the object that is open; none where nothing is known. */
void overhead_json(struct jsonstream *s, const Hotpath__Target *t);

#endif
