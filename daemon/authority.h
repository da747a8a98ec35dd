/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who may do what: product.md, "Who may do what". Decisions are pure functions
 * of numbers; the facts about a process are read by authority_read().
 */
#ifndef DAEMON_AUTHORITY_H
#define DAEMON_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "peer.h"

struct process_facts {
	uid_t uid[4]; /* real, effective, saved, filesystem */
	gid_t gid[4];
	uint64_t caps_permitted;
	uid_t proc_owner; /* of /proc/PID/stat: root when not dumpable (of the folder: never) */
	bool kernel_thread;
	bool zombie;
	bool ourselves; /* hotpathd */
	bool shadow_stack; /* x86_Thread_features has shstk */
	int seccomp;	   /* 0 none, 1 strict, 2 filter */
	int threads;
	pid_t tracer; /* 0: nobody traces it (ptrace) */
};

/* -ESRCH: no such process. */
int authority_read(pid_t pid, struct process_facts *ret);

/* May peer observe a process with these facts? NULL: yes; else why not, one
 * clause ("it runs as uid 0, you are uid 1000"), valid until the next call. */
const char *authority_refusal(const struct peer *peer, const struct process_facts *facts);

/* May peer see and detach a target that owner_uid attached to a process? */
bool authority_may_see(const struct peer *peer, uid_t owner_uid);

#endif
