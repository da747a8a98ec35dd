/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bytes of one file, read only, with bounds. Nothing else in the reader
 * touches a file's bytes except through a pointer that image_at() gave out.
 *
 *	image_open(fd, &image)     maps a regular file (the fd stays the caller's)
 *	image_at(&image, 64, 24)   24 bytes at offset 64, or NULL
 *	image_close(&image)
 *
 * A file that shrinks while it is mapped would end in SIGBUS; image_guard()
 * installs a handler that puts a page of zeros there instead and remembers it.
 */
#ifndef READER_IMAGE_H
#define READER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"

enum image_owner { IMAGE_BORROWED, IMAGE_MAPPED, IMAGE_HEAP };

struct image {
	const uint8_t *data;
	size_t size;
	enum image_owner owner;
};

int image_open(int fd, struct image *ret);
int image_open_path(const char *path, struct image *ret);
/* -EPERM: others than root and this user can write that file, or did. */
int image_open_trusted(const char *path, uid_t user, struct image *ret);
void image_close(struct image *image);

const void *image_at(const struct image *image, uint64_t offset, uint64_t size);
/* Copies, because hostile offsets need not be aligned. */
bool image_read(const struct image *image, uint64_t offset, void *to, size_t size);

void image_guard(void);
bool image_changed(void); /* the handler had to act: some bytes were zeros, not the file's */

#endif
