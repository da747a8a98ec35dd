/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One line per event on standard error, `<N>` prefixed when the journal reads it.
 *
 *	log_info("attached pid %d", pid);
 *	return log_error_errno(r, "open %s", path);   logs "open x: No such file", returns r
 *
 * Errors are logged once, where they stop being passed on. Control characters
 * in a message are replaced: names come from targets.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends ": " and the text of -r; returns r. */
int log_write_errno(enum log_level level, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_error_errno(r, ...)	  log_write_errno(LOG_LEVEL_ERROR, r, __VA_ARGS__)
#define log_warning_errno(r, ...) log_write_errno(LOG_LEVEL_WARNING, r, __VA_ARGS__)

#endif
