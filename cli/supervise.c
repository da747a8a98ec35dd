// SPDX-License-Identifier: GPL-2.0-only
/*
 * One loop over sigtimedwait(). What the terminal or anybody else sends to our
 * process group reaches CMD as well (group.h). What another process sent to us alone
 * is passed on.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/group.h"
#include "cli/supervise.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

static const int watched[] = {
	SIGCHLD, SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,  SIGUSR1,
	SIGUSR2, SIGALRM, SIGTSTP, SIGCONT, SIGWINCH, SIGPIPE,
};

static void watched_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(watched); i++)
		sigaddset(set, watched[i]);
}

void supervise_begin(char **word, int words)
{
	sigset_t set;

	watched_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	group_begin(word, words);
}

void supervise_end(void)
{
	group_end();
}

struct deadline {
	uint64_t at_ns; /* 0: none */
	uint64_t grace_ns;
	bool ended;
};

/* First SIGTERM: its own handler may tidy up; then SIGKILL. */
static void deadline_pass(struct deadline *d, pid_t pid)
{
	kill(pid, d->ended ? SIGKILL : SIGTERM);
	/* A stopped process would never see SIGTERM. */
	kill(pid, SIGCONT);
	d->at_ns = d->ended ? 0 : clock_ns(CLOCK_MONOTONIC) + d->grace_ns;
	d->ended = true;
}

/* By the group, which CMD may have left. */
static bool has_reached(pid_t pid, int signal)
{
	return group_got(signal) && getpgid(pid) == getpgrp();
}

/*
 * The terminal stopped CMD (Ctrl-Z, or input in the background): stop likewise,
 * so that the shell takes over. Whoever continues us continues CMD, and at once: a
 * stop of CMD's that we have not seen yet would stop us again, for good. SIGSTOP is
 * nobody's but CMD's: following it could leave us stopped for good, too.
 */
static void follow_stop(pid_t pid, int signal)
{
	const struct timespec now = {0, 0};
	sigset_t set;

	if (signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU)
		return;

	raise(SIGSTOP);
	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	if (sigtimedwait(&set, NULL, &now) != SIGCONT || !has_reached(pid, SIGCONT))
		kill(pid, SIGCONT);
}

/*
 * Will SIGTSTP stop CMD without its doing? Then we need not wait to see it: it
 * may be in vfork() with a child that is stopped already, and never get there.
 */
static bool stops_by_itself(pid_t pid)
{
	_cleanup_file_ FILE *file = NULL;
	unsigned long long ignored = 0, caught = 0;
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "SigIgn: %llx", &ignored);
		sscanf(line, "SigCgt: %llx", &caught);
	}

	return !((ignored | caught) & (1ull << (SIGTSTP - 1)));
}

/*
 * True: it has ended. It stays a zombie: as long as it is one, its CPU time can be
 * read and its pid is nobody else's.
 */
static bool has_ended(pid_t pid)
{
	siginfo_t info = {};

	while (waitid(P_PID, pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == pid) {
		if (info.si_code != CLD_STOPPED)
			return true;
		waitid(P_PID, pid, &info, WSTOPPED | WNOHANG);
		follow_stop(pid, info.si_status);
		info.si_pid = 0;
	}

	return false;
}

int supervise_reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static bool sent_by_another(const siginfo_t *info, pid_t pid)
{
	bool by_process =
		info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL;

	return by_process && info->si_pid != getpid() && info->si_pid != pid;
}

/* The watcher is asked in any case: what it keeps would be taken for the next one. */
static void handle(int signal, const siginfo_t *info, pid_t pid)
{
	bool reached = has_reached(pid, signal);

	if (sent_by_another(info, pid) && !reached)
		kill(pid, signal);
	else if (signal == SIGTSTP && (reached || info->si_code == SI_KERNEL) &&
		 stops_by_itself(pid))
		follow_stop(pid, signal);
}

static int await(const sigset_t *set, siginfo_t *info, const struct deadline *d)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), left = d->at_ns > now ? d->at_ns - now : 0;
	struct timespec timeout = {(time_t)(left / 1000000000), (long)(left % 1000000000)};

	return d->at_ns ? sigtimedwait(set, info, &timeout) : sigwaitinfo(set, info);
}

bool supervise(pid_t pid, uint64_t duration_ns, uint64_t grace_ns)
{
	struct deadline d = {duration_ns ? clock_ns(CLOCK_MONOTONIC) + duration_ns : 0, grace_ns, false};
	sigset_t set;

	watched_set(&set);
	while (!has_ended(pid)) {
		siginfo_t info;
		int signal = await(&set, &info, &d);

		if (signal < 0 && errno == EAGAIN)
			deadline_pass(&d, pid);
		else if (signal > 0 && signal != SIGCHLD)
			handle(signal, &info, pid);
	}

	return d.ended;
}
