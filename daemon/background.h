/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --background: the process that the user started waits until the daemon, its
 * grandchild, is ready or has failed, and ends with that status.
 *
 *	background_start(&background)	returns in the daemon only
 *	  ... start up; errors go to the user's terminal ...
 *	background_ready(&background)	the user's process ends with 0
 *
 * A daemon that exits before it is ready, however, makes that status 1.
 */
#ifndef DAEMON_BACKGROUND_H
#define DAEMON_BACKGROUND_H

struct background {
	int fd; /* to the process that waits; -1: nobody does */
};

int background_start(struct background *background);
int background_ready(struct background *background);

#endif
