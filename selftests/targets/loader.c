// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads libraries while it runs. "load PATH" opens one, "go N" calls its late_work N
 * times, "unload" closes it; "round K N PATH" does all of that K times; "fork K N PATH"
 * has K children do it once each, after each other. A library's constructor calls
 * late_start once.
 */
#include <dlfcn.h>
#include <sys/wait.h>
#include "target.h"

static void *library;
static unsigned long calls, loads, bad;

static void load(const char *path)
{
	library = dlopen(path, RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		abort();
	}
	loads++;
}

PROBED void early_go(unsigned long n)
{
	unsigned long (*work)(unsigned long) =
		(unsigned long (*)(unsigned long))dlsym(library, "late_work");
	unsigned long sum = n;

	while (n--) {
		sum = work(sum);
		calls++;
	}
	NOT_A_TAIL;
}

static void once(const char *path, unsigned long n)
{
	load(path);
	early_go(n);
	dlclose(library);
}

static void fork_once(const char *path, unsigned long n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		once(path, n);
		_exit(0);
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || status)
		bad++;
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		unsigned long k = target_number(0), n = target_number(1), i;
		char path[512] = "";

		if (target_is("load") && sscanf(target_line, "%*s %511s", path) == 1)
			load(path);
		else if (target_is("go"))
			early_go(k);
		else if (target_is("unload"))
			dlclose(library);
		else if (sscanf(target_line, "%*s %*s %*s %511s", path) != 1)
			bad++;
		for (i = 0; target_is("round") && i < k; i++)
			once(path, n);
		for (i = 0; target_is("fork") && i < k; i++)
			fork_once(path, n);
		target_truth("\"calls\":%lu,\"loads\":%lu,\"bad\":%lu", calls, loads, bad);
	}
	return 0;
}
