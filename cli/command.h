/* SPDX-License-Identifier: GPL-2.0-only */
/* CMD of `hotpath run`: which file it is, and whether it may be held and watched. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

/* As a shell finds it. Negative: told; -ENOENT (status 127), or -EACCES (126). */
int command_find(const char *word, char **ret_path);

/*
 * Set-uid, set-gid and file capabilities are not granted to a program that is
 * being traced by who is not root: it would run without them and fail in odd
 * ways. -EPERM, told. Looks through #! as exec does.
 */
int command_check(const char *path);

#endif
