/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * While CMD runs: its end, its stops, the signals that are meant for it, and the
 * time that it is given.
 *
 *	supervise_begin(word, words)	before CMD is started, by its words: no signal
 *					ends us from here on
 *	supervise(pid, ...)		until CMD has ended; it is a zombie then
 *	supervise_reap(pid)		its status, as from waitpid()
 *	supervise_end()			also where CMD was not started
 */
#ifndef CLI_SUPERVISE_H
#define CLI_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

void supervise_begin(char **word, int words);
/* After duration_ns (0: never) SIGTERM, grace_ns later SIGKILL. True: we ended it. */
bool supervise(pid_t pid, uint64_t duration_ns, uint64_t grace_ns);
int supervise_reap(pid_t pid);
void supervise_end(void);

#endif
