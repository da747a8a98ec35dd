/* SPDX-License-Identifier: GPL-2.0-only */
/* How samples of a target spread over the functions that it is a member of: who is hot. */
#ifndef DAEMON_SHARES_H
#define DAEMON_SHARES_H

#include "target.h"

/*
 * By the members' order, and the functions' in their groups: count has room for
 * target_count_functions(). *ret_all: samples of all that the program did, probes left
 * out. Of what sampling_drain() has brought. By the functions' extents alone, which the
 * reader told at attach: nobody is asked. 0, or -ENOMEM.
 */
int shares_of(const struct target *t, uint32_t *count, uint64_t *ret_all);

#endif
