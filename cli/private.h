/* SPDX-License-Identifier: GPL-2.0-only */
/* A hotpathd of our own, for one `run` of root where none is running. */
#ifndef CLI_PRIVATE_H
#define CLI_PRIVATE_H

struct private_daemon;

/* Returns when it listens. Negative: told, with the daemon's own words. */
int private_start(struct private_daemon **ret);
/* Ends it and removes what it left. NULL is fine. */
struct private_daemon *private_stop(struct private_daemon *daemon);

const char *private_socket(const struct private_daemon *daemon);

#endif
