// SPDX-License-Identifier: GPL-2.0-only
/* Which processes a request means that names none; see select.h. */
#include "select.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "authority.h"
#include "lib/cgroup.h"
#include "lib/cleanup.h"
#include "proc.h"

/* --- words -------------------------------------------------------------------------- */

static int parse_name(ProtobufCBinaryData word, struct hp_select *ret)
{
	if (!word.len || word.len >= HP_NAME_SIZE || memchr(word.data, '/', word.len))
		return -EINVAL;
	ret->kind = HP_SELECT_NAME;
	memcpy(ret->name, word.data, word.len);
	return 0;
}

/* A number that the client made up is its own affair: only processes that it may
 * observe are taken, whatever they run. */
static void parse_exe(const Hotpath__File *file, struct hp_select *ret)
{
	ret->kind = HP_SELECT_EXE;
	ret->dev = (uint32_t)major(file->dev) << 20 | minor(file->dev);
	ret->id = file->ino;
}

/* A cgroup's id is its folder's inode. */
static void parse_cgroup(const Hotpath__File *file, struct hp_select *ret)
{
	ret->kind = HP_SELECT_CGROUP;
	ret->id = file->ino;
}

static int refuse(char *text, size_t size, const char *what, ProtobufCBinaryData word, int r)
{
	snprintf(text, size, "%s %.*s: %s", what, (int)(word.len < 200 ? word.len : 200),
		 (const char *)word.data ?: "", strerror(-r));
	return r;
}

int select_parse(const Hotpath__AttachRequest *request, struct select_set *ret, char *text,
		 size_t size)
{
	size_t i;
	int r;

	ret->what = calloc(request->n_names + request->n_exes + request->n_cgroups + 1,
			   sizeof(*ret->what));
	if (!ret->what)
		return -ENOMEM;
	for (i = 0; i < request->n_names; i++) {
		r = parse_name(request->names[i], &ret->what[ret->n++]);
		if (r < 0)
			return refuse(text, size, "the name", request->names[i], r);
	}
	for (i = 0; i < request->n_exe_files; i++)
		parse_exe(request->exe_files[i], &ret->what[ret->n++]);
	for (i = 0; i < request->n_cgroup_files; i++)
		parse_cgroup(request->cgroup_files[i], &ret->what[ret->n++]);
	return 0;
}

/* --- what runs now ---------------------------------------------------------------------- */

static bool has_name(pid_t pid, const char *name)
{
	_cleanup_free_ char *exe = NULL;
	char comm[64], *end;

	if (proc_comm(pid, comm, sizeof(comm)) == 0 && strcmp(comm, name) == 0)
		return true;
	if (proc_exe(pid, &exe) < 0)
		return false;
	end = strstr(exe, " (deleted)");
	if (end)
		*end = '\0';
	return strcmp(basename(exe), name) == 0;
}

static bool has_exe(pid_t pid, const struct hp_select *what)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return stat(path, &st) == 0 && st.st_ino == what->id &&
	       ((uint32_t)major(st.st_dev) << 20 | minor(st.st_dev)) == what->dev;
}

/* In it, or in one below: each folder of its path is looked at. */
static bool is_in_cgroup(pid_t pid, uint64_t id)
{
	const char *root = cgroup_root();
	_cleanup_file_ FILE *f = NULL;
	char path[64], line[PATH_MAX], folder[PATH_MAX + 32], *slash;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = root ? fopen(path, "re") : NULL;
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(folder, sizeof(folder), "%s%s", root, line + 3);
		while (strlen(folder) >= strlen(root)) {
			if (stat(folder, &st) == 0 && st.st_ino == id)
				return true;
			slash = strrchr(folder, '/');
			*slash = '\0';
		}
	}
	return false;
}

static bool matches(const struct select_set *set, pid_t pid)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		const struct hp_select *what = &set->what[i];

		if (what->kind == HP_SELECT_NAME	? has_name(pid, what->name)
		    : what->kind == HP_SELECT_EXE	? has_exe(pid, what)
							: is_in_cgroup(pid, what->id))
			return true;
	}
	return false;
}

int select_running(const struct select_set *set, const struct peer *peer, int32_t *pids,
		   size_t room, size_t *ret_n)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct process_facts facts;
	struct dirent *entry;
	size_t n = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);

		if (pid <= 0 || pid == getpid() || pid == peer->pid || !matches(set, pid) ||
		    authority_read(pid, &facts) < 0 || authority_refusal(peer, &facts))
			continue;
		if (n == room)
			return -E2BIG;
		pids[n++] = pid;
	}
	*ret_n = n;
	return 0;
}

/* --- what starts later -------------------------------------------------------------------- */

int select_watch(struct select_set *set, struct calls *calls, uid_t owner, uint32_t family)
{
	int r;

	for (; set->n_watched < set->n; set->n_watched++) {
		set->what[set->n_watched].owner = owner;
		r = calls_select(calls, &set->what[set->n_watched], family);
		if (r < 0)
			return r;
	}
	return 0;
}

void select_done(struct select_set *set, struct calls *calls)
{
	while (set->n_watched)
		calls_unselect(calls, &set->what[--set->n_watched]);
	free(set->what);
	set->what = NULL;
	set->n = 0;
}
