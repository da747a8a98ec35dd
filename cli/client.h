/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The daemon, as seen from here: one request, one reply. Whatever goes wrong is
 * told here, once; callers only pass it on.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdint.h>
#include "wire.pb-c.h"

/* From now on a daemon that says nothing for so long, not even progress, is told to
 * be one that does not answer. 0: we wait. */
void client_limit_silence(uint64_t ns);

/* Says nothing. -ENOENT, -ECONNREFUSED, -EACCES, -ENAMETOOLONG ... */
int client_connect(const char *path, int *ret_fd);
/* Why that failed, and what to do. */
void client_unreachable(const char *path, int r);
/* Where a daemon that is gone has said why. */
void client_hint_at_log(const char *path);

/*
 * Connects, asks, shows progress on a terminal, and waits for the reply of the
 * wanted kind. The request's version is filled in. The caller frees *ret with
 * client_reply_free(). Negative: told; -EREMOTEIO when the daemon refused,
 * another when it could not be talked to.
 */
int client_call(const char *path, Hotpath__Request *request, Hotpath__Reply__BodyCase wanted,
		Hotpath__Reply **ret);
void client_reply_free(Hotpath__Reply *reply);

#endif
