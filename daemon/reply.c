// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handler's end of an answer. It outlives the connection when the client
 * goes first; then everything here is a way of freeing it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"
#include "server.h"

bool reply_gone(const struct reply *reply)
{
	return !reply->connection;
}

void reply_progress(struct reply *reply, const char *what, uint32_t done, uint32_t total)
{
	Hotpath__Progress progress = HOTPATH__PROGRESS__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;

	if (reply_gone(reply))
		return;

	progress.what = (char *)what;
	progress.done = done;
	progress.total = total;
	message.body_case = HOTPATH__REPLY__BODY_PROGRESS;
	message.progress = &progress;
	connection_answer(reply->connection, &message, false);
}

void reply_finish(struct reply *reply, Hotpath__Reply *message)
{
	if (!reply_gone(reply))
		connection_answer(reply->connection, message, true);
	free(reply);
}

/* One line of valid UTF-8, as a protobuf string must be: names of targets are
 * in there. NULL without memory. */
static char *format_line(const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		return NULL;
	}
	return fmt_safe(text, strlen(text));
}

void reply_error(struct reply *reply, int code, const char *hint, const char *format, ...)
{
	Hotpath__Error error = HOTPATH__ERROR__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	_cleanup_free_ char *text = NULL;
	va_list args;

	va_start(args, format);
	text = format_line(format, args);
	va_end(args);

	error.code = code;
	error.text = text ? text : strerror(code);
	error.hint = (char *)(hint ? hint : "");
	message.body_case = HOTPATH__REPLY__BODY_ERROR;
	message.error = &error;
	reply_finish(reply, &message);
}
