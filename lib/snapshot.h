/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A snapshot in a file, as `hotpath record` writes it:
 *
 *	8 bytes   "hotpath" and the version of this layout, 1
 *	u64       size of the message, little-endian
 *	u32       CRC-32 of the message, little-endian
 *	...       the message, compressed by zlib
 *
 * Files come from anywhere: nothing in one is believed before it is checked.
 */
#ifndef LIB_SNAPSHOT_H
#define LIB_SNAPSHOT_H

#include "snapshot.pb-c.h"

#define SNAPSHOT_SCHEMA 1u

/*
 * Writes beside path and renames: path holds the old file or the whole new one.
 * What cannot be renamed onto (a device, a pipe) is written to directly.
 * -Exxx as the system calls gave it.
 */
int snapshot_write(const char *path, const Hotpath__Snapshot *snapshot);

/*
 * 0, or -Exxx with *ret_why saying what is wrong with the file in one clause
 * (a constant). The caller frees *ret with hotpath__snapshot__free_unpacked().
 */
int snapshot_read(const char *path, Hotpath__Snapshot **ret, const char **ret_why);

/* The two without files: for tests, and for fuzzing. */
int snapshot_encode(const Hotpath__Snapshot *snapshot, uint8_t **ret, size_t *ret_size);
int snapshot_decode(const uint8_t *data, size_t size, Hotpath__Snapshot **ret,
		    const char **ret_why);

#endif
