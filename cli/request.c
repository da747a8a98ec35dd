// SPDX-License-Identifier: GPL-2.0-only
/* Builds requests out of options and words. */
#include <errno.h>
#include <string.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/parse.h"

int request_pids(const char *verb, int words, char **word, struct pids *ret)
{
	_cleanup_free_ int32_t *pid = calloc((size_t)words + 1, sizeof(*pid));

	if (!pid) {
		complain("%s: out of memory", verb);
		return -ENOMEM;
	}

	for (int i = 0; i < words; i++)
		if (parse_pid(word[i], &pid[i]) < 0) {
			verb_misuse(verb, "'%s' is not a PID: a number from 1 to 4194304", word[i]);
			return -EINVAL;
		}

	ret->count = (size_t)words;
	ret->pid = TAKE(pid);
	return 0;
}

/* Patterns are bytes for the daemon: names are, too. */
static ProtobufCBinaryData *patterns_of(const struct options *options)
{
	ProtobufCBinaryData *pattern = calloc(options->n_functions + 1, sizeof(*pattern));

	for (size_t i = 0; pattern && i < options->n_functions; i++) {
		pattern[i].data = (uint8_t *)options->functions[i];
		pattern[i].len = strlen(options->functions[i]);
	}

	return pattern;
}

int request_attach(const struct options *options, const struct pids *pids, bool from_start,
		   Hotpath__Reply **ret)
{
	_cleanup_free_ ProtobufCBinaryData *patterns = patterns_of(options);
	Hotpath__AttachRequest attach = HOTPATH__ATTACH_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;

	if (!patterns) {
		complain("out of memory");
		return -ENOMEM;
	}

	attach.pids = pids->pid;
	attach.n_pids = pids->count;
	attach.patterns = patterns;
	attach.n_patterns = options->n_functions;
	attach.ttl_ns = from_start ? 0 : options->ttl_ns;
	attach.from_start = from_start;
	attach.while_asker_lives = from_start || options->duration_ns;
	attach.max_bystanders = options->max_bystanders;
	request.body_case = HOTPATH__REQUEST__BODY_ATTACH;
	request.attach = &attach;

	return client_call(options->socket, &request, HOTPATH__REPLY__BODY_ATTACH, ret);
}

int request_detach(const struct options *options, const struct pids *pids, bool all,
		   Hotpath__Reply **ret)
{
	Hotpath__DetachRequest detach = HOTPATH__DETACH_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;

	detach.pids = pids->pid;
	detach.n_pids = pids->count;
	detach.all = all;
	request.body_case = HOTPATH__REQUEST__BODY_DETACH;
	request.detach = &detach;

	return client_call(options->socket, &request, HOTPATH__REPLY__BODY_DETACH, ret);
}

int request_report(const struct options *options, const struct pids *pids, Hotpath__Reply **ret)
{
	Hotpath__ReportRequest report = HOTPATH__REPORT_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;

	report.pids = pids->pid;
	report.n_pids = pids->count;
	request.body_case = HOTPATH__REQUEST__BODY_REPORT;
	request.report = &report;

	return client_call(options->socket, &request, HOTPATH__REPLY__BODY_REPORT, ret);
}

int request_reset(const struct options *options, const struct pids *pids, Hotpath__Reply **ret)
{
	Hotpath__ResetRequest reset = HOTPATH__RESET_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;

	reset.pids = pids->pid;
	reset.n_pids = pids->count;
	request.body_case = HOTPATH__REQUEST__BODY_RESET;
	request.reset = &reset;

	return client_call(options->socket, &request, HOTPATH__REPLY__BODY_RESET, ret);
}

int request_needs_functions(const char *verb, const char *what)
{
	complain("%s: say which functions to measure; this version does not choose by itself",
		 verb);
	complain_hint("try one of:  hotpath %s -f main %s", verb, what);
	complain_hint("             hotpath %s -f 'prefix_*' %s", verb, what);
	complain_hint("             hotpath %s -f 'libfoo*:*' %s", verb, what);
	complain_hint("`hotpath probes` lists what there is");

	return verb_find(verb)->usage_status;
}
