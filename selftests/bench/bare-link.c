// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor of attaching: one uprobe_multi link with an empty session program,
 * on the offsets read from standard input (one a line, an empty line ends them).
 *
 *	bare-link empty.bpf.o FILE
 *
 * Says {"attach_ns":N} when the link is there; at the next line closes it and
 * says {"detach_ns":N}. libbpf 1.1 knows no uprobe_multi: the link is made by
 * the system call, whose layout is stable.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#define ATTACH_UPROBE_SESSION 57 /* BPF_TRACE_UPROBE_SESSION, Linux 6.13 */
#define OFFSETS_MAX	      1000000

struct link_create {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int load(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	if (!object)
		die(path);
	program = bpf_object__next_program(object, NULL);
	bpf_program__set_type(program, BPF_PROG_TYPE_KPROBE);
	bpf_program__set_expected_attach_type(program, ATTACH_UPROBE_SESSION);
	if (bpf_object__load(object))
		die("loading the program");
	return bpf_program__fd(program);
}

static uint32_t read_offsets(uint64_t *offset)
{
	char line[64];
	uint32_t n = 0;

	while (n < OFFSETS_MAX && fgets(line, sizeof(line), stdin) && line[0] != '\n')
		offset[n++] = strtoull(line, NULL, 0);
	return n;
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t *offset = malloc(OFFSETS_MAX * sizeof(*offset)), start;
	struct link_create attr = { .attach_type = ATTACH_UPROBE_SESSION };
	char line[64];
	int fd;

	if (argc != 3 || !offset)
		return 2;
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	attr.prog_fd = (uint32_t)load(argv[1]);
	attr.path = (uintptr_t)argv[2];
	attr.offsets = (uintptr_t)offset;
	attr.cnt = read_offsets(offset);

	start = now_ns();
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		die("linking");
	printf("{\"attach_ns\":%lu}\n", (unsigned long)(now_ns() - start));
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	start = now_ns();
	close(fd);
	printf("{\"detach_ns\":%lu}\n", (unsigned long)(now_ns() - start));
	return 0;
}
