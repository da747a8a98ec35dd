/* SPDX-License-Identifier: GPL-2.0-only */
/* How a child of hotpathd gives up what hotpathd may. */
#ifndef DAEMON_NOBODY_H
#define DAEMON_NOBODY_H

/* In a child: user nobody, no new privileges, so much CPU time, no core, and it ends
 * when the daemon does. Without root the credentials stay. */
int nobody_become(unsigned int cpu_max_sec);

#endif
