// SPDX-License-Identifier: GPL-2.0-only
/* Files in which samples fell; see codefile.h. */
#include "codefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* Open files that are kept for samples to come; of the oldest one is let go. */
#define IDLE_MAX 512
/* Each is open, and looked for in a list. */
#define FILES_MAX 16384
/* Names of all files' code: they may be 64 KiB long, and what is sampled has made them. */
#define NAMES_BYTES_MAX (64u << 20)
/* Answers that are kept of one file. */
#define CODE_MAX 65536

static size_t code_bytes(const struct named_code *code)
{
	return (code->name ? strlen(code->name) + 1 : 0) +
	       (code->inlined ? strlen(code->inlined) + 1 : 0);
}

static void code_done(struct named_code *code)
{
	free(code->name);
	free(code->inlined);
}

static void codefile_free(struct codefile *file)
{
	size_t i;

	for (i = 0; i < file->n_code; i++) {
		file->all->name_bytes -= code_bytes(&file->code[i]);
		code_done(&file->code[i]);
	}
	free(file->code);
	free(file->path);
	free(file->object);
	close_fd(file->fd);
	free(file);
}

static void codefile_drop(struct codefiles *files, struct codefile **at)
{
	struct codefile *file = *at;

	*at = file->next;
	files->n--;
	files->n_idle--;
	if (files->forget)
		files->forget(files->userdata, file);
	codefile_free(file);
}

static struct codefile *codefile_find(const struct codefiles *files, uint32_t map_dev,
				      uint64_t map_ino)
{
	struct codefile *file;

	for (file = files->first; file; file = file->next) {
		if (file->map_ino == map_ino && file->map_dev == map_dev)
			return file;
	}
	return NULL;
}

static struct codefile *codefile_new(struct codefiles *files, uint32_t map_dev, uint64_t map_ino)
{
	struct codefile *file = files->n < FILES_MAX ? calloc(1, sizeof(*file)) : NULL;

	if (!file)
		return NULL;
	file->all = files;
	file->map_dev = map_dev;
	file->map_ino = map_ino;
	file->fd = -1;
	file->next = files->first;
	files->first = file;
	files->n++;
	files->n_idle++;
	return file;
}

static void forget_beyond(struct codefiles *files, size_t most)
{
	struct codefile **at, **oldest;

	while (files->n_idle > most) {
		oldest = NULL;
		for (at = &files->first; *at; at = &(*at)->next) {
			if (!(*at)->refs)
				oldest = at;
		}
		if (!oldest)
			return;
		codefile_drop(files, oldest);
	}
}

void codefiles_forget(struct codefiles *files)
{
	forget_beyond(files, 0);
}

/* --- learn ---------------------------------------------------------------------- */

static void codefile_open(struct codefile *file, const struct proc_object *object)
{
	const char *slash = strrchr(object->path, '/');

	file->dev = object->dev;
	file->ino = object->ino;
	file->version = object->version;
	file->path = strdup(object->path);
	file->object = strdup(slash ? slash + 1 : object->path);
	file->fd = fcntl(object->fd, F_DUPFD_CLOEXEC, 0);
	if (file->path && file->object && file->fd >= 0)
		return;
	free(TAKE(file->path));
	free(TAKE(file->object));
	file->fd = close_fd(file->fd);
}

void codefiles_learn(struct codefiles *files, const struct proc_objects *objects)
{
	struct codefile *file;
	size_t i;

	for (i = 0; i < objects->count; i++) {
		const struct proc_object *object = &objects->object[i];

		if (object->fd < 0 || !object->map_ino)
			continue;
		file = codefile_find(files, object->map_dev, object->map_ino);
		/* It was written to: what is known of it stays with the samples that it has. */
		if (file && file->fd >= 0 && file->version != object->version) {
			file->map_ino = 0;
			file = NULL;
		}
		if (!file)
			file = codefile_new(files, object->map_dev, object->map_ino);
		if (file && file->fd < 0)
			codefile_open(file, object);
	}
	forget_beyond(files, IDLE_MAX);
}

struct codefile *codefile_get(struct codefiles *files, uint32_t map_dev, uint64_t map_ino)
{
	struct codefile *file = codefile_find(files, map_dev, map_ino);

	if (!file)
		file = codefile_new(files, map_dev, map_ino);
	if (file && !file->refs++)
		files->n_idle--;
	return file;
}

struct codefile *codefile_ref(struct codefile *file)
{
	file->refs++;
	return file;
}

void codefile_put(struct codefiles *files, struct codefile *file)
{
	if (--file->refs)
		return;
	files->n_idle++;
	forget_beyond(files, IDLE_MAX);
}

/* --- names ---------------------------------------------------------------------- */

/* Where the first stretch lies that ends behind offset. */
static size_t code_place(const struct codefile *file, uint64_t offset)
{
	size_t lo = 0, hi = file->n_code;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (file->code[mid].end > offset)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

const struct named_code *codefile_at(const struct codefile *file, uint64_t offset)
{
	size_t i = code_place(file, offset);

	return i < file->n_code && file->code[i].start <= offset ? &file->code[i] : NULL;
}

int codefile_name(struct codefile *file, struct named_code code)
{
	size_t i = code_place(file, code.start);
	struct named_code *grown;

	/* What was said before stands: symbols of a file may lie one over another. */
	if (code.end <= code.start || file->n_code >= CODE_MAX ||
	    (i < file->n_code && file->code[i].start < code.end)) {
		code_done(&code);
		return -EEXIST;
	}
	grown = file->all->name_bytes + code_bytes(&code) <= NAMES_BYTES_MAX
			? reallocarray(file->code, file->n_code + 1, sizeof(*grown))
			: NULL;
	if (!grown) {
		code_done(&code);
		return -ENOMEM;
	}
	file->code = grown;
	memmove(&grown[i + 1], &grown[i], (file->n_code - i) * sizeof(*grown));
	grown[i] = code;
	file->n_code++;
	file->all->name_bytes += code_bytes(&code);
	return 0;
}
