/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An attach request under way. attach.c has the request as a whole, from its start to
 * its answer; attaching.c looks at one process after the other, and probes it.
 */
#ifndef DAEMON_ATTACHING_H
#define DAEMON_ATTACHING_H

#include "ahead.h"
#include "answers.h"
#include "ask.h"
#include "attached.h"
#include "bystanders.h"
#include "family.h"
#include "proc.h"
#include "reading.h"
#include "registry.h"

struct attaching {
	struct registry *registry;
	struct peer peer;
	struct reply *reply;
	Hotpath__AttachRequest *request;
	struct attached *attached;
	struct family *family; /* NULL: children are not followed */
	struct govern *govern; /* of those that are not followed */
	const char *not_followed; /* why there is none that was asked for; "" */
	size_t at;	       /* the process being worked on */
	size_t n_named;	       /* that may not fail; the others are their descendants, or match */
	struct ask_kin kin;    /* as found at the start */
	unsigned int rounds;   /* looks at who is a descendant */
	bool too_many;	       /* descendants */
	uint32_t left_out;     /* of those that were not named, and live */
	char left_text[256];   /* the first of them */
	struct answers answers;
	struct bystanders bystanders;
	sd_event_source *step; /* the next process, or the answer */

	/* of that process: */
	unsigned int tries;
	char called[64]; /* by which patterns may mean its executable; "" where none can */
	struct process_facts facts;
	struct proc_objects objects;
	uint64_t start_ticks;
	struct reading *reading;
	struct ahead *ahead; /* after the last of them, executables that are waited for: */
	size_t n_ahead;
	struct attaching *next;
};

/* False: refused, and said. */
bool attaching_authorise(struct attaching *a, pid_t pid);
/* Has the files in a->objects read, or knows them already; what is found is acted on. */
int attaching_read(struct attaching *a);

/* On to the next process, or the answer; from the event loop, so that others have a turn. */
void attaching_next(struct attaching *a);
/* With this one there is no more to do. */
void attaching_pass(struct attaching *a);
/* The same process once more, as it has changed. False: that was so too often. */
bool attaching_again(struct attaching *a);
/* Undoes and ends the request, with that for an answer. */
void attaching_cancel(struct attaching *a, const char *why);
/* May the process that is worked on not be left out? */
bool attaching_is_named(const struct attaching *a);
/* Ends the request, or leaves out the process when it may be. The caller is done. */
void attaching_fail(struct attaching *a, int code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
