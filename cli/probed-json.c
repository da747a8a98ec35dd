// SPDX-License-Identifier: GPL-2.0-only
/* `hotpath probes` for programs: one object, raw integers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/jsonstream.h"
#include "cli/name.h"
#include "cli/probed.h"
#include "cli/program.h"
#include "cli/section.h"
#include "lib/cleanup.h"

static json_t *word(const char *text)
{
	return jsonstream_string(text, strlen(text));
}

/* The demangled name, and the symbol where it is another. */
static void json_name(struct jsonstream *j, ProtobufCBinaryData symbol)
{
	size_t size;
	_cleanup_free_ char *name = name_demangle(symbol.data, symbol.len, true, &size);

	jsonstream_value(j, "name", name ? jsonstream_string(name, size) : NULL);
	if (name && (size != symbol.len || memcmp(name, symbol.data ?: (void *)"", size)))
		jsonstream_value(j, "symbol", jsonstream_string(symbol.data, symbol.len));
}

static void json_function(struct jsonstream *j, const struct probed *p)
{
	jsonstream_open(j, NULL, '{');
	json_name(j, p->f->name);
	jsonstream_value(j, "class", json_string(program_site_class(p->f->class_)));
	jsonstream_value(j, "offset", sheet_integer(p->f->offset));
	jsonstream_value(j, "skip", json_integer(p->f->skip));
	jsonstream_value(j, "size", sheet_integer(p->f->size));
	if (p->price_ns)
		jsonstream_value(j, "price_ns", sheet_integer(p->price_ns));
	if (p->judged)
		jsonstream_value(j, "returns", json_string(program_returns(p->returns)));
	if (p->f->n_exits) {
		jsonstream_value(j, "exits", sheet_integer(p->f->n_exits));
		jsonstream_value(j, "exit_class", json_string(program_site_class(p->exit_class)));
	} else if (*p->f->no_exits) {
		jsonstream_value(j, "no_exits", word(p->f->no_exits));
	}
	if (p->inlined)
		jsonstream_value(j, "inlined", json_integer(p->inlined));
	if (*p->reason)
		jsonstream_value(j, "reason", word(p->reason));
	jsonstream_close(j, '}');
}

static void json_notes(struct jsonstream *j, char **note, size_t n)
{
	jsonstream_open(j, "notes", '[');
	for (size_t i = 0; i < n; i++)
		jsonstream_value(j, NULL, word(note[i]));
	jsonstream_close(j, ']');
}

static void json_tally(struct jsonstream *j, const struct probed_tally *t)
{
	if (!t->judged)
		return;

	jsonstream_value(j, "session", sheet_integer(t->session));
	jsonstream_value(j, "sites", sheet_integer(t->sites));
	jsonstream_value(j, "entry_only", sheet_integer(t->entry_only));
}

static void json_inlined(struct jsonstream *j, const Hotpath__ReaderObjectReply *o)
{
	jsonstream_open(j, "inlined", '[');
	for (size_t i = 0; i < o->n_inlined; i++) {
		const Hotpath__ReaderInlined *f = o->inlined[i];

		jsonstream_open(j, NULL, '{');
		json_name(j, f->name);
		jsonstream_value(j, "sites", json_integer(f->sites));
		jsonstream_value(j, "out_of_line", json_boolean(f->out_of_line));
		if (f->file.len)
			jsonstream_value(j, "file", jsonstream_string(f->file.data, f->file.len));
		if (f->line)
			jsonstream_value(j, "line", json_integer(f->line));
		jsonstream_close(j, '}');
	}
	jsonstream_close(j, ']');
}

static void json_object_of(struct jsonstream *j, const Hotpath__ProbedObject *o)
{
	const Hotpath__ReaderObjectReply *r = o->object;
	struct probed_tally tally = probed_count(o);

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
	json_tally(j, &tally);
	jsonstream_open(j, "functions", '[');
	for (size_t i = 0; i < r->n_functions; i++) {
		struct probed p = probed_at(o, i);

		json_function(j, &p);
	}
	jsonstream_close(j, ']');
	if (r->n_inlined)
		json_inlined(j, r);
	if (r->n_notes)
		json_notes(j, r->notes, r->n_notes);
	jsonstream_close(j, '}');
}

int probed_json(const struct output *out, const Hotpath__ProbesReply *probes, bool pretty)
{
	struct jsonstream j = {.file = out->file, .pretty = pretty};

	jsonstream_open(&j, NULL, '{');
	jsonstream_value(&j, "type", json_string("hotpath_probes"));
	jsonstream_value(&j, "schema", json_integer(1));
	if (probes->n_prices)
		program_json_prices(&j, probes->prices, probes->n_prices);
	jsonstream_open(&j, "objects", '[');
	for (size_t i = 0; i < probes->n_objects; i++)
		json_object_of(&j, probes->objects[i]);
	jsonstream_close(&j, ']');
	json_notes(&j, probes->notes, probes->n_notes);
	jsonstream_close(&j, '}');
	putc('\n', out->file);

	return j.failed ? -ENOMEM : 0;
}
