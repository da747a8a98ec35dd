// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes processes, in every way there is, and says how they ended. Each command names
 * how many there shall be and how many calls each makes: "fork K N" has K children call
 * kin_work N times and exit; "clone K N" the same by clone(2) on
 * another stack; "vfork K N PATH", "spawn K N PATH", "forkexec K N PATH" run
 * PATH "go N", K times one after the other; "storm K N PATH" 16 at a time. "many K N"
 * forks K that fork K each. "chain D N" execs itself D times, then makes N calls.
 * "go N" makes N calls here. Its parent's view of a child is asked for with WUNTRACED
 * and WCONTINUED, and what is not an exit is counted in "odd".
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include "target.h"

extern char **environ;

static unsigned long calls, bad, odd;
static char *self;

PROBED unsigned long kin_work(unsigned long x)
{
	PUSHES;
	return (x ^ (x >> 7)) * 2654435761u + 1;
}

/* Called by a vfork child, on its parent's stack. */
PROBED void kin_exec(char **argv)
{
	PUSHES;
	execv(argv[0], argv);
	NOT_A_TAIL;
}

static unsigned long go(unsigned long n)
{
	unsigned long sum = n;

	for (unsigned long i = 0; i < n; i++)
		sum = kin_work(sum);
	calls += n;
	return sum;
}

static void reap(pid_t pid)
{
	int status;

	for (;;) {
		pid_t r = waitpid(pid, &status, WUNTRACED | WCONTINUED);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			bad++;
			return;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		odd++;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		bad++;
}

static pid_t fork_go(unsigned long n)
{
	pid_t pid = fork();

	if (pid == 0) {
		go(n);
		_exit(0);
	}
	return pid;
}

static char clone_stack[65536] __attribute__((aligned(16)));

static int clone_go(void *n)
{
	go((unsigned long)n);
	_exit(0);
}

static pid_t start(const char *how, char **argv)
{
	pid_t pid = -1;

	if (!strcmp(how, "vfork")) {
		pid = vfork();
		if (pid == 0) {
			kin_exec(argv);
			_exit(127);
		}
	} else if (!strcmp(how, "forkexec")) {
		pid = fork();
		if (pid == 0) {
			execv(argv[0], argv);
			_exit(127);
		}
	} else if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ)) {
		pid = -1;
	}
	if (pid < 0)
		bad++;
	return pid;
}

static void run(const char *how, unsigned long k, unsigned long width, const char *words)
{
	char path[256], command[64];
	char *argv[] = {path, command, NULL};
	unsigned long n, i, first = 0;
	int keep, quiet;
	static pid_t pids[100000];

	if (sscanf(words, "%*s %*s %lu %255s", &n, path) != 2 || k > 100000) {
		bad++;
		return;
	}
	snprintf(command, sizeof(command), "go %lu", n);
	/* What they say is not what we say. */
	keep = fcntl(1, F_DUPFD_CLOEXEC, 3);
	quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(quiet, 1);
	for (i = 0; i < k; i++) {
		pids[i] = start(how, argv);
		if (i + 1 - first >= width)
			reap(pids[first++]);
	}
	while (first < k)
		reap(pids[first++]);
	dup2(keep, 1);
	close(keep);
	close(quiet);
}

static void chain(unsigned long depth, unsigned long n)
{
	char again[64], last[64];
	char *argv[] = {self, again, last, NULL};

	snprintf(last, sizeof(last), "go %lu", n);
	if (depth) {
		snprintf(again, sizeof(again), "chain %lu %lu", depth - 1, n);
		argv[2] = NULL;
	} else {
		argv[1] = last;
		argv[2] = NULL;
	}
	execv("/proc/self/exe", argv);
	abort();
}

int main(int argc, char **argv)
{
	self = argv[0];
	target_init(argc, argv);
	while (target_command()) {
		unsigned long k = target_number(0), n = target_number(1), i;

		bad = odd = 0;
		if (target_is("go"))
			go(k);
		else if (target_is("fork"))
			for (i = 0; i < k; i++)
				reap(fork_go(n));
		else if (target_is("clone"))
			for (i = 0; i < k; i++)
				reap(clone(clone_go, clone_stack + sizeof(clone_stack), SIGCHLD,
					   (void *)n));
		else if (target_is("many")) {
			for (i = 0; i < k; i++) {
				pid_t pid = fork();

				if (pid == 0) {
					for (i = 0; i < k; i++)
						fork_go(n);
					while (wait(NULL) > 0)
						;
					_exit(0);
				}
				reap(pid);
			}
		} else if (target_is("vfork") || target_is("spawn") || target_is("forkexec"))
			run(target_is("vfork") ? "vfork" : target_is("spawn") ? "spawn" : "forkexec",
			    k, 1, target_line);
		else if (target_is("storm"))
			run("spawn", k, 16, target_line);
		else if (target_is("chain"))
			chain(k, n);
		target_truth("\"pid\":%d,\"calls\":%lu,\"bad\":%lu,\"odd\":%lu", getpid(), calls, bad,
			     odd);
	}
	return 0;
}
