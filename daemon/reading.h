/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of hotpath-reader, the program that parses what users control. It
 * gets open files and a question on its standard input, has no privileges, a
 * limit on time and memory, and answers once. The daemon never looks into a
 * target's files itself.
 */
#ifndef DAEMON_READING_H
#define DAEMON_READING_H

#include <stddef.h>
#include <systemd/sd-event.h>

#include "reader.pb-c.h"

struct reading;

/* error: NULL, or why there is no answer. The reply is freed after the call. */
typedef void (*reading_handler)(void *userdata, const char *error,
				const Hotpath__ReaderReply *reply);

/* The error, by address, of a reading that was cancelled: only clean up then. */
extern const char reading_cancelled[];

/*
 * Starts it; object i of the request gets a copy of fds[i] (the function fills
 * in the numbers). The handler is called once, from the event loop, after which
 * the reading is gone. reading_cancel() ends it without a call.
 */
int reading_start(sd_event *event, Hotpath__ReaderRequest *request, const int *fds,
		  reading_handler handler, void *userdata, struct reading **ret);
struct reading *reading_cancel(struct reading *reading);

#endif
