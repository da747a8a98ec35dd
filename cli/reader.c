// SPDX-License-Identifier: GPL-2.0-only
/* Starts hotpath-reader with the file open, asks it, and waits for its end. */
#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/complain.h"
#include "cli/reader.h"
#include "cli/sibling.h"
#include "lib/cleanup.h"
#include "lib/wire.h"

#define READER	  "hotpath-reader"
#define FILE_FD	  3 /* where the reader finds the file */
#define REPLY_MAX WIRE_REPLY_MAX

struct reader {
	pid_t pid;
	int to, from;
};

static int open_object(const char *path, int *ret_fd)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;

		complain("cannot read %s: %s", path, strerror(-r));
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		complain("cannot read %s: it is not a file", path);
		return -EINVAL;
	}

	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* In the child: the three descriptors of the reader, in their places. */
static void become_reader(const char *program, int object, int in, int out)
{
	/* Out of the way of 0, 1 and 3 first, whatever numbers they have. */
	object = fcntl(object, F_DUPFD_CLOEXEC, 10);
	in = fcntl(in, F_DUPFD_CLOEXEC, 10);
	out = fcntl(out, F_DUPFD_CLOEXEC, 10);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(object, FILE_FD) < 0)
		_exit(127);

	execl(program, READER, NULL);
	_exit(127);
}

static int start(const char *program, int object, struct reader *ret)
{
	int to[2], from[2], r;

	if (pipe2(to, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(from, O_CLOEXEC) < 0) {
		r = -errno;
		close(to[0]);
		close(to[1]);
		return r;
	}

	ret->pid = fork();
	r = ret->pid < 0 ? -errno : 0;
	if (ret->pid == 0)
		become_reader(program, object, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	ret->to = to[1];
	ret->from = from[0];
	return r;
}

static bool kernel_is_at_least(int major, int minor)
{
	struct utsname u;
	int a, b;

	return uname(&u) == 0 && sscanf(u.release, "%d.%d", &a, &b) == 2 &&
	       (a > major || (a == major && b >= minor));
}

static int send_request(int fd, const char *path, char **pattern, size_t patterns)
{
	Hotpath__ReaderObject object = HOTPATH__READER_OBJECT__INIT, *objects = &object;
	Hotpath__ReaderRequest request = HOTPATH__READER_REQUEST__INIT;
	_cleanup_free_ ProtobufCBinaryData *bytes = calloc(patterns + 1, sizeof(*bytes));
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;

	if (!bytes)
		return -ENOMEM;

	for (size_t i = 0; i < patterns; i++)
		bytes[i] = (ProtobufCBinaryData){strlen(pattern[i]), (uint8_t *)pattern[i]};
	object.fd = FILE_FD;
	object.path = (ProtobufCBinaryData){strlen(path), (uint8_t *)path};
	object.main = true;
	request.objects = &objects;
	request.n_objects = 1;
	request.patterns = bytes;
	request.n_patterns = patterns;
	request.unprobeable = true;
	request.inlined = true;
	/* As hotpathd asks on this kernel: calls reads no arguments. */
	request.arguments_free = true;
	request.exits = true;
	request.inlined = true;
	request.nop5_stepped = !kernel_is_at_least(6, 18);

	size = hotpath__reader_request__get_packed_size(&request);
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	hotpath__reader_request__pack(&request, data);
	return wire_write_all(fd, data, size);
}

static int receive_reply(int fd, Hotpath__ReaderReply **ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;
	int r;

	r = wire_read_all(fd, REPLY_MAX, &data, &size);
	if (r < 0)
		return r;

	*ret = hotpath__reader_reply__unpack(NULL, size, data);
	return *ret ? 0 : -EBADMSG;
}

/* Its exit status says whether the reply is whole. */
static int finish(struct reader *reader, int r, Hotpath__ReaderReply **reply)
{
	int status = 0;

	close_fd(reader->to);
	if (r == 0)
		r = receive_reply(reader->from, reply);
	close_fd(reader->from);
	while (waitpid(reader->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		complain("%s was ended by signal %d (%s)", READER, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
		if (r == 0)
			hotpath__reader_reply__free_unpacked(*reply, NULL);
		return -EIO;
	}
	if (r < 0)
		complain("%s gave no answer: %s", READER, strerror(-r));

	return r;
}

/* A pattern without a match is an error, with the names that are near to it. */
static int judge_patterns(const char *path, const Hotpath__ReaderReply *reply)
{
	if (reply->objects[0]->n_functions || reply->objects[0]->n_inlined || !reply->n_unmatched)
		return 0;

	complain("no function of %s matches '%s'", path, reply->unmatched[0]);
	for (size_t i = 0; i < reply->n_nearest; i++)
		complain_hint("%s %s", i ? "        " : "nearest:", reply->nearest[i]);
	return -ENOENT;
}

static int judge(const char *path, Hotpath__ReaderReply *reply)
{
	const char *error = reply->error;

	if (!*error && reply->n_objects == 1)
		error = reply->objects[0]->error;
	if (!*error && reply->n_objects == 1)
		return judge_patterns(path, reply);

	complain("cannot read %s: %s", path, *error ? error : "no answer about it");
	if (*reply->hint)
		complain_hint("%s", reply->hint);
	return -EIO;
}

int reader_read(const char *path, char **pattern, size_t patterns, Hotpath__ReaderReply **ret)
{
	static const char *const folders[] = {"../libexec/hotpath", NULL};
	_cleanup_free_ char *program = NULL;
	Hotpath__ReaderReply *reply = NULL;
	struct reader reader = {.to = -1, .from = -1};
	_cleanup_fd_ int object = -1;
	int r;

	r = open_object(path, &object);
	if (r < 0)
		return r;
	if (sibling_find(READER, folders, &program) < 0) {
		complain("cannot find %s, neither beside hotpath nor in ../libexec/hotpath",
			 READER);
		complain_hint("is hotpath installed whole? make install");
		return -ENOENT;
	}
	r = start(program, object, &reader);
	if (r < 0) {
		complain("cannot start %s: %s", program, strerror(-r));
		return r;
	}

	r = finish(&reader, send_request(reader.to, path, pattern, patterns), &reply);
	if (r < 0)
		return r;
	r = judge(path, reply);
	if (r < 0) {
		hotpath__reader_reply__free_unpacked(reply, NULL);
		return r;
	}

	*ret = reply;
	return 0;
}
