/* SPDX-License-Identifier: GPL-2.0-only */
/* One process of an attach request: what was done to it, and what is said of that. */
#ifndef DAEMON_ATTACHED_H
#define DAEMON_ATTACHED_H

#include "plan.h"
#include "proc.h"
#include "returns.h"
#include "target.h"
#include "wire.pb-c.h"

/* Why probes in a file never fire where its code was moved, as a clause. */
extern const char attached_moved[];

struct attached {
	struct target *target; /* a reference, or NULL */
	bool is_static;	       /* it has no loader */
	Hotpath__AttachedTarget message;
};

void attached_tally(struct attached *at, const struct plan *plan);
/* Fills in the message, with a sentence for each thing that was not done. */
void attached_describe(struct attached *at, const struct proc_objects *objects,
		       const Hotpath__ReaderReply *reply, const struct returns_verdict *verdict);
/* One more sentence for who asked, and for the report. */
void attached_note(struct attached *at, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* One that is for who asked alone, should nothing be measured in the end. */
void attached_unmatched(struct attached *at, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void attached_done(struct attached *at);

#endif
