// SPDX-License-Identifier: GPL-2.0-only
/* lib/wire: what goes in comes out, and what was no message is said to be none. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/wire.h"
#include "wire.pb-c.h"

static void make_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
}

static void close_pair(int fd[2])
{
	fd[0] = close_fd(fd[0]);
	fd[1] = close_fd(fd[1]);
}

static int receive(int fd, Hotpath__Request **ret)
{
	return wire_receive(fd, &hotpath__request__descriptor, WIRE_REQUEST_MAX,
			    (ProtobufCMessage **)ret);
}

static void a_message_survives_the_trip(void **state)
{
	Hotpath__AttachRequest attach = HOTPATH__ATTACH_REQUEST__INIT;
	Hotpath__Request out = HOTPATH__REQUEST__INIT, *in = NULL;
	ProtobufCBinaryData patterns[] = {{4, (uint8_t *)"m\0\xffn"}};
	int32_t pids[] = {42, 4194304};
	int fd[2];

	make_pair(fd);
	attach.n_pids = 2;
	attach.pids = pids;
	attach.n_patterns = 1;
	attach.patterns = patterns;
	out.version = WIRE_VERSION;
	out.body_case = HOTPATH__REQUEST__BODY_ATTACH;
	out.attach = &attach;
	assert_int_equal(wire_send(fd[0], &out.base, WIRE_REQUEST_MAX), 0);
	assert_int_equal(receive(fd[1], &in), 0);
	assert_int_equal(in->version, WIRE_VERSION);
	assert_int_equal(in->body_case, HOTPATH__REQUEST__BODY_ATTACH);
	assert_int_equal(in->attach->n_pids, 2);
	assert_int_equal(in->attach->pids[1], 4194304);
	assert_int_equal(in->attach->patterns[0].len, 4);
	assert_memory_equal(in->attach->patterns[0].data, "m\0\xffn", 4);
	hotpath__request__free_unpacked(in, NULL);
	close_pair(fd);
}

static void bytes_that_are_no_message(void **state)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t size;
		int r;
	} cases[] = {
		{"nothing", "", 0, -EPIPE},
		{"half a length", "\x05\x00", 2, -EBADMSG},
		{"no body", "\x05\x00\x00\x00", 4, -EBADMSG},
		{"half a body", "\x05\x00\x00\x00\x08\x01", 6, -EBADMSG},
		{"length 0", "\x00\x00\x00\x00", 4, -EBADMSG},
		{"one byte too large", "\x01\x00\x10\x00", 4, -EBADMSG},
		{"largest length", "\xff\xff\xff\xff", 4, -EBADMSG},
		{"no protobuf", "\x03\x00\x00\x00\xff\xff\xff", 7, -EBADMSG},
		{"a field that ends behind the body", "\x02\x00\x00\x00\x12\x7f", 6, -EBADMSG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Hotpath__Request *in = NULL;
		int fd[2];

		make_pair(fd);
		print_message("%s\n", cases[i].name);
		assert_int_equal(write(fd[0], cases[i].bytes, cases[i].size), cases[i].size);
		fd[0] = close_fd(fd[0]);
		assert_int_equal(receive(fd[1], &in), cases[i].r);
		assert_null(in);
		close_pair(fd);
	}
}

static void too_large_a_message_is_not_sent(void **state)
{
	Hotpath__Request out = HOTPATH__REQUEST__INIT;
	int fd[2];

	make_pair(fd);
	out.version = 0xffffffff;
	assert_int_equal(wire_send(fd[0], &out.base, 4), -EMSGSIZE);
	assert_int_equal(wire_send(fd[0], &out.base, 6), 0);
	close_pair(fd);
}

static void a_closed_socket_is_an_error_and_no_signal(void **state)
{
	Hotpath__Request out = HOTPATH__REQUEST__INIT;
	int fd[2];

	make_pair(fd);
	fd[1] = close_fd(fd[1]);
	out.version = WIRE_VERSION;
	assert_int_equal(wire_send(fd[0], &out.base, WIRE_REQUEST_MAX), -EPIPE);
	close_pair(fd);
}

static void everything_goes_through_a_pipe(void **state)
{
	enum { SIZE = 1000000 };
	_cleanup_free_ uint8_t *out = malloc(SIZE), *in = NULL;
	size_t size = 0;
	int fd[2];
	pid_t child;

	for (size_t i = 0; i < SIZE; i++)
		out[i] = (uint8_t)(i * 31);

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		_exit(wire_write_all(fd[1], out, SIZE) != 0);
	fd[1] = close_fd(fd[1]);
	assert_int_equal(wire_read_all(fd[0], SIZE, &in, &size), 0);
	assert_int_equal(size, SIZE);
	assert_memory_equal(in, out, SIZE);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close_pair(fd);
}

static void reading_all_stops_at_the_limit(void **state)
{
	static const struct {
		size_t written, max;
		int r;
	} cases[] = {{0, 10, 0}, {10, 10, 0}, {11, 10, -EMSGSIZE}, {5000, 4096, -EMSGSIZE}};
	static const uint8_t zeros[5000];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ uint8_t *in = NULL;
		size_t size = 99;
		int fd[2];

		assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
		assert_int_equal(wire_write_all(fd[1], zeros, cases[i].written), 0);
		fd[1] = close_fd(fd[1]);
		assert_int_equal(wire_read_all(fd[0], cases[i].max, &in, &size), cases[i].r);
		if (cases[i].r == 0)
			assert_int_equal(size, cases[i].written);
		close_pair(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_survives_the_trip),
		cmocka_unit_test(bytes_that_are_no_message),
		cmocka_unit_test(too_large_a_message_is_not_sent),
		cmocka_unit_test(a_closed_socket_is_an_error_and_no_signal),
		cmocka_unit_test(everything_goes_through_a_pipe),
		cmocka_unit_test(reading_all_stops_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
