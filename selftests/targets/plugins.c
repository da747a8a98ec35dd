// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program in C whose functions stand between a library that catches and one
 * that throws. "load FILE" opens a library; "go N" calls its plug_entry N times,
 * which calls plug_back, which calls into the library again; "unload" closes it;
 * "copy FROM TO" writes a file in place, under the same inode. "raise FILE"
 * calls plug_entry with plug_load, which loads FILE, a library whose
 * plug_raise throws while plug_load is on the stack, and calls it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include "target.h"

#ifdef LINKED
int plug_entry(int (*back)(int (*inner)(void)));
#endif

typedef int (*inner_fn)(void);
typedef int (*entry_fn)(int (*back)(inner_fn inner));
static unsigned long backs, survived;
static void *library;
static char file[512];

PROBED int plug_back(inner_fn inner)
{
	int r;

	backs++;
	r = inner();
	survived++;
	return r;
}

PROBED int plug_load(inner_fn inner)
{
	void *raiser = dlopen(file, RTLD_NOW);
	void (*f)(void) = raiser ? (void (*)(void))dlsym(raiser, "plug_raise") : NULL;

	(void)inner;
	backs++;
	if (!f) {
		fprintf(stderr, "%s\n", dlerror());
		abort();
	}
	f();
	survived++;
	return 0;
}

PROBED int plug_call(entry_fn entry, int (*back)(inner_fn inner))
{
	int r = entry(back);

	NOT_A_TAIL;
	return r;
}

static void load(void)
{
	library = dlopen(file, RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		abort();
	}
}

static void copy(const char *from, const char *to)
{
	static char data[1 << 20];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n = read(in, data, sizeof(data));

	if (n <= 0 || write(out, data, (size_t)n) != n)
		abort();
	close(in);
	close(out);
}

static entry_fn entry(void)
{
#ifdef LINKED
	if (!library)
		return plug_entry;
#endif
	return (entry_fn)dlsym(library, "plug_entry");
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		char *word = strchr(target_line, ' ');
		long sum = 0;

		snprintf(file, sizeof(file), "%s", word ? word + 1 : "");
		if (target_is("load"))
			load();
		else if (target_is("unload"))
			dlclose(library);
		else if (target_is("copy")) {
			char *to = strchr(file, ' ');

			*to++ = '\0';
			copy(file, to);
		} else if (target_is("raise"))
			sum = plug_call(entry(), plug_load);
		else
			for (unsigned long i = 0; i < target_number(0); i++)
				sum += plug_call(entry(), plug_back);
		target_truth("\"sum\":%ld,\"backs\":%lu,\"survived\":%lu", sum, backs, survived);
	}
	return 7;
}
