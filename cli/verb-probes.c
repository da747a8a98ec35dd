// SPDX-License-Identifier: GPL-2.0-only
/* hotpath probes PID|FILE [PATTERN...]: what can be probed there, and at what price. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/output.h"
#include "cli/probed.h"
#include "cli/reader.h"
#include "cli/render.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/parse.h"

static int show(const struct options *options, struct output *output, const Hotpath__ProbesReply *p)
{
	int r = 0, closed;

	if (!options->format->silent)
		r = output_begin(output);
	if (r == 0 && options->format->json)
		r = probed_json(output, p, options->format->pretty);
	else if (r == 0 && !options->format->silent)
		r = probed_text(output, p);
	if (r == -ENOMEM)
		complain("out of memory");
	closed = output_close(output);

	return r < 0 || closed < 0 ? STATUS_FAILURE : STATUS_OK;
}

static int probes_of_pid(const struct options *options, struct output *output, int32_t pid,
			 size_t patterns, char **pattern)
{
	_cleanup_free_ ProtobufCBinaryData *bytes = calloc(patterns + 1, sizeof(*bytes));
	Hotpath__ProbesRequest probes = HOTPATH__PROBES_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;
	Hotpath__Reply *reply;
	int status;

	if (!bytes) {
		complain("out of memory");
		return STATUS_FAILURE;
	}

	for (size_t i = 0; i < patterns; i++)
		bytes[i] = (ProtobufCBinaryData){strlen(pattern[i]), (uint8_t *)pattern[i]};
	probes.pid = pid;
	probes.patterns = bytes;
	probes.n_patterns = patterns;
	request.body_case = HOTPATH__REQUEST__BODY_PROBES;
	request.probes = &probes;
	if (client_call(options->socket, &request, HOTPATH__REPLY__BODY_PROBES, &reply) < 0)
		return STATUS_FAILURE;

	status = show(options, output, reply->probes);
	client_reply_free(reply);
	return status;
}

/* Without a daemon nobody judges returns or knows prices: those lists stay empty. */
static int probes_of_file(const struct options *options, struct output *output, const char *path,
			  size_t patterns, char **pattern)
{
	Hotpath__ProbedObject object = HOTPATH__PROBED_OBJECT__INIT, *objects = &object;
	Hotpath__ProbesReply probes = HOTPATH__PROBES_REPLY__INIT;
	Hotpath__ReaderReply *reply;
	int status;

	if (reader_read(path, pattern, patterns, &reply) < 0)
		return STATUS_FAILURE;

	object.object = reply->objects[0];
	probes.objects = &objects;
	probes.n_objects = 1;
	status = show(options, output, &probes);
	hotpath__reader_reply__free_unpacked(reply, NULL);
	return status;
}

int verb_probes(const struct options *options, int words, char **word)
{
	bool is_pid = words && *word[0] && !word[0][strspn(word[0], "0123456789")];
	struct output output;
	int32_t pid = 0;
	int status;

	if (!words)
		return verb_misuse("probes", "of what? give a PID or a file");
	if (is_pid && parse_pid(word[0], &pid) < 0)
		return verb_misuse("probes", "'%s' is not a PID; a file of that name is ./%s",
				   word[0], word[0]);
	if (output_open(options->output, &output) < 0)
		return STATUS_FAILURE;

	status = is_pid ? probes_of_pid(options, &output, pid, (size_t)words - 1, word + 1)
			: probes_of_file(options, &output, word[0], (size_t)words - 1, word + 1);
	output_close(&output);
	return status;
}
