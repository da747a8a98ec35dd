// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watcher blocks every signal, so that they stay pending, and answers each byte
 * with the set of those that it took since. The kernel goes through a group from the
 * newest process to the oldest: CMD, the watcher, hotpath. What hotpath has, the
 * watcher has already; to look again is for who sends to one process after the
 * other: timeout(1) to its child and then to the group, systemd to each in a cgroup.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "cli/group.h"
#include "lib/cleanup.h"

#define TITLE	  "signals for"
#define LOOKS	  5
#define LOOK_USEC 1000
#define BIT(n)	  (1ull << ((n) - 1))

static struct {
	pid_t watcher; /* 0: none */
	int fd;
	uint64_t got; /* by the group, and not yet by us */
} group = {.fd = -1};

/* --- the watcher ------------------------------------------------------------- */

/*
 * pkill hotpath must not find it: what both of us get would count as the group's. What
 * looks for CMD by its words finds hotpath by them, and is to find the watcher, too.
 */
static void change_name(char **word, int words)
{
	char *start = program_invocation_name, *last = word[words - 1], *end = last + strlen(last);
	size_t size = (size_t)(end - word[0]);

	prctl(PR_SET_NAME, "watch-signals");
	if (word[0] < start + sizeof(TITLE) || end < word[0])
		return;

	memmove(start + sizeof(TITLE), word[0], size);
	memset(start + sizeof(TITLE) + size, 0, (size_t)(word[0] - start) - sizeof(TITLE));
	memcpy(start, TITLE, sizeof(TITLE));
}

static uint64_t take_pending(const sigset_t *all, pid_t parent)
{
	const struct timespec now = {0, 0};
	uint64_t got = 0;
	siginfo_t info;
	int signal;

	while ((signal = sigtimedwait(all, &info, &now)) > 0)
		/* Our parent's SIGCONT is to wake us, below. */
		if (signal != SIGCONT || info.si_pid != parent)
			got |= BIT(signal);

	return got;
}

static void watch(int fd, pid_t parent)
{
	sigset_t all;
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Nobody's pipe is held open by us, nor a folder busy. */
	fd = dup2(fd, 0);
	syscall(SYS_close_range, 1u, ~0u, 0u);
	if (chdir("/") < 0 || getppid() != parent)
		_exit(0);

	while (read(fd, &byte, 1) == 1) {
		uint64_t got = take_pending(&all, parent);

		if (write(fd, &got, sizeof(got)) != sizeof(got))
			break;
	}
	_exit(0);
}

/* --- hotpath ------------------------------------------------------------------ */

void group_begin(char **word, int words)
{
	pid_t parent = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return;

	group.watcher = fork();
	if (group.watcher == 0) {
		change_name(word, words);
		watch(ends[1], parent);
	}
	close(ends[1]);
	group.fd = ends[0];
	if (group.watcher < 0)
		group_end();
}

void group_end(void)
{
	if (group.watcher > 0) {
		kill(group.watcher, SIGKILL);
		while (waitpid(group.watcher, NULL, 0) < 0 && errno == EINTR)
			;
	}
	group.watcher = 0;
	group.fd = close_fd(group.fd);
	group.got = 0;
}

/* SIGCONT: the group may have been stopped, and hotpath alone continued. */
static void ask(void)
{
	uint64_t got;

	if (group.watcher <= 0)
		return;
	kill(group.watcher, SIGCONT);
	if (send(group.fd, "", 1, MSG_NOSIGNAL) != 1 ||
	    recv(group.fd, &got, sizeof(got), MSG_WAITALL) != sizeof(got))
		group_end();
	else
		group.got |= got;
}

/* A second one of its kind, sent while the first is looked at, is the first. */
static bool take_another(int signal)
{
	const struct timespec now = {0, 0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	return sigtimedwait(&set, NULL, &now) > 0;
}

static void forget(int signal)
{
	group.got &= ~BIT(signal);
	/* Each of the two takes the other away, from every process that has it pending. */
	if (signal == SIGCONT)
		group.got &= ~BIT(SIGTSTP);
	if (signal == SIGTSTP)
		group.got &= ~BIT(SIGCONT);
}

bool group_got(int signal)
{
	ask();
	for (int i = 0; i < LOOKS && !(group.got & BIT(signal)); i++) {
		if (!group.watcher)
			return false;
		usleep(LOOK_USEC);
		ask();
	}
	if (!(group.got & BIT(signal)))
		return false;

	while (take_another(signal))
		ask();
	forget(signal);
	return true;
}
