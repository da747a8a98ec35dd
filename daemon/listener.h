/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The listening socket: its path, who may connect, and that there is only one.
 *
 *	listener_open(config, &listener)	why it can not is logged
 *	listener_fd(listener), listener_path(listener)
 *	listener_close(listener)		removes what it made, and only that
 */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include "config.h"

struct listener;

int listener_open(const struct config *config, struct listener **ret);
int listener_fd(const struct listener *listener);
const char *listener_path(const struct listener *listener);
struct listener *listener_close(struct listener *listener);

#endif
