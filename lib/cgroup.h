/* SPDX-License-Identifier: GPL-2.0-only */
/* Where control groups of version 2 are: the same for who names one and who looks it up. */
#ifndef LIB_CGROUP_H
#define LIB_CGROUP_H

/* Static; NULL: there are none here. */
const char *cgroup_root(void);

#endif
