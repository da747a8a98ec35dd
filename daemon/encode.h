/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of a target, as protobuf. */
#ifndef DAEMON_ENCODE_H
#define DAEMON_ENCODE_H

#include "target.h"

/*
 * A new message of what the blocks hold now; the caller frees it with
 * hotpath__target__free_unpacked(). final: nothing runs any more, so what does
 * not add up is lost, not under way.
 */
int encode_target(struct target *target, bool final, Hotpath__Target **ret);
/* What a call of that function of a member pays, as calibrated; 0: not known. */
uint64_t encode_price(const struct target *t, const struct group *g, const struct function *f);

#endif
