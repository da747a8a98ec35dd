// SPDX-License-Identifier: GPL-2.0-only
/*
 * BPF links by bpf(2) itself, because libbpf 1.1 (Debian 12) knows neither
 * uprobe_multi nor sessions. The interface is the kernel's stable one.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "link.h"
#include "uapi.h"

/* The kernel takes a path; this one leads to the very file that is open. */
#define FD_PATH_MAX 40

static const char *fd_path(int fd, char *buffer)
{
	snprintf(buffer, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return buffer;
}

int link_multi(int prog_fd, uint32_t attach_type, const struct link_sites *sites, bool returns,
	       pid_t pid)
{
	char path[FD_PATH_MAX];
	struct uapi_uprobe_multi_attr attr = {
		.prog_fd = prog_fd,
		.attach_type = attach_type,
		.path = (uintptr_t)fd_path(sites->file_fd, path),
		.offsets = (uintptr_t)sites->offsets,
		.cookies = (uintptr_t)sites->cookies,
		.count = sites->count,
		.flags = returns ? UAPI_BPF_F_UPROBE_MULTI_RETURN : 0,
		.pid = pid,
	};
	int fd;

	fd = syscall(SYS_bpf, UAPI_BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static int perf_uprobe_type(void)
{
	_cleanup_file_ FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type;

	if (!f)
		return -errno;
	return fscanf(f, "%d", &type) == 1 ? type : -ENODATA;
}

static int link_perf_one(int prog_fd, int type, const struct link_sites *sites, size_t i,
			 bool returns, pid_t pid)
{
	_cleanup_fd_ int event_fd = -1;
	char path[FD_PATH_MAX];
	struct perf_event_attr event = {
		.size = sizeof(event),
		.type = type,
		.config = returns, /* bit 0 of the format: retprobe */
		.config1 = (uintptr_t)fd_path(sites->file_fd, path),
		.config2 = sites->offsets[i],
	};
	union bpf_attr attr = {};
	int fd;

	event_fd = syscall(SYS_perf_event_open, &event, pid ? pid : -1, pid ? -1 : 0, -1,
			   PERF_FLAG_FD_CLOEXEC);
	if (event_fd < 0)
		return -errno;

	/* The link keeps a reference to the event; ours may close. */
	attr.link_create.prog_fd = prog_fd;
	attr.link_create.target_fd = event_fd;
	attr.link_create.attach_type = BPF_PERF_EVENT;
	attr.link_create.perf_event.bpf_cookie = sites->cookies[i];
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

int link_perf(int prog_fd, const struct link_sites *sites, bool returns, pid_t pid, int *fds)
{
	int type = perf_uprobe_type();
	size_t i;

	if (type < 0)
		return type;

	for (i = 0; i < sites->count; i++) {
		fds[i] = link_perf_one(prog_fd, type, sites, i, returns, pid);
		if (fds[i] < 0) {
			int r = fds[i];

			while (i-- > 0)
				close(fds[i]);
			return r;
		}
	}
	return 0;
}
