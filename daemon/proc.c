// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc says about a process as a whole: is it alive, what is it called,
 * when did it start, how much CPU has it used. Its mappings: proc-objects.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "proc.h"

#define PROC_PATH_MAX 64
#define STAT_MAX      2048
#define STATUS_MAX    4096

/* A small file of /proc, NUL behind it; what does not fit is not read. */
static int read_small(const char *path, char *ret, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;

	n = read(fd, ret, size - 1);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ESRCH;

	ret[n] = '\0';
	return 0;
}

/*
 * Field `number` (3: state) of a stat line, or NULL. comm, the second, may hold
 * spaces and parentheses, so the fields are counted from the last parenthesis.
 */
static const char *stat_field(const char *line, unsigned int number)
{
	const char *at = strrchr(line, ')');

	if (!at)
		return NULL;

	for (unsigned int i = 2; i < number; i++) {
		at = strchr(at, ' ');
		if (!at)
			return NULL;
		at++;
	}
	return at;
}

static int read_state(const char *path, char *ret)
{
	char line[STAT_MAX];
	const char *field;
	int r;

	r = read_small(path, line, sizeof(line));
	if (r < 0)
		return r;

	field = stat_field(line, 3);
	if (!field)
		return -EIO;

	*ret = *field;
	return 0;
}

static bool is_dead(char state)
{
	return state == 'Z' || state == 'X' || state == 'x';
}

static int find_live_thread(pid_t pid, pid_t *ret_tid)
{
	char path[PROC_PATH_MAX];
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;

	while ((entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);
		char state;

		if (tid <= 0 || tid == pid)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
		if (read_state(path, &state) == 0 && !is_dead(state)) {
			*ret_tid = tid;
			return 0;
		}
	}
	return -ESRCH;
}

int proc_live_thread(pid_t pid, pid_t *ret_tid)
{
	char path[PROC_PATH_MAX];
	char state;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = read_state(path, &state);
	if (r < 0)
		return r;

	if (is_dead(state))
		return find_live_thread(pid, ret_tid);

	*ret_tid = pid;
	return 0;
}

int proc_comm(pid_t pid, char *ret, size_t size)
{
	char path[PROC_PATH_MAX], comm[STAT_MAX];
	size_t length;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	r = read_small(path, comm, sizeof(comm));
	if (r < 0)
		return r;

	/* Only the last newline is the kernel's; others are part of the name. */
	length = strlen(comm);
	if (length > 0 && comm[length - 1] == '\n')
		comm[length - 1] = '\0';
	snprintf(ret, size, "%s", comm);
	return 0;
}

int proc_exe(pid_t pid, char **ret)
{
	char path[PROC_PATH_MAX], target[PATH_MAX + 16];
	ssize_t n;
	pid_t tid;
	int r;

	r = proc_live_thread(pid, &tid);
	if (r < 0)
		return r;

	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;

	*ret = strndup(target, (size_t)n);
	return *ret ? 0 : -ENOMEM;
}

bool proc_has_signal(pid_t tid)
{
	static const char *const keys[] = {"\nSigPnd:\t", "\nShdPnd:\t"};
	char path[PROC_PATH_MAX], text[STATUS_MAX];
	size_t i;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (read_small(path, text, sizeof(text)) < 0)
		return false;
	if (strstr(text, "\nState:\tZ"))
		return true;
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *at = strstr(text, keys[i]);

		if (at && strtoull(at + strlen(keys[i]), NULL, 16))
			return true;
	}
	return false;
}

pid_t proc_tracer(pid_t tid)
{
	static const char key[] = "\nTracerPid:\t";
	char path[PROC_PATH_MAX], text[STATUS_MAX];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (read_small(path, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, key);
	return at ? atoi(at + strlen(key)) : 0;
}

int proc_parent(pid_t pid, pid_t *ret)
{
	char path[PROC_PATH_MAX], line[STAT_MAX];
	const char *field;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = read_small(path, line, sizeof(line));
	if (r < 0)
		return r;

	field = stat_field(line, 4);
	return field && sscanf(field, "%d", ret) == 1 ? 0 : -EIO;
}

uint64_t proc_ticks(uint64_t started_ns)
{
	return started_ns / (1000000000 / sysconf(_SC_CLK_TCK));
}

int proc_start_time(pid_t pid, uint64_t *ret_ticks)
{
	char path[PROC_PATH_MAX], line[STAT_MAX];
	const char *field;
	uint64_t ticks;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = read_small(path, line, sizeof(line));
	if (r < 0)
		return r;

	field = stat_field(line, 22);
	if (!field || sscanf(field, "%" SCNu64, &ticks) != 1)
		return -EIO;

	*ret_ticks = ticks;
	return 0;
}

/* The clock counts nanoseconds and threads that are gone; stat counts ticks. */
int proc_cpu_ns(pid_t pid, uint64_t *ret_ns)
{
	struct timespec time;
	clockid_t clock;
	int r;

	r = clock_getcpuclockid(pid, &clock);
	if (r != 0)
		return -r;
	if (clock_gettime(clock, &time) < 0)
		return errno == EINVAL ? -ESRCH : -errno;

	*ret_ns = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
	return 0;
}
