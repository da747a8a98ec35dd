/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Raw BPF links of programs to places in files. A link is a file descriptor;
 * closing it removes the probes.
 */
#ifndef DAEMON_LINK_H
#define DAEMON_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct link_sites {
	int file_fd;		  /* the file, open */
	const uint64_t *offsets;  /* in the file */
	const uint64_t *cookies;
	size_t count;
};

/*
 * One link for all sites (kernel >= 6.6). attach_type: UAPI_BPF_TRACE_UPROBE_*.
 * pid 0: every process. returns: probe returns, with a plain multi program.
 * Returns a file descriptor or -Exxx.
 */
int link_multi(int prog_fd, uint32_t attach_type, const struct link_sites *sites, bool returns,
	       pid_t pid);

/*
 * The oldest way, one perf event a site: detaching a thousand takes minutes
 * (kernel-facts.md section 2), so callers keep the count small. Fills fds[count].
 */
int link_perf(int prog_fd, const struct link_sites *sites, bool returns, pid_t pid, int *fds);

#endif
