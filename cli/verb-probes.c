// SPDX-License-Identifier: GPL-2.0-only
/* hotpath probes PID|FILE [PATTERN...]: what can be probed there, and at what price. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/grid.h"
#include "cli/jsonstream.h"
#include "cli/name.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/reader.h"
#include "cli/render.h"
#include "cli/section.h"
#include "cli/text.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"
#include "lib/parse.h"

DEFINE_CLEANUP(struct grid *, grid_free)

#define COUNT(n) fmt_count((char[FMT_MAX]){0}, n)

/* One function, whoever told of it: the daemon judges returns, a file has none. */
struct probed {
	const Hotpath__ReaderFunction *f;
	const char *returns; /* NULL: not known */
	const char *reason;
};

static struct probed probed_at(const Hotpath__ProbedObject *o, size_t i)
{
	struct probed p = {.f = o->object->functions[i]};

	p.reason = p.f->class_ == HOTPATH__SITE_CLASS__SITE_NONE || !*p.f->never_return
			   ? p.f->site_reason
			   : p.f->never_return;
	if (i < o->n_returns)
		p.returns = program_returns(o->returns[i]);
	if (i < o->n_returns_reason && p.f->class_ != HOTPATH__SITE_CLASS__SITE_NONE)
		p.reason = o->returns_reason[i];

	return p;
}

/* --- text ------------------------------------------------------------------ */

static const char *price(Hotpath__SiteClass site_class)
{
	static const char *const texts[] = {
		[HOTPATH__SITE_CLASS__SITE_NONE] = "impossible",
		[HOTPATH__SITE_CLASS__SITE_NOP5] = "cheap nop5",
		[HOTPATH__SITE_CLASS__SITE_EMULATED] = "cheap emulated",
		[HOTPATH__SITE_CLASS__SITE_STEPPED] = "expensive single-stepped",
	};

	return (size_t)site_class < ARRAY_SIZE(texts) ? texts[site_class] : "unknown";
}

static char *name_text(const Hotpath__ReaderFunction *f, bool arguments, bool utf8)
{
	size_t size;
	_cleanup_free_ char *name = name_demangle(f->name.data, f->name.len, arguments, &size);

	return name ? text_safe(name, size, utf8) : NULL;
}

static char *site_text(const Hotpath__ReaderFunction *f)
{
	char *text;
	int n;

	if (f->skip)
		n = asprintf(&text, "0x%llx+%u", (unsigned long long)f->offset, f->skip);
	else
		n = asprintf(&text, "0x%llx", (unsigned long long)f->offset);

	return n < 0 ? NULL : text;
}

static void add_function(const struct output *out, const struct probed *p, bool returns,
			 struct grid *grid)
{
	size_t column = 0;

	grid_cell(grid, column++, name_text(p->f, true, out->utf8),
		  name_text(p->f, false, out->utf8));
	grid_cell(grid, column++, strdup(price(p->f->class_)), NULL);
	grid_cell(grid, column++, site_text(p->f), NULL);
	if (returns)
		grid_cell(grid, column++, strdup(p->returns ?: "-"), NULL);
	grid_cell(grid, column, text_safe(p->reason, strlen(p->reason), out->utf8), NULL);
	grid_end_row(grid);
}

static int text_functions(const struct output *out, const Hotpath__ProbedObject *o)
{
	static const char *const titles[] = {"Function", "Probe", "Site", "Returns", "Reason"};
	static const char *const of_file[] = {"Function", "Probe", "Site", "Reason"};
	bool returns = o->n_returns;
	size_t columns = returns ? ARRAY_SIZE(titles) : ARRAY_SIZE(of_file), shown;
	_cleanup_(grid_freep) struct grid *grid = grid_new(columns);
	int r;

	if (!grid)
		return -ENOMEM;

	for (size_t i = 0; i < columns; i++)
		grid_title(grid, i, returns ? titles[i] : of_file[i], i != 2);
	for (size_t i = 0; i < o->object->n_functions; i++) {
		struct probed p = probed_at(o, i);

		add_function(out, &p, returns, grid);
	}
	r = grid_write(grid, out, &shown);
	for (size_t i = shown; r == 0 && i < columns; i++)
		fprintf(out->file, "hidden at %zu columns: %s\n", out->width,
			returns ? titles[i] : of_file[i]);

	return r;
}

static void text_note(const struct output *out, const char *note)
{
	_cleanup_free_ char *safe = text_safe(note, strlen(note), out->utf8);

	fprintf(out->file, "  %s\n", safe ?: "");
}

static int text_object(const struct output *out, const Hotpath__ProbedObject *o)
{
	const Hotpath__ReaderObjectReply *r = o->object;
	_cleanup_free_ char *path = text_safe(r->path.data, r->path.len, out->utf8);

	fprintf(out->file,
		"%s%s%s: %s functions: %s cheap, %s expensive, %s impossible; %s match\n",
		output_bold(out), path ?: "", output_plain(out), COUNT(r->functions_total),
		COUNT(r->cheap), COUNT(r->expensive), COUNT(r->impossible), COUNT(r->n_functions));
	if (*r->error)
		text_note(out, r->error);
	for (size_t i = 0; i < r->n_notes; i++)
		text_note(out, r->notes[i]);

	return r->n_functions ? text_functions(out, o) : 0;
}

static int write_text(const struct output *out, const Hotpath__ProbesReply *p)
{
	int r = 0;

	for (size_t i = 0; i < p->n_objects && r == 0; i++)
		r = text_object(out, p->objects[i]);
	for (size_t i = 0; i < p->n_notes; i++)
		text_note(out, p->notes[i]);

	return r;
}

/* --- JSON ------------------------------------------------------------------ */

static json_t *word(const char *text)
{
	return jsonstream_string(text, strlen(text));
}

static void json_name(struct jsonstream *j, const Hotpath__ReaderFunction *f)
{
	size_t size;
	_cleanup_free_ char *name = name_demangle(f->name.data, f->name.len, true, &size);

	jsonstream_value(j, "name", name ? jsonstream_string(name, size) : NULL);
	if (name && (size != f->name.len || memcmp(name, f->name.data ?: (void *)"", size)))
		jsonstream_value(j, "symbol", jsonstream_string(f->name.data, f->name.len));
}

static void json_function(struct jsonstream *j, const struct probed *p)
{
	jsonstream_open(j, NULL, '{');
	json_name(j, p->f);
	jsonstream_value(j, "class", json_string(program_site_class(p->f->class_)));
	jsonstream_value(j, "offset", sheet_integer(p->f->offset));
	jsonstream_value(j, "skip", json_integer(p->f->skip));
	jsonstream_value(j, "size", sheet_integer(p->f->size));
	if (p->returns)
		jsonstream_value(j, "returns", json_string(p->returns));
	if (*p->reason)
		jsonstream_value(j, "reason", word(p->reason));
	jsonstream_close(j, '}');
}

static void json_object_of(struct jsonstream *j, const Hotpath__ProbedObject *o)
{
	const Hotpath__ReaderObjectReply *r = o->object;

	jsonstream_open(j, NULL, '{');
	jsonstream_value(j, "path", jsonstream_string(r->path.data, r->path.len));
	if (*r->error)
		jsonstream_value(j, "error", word(r->error));
	jsonstream_value(j, "build_id", word(r->build_id));
	jsonstream_value(j, "symbols_from", word(r->symbols_from));
	jsonstream_value(j, "functions_total", json_integer(r->functions_total));
	jsonstream_value(j, "cheap", json_integer(r->cheap));
	jsonstream_value(j, "expensive", json_integer(r->expensive));
	jsonstream_value(j, "impossible", json_integer(r->impossible));
	jsonstream_open(j, "functions", '[');
	for (size_t i = 0; i < r->n_functions; i++) {
		struct probed p = probed_at(o, i);

		json_function(j, &p);
	}
	jsonstream_close(j, ']');
	jsonstream_close(j, '}');
}

static int write_json(const struct output *out, const Hotpath__ProbesReply *p, bool pretty)
{
	struct jsonstream j = {.file = out->file, .pretty = pretty};

	jsonstream_open(&j, NULL, '{');
	jsonstream_value(&j, "type", json_string("hotpath_probes"));
	jsonstream_value(&j, "schema", json_integer(1));
	jsonstream_open(&j, "objects", '[');
	for (size_t i = 0; i < p->n_objects; i++)
		json_object_of(&j, p->objects[i]);
	jsonstream_close(&j, ']');
	jsonstream_open(&j, "notes", '[');
	for (size_t i = 0; i < p->n_notes; i++)
		jsonstream_value(&j, NULL, word(p->notes[i]));
	jsonstream_close(&j, ']');
	jsonstream_close(&j, '}');
	putc('\n', out->file);

	return j.failed ? -ENOMEM : 0;
}

/* --- the verb -------------------------------------------------------------- */

static int show(const struct options *options, struct output *output, const Hotpath__ProbesReply *p)
{
	int r = 0, closed;

	if (!options->format->silent)
		r = output_begin(output);
	if (r == 0 && options->format->json)
		r = write_json(output, p, options->format->pretty);
	else if (r == 0 && !options->format->silent)
		r = write_text(output, p);
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

/* Without a daemon nobody judges returns: those lists stay empty. */
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
