// SPDX-License-Identifier: GPL-2.0-only
/*
 * json, json-pretty: one object, raw integers with units in the keys. Its
 * description for programs is docs/report.schema.json.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "cli/jsonstream.h"
#include "cli/name.h"
#include "cli/overhead.h"
#include "cli/program.h"
#include "cli/render.h"
#include "cli/section.h"
#include "lib/cleanup.h"

/* --- rows ------------------------------------------------------------------ */

/* Four decimals: what is smaller is noise, and digits of it would only be long. */
static json_t *percent(double fraction)
{
	double scaled = fraction * 1e6;

	if (scaled < 1e15)
		scaled = (double)(uint64_t)(scaled + 0.5);

	return json_real(scaled / 1e4);
}

static json_t *range(const struct cell *cell)
{
	json_t *pair = json_array();

	json_array_append_new(pair, sheet_integer(cell->number));
	json_array_append_new(pair, sheet_integer(cell->most));
	return pair;
}

static json_t *cell_value(const struct column *column, const struct cell *cell)
{
	switch (column->type) {
	case CELL_NAME:
	case CELL_TEXT:
		return jsonstream_string(cell->bytes, cell->size);
	case CELL_PERCENT:
		return percent(cell->fraction);
	case CELL_RANGE:
		return range(cell);
	case CELL_TRUTH:
		return json_boolean(cell->number);
	case CELL_NUMBER:
	case CELL_COUNT:
	case CELL_NS:
	case CELL_BYTES:
		break;
	}

	return sheet_integer(cell->number);
}

/* The demangled name, and the symbol where it is another. */
static int set_name(json_t *row, const char *key, const struct cell *cell)
{
	size_t size;
	_cleanup_free_ char *name = name_demangle(cell->bytes, cell->size, true, &size);

	if (!name || json_object_set_new(row, key, jsonstream_string(name, size)) < 0)
		return -ENOMEM;
	if (size == cell->size && !memcmp(name, cell->bytes ?: "", size))
		return 0;

	return json_object_set_new(row, "symbol", jsonstream_string(cell->bytes, cell->size));
}

/* The object of that group, made when the first of its cells comes. */
static json_t *group_of(json_t *row, const char *group)
{
	json_t *object = group ? json_object_get(row, group) : row;

	if (!object) {
		object = json_object();
		if (json_object_set_new(row, group, object) < 0)
			return NULL;
	}

	return object;
}

static int set_cell(json_t *row, const struct column *column, const struct cell *cell)
{
	json_t *object;

	if (!column->key || cell->absent)
		return 0;
	object = group_of(row, column->group);
	if (!object)
		return -ENOMEM;
	if (column->type == CELL_NAME)
		return set_name(object, column->key, cell);

	return json_object_set_new(object, column->key, cell_value(column, cell));
}

static json_t *make_row(const struct sheet *sheet, size_t i, struct cell *cell)
{
	json_t *row = json_object();

	sheet_row(sheet, i, cell);
	for (size_t c = 0; row && c < sheet->columns; c++)
		if (set_cell(row, &sheet->column[c], &cell[c]) < 0) {
			json_decref(row);
			return NULL;
		}

	return row;
}

static int write_rows(struct jsonstream *s, const struct sheet *sheet)
{
	_cleanup_free_ struct cell *cell = calloc(sheet->columns ?: 1, sizeof(*cell));

	if (!cell)
		return -ENOMEM;

	jsonstream_open(s, "data", '[');
	for (size_t i = 0; i < sheet->rows && !s->failed; i++)
		jsonstream_value(s, NULL, make_row(sheet, i, cell));
	jsonstream_close(s, ']');
	return 0;
}

/* --- sections -------------------------------------------------------------- */

static json_t *percentiles_of(const struct options *o)
{
	json_t *list = json_array();

	for (size_t i = 0; i < o->n_percentiles; i++) {
		double p = o->percentile[i];
		bool whole = p == (double)(json_int_t)p;

		json_array_append_new(list, whole ? json_integer((json_int_t)p) : json_real(p));
	}

	return list;
}

static int write_sheet(struct jsonstream *s, const struct sheet *sheet)
{
	const char *key;
	json_t *value;
	int r = 0;

	if (sheet->section->description)
		jsonstream_value(s, "description", json_string(sheet->section->description));
	if (sheet->columns) {
		jsonstream_value(s, "percentiles", percentiles_of(sheet->view->options));
		jsonstream_value(s, "total_rows", sheet_integer(sheet->total_rows));
	}
	json_object_foreach(sheet->members, key, value)
		jsonstream_value(s, key, json_incref(value));
	if (sheet->columns)
		r = write_rows(s, sheet);

	return r;
}

static void key_of(enum section_id id, char *ret, size_t size)
{
	snprintf(ret, size, "%s", section_name(id));
	for (char *p = ret; *p; p++)
		if (*p == '-')
			*p = '_';
}

static int write_section(struct jsonstream *s, enum section_id id, const struct view *view)
{
	struct sheet sheet;
	char key[64];
	int r = 0;

	key_of(id, key, sizeof(key));
	jsonstream_open(s, key, '{');
	if (section_lacking(id)) {
		jsonstream_value(s, "not_available", json_string(section_lacking(id)));
	} else {
		r = sheet_open(id, view, &sheet);
		if (r == 0) {
			r = write_sheet(s, &sheet);
			sheet_close(&sheet);
		}
	}
	jsonstream_close(s, '}');
	return r;
}

/* --- the whole ------------------------------------------------------------- */

/* Whose figures these are: of one process, or of several and then of which. */
static void write_processes(struct jsonstream *s, const Hotpath__Target *t)
{
	jsonstream_value(s, "pid", json_integer(t->pid));
	if (t->processes > 1) {
		jsonstream_value(s, "processes", json_integer(t->processes));
		jsonstream_open(s, "pids", '[');
		for (size_t i = 0; i < t->n_pids; i++)
			jsonstream_value(s, NULL, json_integer(t->pids[i]));
		jsonstream_close(s, ']');
	}
	if (t->parent_pid)
		jsonstream_value(s, "parent_pid", json_integer(t->parent_pid));
	if (t->family)
		jsonstream_value(s, "family", json_integer(t->family));
	if (t->cgroup.len)
		jsonstream_value(s, "cgroup", jsonstream_string(t->cgroup.data, t->cgroup.len));
}

static int write_target(struct jsonstream *s, const struct view *view)
{
	const Hotpath__Target *t = view->target;
	int r = 0;

	jsonstream_open(s, NULL, '{');
	write_processes(s, t);
	jsonstream_value(s, "comm", jsonstream_string(t->comm.data, t->comm.len));
	jsonstream_value(s, "exe", jsonstream_string(t->exe.data, t->exe.len));
	jsonstream_value(s, "state", json_string(program_state(t->state)));
	if (t->exit_status_known)
		jsonstream_value(s, "exit_status", json_integer(t->exit_status));
	jsonstream_value(s, "complete", json_boolean(t->complete));
	jsonstream_value(s, "elapsed_ns", sheet_integer(t->elapsed_ns));
	jsonstream_value(s, "cpu_total_ns", sheet_integer(t->cpu_total_ns));
	overhead_json(s, t);
	for (size_t i = 0; i < SECTIONS && r == 0; i++)
		if (section_wanted(i, view))
			r = write_section(s, i, view);
	jsonstream_close(s, '}');
	return r;
}

/* RFC 3339 with nanoseconds, UTC. */
static json_t *moment(uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	char text[64], whole[96];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return NULL;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(whole, sizeof(whole), "%s.%09uZ", text, (unsigned int)(unix_ns % 1000000000));

	return json_string(whole);
}

static void write_meta(struct jsonstream *s, const Hotpath__Snapshot *snapshot)
{
	uint64_t from = snapshot->started_at_unix_ns, to = snapshot->taken_at_unix_ns;

	jsonstream_open(s, "meta", '{');
	jsonstream_value(s, "host", jsonstream_string(snapshot->host, strlen(snapshot->host)));
	jsonstream_value(s, "kernel",
			 jsonstream_string(snapshot->kernel, strlen(snapshot->kernel)));
	if (from)
		jsonstream_value(s, "started_at", moment(from));
	jsonstream_value(s, "elapsed_ns", sheet_integer(from && to > from ? to - from : 0));
	jsonstream_close(s, '}');
}

static void write_unmeasured(struct jsonstream *s, const Hotpath__Snapshot *snapshot)
{
	jsonstream_open(s, "unmeasured", '[');
	for (size_t i = 0; i < snapshot->n_unmeasured; i++) {
		const Hotpath__Unmeasured *u = snapshot->unmeasured[i];

		jsonstream_open(s, NULL, '{');
		jsonstream_value(s, "family", sheet_integer(u->family));
		jsonstream_value(s, "what", jsonstream_string(u->what, strlen(u->what)));
		jsonstream_value(s, "programs", sheet_integer(u->programs));
		jsonstream_close(s, '}');
	}
	jsonstream_close(s, ']');
}

static int write_report(struct jsonstream *s, const Hotpath__Snapshot *snapshot,
			const struct options *options)
{
	struct view view = {.snapshot = snapshot, .options = options, .machine = true};
	int r = 0;

	jsonstream_open(s, NULL, '{');
	jsonstream_value(s, "type", json_string("hotpath_profile"));
	jsonstream_value(s, "schema", json_integer(1));
	jsonstream_value(s, "version",
			 jsonstream_string(snapshot->version, strlen(snapshot->version)));
	write_meta(s, snapshot);
	jsonstream_open(s, "targets", '[');
	for (size_t i = 0; i < snapshot->n_targets && r == 0; i++) {
		view.target = snapshot->targets[i];
		r = write_target(s, &view);
	}
	jsonstream_close(s, ']');
	if (snapshot->n_unmeasured)
		write_unmeasured(s, snapshot);
	jsonstream_close(s, '}');
	putc('\n', s->file);

	return r < 0 || s->failed ? -ENOMEM : 0;
}

int render_json(struct output *output, const Hotpath__Snapshot *snapshot,
		const struct options *options)
{
	return write_report(&(struct jsonstream){.file = output->file}, snapshot, options);
}

int render_json_pretty(struct output *output, const Hotpath__Snapshot *snapshot,
		       const struct options *options)
{
	return write_report(&(struct jsonstream){.file = output->file, .pretty = true}, snapshot,
			    options);
}
