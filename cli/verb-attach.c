// SPDX-License-Identifier: GPL-2.0-only
/* hotpath attach PID...: places probes; with --duration waits, reports, detaches. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "cli/wait.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

#define COUNT(n) fmt_count((char[FMT_MAX]){0}, n)

static void print_kinds(FILE *f, const Hotpath__AttachedTarget *t)
{
	const struct {
		uint32_t n;
		const char *what;
	} kinds[] = {
		{t->session + t->sites, "timed"},
		{t->entry_only, "counted only"},
		{t->already, "attached before"},
		{t->skipped, "skipped"},
		{t->cheap, t->cheap == 1 ? "cheap probe" : "cheap probes"},
		{t->expensive, t->expensive == 1 ? "expensive probe (single-stepped)"
						 : "expensive probes (single-stepped)"},
	};
	const char *separator = ": ";

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].n) {
			fprintf(f, "%s%s %s", separator, COUNT(kinds[i].n), kinds[i].what);
			separator = ", ";
		}
}

/* attached to redis-server (pid 4242), 48 functions: 40 timed, 8 counted only, ... */
static void print_target(FILE *f, const struct options *options, const Hotpath__AttachedTarget *t)
{
	_cleanup_free_ char *comm = fmt_safe(t->comm.data, t->comm.len);
	char ttl[FMT_MAX];

	fprintf(f, "attached to %s (pid %d), %s function%s", comm ?: "?", t->pid,
		COUNT(t->functions), t->functions == 1 ? "" : "s");
	print_kinds(f, t);
	putc('\n', f);
	if (t->bystander_processes)
		fprintf(f, "  %u other processes run the same files and pay for the probes, too\n",
			t->bystander_processes);
	if (t->existed)
		fprintf(f, "  it was attached before: earlier figures are kept\n");
	if (t->ttl_ns && !options->duration_ns)
		fprintf(f, "  detaches by itself in %s (--ttl)\n", fmt_span(ttl, t->ttl_ns));
	for (size_t i = 0; i < t->n_notes; i++) {
		_cleanup_free_ char *note = fmt_safe(t->notes[i], strlen(t->notes[i]));

		fprintf(f, "  %s\n", note ?: "");
	}
}

/* What somebody attached before us stays attached. */
static int report_and_detach(const struct options *options, struct output *output,
			     const struct pids *pids, bool existed)
{
	Hotpath__Reply *reply;
	int r;

	if (request_report(options, pids, &reply) < 0) {
		output_close(output);
		return STATUS_FAILURE;
	}
	r = report_write(output, reply->report, options);
	client_reply_free(reply);

	if (existed) {
		complain("attach: not detached, because it was attached before");
		return r < 0 ? STATUS_FAILURE : STATUS_OK;
	}
	if (request_detach(options, pids, false, &reply) < 0)
		return STATUS_FAILURE;
	client_reply_free(reply);

	return r < 0 ? STATUS_FAILURE : STATUS_OK;
}

static int watch(const struct options *options, struct output *output, const struct pids *pids,
		 bool existed)
{
	if (wait_for_pids(options->socket, pids, options->duration_ns) < 0) {
		output_close(output);
		return STATUS_FAILURE;
	}

	return report_and_detach(options, output, pids, existed);
}

static bool any_existed(const Hotpath__AttachReply *reply)
{
	for (size_t i = 0; i < reply->n_targets; i++)
		if (reply->targets[i]->existed)
			return true;

	return false;
}

/* The report owns standard output: what was attached is said beside it. */
static int attach(const struct options *options, struct output *output, const struct pids *pids)
{
	FILE *f = options->duration_ns ? stderr : stdout;
	Hotpath__Reply *reply;
	bool existed;

	if (request_attach(options, pids, false, &reply) < 0) {
		output_close(output);
		return STATUS_FAILURE;
	}
	for (size_t i = 0; i < reply->attach->n_targets; i++)
		print_target(f, options, reply->attach->targets[i]);
	existed = any_existed(reply->attach);
	client_reply_free(reply);
	if (options->duration_ns)
		return watch(options, output, pids, existed);

	return output_close(output) < 0 ? STATUS_FAILURE : STATUS_OK;
}

int verb_attach(const struct options *options, int words, char **word)
{
	_cleanup_(pids_clear) struct pids pids = {0};
	struct output output;

	if (!words)
		return verb_misuse("attach", "which process? give PIDs");
	if (request_pids("attach", words, word, &pids) < 0)
		return STATUS_USAGE;
	if (!options->n_functions)
		return request_needs_functions("attach", word[0]);
	/* Before anything is changed: a file that cannot be written is an early error. */
	if (output_open(options->duration_ns ? options->output : NULL, &output) < 0)
		return STATUS_FAILURE;

	return attach(options, &output, &pids);
}
