// SPDX-License-Identifier: GPL-2.0-only
/* daemon/listener: one daemon per socket, nobody's file harmed, nothing left. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/listener.h"
#include "lib/cleanup.h"

static char folder[] = "/tmp/hotpath-test-XXXXXX";

static int make_folder(void **state)
{
	unsetenv("SUDO_GID");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	/* Fails when a test left something. */
	return rmdir(folder);
}

static const char *in_folder(const char *name)
{
	static char path[4][200];
	static unsigned int next;
	char *at = path[next++ % 4];

	snprintf(at, sizeof(path[0]), "%s/%s", folder, name);
	return at;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode : 0;
}

static int open_at(const char *path, struct listener **ret)
{
	return listener_open(&(struct config){.socket = path}, ret);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void a_socket_is_made_and_removed_with_its_folder(void **state)
{
	const char *path = in_folder("new/socket");
	struct listener *l = NULL;
	mode_t old = umask(077);

	assert_int_equal(open_at(path, &l), 0);
	assert_int_equal(umask(old), 077);
	assert_string_equal(listener_path(l), path);
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);
	assert_int_equal(mode_of(in_folder("new")), S_IFDIR | 0755);
	assert_true(fcntl(listener_fd(l), F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(listener_fd(l), F_GETFD) & FD_CLOEXEC);
	listener_close(l);
	assert_int_equal(mode_of(in_folder("new")), 0);
}

static void a_relative_path_is_removed_from_elsewhere(void **state)
{
	struct listener *l = NULL;

	assert_int_equal(chdir(folder), 0);
	assert_int_equal(open_at("new/socket", &l), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(mode_of(in_folder("new/socket")), S_IFSOCK | 0660);
	listener_close(l);
	assert_int_equal(mode_of(in_folder("new")), 0);
}

static void a_private_socket_is_for_its_owner(void **state)
{
	const char *path = in_folder("socket");
	struct config config = {.socket = path, .private_instance = true};
	struct listener *l = NULL;

	assert_int_equal(listener_open(&config, &l), 0);
	assert_int_equal(mode_of(path), S_IFSOCK | 0600);
	listener_close(l);
}

static void a_second_daemon_is_refused_also_when_the_first_is_busy(void **state)
{
	const char *path = in_folder("socket");
	struct listener *first = NULL, *second = NULL;

	assert_int_equal(open_at(path, &first), 0);
	assert_int_equal(open_at(path, &second), -EADDRINUSE);
	assert_null(second);
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);

	/* A backlog that is full, of the look that the second took. */
	assert_int_equal(listen(listener_fd(first), 0), 0);
	assert_int_equal(open_at(path, &second), -EADDRINUSE);
	listener_close(first);
	assert_int_equal(mode_of(path), 0);
}

static void a_stale_socket_is_replaced(void **state)
{
	const char *path = in_folder("socket");
	struct listener *l = NULL;
	pid_t child = fork();
	int fd;

	if (child == 0)
		_exit(open_at(path, &l) != 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);
	assert_int_equal(connect_to(path), -ECONNREFUSED);
	assert_int_equal(open_at(path, &l), 0);
	fd = connect_to(path);
	assert_true(fd >= 0);
	close(fd);
	listener_close(l);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	const char *file = in_folder("file"), *link = in_folder("link");
	struct listener *l = NULL;

	close(open(file, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(open_at(file, &l), -EEXIST);
	assert_int_equal(mode_of(file), S_IFREG | 0600);

	assert_int_equal(symlink("nowhere", link), 0);
	assert_int_equal(open_at(link, &l), -EEXIST);
	assert_true(S_ISLNK(mode_of(link)));
	assert_int_equal(mode_of(in_folder("nowhere")), 0);

	assert_int_equal(open_at(folder, &l), -EEXIST);
	unlink(file);
	unlink(link);
}

static void only_the_own_file_is_removed(void **state)
{
	const char *path = in_folder("socket");
	struct listener *first = NULL, *second = NULL;

	assert_int_equal(open_at(path, &first), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(open_at(path, &second), 0);
	listener_close(first);
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);
	listener_close(second);
	assert_int_equal(mode_of(path), 0);
}

static void where_no_socket_can_be(void **state)
{
	static const char eleven[] = "12345678901";
	char path[200] = "";
	struct listener *l = NULL;

	assert_int_equal(open_at(in_folder("no/such/socket"), &l), -ENOENT);
	strcpy(path, folder);
	strcat(path, "/");
	while (strlen(path) < 108)
		strcat(path, eleven);
	assert_int_equal(open_at(path, &l), -ENAMETOOLONG);
	path[107] = '\0';
	assert_int_equal(open_at(path, &l), 0);
	listener_close(l);
	assert_null(listener_close(NULL));
}

static void a_held_lock_delays_but_does_not_prevent(void **state)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct listener *l = NULL;

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(open_at(in_folder("socket"), &l), 0);
	listener_close(l);
	close(fd);
}

static void the_group_of_sudo_may_connect(void **state)
{
	const char *path = in_folder("socket");
	struct listener *l = NULL;
	struct stat st;

	if (geteuid() != 0) {
		print_message("SKIP: needs root to give a file away\n");
		skip();
	}
	setenv("SUDO_GID", "54321", 1);
	assert_int_equal(open_at(path, &l), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	/* Where the group hotpath exists it goes before. */
	if (system("getent group hotpath >/dev/null") != 0)
		assert_int_equal(st.st_gid, 54321);
	else
		assert_int_not_equal(st.st_gid, 54321);
	listener_close(l);
	unsetenv("SUDO_GID");
}

/* As systemd does it: descriptor 3, LISTEN_FDS and LISTEN_PID. */
static int serve_passed(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct listener *l = NULL;
	char pid[16];

	strcpy(address.sun_path, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 5) < 0)
		return 1;
	if (fd != 3 && (dup2(fd, 3) < 0 || close(fd) < 0))
		return 2;
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", pid, 1);
	if (open_at("/nowhere/else", &l) < 0 || listener_fd(l) != 3)
		return 3;
	if (strcmp(listener_path(l), path) != 0 || !(fcntl(3, F_GETFL) & O_NONBLOCK))
		return 4;
	listener_close(l);
	return 0;
}

static void the_socket_of_systemd_is_taken_over_and_left(void **state)
{
	const char *path = in_folder("socket");
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(serve_passed(path));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(S_ISSOCK(mode_of(path)));
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_is_made_and_removed_with_its_folder),
		cmocka_unit_test(a_relative_path_is_removed_from_elsewhere),
		cmocka_unit_test(a_private_socket_is_for_its_owner),
		cmocka_unit_test(a_second_daemon_is_refused_also_when_the_first_is_busy),
		cmocka_unit_test(a_stale_socket_is_replaced),
		cmocka_unit_test(what_is_no_socket_is_left_alone),
		cmocka_unit_test(only_the_own_file_is_removed),
		cmocka_unit_test(where_no_socket_can_be),
		cmocka_unit_test(a_held_lock_delays_but_does_not_prevent),
		cmocka_unit_test(the_group_of_sudo_may_connect),
		cmocka_unit_test(the_socket_of_systemd_is_taken_over_and_left),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
