// SPDX-License-Identifier: GPL-2.0-only
/* Processes under rules: seccomp strict and filtered, system calls dispatched to the
 * process itself; and children by vfork, posix_spawn, clone with shared memory. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include "hazard.h"

#ifndef SYSCALL_DISPATCH_FILTER_ALLOW
#define SYSCALL_DISPATCH_FILTER_ALLOW 0
#define SYSCALL_DISPATCH_FILTER_BLOCK 1
#endif
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

extern char **environ;

PROBED unsigned long hz_work(unsigned long x)
{
	CALLED;
	x = hz_mix(x);
	RETURNED;
	return x;
}

PROBED unsigned long hz_twice(unsigned long x)
{
	CALLED;
	x = hz_work(hz_work(x));
	RETURNED;
	return x;
}

/* Begins with the nop that kernels >= 6.18 make a call of. */
unsigned long hz_nop(unsigned long x);
__asm__(".text\n.globl hz_nop\n.type hz_nop,@function\nhz_nop:\n"
	".byte 0x0f,0x1f,0x44,0x00,0x00\nlea 3(%rdi,%rdi,2),%rax\nret\n.size hz_nop,.-hz_nop\n");
static struct hz_counter nop_counter __attribute__((used, section("hz_counters"), aligned(32))) = { "hz_nop", 0,
												     0, 0 };
static unsigned long nop(unsigned long x)
{
	nop_counter.calls++;
	nop_counter.returns++;
	return hz_nop(x);
}

static unsigned long work(unsigned long n)
{
	unsigned long x = n;

	for (unsigned long i = 0; i < n; i++)
		x = hz_twice(x) + nop(x & 0xff);
	return x;
}

static unsigned long run_plain(unsigned long n)
{
	return work(n);
}

/* The process ends under it: exit_group is not allowed, exit is. */
static unsigned long run_strict(unsigned long n)
{
	unsigned long x = work(n);

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 1;
	x += work(n);
	*hz_shared = x;
	syscall(SYS_exit, 9);
	return x;
}

static unsigned long run_strict_killed(unsigned long n)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 1;
	*hz_shared = work(n);
	return (unsigned long)getpid();
}

/* From now on this process may read, write, poll and end. */
static unsigned long run_filter(unsigned long n)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_poll, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_newfstatat, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	unsigned long x = work(n);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 1;
	return x + work(n);
}

static unsigned long run_filter_killed(unsigned long n)
{
	*hz_shared = run_filter(n);
	return (unsigned long)getppid();
}

/* --- syscall user dispatch, as Wine uses it -------------------------------------- */

static volatile char selector;
static volatile unsigned long dispatched;

/* The C library restores by a system call: it must be allowed. Ours is. */
PROBED void hz_dispatch(int number, siginfo_t *info, void *context)
{
	CALLED;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	dispatched = dispatched * 3 + (unsigned long)info->si_syscall;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 1000 + info->si_syscall;
	RETURNED;
}

/* Like a foreign program: calls its own system's numbers with dispatch on. */
PROBED unsigned long hz_foreign(unsigned long x)
{
	unsigned long r;

	CALLED;
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	x = hz_twice(x);
	__asm__ volatile("syscall" : "=a"(r) : "a"(700 + (x & 7)) : "rcx", "r11", "memory");
	/* The handler left it allowed; again. */
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	x = hz_twice(x + r);
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	RETURNED;
	return x;
}

static unsigned long dispatch(unsigned long n, bool nops)
{
	struct sigaction sa = { .sa_sigaction = hz_dispatch, .sa_flags = SA_SIGINFO };
	unsigned long x = n;

	dispatched = 0;
	sigaction(SIGSYS, &sa, NULL);
	/* No range is exempt, not even the C library's. */
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector))
		return 1;
	for (unsigned long i = 0; i < n; i++) {
		x = hz_foreign(x);
		if (nops) {
			selector = SYSCALL_DISPATCH_FILTER_BLOCK;
			x += nop(x & 0xff);
			selector = SYSCALL_DISPATCH_FILTER_ALLOW;
		}
	}
	prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0);
	return x + dispatched;
}

static unsigned long run_dispatch(unsigned long n)
{
	return dispatch(n, false);
}

static unsigned long run_dispatch_nop(unsigned long n)
{
	return dispatch(n, true);
}

/* --- children ---------------------------------------------------------------------- */

PROBED int hz_vfork(unsigned long i)
{
	int status;
	pid_t pid;

	CALLED;
	pid = vfork();
	if (pid == 0)
		_exit((int)(hz_mix(i) & 63));
	waitpid(pid, &status, 0);
	RETURNED;
	return WEXITSTATUS(status);
}

PROBED int hz_vfork_exec(unsigned long i)
{
	char *args[] = { "sh", "-c", i & 1 ? "exit 3" : "kill -9 $$", NULL };
	int status;
	pid_t pid;

	CALLED;
	pid = vfork();
	if (pid == 0) {
		execv("/bin/sh", args);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	RETURNED;
	return status;
}

PROBED int hz_spawn(unsigned long i)
{
	char *args[] = { "sh", "-c", i & 1 ? "exit 4" : "exit 5", NULL };
	int status = -1;
	pid_t pid;

	CALLED;
	if (!posix_spawn(&pid, "/bin/sh", NULL, NULL, args, environ))
		waitpid(pid, &status, 0);
	RETURNED;
	return status;
}

static int cloned(void *arg)
{
	unsigned long *x = arg;

	/* Not CALLED: the counters are the parent's, and this is not. */
	*x = hz_mix(*x);
	return 6;
}

PROBED int hz_clone(unsigned long i, int flags)
{
	static char stack[65536] __attribute__((aligned(16)));
	unsigned long x = i;
	int status = -1;
	pid_t pid;

	CALLED;
	pid = clone(cloned, stack + sizeof(stack), flags | SIGCHLD, &x);
	waitpid(pid, &status, 0);
	RETURNED;
	return status + (int)(x & 255);
}

PROBED int hz_fork(int depth)
{
	int status = 0, r;
	pid_t pid;

	CALLED;
	pid = fork();
	if (pid == 0) {
		r = depth ? hz_fork(depth - 1) : (int)(hz_twice(9) & 31);
		_exit(r & 255);
	}
	waitpid(pid, &status, 0);
	RETURNED;
	return WEXITSTATUS(status) + 1;
}

static unsigned long run_children(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		sum = sum * 3 + (unsigned long)hz_vfork(i) + (unsigned long)hz_clone(i, CLONE_VM | CLONE_VFORK);
		sum = sum * 3 + (unsigned long)hz_clone(i, CLONE_VM) + (unsigned long)hz_clone(i, 0);
		sum = sum * 3 + (unsigned long)hz_fork(3);
		if (i < 4)
			sum += (unsigned long)hz_vfork_exec(i) + (unsigned long)hz_spawn(i);
	}
	return sum;
}

int main(int argc, char **argv)
{
	static const struct hz_case cases[] = {
		{ "plain", run_plain },		  { "strict", run_strict },
		{ "strict-killed", run_strict_killed }, { "filter", run_filter },
		{ "filter-killed", run_filter_killed }, { "dispatch", run_dispatch },
		{ "dispatch-nop", run_dispatch_nop },	{ "children", run_children },
		{ NULL, NULL },
	};

	return hz_main(argc, argv, cases);
}
