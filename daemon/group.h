/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group: functions of one file that are probed in one way. Targets that ask
 * for the same functions of the same file share it, and where the probe sees
 * every process (sessions, and whatever follows children), they share its link too:
 * one link a group.
 *
 *	group_get(...)	 an equal group that exists, or a new one
 *	group_link(...)	 the shared link, at first use
 *	group_put(...)	 gone with the last user
 */
#ifndef DAEMON_GROUP_H
#define DAEMON_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "closing.h"
#include "collect-calls.h"
#include "reader.pb-c.h"

struct function {
	char *name;   /* mangled; bytes as the symbol table has them */
	char *file;   /* source, may be NULL */
	char *never;  /* what forbids its return, whatever the process is; NULL: nothing */
	char *no_exits; /* why its ways out are not known, NULL: they are */
	char **alias;
	size_t n_aliases;
	uint64_t offset; /* in the file */
	uint64_t size;	 /* bytes; 0: not known */
	uint32_t line;
	uint32_t skip; /* from offset to the probe */
	Hotpath__SiteClass class;
	uint32_t n_exits; /* ways out that are known */
	Hotpath__SiteClass exit_class; /* the dearest of them */
};

struct arming;
struct govern;

struct group {
	uint32_t id;
	enum probe_kind kind;
	bool shared; /* linked once, for every process */
	uint64_t dev, ino;
	int file_fd;
	char *object; /* file name without directory */
	struct function *functions;
	uint64_t *sites, *cookies; /* as the link wants them */
	size_t count;
	uint64_t *exits, *exit_cookies; /* the ways out that are known, likewise */
	size_t n_exits;
	int *fds; /* the shared link; n_fds 0: not linked */
	size_t n_fds;
	int *exit_fds; /* of a group of sessions: the ways out, linked when they are needed */
	size_t n_exit_fds;
	struct govern *govern; /* the budget that it is under; NULL: none */
	struct arming *arming; /* its links then */
	unsigned int refs;
	uint64_t looked_at; /* registry.c's: at the last count it was counted then */
	struct group *next;
};

struct groups {
	struct group *first;
};

struct group_want {
	enum probe_kind kind;
	bool shared; /* as children are to be seen, too; sessions always are */
	struct govern *govern; /* links are this one's matter; NULL: linked when it is joined */
	uint64_t dev, ino;
	int file_fd;
	const Hotpath__ReaderObjectReply *object;
	const uint32_t *chosen; /* indices into object->functions */
	size_t count;
};

/* -ENOSPC: HP_GROUPS_MAX are in use. */
int group_get(struct groups *groups, const struct group_want *want, struct group **ret);
struct group *group_ref(struct group *group);
/* The links of a group that is gone go to closing. */
struct group *group_put(struct groups *groups, struct calls *calls, struct group *group,
			struct closing *closing);

/* Is one link for all processes right for this kind? */
bool probe_kind_shared(enum probe_kind kind);
int group_link(struct group *group, struct calls *calls);
/* The ways out of what sessions sit on, for targets whose returns may not be armed any
 * more; nothing where none is known. */
int group_link_exits(struct group *group, struct calls *calls);
/* A link for one process; the caller owns fds. */
int group_link_for(struct group *group, struct calls *calls, pid_t pid, int **ret_fds,
		   size_t *ret_n);

void links_close(int **fds, size_t *n);

#endif
