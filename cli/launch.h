/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starts CMD and holds it at its entry point: the loader has mapped every
 * library, and nothing of the program itself has run.
 *
 *	launch_hold(path, argv, &pid, &status)    held, ours to trace
 *	launch_release(pid)                       runs on, not traced any more
 *	launch_kill(pid)                          or: never ran
 *
 * If hotpath dies while it holds CMD, the kernel kills CMD.
 */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <sys/types.h>

/*
 * 0: held. 1: CMD ended before its entry point (a library is missing, say);
 * *ret_status is as from waitpid(). Negative: told, and no process is left;
 * -ENOENT and -EACCES mean that CMD cannot be found or executed.
 */
int launch_hold(const char *path, char **argv, pid_t *ret_pid, int *ret_status);
int launch_release(pid_t pid);
void launch_kill(pid_t pid);

#endif
