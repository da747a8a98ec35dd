// SPDX-License-Identifier: GPL-2.0-only
/*
 * daemon/server: a client that is slow, wrong, greedy or gone costs itself its
 * connection, and nobody else anything. The server runs in a child process with
 * a handler that knows a few tricks; see handle().
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/proc.h"
#include "daemon/server.h"
#include "lib/cleanup.h"
#include "lib/wire.h"

#define TIMEOUT_US   300000
#define MAX_PER_UID  4
#define ANSWER_US    100000
#define HOSTILE_TEXT "bad\nname \x1b[31m\xff"

/* --- the server ------------------------------------------------------------- */

struct fake {
	sd_event *event;
	struct server *server;
	struct reply *kept; /* of the last detach request */
	uint32_t gone;	    /* replies whose client had vanished */
};

static int answer_later(sd_event_source *source, uint64_t usec, void *userdata)
{
	Hotpath__DetachReply detach = HOTPATH__DETACH_REPLY__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	struct fake *fake = userdata;

	message.body_case = HOTPATH__REPLY__BODY_DETACH;
	message.detach = &detach;
	fake->gone += reply_gone(fake->kept);
	reply_progress(fake->kept, "late", 1, 1);
	reply_finish(TAKE(fake->kept), &message);
	return 0;
}

static void handle_status(struct fake *fake, const struct peer *peer, struct reply *reply)
{
	Hotpath__StatusReply status = HOTPATH__STATUS_REPLY__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;

	status.daemon_pid = (int32_t)peer->uid;
	status.targets_hidden = fake->gone;
	status.rss_bytes = server_connections(fake->server, peer->uid);
	message.body_case = HOTPATH__REPLY__BODY_STATUS;
	message.status = &status;
	reply_finish(reply, &message);
}

/* As many MiB as the request's first pid says. */
static void handle_report(const Hotpath__ReportRequest *request, struct reply *reply)
{
	Hotpath__Snapshot snapshot = HOTPATH__SNAPSHOT__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	size_t size = (size_t)request->pids[0] << 20;
	_cleanup_free_ char *host = malloc(size + 1);

	memset(host, 'x', size);
	host[size] = '\0';
	snapshot.host = host;
	message.body_case = HOTPATH__REPLY__BODY_REPORT;
	message.report = &snapshot;
	reply_finish(reply, &message);
}

static void handle(void *userdata, const struct peer *peer, const Hotpath__Request *request,
		   struct reply *reply)
{
	struct fake *fake = userdata;

	switch (request->body_case) {
	case HOTPATH__REQUEST__BODY_STATUS:
		handle_status(fake, peer, reply);
		break;
	case HOTPATH__REQUEST__BODY_REPORT:
		handle_report(request->report, reply);
		break;
	case HOTPATH__REQUEST__BODY_DETACH:
		fake->kept = reply;
		sd_event_add_time_relative(fake->event, NULL, CLOCK_MONOTONIC, ANSWER_US, 1,
					   answer_later, fake);
		break;
	default:
		reply_progress(reply, "reading", 1, 2);
		reply_progress(reply, "attaching", 2, 2);
		reply_error(reply, ENOENT, "look again", "attach %s", HOSTILE_TEXT);
	}
}

static int serve(const struct config *config, int ready_fd)
{
	struct fake fake = {0};
	sigset_t set;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (sd_event_new(&fake.event) < 0 ||
	    sd_event_add_signal(fake.event, NULL, SIGTERM, NULL, NULL) < 0 ||
	    server_new(fake.event, config, handle, &fake, &fake.server) < 0)
		return 1;

	server_set_timeouts(fake.server, TIMEOUT_US, TIMEOUT_US);
	/* For the tests that become another user. */
	chmod(config->socket, 0666);
	close_fd(ready_fd);
	r = sd_event_loop(fake.event);
	server_free(fake.server);
	sd_event_unref(fake.event);
	return r < 0;
}

/* --- the clients ------------------------------------------------------------ */

struct fixture {
	char folder[32];
	char path[64];
	pid_t server;
};

static int start(struct fixture *f, rlim_t max_files)
{
	struct config config = {.socket = f->path, .max_connections = MAX_PER_UID};
	struct rlimit limit = {max_files, max_files};
	char nothing;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	f->server = fork();
	if (f->server == 0) {
		close(fd[0]);
		if (max_files)
			setrlimit(RLIMIT_NOFILE, &limit);
		exit(serve(&config, fd[1]));
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &nothing, 1), 0);
	return close_fd(fd[0]) > 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->folder, "/tmp/hotpath-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(chmod(f->folder, 0755), 0);
	snprintf(f->path, sizeof(f->path), "%s/socket", f->folder);
	*state = f;
	return start(f, 0);
}

static void stop(struct fixture *f)
{
	int status;

	kill(f->server, SIGTERM);
	assert_int_equal(waitpid(f->server, &status, 0), f->server);
	assert_int_equal(status, 0);
	assert_int_equal(access(f->path, F_OK), -1);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stop(f);
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

static int client(const struct fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {5, 0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, f->path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return fd;
}

static Hotpath__Request make_status(void)
{
	static Hotpath__StatusRequest status = HOTPATH__STATUS_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;

	request.version = WIRE_VERSION;
	request.body_case = HOTPATH__REQUEST__BODY_STATUS;
	request.status = &status;
	return request;
}

static void send_request(int fd, const Hotpath__Request *request)
{
	assert_int_equal(wire_send(fd, &request->base, WIRE_REQUEST_MAX), 0);
}

static void send_report(int fd, int32_t mib)
{
	Hotpath__ReportRequest report = HOTPATH__REPORT_REQUEST__INIT;
	Hotpath__Request request = make_status();

	report.n_pids = 1;
	report.pids = &mib;
	request.body_case = HOTPATH__REQUEST__BODY_REPORT;
	request.report = &report;
	send_request(fd, &request);
}

static void send_detach(int fd)
{
	Hotpath__DetachRequest detach = HOTPATH__DETACH_REQUEST__INIT;
	Hotpath__Request request = make_status();

	request.body_case = HOTPATH__REQUEST__BODY_DETACH;
	request.detach = &detach;
	send_request(fd, &request);
}

static Hotpath__Reply *receive(int fd)
{
	ProtobufCMessage *reply = NULL;

	assert_int_equal(wire_receive(fd, &hotpath__reply__descriptor, WIRE_REPLY_MAX, &reply), 0);
	assert_int_equal(((Hotpath__Reply *)reply)->version, WIRE_VERSION);
	return (Hotpath__Reply *)reply;
}

static void expect_end(int fd)
{
	ProtobufCMessage *reply = NULL;

	assert_int_equal(wire_receive(fd, &hotpath__reply__descriptor, WIRE_REPLY_MAX, &reply),
			 -EPIPE);
}

static void expect_error(int fd, int code)
{
	Hotpath__Reply *reply = receive(fd);

	assert_int_equal(reply->body_case, HOTPATH__REPLY__BODY_ERROR);
	print_message("%s; %s\n", reply->error->text, reply->error->hint);
	assert_int_equal(reply->error->code, code);
	assert_true(*reply->error->text && *reply->error->hint);
	hotpath__reply__free_unpacked(reply, NULL);
}

/* How many replies met a client that was gone. */
static uint32_t expect_status(int fd)
{
	Hotpath__Request request = make_status();
	Hotpath__Reply *reply;
	uint32_t gone;

	send_request(fd, &request);
	reply = receive(fd);
	assert_int_equal(reply->body_case, HOTPATH__REPLY__BODY_STATUS);
	assert_int_equal(reply->status->daemon_pid, geteuid());
	gone = reply->status->targets_hidden;
	hotpath__reply__free_unpacked(reply, NULL);
	return gone;
}

static uint64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* --- claims ----------------------------------------------------------------- */

static void two_clients_are_answered_at_once(void **state)
{
	int a = client(*state), b = client(*state);
	Hotpath__Reply *reply;

	send_detach(a); /* is answered later */
	for (int i = 0; i < 3; i++)
		expect_status(b);
	reply = receive(a);
	assert_int_equal(reply->body_case, HOTPATH__REPLY__BODY_PROGRESS);
	hotpath__reply__free_unpacked(reply, NULL);
	reply = receive(a);
	assert_int_equal(reply->body_case, HOTPATH__REPLY__BODY_DETACH);
	hotpath__reply__free_unpacked(reply, NULL);
	expect_status(a);
	close(a);
	close(b);
}

static void progress_comes_first_and_text_is_made_harmless(void **state)
{
	Hotpath__AttachRequest attach = HOTPATH__ATTACH_REQUEST__INIT;
	Hotpath__Request request = make_status();
	Hotpath__Reply *reply;
	int fd = client(*state);

	request.body_case = HOTPATH__REQUEST__BODY_ATTACH;
	request.attach = &attach;
	send_request(fd, &request);
	for (uint32_t i = 1; i <= 2; i++) {
		reply = receive(fd);
		assert_int_equal(reply->body_case, HOTPATH__REPLY__BODY_PROGRESS);
		assert_int_equal(reply->progress->done, i);
		hotpath__reply__free_unpacked(reply, NULL);
	}
	reply = receive(fd);
	assert_int_equal(reply->body_case, HOTPATH__REPLY__BODY_ERROR);
	assert_int_equal(reply->error->code, ENOENT);
	assert_string_equal(reply->error->hint, "look again");
	assert_null(strpbrk(reply->error->text, "\n\x1b\xff"));
	assert_non_null(strstr(reply->error->text, "attach bad"));
	hotpath__reply__free_unpacked(reply, NULL);
	close(fd);
}

static void requests_may_be_sent_ahead(void **state)
{
	Hotpath__Request request = make_status();
	int fd = client(*state);

	for (int i = 0; i < 10; i++)
		send_request(fd, &request);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (int i = 0; i < 10; i++)
		hotpath__reply__free_unpacked(receive(fd), NULL);
	expect_end(fd);
	close(fd);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	_cleanup_free_ uint8_t *data = NULL;
	Hotpath__Request request = make_status();
	int fd = client(*state);
	size_t size;

	assert_int_equal(wire_pack(&request.base, WIRE_REQUEST_MAX, &data, &size), 0);
	for (size_t i = 0; i < size; i++) {
		assert_int_equal(write(fd, data + i, 1), 1);
		usleep(5000);
	}
	hotpath__reply__free_unpacked(receive(fd), NULL);
	close(fd);
}

static void what_is_no_request_ends_that_connection_only(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		int code;
	} cases[] = {
		{"\0\0\0\0", 4, EMSGSIZE},
		{"\x01\x00\x10\x00", 4, EMSGSIZE},
		{"\xff\xff\xff\xff", 4, EMSGSIZE},
		{"GET / HTTP/1.1\r\n\r\n", 18, EMSGSIZE},
		{"\x03\0\0\0\xff\xff\xff", 7, EBADMSG},
		{"\x02\0\0\0\x08\x02", 6, EPROTONOSUPPORT},
		{"\x02\0\0\0\x32\0", 6, EPROTONOSUPPORT}, /* no version */
	};
	int other = client(*state);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = client(*state);

		assert_int_equal(write(fd, cases[i].bytes, cases[i].size), cases[i].size);
		expect_error(fd, cases[i].code);
		expect_end(fd);
		close(fd);
		expect_status(other);
	}
	close(other);
}

static void a_slow_request_ends_but_an_idle_client_stays(void **state)
{
	int idle = client(*state), slow = client(*state), slower = client(*state);
	uint64_t before = now_us();

	assert_int_equal(write(slow, "\x02\0\0\0\x08", 5), 5);
	assert_int_equal(write(slower, "\x02", 1), 1);
	expect_end(slow);
	expect_end(slower);
	assert_in_range(now_us() - before, TIMEOUT_US - 10000, TIMEOUT_US * 10);
	expect_status(idle);
	usleep(TIMEOUT_US * 3 / 2);
	expect_status(idle);
	close(idle);
	close(slow);
	close(slower);
}

static void a_large_reply_arrives_whole(void **state)
{
	int fd = client(*state);
	Hotpath__Reply *reply;

	send_report(fd, 40);
	reply = receive(fd);
	assert_int_equal(reply->body_case, HOTPATH__REPLY__BODY_REPORT);
	assert_int_equal(strlen(reply->report->host), 40 << 20);
	hotpath__reply__free_unpacked(reply, NULL);
	expect_status(fd);
	close(fd);
}

static void too_large_a_reply_becomes_an_error(void **state)
{
	int fd = client(*state);

	send_report(fd, 256);
	expect_error(fd, EMSGSIZE);
	expect_status(fd);
	close(fd);
}

static void a_reply_that_is_not_read_ends_that_connection_only(void **state)
{
	static char buffer[1 << 16];
	int slow = client(*state), other = client(*state);
	struct pollfd hang_up = {.fd = slow};
	size_t got = 0;
	ssize_t n;

	send_report(slow, 8);
	expect_status(other);
	assert_int_equal(poll(&hang_up, 1, 5000), 1);
	assert_true(hang_up.revents & POLLHUP);
	while ((n = read(slow, buffer, sizeof(buffer))) > 0)
		got += (size_t)n;
	assert_in_range(got, 1, 8 << 20);
	expect_status(other);
	close(slow);
	close(other);
}

static void a_client_that_vanishes_leaves_a_harmless_reply(void **state)
{
	int gone = client(*state), other = client(*state);

	send_detach(gone);
	expect_status(other);
	close(gone);
	usleep(ANSWER_US * 2);
	assert_int_equal(expect_status(other), 1);
	/* And one that vanishes without its large reply. */
	gone = client(*state);
	send_report(gone, 8);
	close(gone);
	expect_status(other);
	close(other);
}

static void a_user_has_so_many_connections(void **state)
{
	int fd[MAX_PER_UID], more;

	for (int i = 0; i < MAX_PER_UID; i++) {
		fd[i] = client(*state);
		expect_status(fd[i]);
	}
	more = client(*state);
	expect_error(more, EUSERS);
	expect_end(more);
	close(more);

	close(fd[0]);
	expect_status(fd[1]);
	more = client(*state);
	expect_status(more);
	close(more);
	for (int i = 1; i < MAX_PER_UID; i++)
		close(fd[i]);
}

static void another_user_is_known_and_counted_apart(void **state)
{
	int fd[MAX_PER_UID], status;
	pid_t child;

	if (geteuid() != 0) {
		print_message("SKIP: needs root to become another user\n");
		skip();
	}
	for (int i = 0; i < MAX_PER_UID; i++)
		fd[i] = client(*state);
	expect_status(fd[MAX_PER_UID - 1]);
	child = fork();
	if (child == 0) {
		int own = setresuid(1234, 1234, 1234) < 0 ? -1 : client(*state);
		Hotpath__Request request = make_status();
		ProtobufCMessage *reply;

		if (wire_send(own, &request.base, WIRE_REQUEST_MAX) < 0 ||
		    wire_receive(own, &hotpath__reply__descriptor, 4096, &reply) < 0)
			_exit(1);
		/* expect_status() can not fail in a child: cmocka's jumps end here. */
		_exit(((Hotpath__Reply *)reply)->body_case != HOTPATH__REPLY__BODY_STATUS ||
		      ((Hotpath__Reply *)reply)->status->daemon_pid != 1234 ||
		      ((Hotpath__Reply *)reply)->status->rss_bytes != 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < MAX_PER_UID; i++)
		close(fd[i]);
}

static uint64_t cpu_ns(pid_t pid)
{
	uint64_t ns;

	assert_int_equal(proc_cpu_ns(pid, &ns), 0);
	return ns;
}

static void an_idle_server_uses_no_cpu(void **state)
{
	struct fixture *f = *state;
	int a = client(f), b = client(f);
	uint64_t before;

	expect_status(a);
	expect_status(b);
	usleep(TIMEOUT_US * 2);
	before = cpu_ns(f->server);
	usleep(TIMEOUT_US * 2);
	assert_int_equal(cpu_ns(f->server) - before, 0);
	close(a);
	close(b);
}

static rlim_t files_of_a_server(void)
{
	int next = dup(0);

	close(next);
	/* Its folder and socket, and the loop's epoll, signal and timer descriptors;
	 * a client more. */
	return (rlim_t)next + 6;
}

static void without_descriptors_it_waits_and_goes_on(void **state)
{
	struct fixture *f = *state;
	uint64_t before;
	int fd[3];

	stop(f);
	start(f, files_of_a_server());
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = client(f);
	usleep(100000);
	before = cpu_ns(f->server);
	usleep(500000);
	assert_in_range(cpu_ns(f->server) - before, 0, 50000000);

	close(fd[0]);
	close(fd[1]);
	expect_status(fd[2]);
	close(fd[2]);
}

static void it_ends_while_clients_wait(void **state)
{
	struct fixture *f = *state;
	int waiting = client(f), large = client(f);

	send_detach(waiting);
	send_report(large, 8);
	usleep(20000);
	stop(f);
	close(waiting);
	close(large);
	start(f, 0);
}

#define CLAIM(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(two_clients_are_answered_at_once),
		CLAIM(progress_comes_first_and_text_is_made_harmless),
		CLAIM(requests_may_be_sent_ahead),
		CLAIM(a_request_may_come_byte_by_byte),
		CLAIM(what_is_no_request_ends_that_connection_only),
		CLAIM(a_slow_request_ends_but_an_idle_client_stays),
		CLAIM(a_large_reply_arrives_whole),
		CLAIM(too_large_a_reply_becomes_an_error),
		CLAIM(a_reply_that_is_not_read_ends_that_connection_only),
		CLAIM(a_client_that_vanishes_leaves_a_harmless_reply),
		CLAIM(a_user_has_so_many_connections),
		CLAIM(another_user_is_known_and_counted_apart),
		CLAIM(an_idle_server_uses_no_cpu),
		CLAIM(without_descriptors_it_waits_and_goes_on),
		CLAIM(it_ends_while_clients_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
