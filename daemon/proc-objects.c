// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that a process runs code from, each opened: the very file that is
 * mapped, whatever has become of its name since.
 *
 * A file is identified by fstat() of the open descriptor. The device number in
 * maps is another one on overlayfs and btrfs, so it only serves to recognise a
 * second mapping of the same file without opening it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "proc.h"

#define PROC_PATH_MAX 96

/* What is known of an object while they are gathered. */
struct gathering {
	pid_t tid; /* whose /proc is read: see proc_live_thread() */
	struct proc_objects *objects;
	struct {
		uint64_t dev, ino; /* as in maps */
	} seen[PROC_OBJECTS_MAX];
	struct stat exe;
	bool exe_known;
};

static FILE *open_maps(pid_t tid)
{
	char path[PROC_PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	return fopen(path, "re");
}

static bool is_code(const struct proc_map_line *map)
{
	/* No inode: anonymous memory, [vdso], [vsyscall]. */
	return map->perms[2] == 'x' && map->ino != 0 && map->path[0] == '/';
}

static void map_file_path(char path[PROC_PATH_MAX], pid_t tid, const struct proc_map_line *map)
{
	snprintf(path, PROC_PATH_MAX, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, tid, map->start,
		 map->end);
}

/* Opening a device can do things: look first, by O_PATH, then open what was seen. */
static int reopen_regular(int path_fd, int *ret_fd, struct stat *ret_st)
{
	char path[PROC_PATH_MAX];
	struct stat st;
	int fd;

	if (fstat(path_fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;

	*ret_fd = fd;
	*ret_st = st;
	return 0;
}

/* By the name in maps, inside the process's root; links there cannot lead out. */
static int open_by_name(pid_t tid, const struct proc_map_line *map)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_fd_ int root = -1, fd = -1;
	char path[PROC_PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/root", tid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;

	fd = (int)syscall(SYS_openat2, root, map->path, &how, sizeof(how));
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_ino != map->ino || st.st_dev != makedev(map->major, map->minor))
		return -ESTALE;

	return TAKE_FD(fd);
}

static int open_mapped(pid_t tid, const struct proc_map_line *map, int *ret_fd, struct stat *ret_st)
{
	_cleanup_fd_ int fd = -1;
	char path[PROC_PATH_MAX];

	map_file_path(path, tid, map);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		fd = open_by_name(tid, map);
		if (fd < 0)
			return fd;
	}
	return reopen_regular(fd, ret_fd, ret_st);
}

static struct proc_object *seen_in_maps(struct gathering *g, const struct proc_map_line *map)
{
	uint64_t dev = makedev(map->major, map->minor);

	/* From the end: a file's mappings are neighbours. */
	for (size_t i = g->objects->count; i-- > 0;)
		if (g->seen[i].ino == map->ino && g->seen[i].dev == dev)
			return &g->objects->object[i];
	return NULL;
}

static struct proc_object *seen_open(const struct proc_objects *objects, const struct stat *st)
{
	for (size_t i = objects->count; i-- > 0;)
		if (objects->object[i].fd >= 0 && objects->object[i].ino == st->st_ino &&
		    objects->object[i].dev == st->st_dev)
			return &objects->object[i];
	return NULL;
}

/* A shared mapping gets no breakpoints. */
static int add_span(struct proc_object *object, const struct proc_map_line *map)
{
	struct proc_span *span;

	if (map->perms[3] != 'p')
		return 0;
	span = reallocarray(object->span, object->n_spans + 1, sizeof(*span));
	if (!span)
		return -ENOMEM;
	object->span = span;
	span[object->n_spans++] = (struct proc_span){map->offset, map->end - map->start};
	return 0;
}

bool proc_object_runs(const struct proc_object *object, uint64_t offset)
{
	for (size_t i = 0; i < object->n_spans; i++)
		if (offset - object->span[i].offset < object->span[i].size)
			return true;
	return false;
}

uint64_t proc_object_version(const struct stat *st)
{
	return (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec +
	       (uint64_t)st->st_size;
}

static int append_object(struct gathering *g, const struct proc_map_line *map, int fd,
			 const struct stat *st)
{
	struct proc_objects *objects = g->objects;
	struct proc_object *object = &objects->object[objects->count];
	char *path = strdup(map->path);

	if (!path)
		return -ENOMEM;

	*object = (struct proc_object){
		.dev = st ? st->st_dev : makedev(map->major, map->minor),
		.ino = st ? st->st_ino : map->ino,
		.map_dev = map->major << 20 | map->minor,
		.map_ino = map->ino,
		.version = st ? proc_object_version(st) : 0,
		.start = map->start,
		.end = map->end,
		.path = path,
		.fd = fd,
		.main = st && g->exe_known && st->st_dev == g->exe.st_dev &&
			st->st_ino == g->exe.st_ino,
	};
	g->seen[objects->count].dev = makedev(map->major, map->minor);
	g->seen[objects->count].ino = map->ino;
	objects->count++;
	return 0;
}

static int add_object(struct gathering *g, const struct proc_map_line *map)
{
	struct proc_object *known = seen_in_maps(g, map);
	_cleanup_fd_ int fd = -1;
	struct stat st;
	int r;

	if (known)
		return add_span(known, map);
	if (g->objects->count == PROC_OBJECTS_MAX) {
		g->objects->unopened++;
		return 0;
	}

	r = open_mapped(g->tid, map, &fd, &st);
	if (r == -EINVAL)
		return 0; /* a device, say a graphics card's memory: holds no functions */
	if (r < 0) {
		g->objects->unopened++;
		return append_object(g, map, -1, NULL);
	}
	known = seen_open(g->objects, &st);
	if (known)
		return add_span(known, map);

	r = append_object(g, map, fd, &st);
	if (r < 0)
		return r;
	(void)TAKE_FD(fd);
	return add_span(&g->objects->object[g->objects->count - 1], map);
}

/* The executable, when it has left its own mappings: then it is known by its link alone. */
static int add_exe(struct gathering *g)
{
	struct proc_map_line none = {0};
	_cleanup_free_ char *name = NULL;
	_cleanup_fd_ int path_fd = -1, fd = -1;
	char path[PROC_PATH_MAX];
	struct stat st;
	int r;

	for (size_t i = 0; i < g->objects->count; i++)
		if (g->objects->object[i].main)
			return 0;
	if (!g->exe_known || g->objects->unopened || g->objects->count == PROC_OBJECTS_MAX)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/exe", g->tid);
	path_fd = open(path, O_PATH | O_CLOEXEC);
	if (path_fd < 0 || reopen_regular(path_fd, &fd, &st) < 0 || st.st_ino != g->exe.st_ino ||
	    st.st_dev != g->exe.st_dev)
		return 0;
	r = proc_exe(g->tid, &name);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	none.path = name;
	r = append_object(g, &none, fd, &st);
	if (r == 0)
		(void)TAKE_FD(fd);
	return r;
}

static void put_main_first(struct proc_objects *objects)
{
	for (size_t i = 1; i < objects->count; i++) {
		struct proc_object found = objects->object[i];

		if (!found.main)
			continue;
		memmove(&objects->object[1], &objects->object[0], i * sizeof(found));
		objects->object[0] = found;
		return;
	}
}

static int gather(struct gathering *g)
{
	_cleanup_file_ FILE *maps = open_maps(g->tid);
	_cleanup_free_ char *line = NULL;
	struct proc_map_line map;
	size_t room = 0;
	int r;

	if (!maps)
		return errno == ENOENT ? -ESRCH : -errno;

	while (getline(&line, &room, maps) > 0) {
		if (!proc_parse_map_line(line, &map) || !is_code(&map))
			continue;
		r = add_object(g, &map);
		if (r < 0)
			return r;
	}
	return ferror(maps) ? -EIO : 0;
}

static int objects_read_once(pid_t pid, struct proc_objects *ret)
{
	_cleanup_(proc_objects_free) struct proc_objects objects = {0};
	_cleanup_free_ struct gathering *g = calloc(1, sizeof(*g));
	char path[PROC_PATH_MAX];
	int r;

	objects.object = calloc(PROC_OBJECTS_MAX, sizeof(*objects.object));
	if (!g || !objects.object)
		return -ENOMEM;

	r = proc_live_thread(pid, &g->tid);
	if (r < 0)
		return r;

	g->objects = &objects;
	snprintf(path, sizeof(path), "/proc/%d/exe", g->tid);
	g->exe_known = stat(path, &g->exe) == 0;
	r = gather(g);
	if (r == 0)
		r = add_exe(g);
	if (r < 0)
		return r;

	put_main_first(&objects);
	*ret = objects;
	objects = (struct proc_objects){0};
	return 0;
}

static bool has_file(const struct proc_objects *objects, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < objects->count; i++)
		if (objects->object[i].ino == ino && objects->object[i].dev == dev)
			return true;
	return false;
}

/* The device in maps may be another one than stat() says; what is no regular file holds
 * no functions. */
static bool covers(const struct proc_objects *objects, pid_t tid, const struct proc_map_line *map)
{
	char path[PROC_PATH_MAX];
	struct stat st;

	if (has_file(objects, makedev(map->major, map->minor), map->ino))
		return true;
	map_file_path(path, tid, map);
	return stat(path, &st) == 0 && (!S_ISREG(st.st_mode) || has_file(objects, st.st_dev, st.st_ino));
}

bool proc_objects_cover(const struct proc_objects *objects, pid_t pid)
{
	_cleanup_file_ FILE *maps = NULL;
	_cleanup_free_ char *line = NULL;
	struct proc_map_line map;
	size_t room = 0;
	pid_t tid;

	if (proc_live_thread(pid, &tid) < 0)
		return false;
	maps = open_maps(tid);
	if (!maps)
		return false;
	while (getline(&line, &room, maps) > 0)
		if (proc_parse_map_line(line, &map) && is_code(&map) && !covers(objects, tid, &map))
			return false;
	return !ferror(maps);
}

void proc_objects_free(struct proc_objects *objects)
{
	for (size_t i = 0; i < objects->count; i++) {
		free(objects->object[i].path);
		free(objects->object[i].span);
		close_fd(objects->object[i].fd);
	}
	free(objects->object);
	*objects = (struct proc_objects){0};
}

/* A thread through which we look may exit in the middle; then the files it could not
 * open are read again through another. */
int proc_objects_read(pid_t pid, struct proc_objects *ret)
{
	struct proc_objects objects = {0};
	int tries, r;

	for (tries = 0; tries < 3; tries++) {
		proc_objects_free(&objects);
		objects = (struct proc_objects){0};
		r = objects_read_once(pid, &objects);
		if (r < 0)
			return r;
		if (!objects.unopened && objects.count)
			break;
	}
	*ret = objects;
	return 0;
}
