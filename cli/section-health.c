// SPDX-License-Identifier: GPL-2.0-only
/*
 * health: what the figures lack. Named numbers, no rows. A table shows it when
 * there is something to tell, JSON always has it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/figures.h"
#include "cli/section.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/fmt.h"
#include "lib/utf8.h"

/*
 * Over all functions: entries = exits + open + unwound + vetoed + lost + those of
 * functions whose calls are only counted.
 */
struct account {
	uint64_t entries, exits, open, unwound, vetoed, lost, counted_only;
};

static uint64_t counted_only(const Hotpath__Function *f)
{
	uint64_t known = f->exits + f->open + f->unwound + f->vetoed + f->lost;

	return !figures_timed(f) && f->calls > known ? f->calls - known : 0;
}

static struct account account_of(const Hotpath__Target *t)
{
	struct account a = {0};

	for (size_t i = 0; i < t->n_functions; i++) {
		const Hotpath__Function *f = t->functions[i];

		a.entries += f->calls;
		a.exits += f->exits;
		a.open += f->open;
		a.unwound += f->unwound;
		a.vetoed += f->vetoed;
		a.lost += f->lost;
		a.counted_only += counted_only(f);
	}

	return a;
}

/* Counters that other parts of the snapshot hold. */
struct derived {
	const char *name;
	uint64_t value;
	const char *text;
};

enum { DERIVED = 2 };

static bool has_counter(const Hotpath__Target *t, const char *name)
{
	for (size_t i = 0; i < t->n_health; i++)
		if (!strcmp(t->health[i]->name, name))
			return true;

	return false;
}

static void derive(const Hotpath__Target *t, struct derived *ret)
{
	const Hotpath__Overhead *o = t->overhead;

	ret[0] = (struct derived){"refused", o ? o->refused : 0,
				  "calls that met a probe and were not counted: over the budget"};
	ret[1] = (struct derived){"trips", o ? o->trips : 0,
				  "times that the fuse stopped a function's probes: too many calls"};
	for (size_t i = 0; i < DERIVED; i++)
		if (has_counter(t, ret[i].name))
			ret[i].value = 0;
}

static bool worth(const struct view *view)
{
	const Hotpath__Target *t = view->target;
	struct account a = account_of(t);

	return view->machine || !t->complete || t->n_health || t->n_notes || t->bystander_hits ||
	       a.unwound || a.vetoed || a.lost;
}

/* --- JSON ------------------------------------------------------------------ */

static json_t *string_of(const char *text)
{
	_cleanup_free_ char *valid = utf8_copy(text, strlen(text), NULL, NULL);

	return json_string(valid ?: "");
}

static json_t *counters_of(const Hotpath__Target *t)
{
	struct derived derived[DERIVED];
	json_t *counters = json_object();

	derive(t, derived);
	for (size_t i = 0; i < DERIVED; i++)
		if (derived[i].value)
			json_object_set_new(counters, derived[i].name,
					    sheet_integer(derived[i].value));

	for (size_t i = 0; i < t->n_health; i++) {
		_cleanup_free_ char *name =
			utf8_copy(t->health[i]->name, strlen(t->health[i]->name), NULL, NULL);

		if (name)
			json_object_set_new(counters, name, sheet_integer(t->health[i]->value));
	}

	return counters;
}

static json_t *notes_of(const Hotpath__Target *t)
{
	json_t *notes = json_array();

	for (size_t i = 0; i < t->n_notes; i++)
		json_array_append_new(notes, string_of(t->notes[i]));

	return notes;
}

static json_t *calls_of(struct account a)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"entries", a.entries},		  {"exits", a.exits},	{"open", a.open},
		{"unwound", a.unwound},		  {"vetoed", a.vetoed}, {"lost", a.lost},
		{"counted_only", a.counted_only},
	};
	json_t *calls = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		json_object_set_new(calls, numbers[i].key, sheet_integer(numbers[i].value));

	return calls;
}

static json_t *bystanders_of(const Hotpath__Target *t)
{
	json_t *bystanders = json_object();

	json_object_set_new(bystanders, "processes", sheet_integer(t->bystander_processes));
	json_object_set_new(bystanders, "hits", sheet_integer(t->bystander_hits));
	return bystanders;
}

static void fill_members(const Hotpath__Target *t, struct account a, json_t *members)
{
	json_object_set_new(members, "complete", json_boolean(t->complete));
	json_object_set_new(members, "counters", counters_of(t));
	json_object_set_new(members, "notes", notes_of(t));
	json_object_set_new(members, "calls", calls_of(a));
	json_object_set_new(members, "functions_attached", sheet_integer(t->functions_attached));
	json_object_set_new(members, "session", sheet_integer(t->functions_session));
	json_object_set_new(members, "sites", sheet_integer(t->functions_sites));
	json_object_set_new(members, "entry_only", sheet_integer(t->functions_entry_only));
	json_object_set_new(members, "bystanders", bystanders_of(t));
	json_object_set_new(members, "kernel_bytes", sheet_integer(t->kernel_bytes));
	if (t->text_pages)
		json_object_set_new(members, "text_pages", sheet_integer(t->text_pages));
}

/* --- sentences ------------------------------------------------------------- */

#define COUNT(n) fmt_count((char[FMT_MAX]){0}, n)

static void note_account(struct sheet *sheet, struct account a)
{
	if (a.unwound || a.vetoed || a.lost)
		sheet_note(sheet,
			   "calls: %s entries = %s exits + %s open + %s unwound + %s vetoed + "
			   "%s lost + %s counted only",
			   COUNT(a.entries), COUNT(a.exits), COUNT(a.open), COUNT(a.unwound),
			   COUNT(a.vetoed), COUNT(a.lost), COUNT(a.counted_only));
}

static void note_text(struct sheet *sheet, const char *text)
{
	_cleanup_free_ char *safe = text_safe(text, strlen(text), sheet->view->utf8);

	if (safe)
		sheet_note(sheet, "%s", safe);
}

static void note_counter(struct sheet *sheet, const char *name, uint64_t value, const char *text)
{
	_cleanup_free_ char *line = NULL;

	if (asprintf(&line, "%s: %s (%s)", name, COUNT(value), text) > 0)
		note_text(sheet, line);
}

static void note_counters(const Hotpath__Target *t, struct sheet *sheet)
{
	struct derived derived[DERIVED];

	for (size_t i = 0; i < t->n_health; i++)
		note_counter(sheet, t->health[i]->name, t->health[i]->value, t->health[i]->text);
	derive(t, derived);
	for (size_t i = 0; i < DERIVED; i++)
		if (derived[i].value)
			note_counter(sheet, derived[i].name, derived[i].value, derived[i].text);
}

static void fill_notes(const Hotpath__Target *t, struct account a, struct sheet *sheet)
{
	if (!t->complete)
		sheet_note(sheet, "incomplete: the figures are partial");
	note_account(sheet, a);
	note_counters(t, sheet);
	if (t->bystander_hits)
		sheet_note(sheet, "bystanders: %s probe hits by other processes of these files",
			   COUNT(t->bystander_hits));
	for (size_t i = 0; i < t->n_notes; i++)
		note_text(sheet, t->notes[i]);
	if (!sheet->notes)
		sheet_note(sheet, "nothing was lost");
	if (t->text_pages)
		sheet_note(sheet,
			   "%s page%s of its code (4 KiB) %s private, for the probes: a program that "
			   "checks its own code sees them",
			   COUNT(t->text_pages), t->text_pages == 1 ? "" : "s",
			   t->text_pages == 1 ? "is" : "are");
}

static int fill(const struct view *view, struct sheet *sheet)
{
	struct account a = account_of(view->target);

	fill_members(view->target, a, sheet->members);
	if (!view->machine)
		fill_notes(view->target, a, sheet);

	return 0;
}

const struct section section_health = {
	.name = "health",
	.title = "Health",
	.worth = worth,
	.fill = fill,
};
