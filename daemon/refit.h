/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that is followed gets further functions: what its children are given then.
 * And the end of a kit that another has replaced.
 */
#ifndef DAEMON_REFIT_H
#define DAEMON_REFIT_H

#include "kit.h"

/*
 * The kit that has what t has, of t's own family: the one there is, if need be with
 * further groups, or a new one in its place. So a family has one kit for an executable,
 * and besides those that processes of it still have.
 */
int refit_kit(struct target *t, bool is_static, struct kit **ret);
/* Those that were replaced, and that no process has any more, go. */
void refit_sweep(struct family *family);
/* What was counted in a kit's common target is kept: the kit is about to go. */
void refit_keep_common(struct kit *kit);

#endif
