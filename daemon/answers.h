/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hotpath-reader has said in the course of one request. Processes that have mapped
 * the same files are told the same: to ask once is enough for a hundred children. Where
 * the files are mapped does not matter to the reader, nor what could not be opened, which
 * it is not given; what a process is by itself (authority.h) is for others to judge.
 */
#ifndef DAEMON_ANSWERS_H
#define DAEMON_ANSWERS_H

#include <stddef.h>

#include "proc.h"
#include "reader.pb-c.h"

struct answer;
struct answers {
	struct answer *first; /* the newest */
};

/* called: as in judge_request_init(), "" where no pattern can name an object. The answer,
 * or NULL; it lives until the next answers_add(). */
const Hotpath__ReaderReply *answers_find(const struct answers *answers,
					 const struct proc_objects *objects, const char *called);
/* Takes over the reply, also when it fails; size: of the reply, packed. The oldest make
 * room for it. */
int answers_add(struct answers *answers, const struct proc_objects *objects, const char *called,
		Hotpath__ReaderReply *reply, size_t size);
void answers_done(struct answers *answers);

#endif
