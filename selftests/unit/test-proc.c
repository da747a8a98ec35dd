// SPDX-License-Identifier: GPL-2.0-only
/* daemon/proc*: /proc of hostile, deleted, headless and ordinary processes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/proc.h"
#include "lib/cleanup.h"

#define HOSTILE_NAME "a b\n\x1b[31m(deleted)"

static void lines_of_maps(void **state)
{
	static const struct {
		const char *line;
		const char *path;
		const char *perms;
		uint64_t ino;
		unsigned int major, minor;
	} cases[] = {
		{"55d0c0a00000-55d0c0a21000 r-xp 00001000 fe:01 131077                     "
		 "/usr/bin/x\n",
		 "/usr/bin/x", "r-xp", 131077, 0xfe, 1},
		{"7f00-8f00 rw-s 00000000 00:05 7 /dev/zero (deleted)\n", "/dev/zero (deleted)",
		 "rw-s", 7, 0, 5},
		{"1000-2000 ---p 00000000 00:00 0 \n", "", "---p", 0, 0, 0},
		{"1000-2000 ---p 00000000 00:00 0", "", "---p", 0, 0, 0},
		{"7ffc1000-7ffc2000 r-xp 00000000 00:00 0                          [vdso]\n",
		 "[vdso]", "r-xp", 0, 0, 0},
		{"1000-2000 r-xp 00000000 08:01 9 /tmp/new\\012line\n", "/tmp/new\nline", "r-xp", 9,
		 8, 1},
		{"1000-2000 r-xp 00000000 08:01 9 /tmp/a  b \\ \\01 c\n", "/tmp/a  b \\ \\01 c",
		 "r-xp", 9, 8, 1},
		{"1000-2000 r-xp 00000000 08:01 9 /tmp/\x1b[31m\xff\n", "/tmp/\x1b[31m\xff", "r-xp",
		 9, 8, 1},
		{"1000-2000 r-xp 00000000 103:02 18446744073709551615 /x\n", "/x", "r-xp",
		 UINT64_MAX, 0x103, 2},
		{"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  "
		 "[vsyscall]",
		 "[vsyscall]", "--xp", 0, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *line = strdup(cases[i].line);
		struct proc_map_line map;

		assert_true(proc_parse_map_line(line, &map));
		assert_string_equal(map.path, cases[i].path);
		assert_string_equal(map.perms, cases[i].perms);
		assert_int_equal(map.ino, cases[i].ino);
		assert_int_equal(map.major, cases[i].major);
		assert_int_equal(map.minor, cases[i].minor);
		assert_true(map.start < map.end);
	}
}

static void what_is_no_line_of_maps(void **state)
{
	static const char *const cases[] = {
		"",
		"\n",
		"-",
		"1000",
		"1000-2000",
		"1000-2000 r-xp",
		"1000-2000 r-x 00000000 08:01 9 /x",
		"1000-2000 rwxq 00000000 08:01 9 /x",
		"1000-2000 r-xp 00000000 08:01 /x",
		"1000-2000 r-xp 00000000 0801 9 /x",
		"1000-2000 r-xp 00000000 08:01 9/x",
		"2000-1000 r-xp 00000000 08:01 9 /x",
		"1000-1000 r-xp 00000000 08:01 9 /x",
		" 1000-2000 r-xp 00000000 08:01 9 /x",
		"-1000-2000 r-xp 00000000 08:01 9 /x",
		"0x10-0x20 r-xp 00000000 08:01 9 /x",
		"1000-11112222333344445 r-xp 00000000 08:01 9 /x",
		"1000-2000 r-xp 00000000 08:01 18446744073709551616 /x",
		"1000-2000 r-xp 00000000 100000000:01 9 /x",
		"Size:                  4 kB",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *line = strdup(cases[i]);
		struct proc_map_line map;

		print_message("'%s'\n", cases[i]);
		assert_false(proc_parse_map_line(line, &map));
	}
}

static const struct proc_object *find_object(const struct proc_objects *objects, const char *part)
{
	for (size_t i = 0; i < objects->count; i++)
		if (strstr(objects->object[i].path, part))
			return &objects->object[i];
	return NULL;
}

static void own_objects(void **state)
{
	struct proc_objects objects;
	struct stat st;

	assert_int_equal(proc_objects_read(getpid(), &objects), 0);
	assert_int_equal(objects.unopened, 0);
	assert_int_equal(stat("/proc/self/exe", &st), 0);
	assert_true(objects.object[0].main);
	assert_true(objects.object[0].dev == st.st_dev && objects.object[0].ino == st.st_ino);
	assert_non_null(find_object(&objects, "libc.so.6"));
	assert_null(find_object(&objects, "[v"));
	for (size_t i = 0; i < objects.count; i++) {
		const struct proc_object *o = &objects.object[i];

		assert_true(o->fd >= 0 && fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode));
		assert_true(fcntl(o->fd, F_GETFD) & FD_CLOEXEC);
		assert_true(o->start < o->end);
		assert_int_equal(o->main, i == 0);
		for (size_t j = 0; j < i; j++)
			assert_false(o->ino == objects.object[j].ino &&
				     o->dev == objects.object[j].dev);
	}
	proc_objects_free(&objects);
	assert_null(objects.object);
}

/* Two executable pages of a file with a hostile name, and a hole in between. */
static void map_twice(int fd, void *at[2])
{
	assert_int_equal(ftruncate(fd, 3 * 4096), 0);
	at[0] = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	at[1] = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 2 * 4096);
	assert_true(at[0] != MAP_FAILED && at[1] != MAP_FAILED);
}

static void deleted_and_hostile_files_are_opened_once(void **state)
{
	char folder[] = "/tmp/hotpath-test-XXXXXX", path[128];
	struct proc_objects objects;
	const struct proc_object *o;
	struct stat st;
	void *at[2];
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/%s", folder, HOSTILE_NAME);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	map_twice(fd, at);
	assert_int_equal(unlink(path), 0);
	/* Somebody else's file takes the name. */
	close(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0700));

	assert_int_equal(proc_objects_read(getpid(), &objects), 0);
	o = find_object(&objects, folder);
	assert_non_null(o);
	strcat(path, " (deleted)");
	assert_string_equal(o->path, path);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(o->ino == st.st_ino && o->dev == st.st_dev && o->fd >= 0);
	assert_null(find_object(
		&(struct proc_objects){.object = (struct proc_object *)o + 1,
				       .count = objects.count - 1 - (size_t)(o - objects.object)},
		folder));

	proc_objects_free(&objects);
	munmap(at[0], 4096);
	munmap(at[1], 4096);
	close(fd);
	path[strlen(path) - strlen(" (deleted)")] = '\0';
	unlink(path);
	rmdir(folder);
}

static void a_memfd_is_a_file(void **state)
{
	struct proc_objects objects;
	int fd = memfd_create("jit", MFD_CLOEXEC);
	void *at[2];

	map_twice(fd, at);
	assert_int_equal(proc_objects_read(getpid(), &objects), 0);
	assert_non_null(find_object(&objects, "/memfd:jit"));
	proc_objects_free(&objects);
	munmap(at[0], 4096);
	munmap(at[1], 4096);
	close(fd);
}

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

static void wait_for_headless(pid_t child)
{
	pid_t tid = child;

	for (int i = 0; i < 5000 && tid == child; i++) {
		usleep(1000);
		(void)proc_live_thread(child, &tid);
	}
	assert_int_not_equal(tid, child);
}

static void a_process_whose_main_thread_has_exited(void **state)
{
	_cleanup_free_ char *exe = NULL, *own = NULL;
	struct proc_objects objects;
	uint64_t cpu_ns;
	pid_t child = fork();

	if (child == 0) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pthread_create(&thread, NULL, sleep_on, NULL);
		pthread_exit(NULL);
	}
	wait_for_headless(child);
	assert_int_equal(proc_objects_read(child, &objects), 0);
	assert_int_equal(objects.unopened, 0);
	assert_true(objects.count >= 3 && objects.object[0].main);
	proc_objects_free(&objects);
	assert_int_equal(proc_exe(child, &exe), 0);
	assert_int_equal(proc_exe(getpid(), &own), 0);
	assert_string_equal(exe, own);
	assert_int_equal(proc_cpu_ns(child, &cpu_ns), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void nobody_and_a_zombie(void **state)
{
	struct proc_objects objects = {0};
	siginfo_t info;
	pid_t tid = 0, child = fork();
	uint64_t value;
	char *exe = NULL;
	char comm[16];

	if (child == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	for (int gone = 0; gone < 2; gone++) {
		assert_int_equal(proc_live_thread(child, &tid), -ESRCH);
		assert_int_equal(proc_objects_read(child, &objects), -ESRCH);
		assert_int_equal(proc_exe(child, &exe), -ESRCH);
		assert_int_equal(proc_comm(child, comm, sizeof(comm)), gone ? -ESRCH : 0);
		assert_int_equal(proc_start_time(child, &value), gone ? -ESRCH : 0);
		assert_int_equal(proc_cpu_ns(child, &value), gone ? -ESRCH : 0);
		if (!gone)
			assert_int_equal(waitpid(child, NULL, 0), child);
	}
	assert_null(objects.object);
	assert_null(exe);
}

static void names_and_times(void **state)
{
	uint64_t before, after, ticks = 0, again = 0;
	char comm[16], old[16];

	prctl(PR_GET_NAME, old);
	prctl(PR_SET_NAME, ") R 1 (\n2 3\n");
	assert_int_equal(proc_comm(getpid(), comm, sizeof(comm)), 0);
	assert_string_equal(comm, ") R 1 (\n2 3\n");
	assert_int_equal(proc_start_time(getpid(), &ticks), 0);
	prctl(PR_SET_NAME, old);
	assert_int_equal(proc_start_time(getpid(), &again), 0);
	assert_true(ticks == again && ticks > 0);

	assert_int_equal(proc_cpu_ns(getpid(), &before), 0);
	do
		assert_int_equal(proc_cpu_ns(getpid(), &after), 0);
	while (after - before < 5000000 && clock() < 60 * CLOCKS_PER_SEC);
	assert_in_range(after - before, 5000000, 1000000000);
}

static void others_that_map_the_same_file(void **state)
{
	uint64_t files[2][2] = {{1, 1}};
	pid_t except[2] = {getpid()};
	uint32_t count = 99;
	struct stat st;
	pid_t child;

	assert_int_equal(stat("/proc/self/exe", &st), 0);
	files[1][0] = st.st_dev;
	files[1][1] = st.st_ino;
	assert_int_equal(proc_count_mapping(files, 2, except, 1, 10, &count), 0);
	assert_int_equal(count, 0);

	child = fork();
	if (child == 0)
		sleep_on(NULL);
	assert_int_equal(proc_count_mapping(files, 2, except, 1, 10, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(proc_count_mapping(files, 2, except, 1, 0, &count), -E2BIG);
	except[1] = child;
	assert_int_equal(proc_count_mapping(files, 2, except, 2, 0, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(proc_count_mapping(files, 1, except, 0, 10, &count), 0);
	assert_int_equal(count, 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void needs_root(void **state)
{
	print_message("SKIP: /proc/PID/map_files needs root\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest parser[] = {
		cmocka_unit_test(lines_of_maps),
		cmocka_unit_test(what_is_no_line_of_maps),
		cmocka_unit_test(names_and_times),
		cmocka_unit_test(nobody_and_a_zombie),
	};
	const struct CMUnitTest files[] = {
		cmocka_unit_test(own_objects),
		cmocka_unit_test(deleted_and_hostile_files_are_opened_once),
		cmocka_unit_test(a_memfd_is_a_file),
		cmocka_unit_test(a_process_whose_main_thread_has_exited),
		cmocka_unit_test(others_that_map_the_same_file),
	};
	const struct CMUnitTest skipped[] = {cmocka_unit_test(needs_root)};
	int failed = cmocka_run_group_tests(parser, NULL, NULL);

	if (geteuid() != 0)
		return failed + cmocka_run_group_tests(skipped, NULL, NULL);
	return failed + cmocka_run_group_tests(files, NULL, NULL);
}
