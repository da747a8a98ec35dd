/* SPDX-License-Identifier: GPL-2.0-only */
/* One process of an attach request: what was done to it, and what is said of that. */
#ifndef DAEMON_ATTACHED_H
#define DAEMON_ATTACHED_H

#include "plan.h"
#include "proc.h"
#include "returns.h"
#include "target.h"
#include "wire.pb-c.h"

struct attached {
	struct target *target; /* a reference, or NULL */
	Hotpath__AttachedTarget message;
};

void attached_tally(struct attached *at, const struct plan *plan);
/* Fills in the message, with a sentence for each thing that was not done. */
void attached_describe(struct attached *at, const struct proc_objects *objects,
		       const Hotpath__ReaderReply *reply, const struct returns_verdict *verdict);
/* One more sentence for who asked, and for the report. */
void attached_note(struct attached *at, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void attached_done(struct attached *at);

#endif
