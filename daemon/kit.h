/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kit: what a family probes in one executable (groups, the verdict on returns),
 * and the spares that BPF hands to processes of it. Made from the first target that
 * ran the executable, or ahead of it from the file (ahead.h).
 *
 *	kit_new(family, t, ...)	BPF may hand out its spares from here on
 *	kit_passive(family)	of a family: for executables of which nothing is probed
 *	kit_fill(kit)		spares anew for those that were taken
 *	kit_take_back(kit, t)	a finished target is a spare again
 *	kit_free(kit)		BPF must not know it any more
 */
#ifndef DAEMON_KIT_H
#define DAEMON_KIT_H

#include "family.h"
#include "target.h"

struct kit {
	uint32_t number;
	struct family *family;
	uint64_t dev, ino;
	int exe_fd; /* keeps that inode */
	char *path; /* of the executable */
	struct group **group;
	size_t n_groups;
	struct judged_object *judged;
	size_t n_judged;
	char returns_reason[256];
	bool returns_forbidden, goroutines, hooked, passive;
	bool ahead;   /* made from the file alone */
	bool retired; /* nobody is given its spares any more but by fork */
	uint64_t bytes;	       /* of one spare */
	uint32_t want;	       /* spares to be kept ready */
	struct target *common; /* of processes that found no spare */
	struct kit *next;
};

/* exe_fd: the executable, of one that is made ahead; -1: like has it. */
int kit_new(struct family *family, const struct target *like, bool is_static, int exe_fd,
	    struct kit **ret);
int kit_passive(struct family *family, struct kit **ret);
/* The family's kit for an executable, or NULL. */
struct kit *kit_find(const struct family *family, uint64_t dev, uint64_t ino);
struct kit *kit_free(struct kit *kit);

/* Says to BPF that of this executable, open as fd, nothing is probed. */
int kit_nothing(struct family *family, uint64_t dev, uint64_t ino, int fd);
void kit_nothing_done(struct family *family);
/* The executable of a live target, open: as long as it is its inode is no other's. */
int kit_pin(const struct target *t);

void kit_fill(struct kit *kit);
bool kit_is_low(const struct kit *kit);
/* A verdict on what that process has loaded stands for others that load no more. */
void kit_learn(struct kit *kit, const struct target *judged);
/* The hook of the loader that its processes have is probed now: who begins from here on
 * needs not be held for that. */
void kit_learn_hook(struct kit *kit);
/* What was planned ahead is not right for it: the next that starts is looked at. */
void kit_retire(struct kit *kit);
/* One of its processes has got further groups: so have its spares now, and are fewer
 * where that would be too much. */
void kit_extend(struct kit *kit, const struct target *like);
/* A spare for a process that the daemon itself enters; NULL: there is none. */
struct target *kit_take(struct kit *kit);
/* At that run of the loader's hook after exec everything is mapped. */
void kit_at_hook(struct kit *kit, uint32_t run);
uint32_t kit_spares(const struct kit *kit);
/* Those, and its common target. */
uint32_t kit_slots(const struct kit *kit);
uint64_t kit_kernel_bytes(const struct kit *kit);
/* Takes the slot and the cells; t must be finished and BPF not know it any more. */
void kit_take_back(struct kit *kit, struct target *t);
/* The daemon, not BPF, has made a process of the family none any more. */
void kit_process_left(struct kit *kit);

#endif
