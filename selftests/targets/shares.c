// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs whose on-CPU time is known. Each command answers with the time that the two
 * parts of its work took, by the clock of the thread's own CPU time.
 *
 *	mix ROUNDS	share_three does three times what share_one does
 *	outer ROUNDS	nine tenths in what is inlined into share_outer
 *	kernel CALLS	system calls, one after the other
 *	generated STEPS	in code that it has written itself
 *	threads ROUNDS	mix in four threads
 *	forks ROUNDS	mix in three children, one after the other
 *	plug PATH	loads that object, and from then on
 *	library STEPS	works in it
 *	wide ROUNDS	everywhere in a function of 64 KiB, in two threads
 */
#include "target.h"
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static volatile uint64_t sink;

/* Each step needs the one before: nothing to do at once, a few cycles each. */
static inline __attribute__((always_inline)) uint64_t steps(uint64_t n)
{
	uint64_t x = sink;

	for (uint64_t i = 0; i < n; i++)
		__asm__ volatile("imul $7, %0, %0\n\tadd $3, %0" : "+r"(x));
	return x;
}

PROBED void share_three(uint64_t n)
{
	PUSHES;
	sink = steps(3 * n);
}

PROBED void share_one(uint64_t n)
{
	PUSHES;
	sink = steps(n);
}

/* What it does is done by what is inlined into it. */
PROBED void share_outer(uint64_t n)
{
	PUSHES;
	sink = steps(9 * n);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct truth {
	uint64_t rounds, three_ns, one_ns;
};

static void *mix(void *userdata)
{
	struct truth *t = userdata;

	for (uint64_t i = 0; i < t->rounds; i++) {
		uint64_t a = cpu_ns(), b;

		share_three(50000);
		b = cpu_ns();
		share_one(50000);
		t->three_ns += b - a;
		t->one_ns += cpu_ns() - b;
	}
	return NULL;
}

static void say(const struct truth *t)
{
	target_truth("\"three\":%lu,\"one\":%lu", (unsigned long)t->three_ns,
		     (unsigned long)t->one_ns);
}

static void threads(uint64_t rounds, void *(*work)(void *))
{
	struct truth t[4] = {{0}}, sum = {0};
	pthread_t thread[4];

	for (int i = 0; i < 4; i++) {
		t[i].rounds = rounds;
		pthread_create(&thread[i], NULL, work, &t[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		sum.three_ns += t[i].three_ns;
		sum.one_ns += t[i].one_ns;
	}
	say(&sum);
}

static void forks(uint64_t rounds)
{
	for (int i = 0; i < 3; i++) {
		struct truth t = {.rounds = rounds};
		pid_t pid = fork();

		if (!pid) {
			mix(&t);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	target_truth("\"children\":3");
}

/* 1: dec %rdi; jnz 1b; ret */
static void generated(uint64_t n)
{
	static const uint8_t code[] = {0x48, 0xff, 0xcf, 0x75, 0xfb, 0xc3};
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(page, code, sizeof(code));
	((void (*)(uint64_t))page)(n);
	munmap(page, 4096);
	target_truth("\"steps\":%lu", (unsigned long)n);
}

/* No two samples fall on one instruction, as good as. */
PROBED void share_wide(void)
{
	PUSHES;
	__asm__ volatile(".rept 65536\n\tnop\n\t.endr");
}

static void *wide(void *userdata)
{
	const struct truth *t = userdata;

	for (uint64_t i = 0; i < t->rounds; i++)
		share_wide();
	return NULL;
}

static void (*plug)(unsigned long n);

static void load(const char *path)
{
	void *object = dlopen(path, RTLD_NOW);

	plug = object ? (void (*)(unsigned long))dlsym(object, "plug_work") : NULL;
	target_truth("\"loaded\":%s", plug ? "true" : "false");
}

int main(int argc, char **argv)
{
	target_init(argc, argv);
	while (target_command()) {
		struct truth t = {.rounds = target_number(0)};

		if (target_is("mix")) {
			mix(&t);
			say(&t);
		} else if (target_is("outer")) {
			for (uint64_t i = 0; i < t.rounds; i++)
				share_outer(20000), share_one(20000);
			say(&t);
		} else if (target_is("kernel")) {
			for (uint64_t i = 0; i < t.rounds; i++)
				syscall(SYS_getppid);
			say(&t);
		} else if (target_is("generated")) {
			generated(t.rounds);
		} else if (target_is("threads")) {
			threads(t.rounds, mix);
		} else if (target_is("wide")) {
			threads(t.rounds, wide);
		} else if (target_is("forks")) {
			forks(t.rounds);
		} else if (target_is("plug")) {
			load(target_line + 5);
		} else if (target_is("library") && plug) {
			plug(t.rounds);
			say(&t);
		}
	}
	return 0;
}
