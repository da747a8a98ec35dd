// SPDX-License-Identifier: GPL-2.0-only
/* The answer to attach in sentences; answer.h. */
#include <errno.h>
#include <string.h>
#include "cli/answer.h"
#include "cli/complain.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

#define COUNT(n)   fmt_count((char[FMT_MAX]){0}, n)
#define LINES_MAX  10 /* more processes are summed up */
#define PIDS_SHOWN 3

/* --- counts ---------------------------------------------------------------- */

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
	putc('\n', f);
}

static void print_costs(FILE *f, uint32_t bystanders, bool existed)
{
	if (bystanders)
		fprintf(f, "  %u other process%s and pay%s for the probes, too\n", bystanders,
			bystanders == 1 ? " runs the same files" : "es run the same files",
			bystanders == 1 ? "s" : "");
	if (existed)
		fprintf(f, "  it was attached before: earlier figures are kept\n");
}

/* attached to redis-server (pid 4242), 48 functions: 40 timed, 8 counted only, ... */
static void print_target(FILE *f, const Hotpath__AttachedTarget *t)
{
	_cleanup_free_ char *comm = fmt_safe(t->comm.data, t->comm.len);

	fprintf(f, "attached to %s (pid %d), %s function%s", comm ?: "?", t->pid,
		COUNT(t->functions), t->functions == 1 ? "" : "s");
	print_kinds(f, t);
	print_costs(f, t->bystander_processes, t->existed);
}

/* attached to 2,000 processes (4242, 4243, 4244, ...), 4,000 functions in all: ... */
static void print_sum(FILE *f, const Hotpath__AttachReply *reply)
{
	Hotpath__AttachedTarget sum = HOTPATH__ATTACHED_TARGET__INIT;
	uint32_t bystanders = 0;

	fprintf(f, "attached to %s processes (", COUNT(reply->n_targets));
	for (size_t i = 0; i < reply->n_targets; i++) {
		const Hotpath__AttachedTarget *t = reply->targets[i];

		if (i < PIDS_SHOWN)
			fprintf(f, "%d, ", t->pid);
		sum.functions += t->functions;
		sum.session += t->session;
		sum.sites += t->sites;
		sum.entry_only += t->entry_only;
		sum.already += t->already;
		sum.skipped += t->skipped;
		sum.cheap += t->cheap;
		sum.expensive += t->expensive;
		if (t->bystander_processes > bystanders)
			bystanders = t->bystander_processes;
	}
	fprintf(f, "...), %s functions in all", COUNT(sum.functions));
	print_kinds(f, &sum);
	print_costs(f, bystanders, false);
	if (answer_existed(reply))
		fprintf(f, "  some were attached before: earlier figures are kept\n");
}

/* --- what is to be known --------------------------------------------------- */

/* The notes of processes of one program are the same. */
static bool was_said(const Hotpath__AttachReply *reply, size_t target, const char *note)
{
	for (size_t i = 0; i < target; i++)
		for (size_t k = 0; k < reply->targets[i]->n_notes; k++)
			if (!strcmp(reply->targets[i]->notes[k], note))
				return true;

	return false;
}

static void print_notes(FILE *f, const Hotpath__AttachReply *reply, size_t target)
{
	const Hotpath__AttachedTarget *t = reply->targets[target];

	for (size_t i = 0; i < t->n_notes; i++) {
		_cleanup_free_ char *note = NULL;

		if (was_said(reply, target, t->notes[i]))
			continue;
		note = fmt_safe(t->notes[i], strlen(t->notes[i]));
		fprintf(f, "  %s\n", note ?: "");
	}
}

/* waiting for --name worker (family %3); Ctrl-C ends it */
static void print_family(FILE *f, const struct options *options, const Hotpath__AttachReply *reply)
{
	_cleanup_free_ char *what = fmt_safe(options->select.text ?: "",
					     strlen(options->select.text ?: ""));

	if (reply->waits && !reply->n_targets)
		fprintf(f, "nothing matches yet; waiting for %s", what ?: "");
	else if (reply->waits)
		fprintf(f, "  and those that start later: %s", what ?: "");
	else if (reply->family && reply->n_targets > 1)
		fprintf(f, "  together");
	else
		return;

	fprintf(f, " (family %%%u); ", reply->family);
	if (options->duration_ns)
		fprintf(f, "Ctrl-C ends it\n");
	else
		fprintf(f, "`hotpath detach %%%u` ends it\n", reply->family);
}

/* What will happen to the target: an attach without -f is of functions that nobody chose. */
static void print_budget(FILE *f, const struct options *options, const Hotpath__AttachReply *reply)
{
	uint32_t ppm;

	if (!reply->n_targets)
		return;
	ppm = reply->targets[0]->budget_ppm;
	if (!ppm)
		fprintf(f, "  no budget: every call is measured, whatever it costs; a program with hot "
			   "functions becomes many times slower\n");
	else
		fprintf(f, "  armed as far as %.9g %% allows (--budget): %s all the time, the others in "
			   "short windows (figures with ~)\n",
			ppm / 1e4,
			options_names_functions(options) ? "as many of them as that pays for"
							 : "functions that are called rarely");
}

void answer_print(FILE *f, const struct options *options, const Hotpath__AttachReply *reply)
{
	char ttl[FMT_MAX];

	if (reply->n_targets > LINES_MAX)
		print_sum(f, reply);
	else
		for (size_t i = 0; i < reply->n_targets; i++)
			print_target(f, reply->targets[i]);
	print_family(f, options, reply);
	if (reply->n_targets && reply->targets[0]->ttl_ns && !options->duration_ns)
		fprintf(f, "  detaches by itself in %s (--ttl)\n",
			fmt_span(ttl, reply->targets[0]->ttl_ns));
	print_budget(f, options, reply);
	for (size_t i = 0; i < reply->n_targets; i++)
		print_notes(f, reply, i);
}

bool answer_existed(const Hotpath__AttachReply *reply)
{
	for (size_t i = 0; i < reply->n_targets; i++)
		if (reply->targets[i]->existed)
			return true;

	return false;
}

int answer_targets(const Hotpath__AttachReply *reply, const struct pids *asked, struct pids *ret)
{
	_cleanup_free_ int32_t *pid = calloc(asked->count + 1, sizeof(*pid));
	_cleanup_free_ uint32_t *family = calloc(1, sizeof(*family));
	bool pids = !reply->family || answer_existed(reply);

	if (!pid || !family) {
		complain("out of memory");
		return -ENOMEM;
	}

	if (pids && asked->count)
		memcpy(pid, asked->pid, asked->count * sizeof(*pid));
	*family = reply->family;
	*ret = (struct pids){TAKE(pid), pids ? asked->count : 0, TAKE(family), !!reply->family};
	return 0;
}
