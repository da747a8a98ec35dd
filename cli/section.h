/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A section of the report: rows and sentences out of one target of a snapshot,
 * in no format yet. To add one: cli/section-<s>.c with a struct section, and a
 * line in sections.def; every format shows it.
 *
 * A format walks over a target:
 *
 *	for (i = 0; i < SECTIONS; i++)
 *		if (section_wanted(i, &view)) {
 *			sheet_open(i, &view, &sheet);
 *			... sheet.column, sheet_row(), sheet.members, sheet.notes ...
 *			sheet_close(&sheet);
 *		}
 */
#ifndef CLI_SECTION_H
#define CLI_SECTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/options.h"
#include "snapshot.pb-c.h"

enum section_id {
#define SECTION(id, name)	   SECTION_##id,
#define SECTION_LATER(id, name, why) SECTION_##id,
#include "cli/sections.def"
#undef SECTION
#undef SECTION_LATER
	SECTIONS,
};

/* What a section is made from. */
struct view {
	const Hotpath__Snapshot *snapshot;
	const Hotpath__Target *target;
	const struct options *options;
	bool utf8;    /* may sentences use more than ASCII? */
	bool machine; /* JSON: everything; a table leaves out what says nothing */
};

enum cell_type {
	CELL_NAME,    /* bytes: a symbol, shown demangled */
	CELL_TEXT,    /* bytes */
	CELL_NUMBER,  /* number, bare: an id, a line */
	CELL_COUNT,   /* number */
	CELL_NS,      /* number */
	CELL_BYTES,   /* number */
	CELL_PERCENT, /* fraction */
	CELL_RANGE,   /* number .. most: only in JSON */
	CELL_TRUTH,   /* number, 0 or 1: only in JSON */
};

struct column {
	const char *key;   /* in JSON; NULL: only in tables */
	const char *group; /* JSON object that holds neighbours of the same group, or NULL */
	const char *title; /* in tables; NULL: only in JSON */
	int place;	   /* in tables, from the left, 1 .. */
	enum cell_type type;
};

struct cell {
	bool absent; /* JSON: no key; table: "-" */
	bool dashed; /* table: "-", though JSON has the number */
	bool marked; /* table: a star, explained by a note */
	bool estimated; /* table: "~" before it */
	uint64_t number;
	uint64_t most;
	double fraction;
	const void *bytes; /* lives as long as the view */
	size_t size;
};

struct sheet;

struct section {
	const char *name; /* with dashes; JSON has underscores */
	const char *title;
	const char *description; /* of the JSON object; NULL: none */
	bool brief; /* a table that nobody asked for by name has five rows of it */
	/* Anything to say under `auto`? */
	bool (*worth)(const struct view *view);
	/* Fills in columns, rows, members and notes. */
	int (*fill)(const struct view *view, struct sheet *sheet);
	/* Cells of one row, in the order of the columns. */
	void (*row)(const struct sheet *sheet, const void *row, struct cell *cell);
};

struct sheet {
	const struct section *section;
	const struct view *view;
	struct column *column;
	size_t columns;
	const void **row; /* those to be shown, sorted */
	size_t rows;
	size_t total_rows;
	const char *what; /* plural of a row: "functions" */
	json_t *members;  /* of the JSON object, before the rows */
	char **note;	  /* sentences below the table */
	size_t notes;
	char *memory;	  /* titles and keys that had to be made */
};

bool section_wanted(enum section_id id, const struct view *view);
/* Not NULL: this version lacks it, and why. */
const char *section_lacking(enum section_id id);
const char *section_name(enum section_id id);

int sheet_open(enum section_id id, const struct view *view, struct sheet *ret);
void sheet_close(struct sheet *sheet);
void sheet_row(const struct sheet *sheet, size_t i, struct cell *cell);
/* For sections: a sentence below the table. Lost only without memory. */
void sheet_note(struct sheet *sheet, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* JSON integer; a real for what does not fit, which no measurement reaches. */
json_t *sheet_integer(uint64_t value);

/* "auto", "all" or names separated by commas into a bit set, 0 for auto. */
int sections_parse(const char *list, uint64_t *ret, char *why, size_t why_size);

#endif
