// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities and namespaces. The features of the kernel are features.c's to
 * find out.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "privilege.h"

#define INITIAL_PID_NAMESPACE 4026531836u /* PROC_PID_INIT_INO of the kernel */

#define CAP(c) (1ull << CAP_##c)

/* Everything in one row's `any` or all of its `all`. */
static const struct {
	uint64_t any, all;
	const char *text;
} needed[] = {
	{CAP(SYS_ADMIN), CAP(BPF) | CAP(PERFMON), "CAP_BPF and CAP_PERFMON, to load probes"},
	{CAP(SYS_PTRACE), CAP(SYS_PTRACE), "CAP_SYS_PTRACE, to read the mappings of processes"},
	{CAP(SYS_ADMIN), CAP(CHECKPOINT_RESTORE),
	 "CAP_CHECKPOINT_RESTORE, to open the files that processes have mapped"},
};

const char *privilege_missing(uint64_t effective)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!(effective & needed[i].any) && (effective & needed[i].all) != needed[i].all)
			return needed[i].text;
	return NULL;
}

static int read_effective(uint64_t *ret)
{
	_cleanup_file_ FILE *file = fopen("/proc/self/status", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0)
		if (sscanf(line, "CapEff: %" SCNx64, ret) == 1)
			return 0;
	return -EIO;
}

/* BPF counts pids as the initial namespace does. */
static int check_namespace(void)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == INITIAL_PID_NAMESPACE)
		return 0;

	log_error("hotpathd runs in a pid namespace (a container), where pids differ from the "
		  "kernel's; run it on the host, or in a container with --pid=host");
	return -EPERM;
}

int privilege_check(void)
{
	const char *missing;
	uint64_t effective;
	int r;

	r = read_effective(&effective);
	if (r < 0)
		return log_error_errno(r, "read /proc/self/status");

	missing = privilege_missing(effective);
	if (missing) {
		log_error("hotpathd needs %s; try: sudo hotpathd", missing);
		return -EPERM;
	}
	return check_namespace();
}
