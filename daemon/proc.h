/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/PID, read and parsed. The kernel writes it but users choose names and
 * paths in it: every length is bounded and nothing is trusted to be text.
 */
#ifndef DAEMON_PROC_H
#define DAEMON_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A stretch of a file that is mapped executable and private: there probes can fire. */
struct proc_span {
	uint64_t offset, size;
};

/* One file that a process has mapped executable. */
struct proc_object {
	uint64_t dev, ino;	/* as stat() of the open file says */
	uint64_t map_ino;	/* as /proc/PID/maps says; on overlayfs and btrfs the device is */
	uint32_t map_dev;	/* another: major << 20 | minor, as BPF sees it */
	uint64_t version;	/* changes when the file is written: time of change, size */
	uint64_t start, end;	/* address range of its first executable mapping */
	char *path;		/* as in /proc/PID/maps, unescaped; " (deleted)" kept */
	int fd;			/* open O_RDONLY|O_CLOEXEC, a regular file; -1: not opened */
	bool main;		/* the same file as /proc/PID/exe */
	struct proc_span *span;
	size_t n_spans;
};

struct proc_objects {
	struct proc_object *object;
	size_t count;
	size_t unopened; /* mappings whose file could not be opened */
};

/*
 * The regular files that pid has mapped executable, each once, main first,
 * opened by way of /proc/PID/map_files (the very file, also when it was deleted
 * or replaced or lives in another mount namespace). At most PROC_OBJECTS_MAX.
 */
#define PROC_OBJECTS_MAX 1024
int proc_objects_read(pid_t pid, struct proc_objects *ret);
/*
 * Does the process run that byte of the file? Not where it has put its code into huge
 * or anonymous pages, or unpacked it there. The executable is always an object, even if
 * nothing of it is mapped any more.
 */
bool proc_object_runs(const struct proc_object *object, uint64_t offset);
/* Is every file that pid runs code from by now one of these? Opens none. */
bool proc_objects_cover(const struct proc_objects *objects, pid_t pid);
void proc_objects_free(struct proc_objects *objects);
struct stat;
uint64_t proc_object_version(const struct stat *st);

/* The parser by itself: one line of maps into its parts. False: not such a line. */
struct proc_map_line {
	uint64_t start, end, offset;
	char perms[5];
	unsigned int major, minor;
	uint64_t ino;
	const char *path; /* into the line, may be "" */
};
bool proc_parse_map_line(char *line, struct proc_map_line *ret);

/*
 * A thread of pid that still runs: pid itself, or another when its main thread
 * has exited (then /proc/PID/maps and exe are empty, but /proc/TID has them).
 * -ESRCH: no such process, or a zombie.
 */
int proc_live_thread(pid_t pid, pid_t *ret_tid);

int proc_comm(pid_t pid, char *ret, size_t size);	      /* without newline */
int proc_exe(pid_t pid, char **ret);			      /* caller frees */
/* Does a signal wait for this thread, or for any of its process, or has it ended? */
bool proc_has_signal(pid_t tid);
/* The thread that traces it (ptrace); 0: none, or it is gone. */
pid_t proc_tracer(pid_t tid);
int proc_parent(pid_t pid, pid_t *ret);			      /* field 4 of stat */
/* The same of a start on CLOCK_BOOTTIME. */
uint64_t proc_ticks(uint64_t started_ns);
int proc_start_time(pid_t pid, uint64_t *ret_ticks);	      /* field 22 of stat */
int proc_cpu_ns(pid_t pid, uint64_t *ret_ns);		      /* all threads, dead ones too */
/* Other processes that have mapped one of these files executable; -E2BIG past max. */
int proc_count_mapping(const uint64_t (*dev_ino)[2], size_t n, const pid_t *except,
		       size_t n_except, uint32_t max, uint32_t *ret);

#endif
