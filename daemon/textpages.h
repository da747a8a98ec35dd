/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What probes cost a target in memory of its own: each page of its code with a
 * breakpoint is a private copy. A program that checksums its own code sees them.
 */
#ifndef DAEMON_TEXTPAGES_H
#define DAEMON_TEXTPAGES_H

#include "target.h"

/* Distinct pages of 4 KiB under the sites of a target; UINT32_MAX without memory. */
uint32_t textpages_count(const struct target *target);

#endif
