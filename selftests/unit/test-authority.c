// SPDX-License-Identifier: GPL-2.0-only
/* daemon/authority: nobody sees what ptrace would not show. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/authority.h"
#include "lib/cleanup.h"

#define ALL(id)                                                                                    \
	{                                                                                          \
		id, id, id, id                                                                     \
	}
#define IDS(...)                                                                                   \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
/* uids, gids, owner of /proc/PID/stat, capabilities */
#define FACTS(u, g, owner, caps)                                                                   \
	{                                                                                          \
		.uid = u, .gid = g, .proc_owner = owner, .caps_permitted = caps                    \
	}

static void decisions(void **state)
{
	static const struct peer root = {.uid = 0, .gid = 0};
	static const struct peer user = {.uid = 1000, .gid = 1000};
	static const struct peer newgrp = {
		.uid = 1000, .gid = 998, .groups = {27, 1000}, .n_groups = 2};
	static const struct {
		const char *name;
		const struct peer *peer;
		struct process_facts facts;
		const char *refusal; /* part of it; NULL: allowed */
	} cases[] = {
		{"own", &user, FACTS(ALL(1000), ALL(1000), 1000, 0), NULL},
		{"root: any", &root, FACTS(ALL(1000), ALL(1000), 0, 1), NULL},
		{"root: not a kernel thread", &root, {.kernel_thread = true}, "kernel thread"},
		{"root: not a zombie", &root, {.zombie = true}, "zombie"},
		{"another's", &user, FACTS(ALL(0), ALL(0), 0, 0),
		 "it runs as uid 0, you are uid 1000"},
		{"real uid", &user, FACTS(IDS(8, 1000, 1000, 1000), ALL(1000), 1000, 0), "uid 8"},
		{"effective uid", &user, FACTS(IDS(1000, 0, 0, 0), ALL(1000), 0, 0), "uid 0"},
		{"saved uid", &user, FACTS(IDS(1000, 1000, 0, 1000), ALL(1000), 1000, 0), "uid 0"},
		{"fs uid", &user, FACTS(IDS(1000, 1000, 1000, 7), ALL(1000), 1000, 0), "uid 7"},
		{"set-gid", &user, FACTS(ALL(1000), IDS(1000, 42, 42, 42), 1000, 0),
		 "it runs with gid 42, you have gid 1000"},
		{"saved gid", &user, FACTS(ALL(1000), IDS(1000, 1000, 42, 1000), 1000, 0),
		 "gid 42"},
		{"became another group", &user, FACTS(ALL(1000), ALL(42), 1000, 0), "gid 42"},
		{"newgrp hotpath", &newgrp, FACTS(ALL(1000), ALL(1000), 1000, 0), NULL},
		{"newgrp hotpath, set-gid", &newgrp,
		 FACTS(ALL(1000), IDS(1000, 27, 27, 27), 1000, 0), "gid 27"},
		{"capabilities", &user, FACTS(ALL(1000), ALL(1000), 1000, 1ull << 40),
		 "capabilities"},
		{"not dumpable", &user, FACTS(ALL(1000), ALL(1000), 0, 0), "not dumpable"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *why = authority_refusal(cases[i].peer, &cases[i].facts);

		print_message("%s: %s\n", cases[i].name, why ? why : "allowed");
		if (cases[i].refusal)
			assert_true(why && strstr(why, cases[i].refusal));
		else
			assert_null(why);
	}
}

static void who_sees_a_target(void **state)
{
	const struct peer root = {.uid = 0}, user = {.uid = 1000};

	assert_true(authority_may_see(&root, 1000));
	assert_true(authority_may_see(&user, 1000));
	assert_false(authority_may_see(&user, 0));
	assert_false(authority_may_see(&user, 1001));
}

/* A child that prepares itself and then sleeps until it is killed. */
static pid_t start_child(int (*prepare)(void))
{
	char ready;
	int fd[2];
	pid_t child;

	assert_int_equal(pipe(fd), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (prepare() < 0 || write(fd[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &ready, 1), 1);
	close(fd[0]);
	return child;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static int prepare_user(void)
{
	if (setresgid(1234, 1234, 1234) < 0 || setresuid(1234, 1234, 1234) < 0)
		return -1;
	/* Changed credentials took that away; an exec would give it back. */
	return prctl(PR_SET_DUMPABLE, 1);
}

static int prepare_undumpable(void)
{
	return prepare_user() < 0 ? -1 : prctl(PR_SET_DUMPABLE, 0);
}

static void facts_of_a_user(void **state)
{
	const struct peer peer = {.uid = 1234, .gid = 1234}, other = {.uid = 1235, .gid = 1234};
	struct process_facts facts;
	pid_t child;

	if (geteuid() != 0) {
		print_message("SKIP: needs root to become another user\n");
		skip();
	}
	child = start_child(prepare_user);
	assert_int_equal(authority_read(child, &facts), 0);
	assert_int_equal(facts.uid[3], 1234);
	assert_int_equal(facts.gid[0], 1234);
	assert_int_equal(facts.caps_permitted, 0);
	assert_int_equal(facts.threads, 1);
	assert_false(facts.kernel_thread);
	assert_null(authority_refusal(&peer, &facts));
	assert_non_null(authority_refusal(&other, &facts));
	end_child(child);
	assert_int_equal(authority_read(child, &facts), -ESRCH);
}

static void what_is_not_dumpable_is_refused(void **state)
{
	const struct peer peer = {.uid = 1234, .gid = 1234};
	struct process_facts facts;
	pid_t child;

	if (geteuid() != 0) {
		print_message("SKIP: needs root to become another user\n");
		skip();
	}
	child = start_child(prepare_undumpable);
	assert_int_equal(authority_read(child, &facts), 0);
	assert_int_equal(facts.uid[0], 1234);
	assert_int_equal(facts.proc_owner, 0);
	assert_non_null(authority_refusal(&peer, &facts));
	end_child(child);
}

static void a_zombie_is_seen_to_be_one(void **state)
{
	struct process_facts facts;
	siginfo_t info;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(authority_read(child, &facts), 0);
	assert_true(facts.zombie);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_kernel_thread_is_seen_to_be_one(void **state)
{
	struct process_facts facts;

	if (authority_read(2, &facts) < 0) {
		print_message("SKIP: pid 2 is not to be seen here (a container)\n");
		skip();
	}
	assert_true(facts.kernel_thread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions),
		cmocka_unit_test(who_sees_a_target),
		cmocka_unit_test(facts_of_a_user),
		cmocka_unit_test(what_is_not_dumpable_is_refused),
		cmocka_unit_test(a_zombie_is_seen_to_be_one),
		cmocka_unit_test(a_kernel_thread_is_seen_to_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
