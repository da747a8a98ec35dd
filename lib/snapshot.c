// SPDX-License-Identifier: GPL-2.0-only
/* The file of `hotpath record`; lib/snapshot.h says its layout. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include "lib/cleanup.h"
#include "lib/snapshot.h"
#include "lib/wire.h"

#define MAGIC	    "hotpath"
#define MAGIC_SIZE  7
#define LAYOUT	    1
#define HEADER_SIZE (MAGIC_SIZE + 1 + sizeof(uint64_t) + sizeof(uint32_t))
/* A daemon's reply is never larger. */
#define MESSAGE_MAX WIRE_REPLY_MAX

/* --- encoding -------------------------------------------------------------- */

static void put_header(uint8_t *p, uint64_t size, uint32_t crc)
{
	uint64_t size_le = htole64(size);
	uint32_t crc_le = htole32(crc);

	p = mempcpy(p, MAGIC, MAGIC_SIZE);
	*p++ = LAYOUT;
	p = mempcpy(p, &size_le, sizeof(size_le));
	memcpy(p, &crc_le, sizeof(crc_le));
}

static uint32_t checksum(const uint8_t *data, size_t size)
{
	return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, size);
}

int snapshot_encode(const Hotpath__Snapshot *snapshot, uint8_t **ret, size_t *ret_size)
{
	size_t size = hotpath__snapshot__get_packed_size(snapshot);
	_cleanup_free_ uint8_t *message = NULL, *file = NULL;
	uLongf compressed;

	if (size > MESSAGE_MAX)
		return -EFBIG;

	compressed = compressBound(size);
	message = malloc(size ?: 1);
	file = malloc(HEADER_SIZE + compressed);
	if (!message || !file)
		return -ENOMEM;

	hotpath__snapshot__pack(snapshot, message);
	put_header(file, size, checksum(message, size));
	if (compress2(file + HEADER_SIZE, &compressed, message, size, Z_DEFAULT_COMPRESSION) !=
	    Z_OK)
		return -ENOMEM;

	*ret_size = HEADER_SIZE + compressed;
	*ret = TAKE(file);
	return 0;
}

/* --- decoding -------------------------------------------------------------- */

static int refuse(const char **ret_why, int r, const char *why)
{
	*ret_why = why;
	return r;
}

static int check_magic(const uint8_t *data, size_t size, const char **ret_why)
{
	if (size < MAGIC_SIZE || memcmp(data, MAGIC, MAGIC_SIZE))
		return refuse(ret_why, -EBADMSG, "it is not a snapshot of hotpath record");
	if (size > MAGIC_SIZE && data[MAGIC_SIZE] > LAYOUT)
		return refuse(ret_why, -EPROTO, "a newer hotpath wrote it");
	if (size < HEADER_SIZE || data[MAGIC_SIZE] != LAYOUT)
		return refuse(ret_why, -EBADMSG, "it is cut short or damaged");

	return 0;
}

/* The whole stream must inflate to exactly the promised size. */
static int inflate_message(const uint8_t *data, size_t size, uint64_t promised, uint8_t **ret)
{
	_cleanup_free_ uint8_t *message = NULL;
	uLongf inflated = promised;
	uLong consumed = size;

	message = malloc(promised ?: 1);
	if (!message)
		return -ENOMEM;
	if (uncompress2(message, &inflated, data, &consumed) != Z_OK || inflated != promised ||
	    consumed != size)
		return -EBADMSG;

	*ret = TAKE(message);
	return 0;
}

int snapshot_decode(const uint8_t *data, size_t size, Hotpath__Snapshot **ret, const char **ret_why)
{
	_cleanup_free_ uint8_t *message = NULL;
	Hotpath__Snapshot *snapshot;
	uint64_t promised;
	uint32_t crc;
	int r;

	r = check_magic(data, size, ret_why);
	if (r < 0)
		return r;

	memcpy(&promised, data + MAGIC_SIZE + 1, sizeof(promised));
	memcpy(&crc, data + MAGIC_SIZE + 1 + sizeof(promised), sizeof(crc));
	promised = le64toh(promised);
	/* Deflate reaches 1032:1 at most; a size beyond is a lie, and not allocated. */
	if (promised > MESSAGE_MAX || promised / 1040 > size)
		return refuse(ret_why, -EBADMSG, "it is cut short or damaged");

	r = inflate_message(data + HEADER_SIZE, size - HEADER_SIZE, promised, &message);
	if (r == -ENOMEM)
		return refuse(ret_why, r, "out of memory");
	if (r < 0 || checksum(message, promised) != le32toh(crc))
		return refuse(ret_why, -EBADMSG, "it is cut short or damaged");

	snapshot = hotpath__snapshot__unpack(NULL, promised, message);
	if (!snapshot)
		return refuse(ret_why, -EBADMSG, "its contents are not a snapshot");
	if (snapshot->schema > SNAPSHOT_SCHEMA) {
		hotpath__snapshot__free_unpacked(snapshot, NULL);
		return refuse(ret_why, -EPROTO, "a newer hotpath wrote it");
	}

	*ret = snapshot;
	return 0;
}

/* --- files ----------------------------------------------------------------- */

static int write_and_sync(int fd, const uint8_t *data, size_t size)
{
	int r;

	r = wire_write_all(fd, data, size);
	if (r < 0)
		return r;

	/* Full disks show up at the latest here; what cannot be synced (a pipe) need not be. */
	if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
		return -errno;

	return 0;
}

static int write_in_place(const char *path, const uint8_t *data, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC);

	return fd < 0 ? -errno : write_and_sync(fd, data, size);
}

static int write_and_rename(const char *path, const uint8_t *data, size_t size)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_fd_ int fd = -1;
	mode_t mask = umask(0);
	int r;

	umask(mask);
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;

	r = write_and_sync(fd, data, size);
	if (r == 0 && (fchmod(fd, 0666 & ~mask) < 0 || rename(temporary, path) < 0))
		r = -errno;
	if (r < 0)
		unlink(temporary);

	return r;
}

int snapshot_write(const char *path, const Hotpath__Snapshot *snapshot)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct stat st;
	size_t size;
	int r;

	r = snapshot_encode(snapshot, &data, &size);
	if (r < 0)
		return r;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : write_in_place(path, data, size);

	return write_and_rename(path, data, size);
}

/* What is no snapshot is not read to its end: /dev/zero has none. */
static int read_header(int fd, uint8_t header[HEADER_SIZE], const char **ret_why)
{
	size_t size = 0;

	while (size < HEADER_SIZE) {
		ssize_t n = read(fd, header + size, HEADER_SIZE - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse(ret_why, -errno, strerror(errno));
		if (n == 0)
			break;
		size += (size_t)n;
	}

	return check_magic(header, size, ret_why);
}

static int read_file(int fd, uint8_t **ret, size_t *ret_size, const char **ret_why)
{
	_cleanup_free_ uint8_t *rest = NULL, *all = NULL;
	uint8_t header[HEADER_SIZE];
	size_t size;
	int r;

	r = read_header(fd, header, ret_why);
	if (r < 0)
		return r;
	r = wire_read_all(fd, MESSAGE_MAX, &rest, &size);
	if (r == -EMSGSIZE)
		return refuse(ret_why, r, "it is larger than a snapshot can be (256 MiB)");
	all = r < 0 ? NULL : malloc(HEADER_SIZE + size);
	if (!all)
		return refuse(ret_why, r < 0 ? r : -ENOMEM, strerror(r < 0 ? -r : ENOMEM));

	memcpy(mempcpy(all, header, HEADER_SIZE), rest, size);
	*ret = TAKE(all);
	*ret_size = HEADER_SIZE + size;
	return 0;
}

int snapshot_read(const char *path, Hotpath__Snapshot **ret, const char **ret_why)
{
	_cleanup_free_ uint8_t *data = NULL;
	_cleanup_fd_ int fd = -1;
	size_t size;
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return refuse(ret_why, -errno, strerror(errno));

	r = read_file(fd, &data, &size, ret_why);
	if (r < 0)
		return r;

	return snapshot_decode(data, size, ret, ret_why);
}
