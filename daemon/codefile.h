/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files in which samples fell: open, so that hotpath-reader can be asked whose code it
 * was, and what it has said already. One file is there once, whoever runs it.
 *
 *	codefiles_learn(files, objects)	of a process that was just looked at
 *	codefile_get(files, dev, ino)	by what BPF tells; also one that is not open (yet)
 *	codefile_name(file, ...)	an answer of the reader, kept
 *	codefile_at(file, offset)	which function that is in, if that was asked
 *	codefile_put(files, file)	the last that had samples there is gone
 */
#ifndef DAEMON_CODEFILE_H
#define DAEMON_CODEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proc.h"

/* A stretch of code, [start, end), and whose it is. */
struct named_code {
	uint64_t start, end;
	char *name;    /* mangled; NULL: no function's */
	bool unnamed;  /* the name was made up, of its address */
	char *inlined; /* sampled there: what was inlined into it; NULL: its own, or not known */
};

struct codefile {
	uint32_t map_dev; /* as BPF tells, like the next */
	uint64_t map_ino;
	uint64_t dev, ino, version;
	char *path;   /* NULL: not open */
	char *object; /* its name without directory */
	int fd;
	struct codefiles *all; /* that it is one of */
	bool failed;  /* the reader cannot read it */
	unsigned int refs;
	struct named_code *code; /* sorted by start, none over another */
	size_t n_code;
	struct codefile *next;
};

struct codefiles {
	struct codefile *first; /* the newest */
	size_t n;
	size_t n_idle;		/* that nobody refers to */
	size_t name_bytes;	/* of their code */
	void (*forget)(void *userdata, const struct codefile *file); /* NULL, or told of it */
	void *userdata;
};

void codefiles_learn(struct codefiles *files, const struct proc_objects *objects);
/* NULL: no memory, or too many. */
struct codefile *codefile_get(struct codefiles *files, uint32_t map_dev, uint64_t map_ino);
struct codefile *codefile_ref(struct codefile *file);
void codefile_put(struct codefiles *files, struct codefile *file);
/* Those that nobody refers to. */
void codefiles_forget(struct codefiles *files);

/* NULL: that was not asked. */
const struct named_code *codefile_at(const struct codefile *file, uint64_t offset);
/* Takes over the strings, also when it fails; -ENOMEM: no memory, or too much of it. */
int codefile_name(struct codefile *file, struct named_code code);

#endif
