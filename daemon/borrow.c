// SPDX-License-Identifier: GPL-2.0-only
/* Files of clients; see borrow.h. */
#include "borrow.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority.h"
#include "lib/cleanup.h"

#define INFO_MAX 1024

bool borrow_parse_info(const char *text, struct borrow_info *ret)
{
	static const char *const keys[] = {"flags:", "mnt_id:", "ino:"};
	const char *at[ARRAY_SIZE(keys)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		at[i] = strstr(text, keys[i]);
		if (!at[i])
			return false;
		at[i] += strlen(keys[i]);
	}
	return sscanf(at[0], "%o", &ret->flags) == 1 &&
	       sscanf(at[1], "%" SCNu64, &ret->mount) == 1 &&
	       sscanf(at[2], "%" SCNu64, &ret->ino) == 1;
}

bool borrow_is_readable(const struct borrow_info *theirs, const struct borrow_info *ours)
{
	return !(theirs->flags & O_PATH) && (theirs->flags & O_ACCMODE) != O_WRONLY &&
	       theirs->mount == ours->mount && theirs->ino == ours->ino;
}

static int read_info(const char *path, struct borrow_info *ret)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[INFO_MAX];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return borrow_parse_info(text, ret) ? 0 : -EPERM;
}

/* What it can read by itself it can read in another of its processes. */
static bool is_its_own(const struct peer *peer)
{
	struct process_facts facts;

	return authority_read(peer->pid, &facts) == 0 && !authority_refusal(peer, &facts);
}

/* Its number may mean another file from one moment to the next: what is compared is the
 * file that we have. */
static int has_open(const struct peer *peer, int number, int fd)
{
	struct borrow_info theirs, ours;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", peer->pid, number);
	r = read_info(path, &theirs);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	r = read_info(path, &ours);
	if (r < 0)
		return r;
	return borrow_is_readable(&theirs, &ours) ? 0 : -EPERM;
}

int borrow_file(const struct peer *peer, int number, uint64_t dev, uint64_t ino)
{
	_cleanup_fd_ int fd = -1;
	char path[64];
	struct stat st;
	int r;

	/* A pid that is another's by now is refused as that. */
	if (!is_its_own(peer))
		return -EPERM;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", peer->pid, number);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_dev != dev || st.st_ino != ino)
		return -EPERM;
	r = has_open(peer, number, fd);
	if (r < 0)
		return r;
	if (!is_its_own(peer))
		return -EPERM;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return r < 0 ? -errno : r;
}
