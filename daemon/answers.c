// SPDX-License-Identifier: GPL-2.0-only
/* Answers of the reader, to be used again; see answers.h. */
#include "answers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Packed, of the older ones; unpacked it is several times that. */
#define KEPT_BYTES (32u << 20)

/* A file as the reader was given it. */
struct asked {
	uint64_t dev, ino, version;
	char *path;
	bool main;
};

struct answer {
	struct asked *asked;
	size_t n;
	char *called;
	Hotpath__ReaderReply *reply;
	size_t size;
	struct answer *next;
};

static void answer_free(struct answer *answer)
{
	size_t i;

	for (i = 0; i < answer->n; i++)
		free(answer->asked[i].path);
	free(answer->asked);
	free(answer->called);
	hotpath__reader_reply__free_unpacked(answer->reply, NULL);
	free(answer);
}

static bool asked_is(const struct asked *asked, const struct proc_object *object)
{
	return asked->dev == object->dev && asked->ino == object->ino &&
	       asked->version == object->version && asked->main == object->main &&
	       strcmp(asked->path, object->path) == 0;
}

/* In the same order: the answer is in that order, too. */
static bool answer_is_for(const struct answer *answer, const struct proc_objects *objects,
			  const char *called)
{
	size_t i, n = 0;

	if (strcmp(answer->called, called) != 0)
		return false;
	for (i = 0; i < objects->count; i++) {
		if (objects->object[i].fd < 0)
			continue;
		if (n == answer->n || !asked_is(&answer->asked[n++], &objects->object[i]))
			return false;
	}
	return n == answer->n;
}

const Hotpath__ReaderReply *answers_find(const struct answers *answers,
					 const struct proc_objects *objects, const char *called)
{
	const struct answer *answer;

	for (answer = answers->first; answer; answer = answer->next) {
		if (answer_is_for(answer, objects, called))
			return answer->reply;
	}
	return NULL;
}

static int answer_remember(struct answer *answer, const struct proc_objects *objects,
			   const char *called)
{
	size_t i;

	answer->called = strdup(called);
	answer->asked = calloc(objects->count + 1, sizeof(*answer->asked));
	if (!answer->called || !answer->asked)
		return -ENOMEM;
	for (i = 0; i < objects->count; i++) {
		const struct proc_object *o = &objects->object[i];
		struct asked *asked = &answer->asked[answer->n];

		if (o->fd < 0)
			continue;
		*asked = (struct asked){o->dev, o->ino, o->version, strdup(o->path), o->main};
		if (!asked->path)
			return -ENOMEM;
		answer->n++;
	}
	return 0;
}

/* The newest stays, however large it is. */
static void answers_trim(struct answers *answers)
{
	struct answer **at = &answers->first, *answer;
	size_t bytes = 0;

	while ((answer = *at)) {
		bytes += answer->size;
		if (answer == answers->first || bytes <= KEPT_BYTES) {
			at = &answer->next;
			continue;
		}
		*at = answer->next;
		answer_free(answer);
	}
}

int answers_add(struct answers *answers, const struct proc_objects *objects, const char *called,
		Hotpath__ReaderReply *reply, size_t size)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	int r;

	if (!answer) {
		hotpath__reader_reply__free_unpacked(reply, NULL);
		return -ENOMEM;
	}
	answer->reply = reply;
	answer->size = size;
	r = answer_remember(answer, objects, called);
	if (r < 0) {
		answer_free(answer);
		return r;
	}
	answer->next = answers->first;
	answers->first = answer;
	answers_trim(answers);
	return 0;
}

void answers_done(struct answers *answers)
{
	struct answer *answer;

	while ((answer = answers->first)) {
		answers->first = answer->next;
		answer_free(answer);
	}
}
