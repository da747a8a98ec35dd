/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of hotpath-reader, the program that parses what users control. It
 * gets open files and a question on its standard input, has no privileges, a
 * limit on time and memory, and answers once. The daemon never looks into a
 * target's files itself. Only so many run at once (turn.h); the others wait.
 */
#ifndef DAEMON_READING_H
#define DAEMON_READING_H

#include <stddef.h>
#include <systemd/sd-event.h>

#include "reader.pb-c.h"
#include "turn.h"

struct reading;

/* error: NULL, or why there is no answer. The reply is freed after the call. */
typedef void (*reading_handler)(void *userdata, const char *error,
				const Hotpath__ReaderReply *reply);

/* The error, by address, of a reading that was cancelled: only clean up then. */
extern const char reading_cancelled[];

/* For whom it is, and what it is for. */
struct reading_asker {
	uid_t uid;
	enum turn_kind kind;
};

/*
 * Starts it, at once or in its turn; object i of the request gets a copy of fds[i] (the
 * function fills in the numbers), which stay open until then. The handler is called
 * once, from the event loop, after which the reading is gone. reading_cancel() ends it
 * without a call. -EBUSY: too many of that user wait.
 */
int reading_start(sd_event *event, struct reading_asker asker, Hotpath__ReaderRequest *request,
		  const int *fds, reading_handler handler, void *userdata, struct reading **ret);
struct reading *reading_cancel(struct reading *reading);
/* Within the handler: the reply is the caller's from here on. Its size, packed. */
Hotpath__ReaderReply *reading_take(struct reading *reading, size_t *ret_size);

/* Since the start. */
struct reading_figures {
	uint64_t waited, refused;
};
struct reading_figures reading_figures(void);

#endif
