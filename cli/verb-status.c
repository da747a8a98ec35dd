// SPDX-License-Identifier: GPL-2.0-only
/* hotpath status: the daemon itself. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/grid.h"
#include "cli/jsonstream.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/render.h"
#include "cli/section.h"
#include "cli/text.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"

DEFINE_CLEANUP(struct grid *, grid_free)

#define NS(n)	 fmt_ns((char[FMT_MAX]){0}, n, o->utf8)
#define SPAN(n)  fmt_span((char[FMT_MAX]){0}, n)
#define BYTES(n) fmt_bytes((char[FMT_MAX]){0}, n)
#define COUNT(n) fmt_count((char[FMT_MAX]){0}, n)

/* --- text ------------------------------------------------------------------ */

/* A line of strings that the daemon made; some of them hold names of targets. */
static void line(const struct output *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void line(const struct output *o, const char *format, ...)
{
	_cleanup_free_ char *text = NULL, *safe = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	safe = n < 0 ? NULL : text_safe(text, (size_t)n, o->utf8);
	fprintf(o->file, "%s\n", safe ?: "");
}

/* has session, multi; and for each that is missing what that means. */
static void text_features(const struct output *o, const Hotpath__StatusReply *s)
{
	const char *separator = "has ";

	for (size_t i = 0; i < s->n_features; i++)
		if (s->features[i]->present) {
			fprintf(o->file, "%s%s", separator, s->features[i]->name);
			separator = ", ";
		}
	if (*separator == ',')
		putc('\n', o->file);
	for (size_t i = 0; i < s->n_features; i++)
		if (!s->features[i]->present)
			line(o, "lacks %s: %s", s->features[i]->name, s->features[i]->text);
}

/* 817 ns; and of a timed call the part that falls into its own duration: (140 ns inside) */
static void text_price(const struct output *o, const Hotpath__Price *p)
{
	fprintf(o->file, " %s %s", program_site_class(p->class_), NS(p->ns));
	if (p->inside_ns)
		fprintf(o->file, " (%s inside)", NS(p->inside_ns));
}

/* price of a counted call here: nop5 512 ns, emulated 738 ns, stepped 9.34 us */
static void text_prices(const struct output *o, const Hotpath__StatusReply *s)
{
	static const struct {
		Hotpath__Returns returns;
		const char *what;
	} kinds[] = {
		{HOTPATH__RETURNS__RETURNS_NONE, "a counted call"},
		{HOTPATH__RETURNS__RETURNS_SESSION, "a timed call"},
		{HOTPATH__RETURNS__RETURNS_SITES, "timing it by its ways out, besides counting"},
	};

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		bool any = false;

		for (size_t i = 0; i < s->n_prices; i++) {
			const Hotpath__Price *p = s->prices[i];

			if (p->returns != kinds[k].returns)
				continue;
			if (!any)
				fprintf(o->file, "price of %s:", kinds[k].what);
			fputs(any ? "," : "", o->file);
			text_price(o, p);
			any = true;
		}
		if (any)
			putc('\n', o->file);
	}
	if (s->n_prices && s->prices_age_ns)
		line(o, "prices were measured %s ago; durations are without them",
		     SPAN(s->prices_age_ns));
	if (*s->prices_missing)
		line(o, "prices of probes are not all known: %s", s->prices_missing);
}

static void text_daemon(const struct output *o, const Hotpath__StatusReply *s)
{
	line(o, "hotpathd %s (pid %d), up %s, %s on CPU, kernel %s", s->version, s->daemon_pid,
	     SPAN(s->uptime_ns), NS(s->cpu_ns), s->kernel);
	line(o, "memory: %s resident; %s of at most %s in the kernel", BYTES(s->rss_bytes),
	     BYTES(s->kernel_bytes), BYTES(s->kernel_bytes_limit));
	if (*s->kernel_bytes_formula)
		line(o, "        %s", s->kernel_bytes_formula);
	text_features(o, s);
	text_prices(o, s);
	for (size_t i = 0; i < s->n_limits; i++)
		line(o, "limit %s: %s of %s", s->limits[i]->name, COUNT(s->limits[i]->used),
		     s->limits[i]->max ? COUNT(s->limits[i]->max) : "any number");
	for (size_t i = 0; i < s->n_lost; i++)
		line(o, "lost %s: %s (%s)", s->lost[i]->name, COUNT(s->lost[i]->value),
		     s->lost[i]->text);
}

static void text_families(const struct output *o, const Hotpath__StatusReply *s)
{
	for (size_t i = 0; i < s->n_families; i++) {
		const Hotpath__Family *f = s->families[i];

		_cleanup_free_ char *missed = NULL;

		if (f->not_measured && asprintf(&missed, ", %s not measured",
						COUNT(f->not_measured)) < 0)
			missed = NULL;
		line(o, "family %%%u: %s: %s running, %s measured so far%s%s", f->id, f->what,
		     COUNT(f->running), COUNT(f->seen), missed ?: "",
		     f->waits ? ", waits for more" : "");
	}
}

static char *number(long long n)
{
	char *text;

	return asprintf(&text, "%lld", n) < 0 ? NULL : text;
}

static char *budget(uint32_t ppm)
{
	char *text;

	if (!ppm)
		return strdup("-");

	return asprintf(&text, "%.9g %%", ppm / 1e4) < 0 ? NULL : text;
}

static void add_target(const struct output *o, const Hotpath__TargetStatus *t, struct grid *grid)
{
	grid_cell(grid, 0, text_safe(t->comm.data, t->comm.len, o->utf8), NULL);
	grid_cell(grid, 1, number(t->pid), NULL);
	grid_cell(grid, 2, strdup(program_state(t->state)), NULL);
	grid_cell(grid, 3, number(t->functions), NULL);
	grid_cell(grid, 4, strdup(SPAN(t->elapsed_ns)), NULL);
	grid_cell(grid, 5, strdup(t->ttl_left_ns ? SPAN(t->ttl_left_ns) : "-"), NULL);
	grid_cell(grid, 6, budget(t->budget_ppm), NULL);
	grid_cell(grid, 7, number(t->owner_uid), NULL);
	grid_end_row(grid);
}

static int text_targets(const struct output *o, const Hotpath__StatusReply *s)
{
	static const char *const titles[] = {"Target",	 "PID",		"State", "Functions",
					     "Observed", "Detaches in", "Budget", "Uid"};
	_cleanup_(grid_freep) struct grid *grid = grid_new(ARRAY_SIZE(titles));
	size_t shown;
	int r = 0;

	if (!grid)
		return -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		grid_title(grid, i, titles[i], i == 0 || i == 2);
	for (size_t i = 0; i < s->n_targets; i++)
		add_target(o, s->targets[i], grid);
	if (s->n_targets)
		r = grid_write(grid, o, &shown);
	else
		fprintf(o->file, "no targets; try: hotpath attach PID\n");
	if (s->targets_hidden)
		fprintf(o->file, "%u targets of other users\n", s->targets_hidden);

	return r;
}

static int write_text(const struct output *o, const Hotpath__StatusReply *s)
{
	text_daemon(o, s);
	text_families(o, s);
	return text_targets(o, s);
}

/* --- JSON ------------------------------------------------------------------ */

static json_t *word(const char *text)
{
	return jsonstream_string(text, strlen(text));
}

static void json_features(struct jsonstream *j, const Hotpath__StatusReply *s)
{
	jsonstream_open(j, "features", '[');
	for (size_t i = 0; i < s->n_features; i++)
		jsonstream_value(j, NULL,
				 json_pack("{s:o, s:b, s:o}", "name", word(s->features[i]->name),
					   "present", s->features[i]->present, "text",
					   word(s->features[i]->text)));
	jsonstream_close(j, ']');
}

static void json_targets(struct jsonstream *j, const Hotpath__StatusReply *s)
{
	jsonstream_open(j, "targets", '[');
	for (size_t i = 0; i < s->n_targets; i++) {
		const Hotpath__TargetStatus *t = s->targets[i];

		jsonstream_open(j, NULL, '{');
		jsonstream_value(j, "pid", json_integer(t->pid));
		jsonstream_value(j, "comm", jsonstream_string(t->comm.data, t->comm.len));
		jsonstream_value(j, "state", json_string(program_state(t->state)));
		jsonstream_value(j, "owner_uid", json_integer(t->owner_uid));
		jsonstream_value(j, "functions", json_integer(t->functions));
		jsonstream_value(j, "elapsed_ns", sheet_integer(t->elapsed_ns));
		if (t->ttl_left_ns)
			jsonstream_value(j, "ttl_left_ns", sheet_integer(t->ttl_left_ns));
		if (t->budget_ppm)
			jsonstream_value(j, "budget_percent", json_real(t->budget_ppm / 1e4));
		jsonstream_close(j, '}');
	}
	jsonstream_close(j, ']');
}

static void json_families(struct jsonstream *j, const Hotpath__StatusReply *s)
{
	jsonstream_open(j, "families", '[');
	for (size_t i = 0; i < s->n_families; i++) {
		const Hotpath__Family *f = s->families[i];

		jsonstream_open(j, NULL, '{');
		jsonstream_value(j, "family", json_integer(f->id));
		jsonstream_value(j, "what", word(f->what));
		jsonstream_value(j, "running", json_integer(f->running));
		jsonstream_value(j, "seen", sheet_integer(f->seen));
		jsonstream_value(j, "waits", json_boolean(f->waits));
		jsonstream_value(j, "not_measured", sheet_integer(f->not_measured));
		jsonstream_close(j, '}');
	}
	jsonstream_close(j, ']');
}

static void json_prices(struct jsonstream *j, const Hotpath__StatusReply *s)
{
	program_json_prices(j, s->prices, s->n_prices);
	if (s->prices_age_ns)
		jsonstream_value(j, "prices_age_ns", sheet_integer(s->prices_age_ns));
	if (*s->prices_missing)
		jsonstream_value(j, "prices_missing", word(s->prices_missing));
}

static void json_numbers(struct jsonstream *j, const Hotpath__StatusReply *s)
{
	jsonstream_open(j, "lost", '{');
	for (size_t i = 0; i < s->n_lost; i++)
		jsonstream_value(j, s->lost[i]->name, sheet_integer(s->lost[i]->value));
	jsonstream_close(j, '}');
	jsonstream_open(j, "limits", '{');
	for (size_t i = 0; i < s->n_limits; i++)
		jsonstream_value(j, s->limits[i]->name,
				 json_pack("{s:o, s:o}", "used", sheet_integer(s->limits[i]->used),
					   "max", sheet_integer(s->limits[i]->max)));
	jsonstream_close(j, '}');
}

static int write_json(const struct output *o, const Hotpath__StatusReply *s, bool pretty)
{
	struct jsonstream j = {.file = o->file, .pretty = pretty};

	jsonstream_open(&j, NULL, '{');
	jsonstream_value(&j, "type", json_string("hotpath_status"));
	jsonstream_value(&j, "schema", json_integer(1));
	jsonstream_value(&j, "version", word(s->version));
	jsonstream_value(&j, "daemon_pid", json_integer(s->daemon_pid));
	jsonstream_value(&j, "uptime_ns", sheet_integer(s->uptime_ns));
	jsonstream_value(&j, "cpu_ns", sheet_integer(s->cpu_ns));
	jsonstream_value(&j, "rss_bytes", sheet_integer(s->rss_bytes));
	jsonstream_value(&j, "kernel", word(s->kernel));
	jsonstream_value(&j, "kernel_bytes", sheet_integer(s->kernel_bytes));
	jsonstream_value(&j, "kernel_bytes_limit", sheet_integer(s->kernel_bytes_limit));
	jsonstream_value(&j, "kernel_bytes_formula", word(s->kernel_bytes_formula));
	json_features(&j, s);
	json_prices(&j, s);
	json_families(&j, s);
	json_targets(&j, s);
	jsonstream_value(&j, "targets_hidden", json_integer(s->targets_hidden));
	json_numbers(&j, s);
	jsonstream_close(&j, '}');
	putc('\n', o->file);

	return j.failed ? -ENOMEM : 0;
}

/* --- the verb -------------------------------------------------------------- */

static int show(const struct options *options, struct output *output, const Hotpath__StatusReply *s)
{
	int r = 0, closed;

	if (!options->format->silent)
		r = output_begin(output);
	if (r == 0 && options->format->json)
		r = write_json(output, s, options->format->pretty);
	else if (r == 0 && !options->format->silent)
		r = write_text(output, s);
	if (r == -ENOMEM)
		complain("out of memory");
	closed = output_close(output);

	return r < 0 || closed < 0 ? STATUS_FAILURE : STATUS_OK;
}

int verb_status(const struct options *options, int words, char **word)
{
	Hotpath__StatusRequest status = HOTPATH__STATUS_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;
	struct output output;
	Hotpath__Reply *reply;
	int result;

	if (words)
		return verb_misuse("status", "takes no arguments, there is '%s'", word[0]);
	if (output_open(options->output, &output) < 0)
		return STATUS_FAILURE;

	request.body_case = HOTPATH__REQUEST__BODY_STATUS;
	request.status = &status;
	if (client_call(options->socket, &request, HOTPATH__REPLY__BODY_STATUS, &reply) < 0) {
		output_close(&output);
		return STATUS_FAILURE;
	}

	result = show(options, &output, reply->status);
	client_reply_free(reply);
	return result;
}
