/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is at the other end of a connection, as the kernel says (SO_PEERCRED,
 * SO_PEERGROUPS): its credentials when it connected.
 */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <stddef.h>
#include <sys/types.h>

#define PEER_GROUPS_MAX 64

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	/* Supplementary groups; none when there are more, which only refuses more. */
	gid_t groups[PEER_GROUPS_MAX];
	size_t n_groups;
};

#endif
