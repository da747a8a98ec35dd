/* SPDX-License-Identifier: GPL-2.0-only */
/* hotpath-reader, run here for `hotpath probes FILE`: no daemon, no privileges. */
#ifndef CLI_READER_H
#define CLI_READER_H

#include <stddef.h>
#include "reader.pb-c.h"

/* Reads one file. Negative: told. The caller frees *ret with
 * hotpath__reader_reply__free_unpacked(). */
int reader_read(const char *path, char **pattern, size_t patterns, Hotpath__ReaderReply **ret);

#endif
