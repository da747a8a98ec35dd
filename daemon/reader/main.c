/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hotpath-reader: the one program of hotpath that parses ELF, DWARF and machine
 * code. A ReaderRequest comes on standard input, the files it names are open
 * already, a ReaderReply goes to standard output (lib/reader.proto). hotpathd
 * runs it without privileges and with limits; the CLI runs it for a file.
 *
 * Exit status: 0 when a reply was written, also one that is an error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/reader/answer.h"
#include "daemon/reader/image.h"
#include "daemon/reader/rescue.h"
#include "lib/cleanup.h"
#include "lib/wire.h"

#define REQUEST_MAX   (16u << 20)
/* Together less than the 30 s that hotpathd waits. */
#define READ_SECONDS	15u /* for everything but DWARF */
#define LINES_SECONDS	8u
#define INLINED_SECONDS 5u
#define PLACES_SECONDS	2u /* somebody waits for a report */

DEFINE_CLEANUP(struct answer *, answer_free);

static int pack(const Hotpath__ReaderReply *reply, uint8_t **ret, size_t *ret_size)
{
	size_t size = hotpath__reader_reply__get_packed_size(reply);
	uint8_t *data = malloc(size + 1);

	if (!data)
		return -ENOMEM;
	*ret_size = hotpath__reader_reply__pack(reply, data);
	*ret = data;

	return 0;
}

static int pack_error(const char *error, uint8_t **ret, size_t *ret_size)
{
	Hotpath__ReaderReply reply = HOTPATH__READER_REPLY__INIT;

	reply.error = (char *)error;

	return pack(&reply, ret, ret_size);
}

static int read_request(Hotpath__ReaderRequest **ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size;
	int r = wire_read_all(STDIN_FILENO, REQUEST_MAX, &data, &size);

	if (r < 0)
		return r;
	*ret = hotpath__reader_request__unpack(NULL, size, data);

	return *ret ? 0 : -EBADMSG;
}

/* One reading of DWARF; *plain is what goes out if it falls or takes too long. */
static int add_from_dwarf(struct answer *a, void (*add)(struct answer *), unsigned int seconds,
			  uint8_t **plain, size_t *plain_size)
{
	int r;

	free(TAKE(*plain));
	r = pack(answer_reply(a), plain, plain_size);
	if (r < 0)
		return r;
	rescue_arm(*plain, *plain_size, seconds, true);
	add(a);
	rescue_disarm();

	return 0;
}

static int add_dwarf(struct answer *a, const Hotpath__ReaderRequest *request)
{
	_cleanup_free_ uint8_t *plain = NULL;
	size_t size;
	int r = 0;

	/* Noted first what is added last: notes are taken back from the end. */
	if (request->inlined)
		r = answer_note_inlined_lost(a);
	if (r == 0 && request->lines)
		r = answer_note_lines_lost(a);
	if (r == 0 && request->lines)
		r = add_from_dwarf(a, answer_lines, LINES_SECONDS, &plain, &size);
	if (r == 0 && request->inlined)
		r = add_from_dwarf(a, answer_inlined, INLINED_SECONDS, &plain, &size);
	if (r == 0 && request->places_only)
		r = add_from_dwarf(a, answer_places_inlined, PLACES_SECONDS, &plain, &size);

	return r;
}

/* Names and sites first, DWARF after them: a reply without lines is better than none. */
static int reply_to(const Hotpath__ReaderRequest *request, uint8_t **ret, size_t *ret_size)
{
	_cleanup_(answer_freep) struct answer *a = NULL;
	_cleanup_free_ uint8_t *late = NULL;
	size_t late_size;
	int r;

	r = pack_error("reading the program's files took longer than 15 seconds", &late,
		       &late_size);
	if (r < 0)
		return r;
	rescue_arm(late, late_size, READ_SECONDS, false);
	r = answer_new(request, &a);
	rescue_disarm();
	if (r < 0)
		return r;
	if (image_changed())
		return pack_error("a file changed while it was read", ret, ret_size);
	r = add_dwarf(a, request);
	if (r < 0)
		return r;

	return pack(answer_reply(a), ret, ret_size);
}

int main(void)
{
	_cleanup_free_ uint8_t *data = NULL;
	Hotpath__ReaderRequest *request = NULL;
	size_t size;
	int r;

	/* Another reader, which may be in an attacker's hands, runs as the same user: no ptrace. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return EXIT_FAILURE;
	/* libdw must never ask the network for a debug file. */
	unsetenv("DEBUGINFOD_URLS");
	image_guard();

	r = read_request(&request);
	if (r == 0)
		r = reply_to(request, &data, &size);
	if (r < 0)
		r = pack_error(r == -EBADMSG ? "not a request" : strerror(-r), &data, &size);
	if (r == 0)
		r = wire_write_all(STDOUT_FILENO, data, size);
	hotpath__reader_request__free_unpacked(request, NULL);

	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
