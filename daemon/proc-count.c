// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many other processes run code from the same files: they would hit the
 * same probes. Reads every process's maps, about 30 us each; O(processes), so
 * for an attach, never for a report.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/cleanup.h"
#include "proc.h"

struct wanted {
	const uint64_t (*dev_ino)[2];
	size_t n;
};

static bool has_file(const struct wanted *wanted, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < wanted->n; i++)
		if (wanted->dev_ino[i][0] == dev && wanted->dev_ino[i][1] == ino)
			return true;
	return false;
}

static bool has_inode(const struct wanted *wanted, uint64_t ino)
{
	for (size_t i = 0; i < wanted->n; i++)
		if (wanted->dev_ino[i][1] == ino)
			return true;
	return false;
}

/* The device in maps may be another one than stat() says (overlayfs, btrfs):
 * when only the inode agrees, the mapped file itself is asked. */
static bool maps_wanted(const struct wanted *wanted, pid_t tid, const struct proc_map_line *map)
{
	char path[96];
	struct stat st;

	if (map->perms[2] != 'x' || map->ino == 0)
		return false;
	if (has_file(wanted, makedev(map->major, map->minor), map->ino))
		return true;
	if (!has_inode(wanted, map->ino))
		return false;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, tid, map->start,
		 map->end);
	return stat(path, &st) == 0 && has_file(wanted, st.st_dev, st.st_ino);
}

/* A process that vanishes meanwhile maps nothing. */
static bool process_maps_wanted(const struct wanted *wanted, pid_t pid)
{
	_cleanup_file_ FILE *maps = NULL;
	_cleanup_free_ char *line = NULL;
	struct proc_map_line map;
	char path[64];
	size_t room = 0;
	pid_t tid;

	if (proc_live_thread(pid, &tid) < 0)
		return false;

	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	maps = fopen(path, "re");
	if (!maps)
		return false;

	while (getline(&line, &room, maps) > 0)
		if (proc_parse_map_line(line, &map) && maps_wanted(wanted, tid, &map))
			return true;
	return false;
}

static bool is_among(const pid_t *list, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == pid)
			return true;
	return false;
}

int proc_count_mapping(const uint64_t (*dev_ino)[2], size_t n, const pid_t *except, size_t n_except,
		       uint32_t max, uint32_t *ret)
{
	struct wanted wanted = {dev_ino, n};
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint32_t count = 0;

	if (!dir)
		return -errno;

	while ((entry = readdir(dir))) {
		pid_t pid = atoi(entry->d_name);

		if (pid <= 0 || is_among(except, n_except, pid) ||
		    !process_maps_wanted(&wanted, pid))
			continue;
		if (++count > max)
			return -E2BIG;
	}
	*ret = count;
	return 0;
}
