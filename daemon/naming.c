// SPDX-License-Identifier: GPL-2.0-only
/* Asks hotpath-reader whose code it is; see naming.h. */
#include "naming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "sampling.h"

/* Of one file at once: a hostile program can be sampled anywhere. */
#define PLACES_MAX 65536

/* What is asked of one file. */
struct asked {
	struct codefile *file;
	struct asked_place {
		uint64_t at, weight;
	} *place; /* ascending, none twice */
	size_t n, room;
	uint64_t *at, *weight; /* the same, for the request */
};

struct naming {
	struct registry *registry;
	struct reading *reading;
	sd_event_source *timer;
	struct asked *asked;
	size_t n_asked;
	void (*done)(void *userdata);
	void *userdata;
};

static void naming_free(struct naming *naming)
{
	size_t i;

	reading_cancel(TAKE(naming->reading));
	sd_event_source_disable_unref(naming->timer);
	for (i = 0; i < naming->n_asked; i++) {
		codefile_put(sampling_files(naming->registry), naming->asked[i].file);
		free(naming->asked[i].place);
		free(naming->asked[i].at);
		free(naming->asked[i].weight);
	}
	free(naming->asked);
	free(naming);
}

struct naming *naming_cancel(struct naming *naming)
{
	if (naming)
		naming_free(naming);
	return NULL;
}

static void naming_finish(struct naming *naming)
{
	void (*done)(void *userdata) = naming->done;
	void *userdata = naming->userdata;

	naming_free(naming);
	done(userdata);
}

/* --- the answer -------------------------------------------------------------------- */

static char *bytes_copy(ProtobufCBinaryData bytes)
{
	return bytes.len ? strndup((const char *)bytes.data, bytes.len) : NULL;
}

/* A place of no function is a stretch by itself, so as not to be asked again. */
static int keep_place(struct codefile *file, uint64_t at, const Hotpath__ReaderPlace *place)
{
	struct named_code code = {.start = at, .end = at + 1};

	if (place->name.len && at - place->start < place->size) {
		code.start = place->start;
		code.end = place->start + place->size;
		code.unnamed = place->unnamed;
		code.name = bytes_copy(place->name);
		code.inlined = bytes_copy(place->inlined);
		if (!code.name) {
			free(code.inlined);
			return -ENOMEM;
		}
	}
	return codefile_name(file, code);
}

static void keep_answer(struct asked *asked, const Hotpath__ReaderObjectReply *reply)
{
	size_t i;

	if (*reply->error || reply->n_places != asked->n) {
		asked->file->failed = true;
		return;
	}
	for (i = 0; i < asked->n; i++) {
		/* What lies in one function was told by the first of them. */
		if (codefile_at(asked->file, asked->at[i]))
			continue;
		if (keep_place(asked->file, asked->at[i], reply->places[i]) == -ENOMEM)
			return;
	}
}

static void on_names_read(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct naming *naming = userdata;
	size_t i;

	naming->reading = NULL;
	if (error == reading_cancelled)
		return;
	if (error || *reply->error || reply->n_objects != naming->n_asked)
		log_warning("sampled functions have no names: %s",
			    error ?: *reply->error ? reply->error : "not what was asked");
	else
		for (i = 0; i < naming->n_asked; i++)
			keep_answer(&naming->asked[i], reply->objects[i]);
	naming_finish(naming);
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	log_warning("sampled functions have no names: hotpath-reader took too long");
	naming_finish(userdata);
	return 0;
}

/* --- the question ------------------------------------------------------------------ */

static int compare_places(const void *a, const void *b)
{
	const struct asked_place *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* As the request wants them. Places of several targets come more than once. */
static int asked_sort(struct asked *asked)
{
	size_t i, n = 0;

	qsort(asked->place, asked->n, sizeof(*asked->place), compare_places);
	asked->at = calloc(asked->n, sizeof(*asked->at));
	asked->weight = calloc(asked->n, sizeof(*asked->weight));
	if (!asked->at || !asked->weight)
		return -ENOMEM;
	for (i = 0; i < asked->n; i++) {
		if (!n || asked->at[n - 1] != asked->place[i].at)
			asked->at[n++] = asked->place[i].at;
		asked->weight[n - 1] += asked->place[i].weight;
	}
	asked->n = n;
	return 0;
}

static struct asked *asked_of(struct naming *naming, struct codefile *file)
{
	struct asked *grown;
	size_t i;

	for (i = 0; i < naming->n_asked; i++) {
		if (naming->asked[i].file == file)
			return &naming->asked[i];
	}
	grown = reallocarray(naming->asked, naming->n_asked + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	naming->asked = grown;
	grown[naming->n_asked] = (struct asked){.file = codefile_ref(file)};
	return &grown[naming->n_asked++];
}

static int ask(struct naming *naming, const struct sampled_place *place)
{
	struct asked_place *grown;
	struct asked *asked;
	size_t room;

	if (place->file->fd < 0 || place->file->failed || place->at == SAMPLES_ELSEWHERE ||
	    codefile_at(place->file, place->at))
		return 0;
	asked = asked_of(naming, place->file);
	if (!asked)
		return -ENOMEM;
	if (asked->n == asked->room) {
		room = asked->room ? 2 * asked->room : 64;
		grown = reallocarray(asked->place, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		asked->place = grown;
		asked->room = room;
	}
	if (asked->n < PLACES_MAX)
		asked->place[asked->n++] = (struct asked_place){place->at, place->count};
	return 0;
}

static int naming_read(struct naming *naming, uid_t uid)
{
	Hotpath__ReaderRequest request = HOTPATH__READER_REQUEST__INIT;
	size_t n = naming->n_asked, i;
	_cleanup_free_ Hotpath__ReaderObject *object = calloc(n, sizeof(*object));
	_cleanup_free_ Hotpath__ReaderObject **objects = calloc(n, sizeof(*objects));
	_cleanup_free_ int *fds = calloc(n, sizeof(*fds));

	if (!object || !objects || !fds)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		struct asked *asked = &naming->asked[i];

		if (asked_sort(asked) < 0)
			return -ENOMEM;
		hotpath__reader_object__init(&object[i]);
		object[i].path.data = (uint8_t *)asked->file->path;
		object[i].path.len = strlen(asked->file->path);
		object[i].places = asked->at;
		object[i].weights = asked->weight;
		object[i].n_places = object[i].n_weights = asked->n;
		objects[i] = &object[i];
		fds[i] = asked->file->fd;
	}
	request.objects = objects;
	request.n_objects = n;
	request.places_only = true;
	return reading_start(naming->registry->event, (struct reading_asker){uid, TURN_REQUEST},
			     &request, fds, on_names_read, naming, &naming->reading);
}

static int naming_gather(struct naming *naming, bool (*is_meant)(const struct target *, void *),
			 void *what)
{
	struct target *t;
	size_t i;
	int r = 0;

	for (t = naming->registry->targets; t; t = t->next) {
		if (!is_meant(t, what))
			continue;
		for (i = 0; r >= 0 && i < t->samples.room; i++) {
			if (t->samples.place[i].file)
				r = ask(naming, &t->samples.place[i]);
		}
	}
	return r;
}

int naming_start(struct registry *registry, uid_t uid, bool (*is_meant)(const struct target *, void *),
		 void *what, void (*done)(void *userdata), void *userdata, struct naming **ret)
{
	struct naming *naming;
	int r;

	if (!registry->sampling)
		return 0;
	naming = calloc(1, sizeof(*naming));
	if (!naming)
		return -ENOMEM;
	naming->registry = registry;
	naming->done = done;
	naming->userdata = userdata;
	r = naming_gather(naming, is_meant, what);
	if (r < 0 || !naming->n_asked) {
		naming_free(naming);
		return r;
	}
	r = naming_read(naming, uid);
	if (r >= 0)
		r = sd_event_add_time_relative(registry->event, &naming->timer, CLOCK_MONOTONIC,
					       NAMING_USEC, 0, on_late, naming);
	if (r < 0) {
		naming_free(naming);
		return r;
	}
	*ret = naming;
	return 1;
}
