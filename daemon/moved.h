/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Code that was moved after probes were put into it (huge pages for code, a packer):
 * they stand in pages of the file that the process runs no more.
 */
#ifndef DAEMON_MOVED_H
#define DAEMON_MOVED_H

#include "target.h"

/* Looks again, and returns how many functions of it can never be seen any more; of a
 * process that has ended, what was seen last. */
uint32_t moved_count(struct target *target);

#endif
