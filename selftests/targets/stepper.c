// SPDX-License-Identifier: GPL-2.0-only
/*
 * stepper SITES FILE CMD...: runs CMD one instruction at a time and checks what the reader
 * says about the ways out of FILE's functions against what happens. SITES has a line for
 * each site, with offsets into FILE:
 *
 *	N entry-offset			function N's entry probe
 *	N exit-offset sp-offset frame-pointer condition
 *
 * Prints calls=, exits=, missed= (returned past no site), stray= (a site without a call),
 * unwound=, open=, and the numbers of the functions that missed or strayed.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES_MAX 100000
#define STEPS_MAX  2000000

struct site {
	int function, condition;
	long offset, sp_offset;
	bool entry, frame_pointer;
	struct site *next;
};

struct frame {
	int function;
	uint64_t sp, back;
};

static struct site **sites; /* by file offset */
static long sites_size;
static struct frame frames[FRAMES_MAX];
static size_t n;
static unsigned long calls, exits, missed, stray, unwound;
static uint64_t low, high, first; /* the file's code, and the offset of its first byte */

static void complain(const char *what, int function, uint64_t at)
{
	printf("%s function %d at offset %#lx\n", what, function, (long)(at - low + first));
}

static void read_sites(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[200];

	if (!f)
		exit(2);
	while (fgets(line, sizeof(line), f)) {
		struct site *s = calloc(1, sizeof(*s));
		int pointer = 0;
		int got = sscanf(line, "%d %ld %ld %d %d", &s->function, &s->offset, &s->sp_offset,
				 &pointer, &s->condition);

		if (got != 2 && got != 5)
			exit(2);
		s->entry = got == 2;
		s->frame_pointer = pointer;
		if (s->offset >= sites_size) {
			long size = s->offset + (1 << 20);

			sites = realloc(sites, size * sizeof(*sites));
			memset(sites + sites_size, 0, (size - sites_size) * sizeof(*sites));
			sites_size = size;
		}
		s->next = sites[s->offset];
		sites[s->offset] = s;
	}
	fclose(f);
}

static void find_code(pid_t pid, const char *file)
{
	char path[64], line[4400];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		char name[4200] = "", mode[8] = "";
		uint64_t start, end, offset;

		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %4199s", &start, &end, mode, &offset,
			   name) >= 4 &&
		    strchr(mode, 'x') && !strcmp(name, file)) {
			low = start;
			high = end;
			first = offset;
		}
	}
	if (f)
		fclose(f);
}

/* x86's sixteen conditions. */
static bool holds(int condition, uint64_t flags)
{
	bool c = flags & 1, p = flags >> 2 & 1, z = flags >> 6 & 1, s = flags >> 7 & 1;
	bool o = flags >> 11 & 1;
	const bool even[] = {o, c, z, c || z, s, p, s != o, z || s != o};

	return even[condition >> 1] != (condition & 1);
}

static uint64_t peek(pid_t pid, uint64_t at)
{
	return (uint64_t)ptrace(PTRACE_PEEKDATA, pid, at, 0);
}

static void enter(pid_t pid, const struct site *s, const struct user_regs_struct *r)
{
	if (n && frames[n - 1].sp == r->rsp) {
		complain("not left:", frames[--n].function, r->rip);
		missed++;
	}
	if (n == FRAMES_MAX)
		exit(3);
	frames[n++] = (struct frame){s->function, r->rsp, peek(pid, r->rsp)};
	calls++;
}

static void leave(const struct site *s, const struct user_regs_struct *r)
{
	uint64_t sp = (s->frame_pointer ? r->rbp : r->rsp) + (uint64_t)s->sp_offset;

	if (s->condition && !holds(s->condition - 1, r->eflags))
		return;
	if (n && frames[n - 1].sp == sp && frames[n - 1].function == s->function) {
		n--;
		exits++;
		return;
	}
	/* A part shared with another function: that one's call. */
	for (size_t i = n; i--;)
		if (frames[i].sp == sp && frames[i].function != s->function)
			return;
	complain("stray:", s->function, r->rip);
	stray++;
}

static void look(pid_t pid, const struct user_regs_struct *r)
{
	const struct site *s;
	uint64_t offset = r->rip - low + first;

	while (n && frames[n - 1].sp < r->rsp) {
		const struct frame *f = &frames[--n];

		if (r->rsp == f->sp + 8 && r->rip == f->back) {
			complain("missed:", f->function, r->rip);
			missed++;
		} else {
			unwound++;
		}
	}
	if (r->rip < low || r->rip >= high || (long)offset >= sites_size)
		return;
	/* Ways out first: a tail call to itself leaves and enters at one instruction. */
	for (s = sites[offset]; s; s = s->next)
		if (!s->entry)
			leave(s, r);
	for (s = sites[offset]; s; s = s->next)
		if (s->entry)
			enter(pid, s, r);
}

int main(int argc, char **argv)
{
	long steps;
	int status;
	pid_t pid;

	if (argc < 4)
		return 2;
	read_sites(argv[1]);
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(argv[3], argv + 3);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	for (steps = 0; WIFSTOPPED(status) && steps < STEPS_MAX; steps++) {
		int signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		struct user_regs_struct r;

		if (!signal && !ptrace(PTRACE_GETREGS, pid, 0, &r)) {
			if (!low && steps % 1000 == 0)
				find_code(pid, argv[2]);
			look(pid, &r);
		}
		if (ptrace(PTRACE_SINGLESTEP, pid, 0, signal) || waitpid(pid, &status, 0) < 0)
			break;
	}
	if (WIFSTOPPED(status))
		kill(pid, SIGKILL);
	printf("steps=%ld calls=%lu exits=%lu missed=%lu stray=%lu unwound=%lu open=%zu\n", steps,
	       calls, exits, missed, stray, unwound, n);

	return missed || stray;
}
