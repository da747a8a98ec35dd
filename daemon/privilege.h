/* SPDX-License-Identifier: GPL-2.0-only */
/* May this process do what hotpathd does? Asked first, to answer in one line. */
#ifndef DAEMON_PRIVILEGE_H
#define DAEMON_PRIVILEGE_H

#include <stdint.h>

/* 0, or -EPERM when something is missing, which is logged with the remedy. */
int privilege_check(void);

/* What these effective capabilities lack, NULL: nothing. */
const char *privilege_missing(uint64_t effective);

#endif
