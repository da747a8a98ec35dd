/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hotpath has to say to its user besides the report: on standard error,
 * each message one line, whatever bytes are in it.
 *
 *	complain("cannot open %s: %s", path, strerror(errno));   "hotpath: cannot ..."
 *	complain_hint("start it: sudo hotpathd");                "start it: ..."
 */
#ifndef CLI_COMPLAIN_H
#define CLI_COMPLAIN_H

void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void complain_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
