/* SPDX-License-Identifier: GPL-2.0-only */
/* The bytes of one file: mapped, bounded, and safe against shrinking. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "daemon/reader/image.h"

static volatile sig_atomic_t changed;

int image_open(int fd, struct image *ret)
{
	struct stat st;
	void *data;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENODEV;
	if (st.st_size <= 0)
		return -ENODATA;

	/* Shared: into a private mapping, even one that is only read, the kernel puts
	 * the breakpoints of whoever probes the file. */
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return -errno;

	*ret = (struct image){data, (size_t)st.st_size, IMAGE_MAPPED};

	return 0;
}

/* Non-blocking: the name may lead to a fifo that nobody writes to. */
static int open_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int image_open_path(const char *path, struct image *ret)
{
	_cleanup_fd_ int fd = open_path(path);

	return fd < 0 ? fd : image_open(fd, ret);
}

int image_open_trusted(const char *path, uid_t user, struct image *ret)
{
	_cleanup_fd_ int fd = open_path(path);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) &&
	    ((st.st_uid != 0 && st.st_uid != user) || st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;

	return image_open(fd, ret);
}

void image_close(struct image *image)
{
	if (image->owner == IMAGE_MAPPED)
		munmap((void *)image->data, image->size);
	else if (image->owner == IMAGE_HEAP)
		free((void *)image->data);
	*image = (struct image){0};
}

const void *image_at(const struct image *image, uint64_t offset, uint64_t size)
{
	if (offset > image->size || size > image->size - offset)
		return NULL;

	return image->data + offset;
}

bool image_read(const struct image *image, uint64_t offset, void *to, size_t size)
{
	const void *from = image_at(image, offset, size);

	if (!from)
		return false;
	memcpy(to, from, size);

	return true;
}

/* mmap() is not on POSIX's list for handlers; on Linux it is a bare system call. */
static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)4095;

	changed = 1;
	if (info->si_code != BUS_ADRERR ||
	    mmap((void *)page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
		_exit(1);
}

void image_guard(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
}

bool image_changed(void)
{
	return changed;
}
