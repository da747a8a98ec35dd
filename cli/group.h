/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Did a signal reach the whole process group, CMD with it, or hotpath alone? The
 * kernel says the same of both, so a child of hotpath's own stays in the group, takes
 * what the group is sent, and is asked.
 *
 *	group_begin(word, words)    before CMD is started; CMD's words
 *	group_got(signal)           for each signal that hotpath has taken
 *	group_end()
 */
#ifndef CLI_GROUP_H
#define CLI_GROUP_H

#include <stdbool.h>

/* Without the child, which cannot be had where no process can, nothing reached all. */
void group_begin(char **word, int words);
/*
 * Waits 5 ms before it says no. What hotpath is sent of the same kind meanwhile is the
 * same signal, as it is to every process that has not yet taken the first.
 */
bool group_got(int signal);
void group_end(void);

#endif
