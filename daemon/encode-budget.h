/* SPDX-License-Identifier: GPL-2.0-only */
/* What a budget adds to the picture of a target: its overhead, and estimates. */
#ifndef DAEMON_ENCODE_BUDGET_H
#define DAEMON_ENCODE_BUDGET_H

#include <stdint.h>

#include "snapshot.pb-c.h"

struct member;
struct target;

int encode_overhead(struct target *t, Hotpath__Target *m);
/* Of the ith function of a member; nothing where it was armed all the time. */
int encode_estimated(struct target *t, const struct member *member, uint32_t i,
		     Hotpath__Function *m);

#endif
