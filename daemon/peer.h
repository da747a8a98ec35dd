/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is at the other end of a connection, as the kernel says (SO_PEERCRED). */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <sys/types.h>

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

#endif
