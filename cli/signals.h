/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals as hotpath was given them, so that what it starts gets the same.
 *
 *	signals_keep();      first thing in main: remembers, then ignores SIGPIPE
 *	signals_give();      in the child, before exec: all as it was
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

void signals_keep(void);
void signals_give(void);

#endif
