// SPDX-License-Identifier: GPL-2.0-only
/* Log lines on standard error: one write each, so that lines never mix. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fmt.h"
#include "lib/log.h"

/* Longer lines are cut: a symbol name can have any length. */
#define LINE_MAX_BYTES 4096

static enum log_level level_max = LOG_LEVEL_INFO;

/* The priorities of syslog(3), which the journal reads from "<N>". */
static const char *const journal_prefix[] = {
	[LOG_LEVEL_ERROR] = "<3>",
	[LOG_LEVEL_WARNING] = "<4>",
	[LOG_LEVEL_INFO] = "<6>",
	[LOG_LEVEL_DEBUG] = "<7>",
};

void log_set_level(enum log_level level)
{
	level_max = level;
}

/* JOURNAL_STREAM=DEV:INO names the socket that the journal reads; it is
 * inherited by children whose stderr went elsewhere, hence the comparison. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;

	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static void write_line(enum log_level level, const char *text)
{
	_cleanup_free_ char *safe = fmt_safe(text, strlen(text));
	const char *prefix = stderr_is_journal() ? journal_prefix[level] : "";
	const char *line = safe ? safe : "out of memory while logging";
	struct iovec parts[] = {
		{(char *)prefix, strlen(prefix)},
		{(char *)line, strlen(line)},
		{(char *)"\n", 1},
	};
	ssize_t n;

	do
		n = writev(STDERR_FILENO, parts, ARRAY_SIZE(parts));
	while (n < 0 && errno == EINTR);
}

/* Appends at *used; marks what was cut. */
__attribute__((format(printf, 3, 0))) static void append(char *line, size_t *used,
							 const char *format, va_list args)
{
	size_t room = LINE_MAX_BYTES - *used;
	int n = vsnprintf(line + *used, room, format, args);

	if (n < 0)
		return;
	if ((size_t)n < room) {
		*used += (size_t)n;
		return;
	}
	memcpy(line + LINE_MAX_BYTES - 4, "...", 4);
	*used = LINE_MAX_BYTES - 1;
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved_errno = errno;
	char line[LINE_MAX_BYTES];
	size_t used = 0;
	va_list args;

	if (level > level_max)
		return;

	va_start(args, format);
	append(line, &used, format, args);
	va_end(args);
	write_line(level, line);
	errno = saved_errno;
}

int log_write_errno(enum log_level level, int r, const char *format, ...)
{
	char line[LINE_MAX_BYTES] = "";
	size_t used = 0;
	va_list args;

	va_start(args, format);
	append(line, &used, format, args);
	va_end(args);
	log_write(level, "%s: %s", line, strerror(r < 0 ? -r : r));
	return r;
}
