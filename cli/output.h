/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a report goes, and what can be shown there. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct output {
	FILE *file;
	const char *name; /* for messages */
	size_t width;	  /* columns */
	bool utf8;
	bool colour;
	bool named;	  /* a file of -o, to be closed */
};

/*
 * Opens path, NULL: standard output. The file is emptied only by output_begin(),
 * so that it can be opened before there is a report. Errors are told.
 */
int output_open(const char *path, struct output *ret);
int output_begin(struct output *output);
/* Tells when not everything could be written. */
int output_close(struct output *output);

/* Colours, or nothing. */
const char *output_bold(const struct output *output);
const char *output_dim(const struct output *output);
const char *output_warn(const struct output *output);
const char *output_plain(const struct output *output);

#endif
