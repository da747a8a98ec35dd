// SPDX-License-Identifier: GPL-2.0-only
/* Kits from files; see ahead.h. */
#include "ahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "borrow.h"
#include "bystanders.h"
#include "judge.h"
#include "kit.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "plans.h"
#include "reading.h"
#include "registry.h"
#include "returns.h"
#include "slot.h"

struct ahead {
	struct registry *registry;
	struct family *family;
	struct proc_objects objects; /* the one file */
	struct reading *reading;
	void (*done)(void *userdata);
	void *userdata;
};

static void ahead_free(struct ahead *a)
{
	proc_objects_free(&a->objects);
	free(a);
}

struct ahead *ahead_cancel(struct ahead *a)
{
	if (!a)
		return NULL;
	reading_cancel(TAKE(a->reading));
	ahead_free(a);
	return NULL;
}

/* As if a process had mapped all of it. */
static int object_of(struct proc_objects *objects, int fd, ProtobufCBinaryData path)
{
	struct proc_object *o = calloc(1, sizeof(*o));
	struct stat st;

	if (!o || fstat(fd, &st) < 0) {
		close_fd(fd);
		free(o);
		return -ENOMEM;
	}
	objects->object = o;
	objects->count = 1;
	o->fd = fd;
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	o->version = proc_object_version(&st);
	o->main = true;
	o->path = strndup((const char *)path.data ?: "", path.len);
	o->span = calloc(1, sizeof(*o->span));
	if (!o->path || !o->span)
		return -ENOMEM;
	o->span[0].size = UINT64_MAX;
	o->n_spans = 1;
	return 0;
}

/* What a kit is made in the image of; no process has it. */
static int image_new(const struct ahead *a, struct target **ret)
{
	const struct proc_object *exe = &a->objects.object[0];
	struct target *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->refs = 1;
	t->calls = a->registry->calls;
	t->blocks = a->registry->blocks;
	t->groups = &a->registry->groups;
	t->registry = a->registry;
	t->pidfd = t->loader_fd = t->asker_fd = -1;
	t->owner = a->family->owner;
	t->requester = a->family->peer.uid;
	t->exe_dev = exe->dev;
	t->exe_ino = exe->ino;
	t->exe = strdup(exe->path);
	t->gen = slot_new_gen();
	t->slot = slot_take(t->calls, t);
	r = !t->slot ? -ENOSPC : !t->exe ? -ENOMEM : judge_remember(t, &a->objects);
	if (r < 0) {
		target_unref(t);
		return r;
	}
	*ret = t;
	return 0;
}

static bool within_limits(const struct ahead *a, struct plans *plans)
{
	struct registry *registry = a->registry;
	uid_t uid = a->family->peer.uid;
	uint32_t n, max = limits_bystanders(registry->config, uid,
					    a->family->request->max_bystanders);
	struct limits_use want = {.kits = 1};
	uint64_t files[1][2];
	char text[256];

	plans_weigh(plans, &want);
	if (!registry_allows(registry, uid, &want, text, sizeof(text)))
		return false;
	plans_share(plans, true);
	return bystanders_count(registry, NULL, 0, files,
				plans_shared_files(plans, &a->objects, files, 1), max, &n) >= 0;
}

static int ahead_make(struct ahead *a, const Hotpath__ReaderReply *reply)
{
	_cleanup_(plans_done) struct plans plans = {};
	const struct process_facts nobody = {};
	struct returns_verdict verdict;
	struct target *image = NULL;
	struct kit *kit;
	int r;

	/* The loader's hook is learnt when there is a loader, before anything is armed. */
	returns_judge(reply->objects, reply->n_objects, 0, &nobody, &a->registry->features, true,
		      &verdict);
	r = image_new(a, &image);
	if (r < 0)
		return r;
	memcpy(image->returns_reason, verdict.reason, sizeof(verdict.reason));
	image->returns_forbidden = !verdict.allowed;
	image->goroutines = verdict.goroutines;
	r = plans_make(&a->registry->features, image, &a->objects, reply, &verdict, &plans);
	if (r >= 0 && !plan_functions(&plans.of[0]))
		r = -ENOENT;
	if (r >= 0 && !within_limits(a, &plans))
		r = -EDQUOT;
	if (r >= 0)
		r = plans_govern(&plans, a->registry, a->family->request, image,
				 &a->family->govern);
	if (r >= 0)
		r = plans_join(&plans, &a->registry->groups, image, &a->objects, reply, NULL);
	if (r >= 0)
		r = kit_new(a->family, image, reply->objects[0]->is_static,
			    a->objects.object[0].fd, &kit);
	/* Nobody waits for it: all its spares at once. */
	if (r >= 0)
		kit_fill(kit);
	image->goroutines = false;
	target_unref(image);
	return r;
}

static void on_read(void *userdata, const char *error, const Hotpath__ReaderReply *reply)
{
	struct ahead *a = userdata;
	const struct proc_object *exe = &a->objects.object[0];
	int r = 0;

	a->reading = NULL;
	if (error == reading_cancelled)
		return;
	if (error || *reply->error || reply->n_objects != 1 || *reply->objects[0]->error)
		r = -EIO;
	/* One may have started meanwhile. */
	else if (!kit_find(a->family, exe->dev, exe->ino))
		r = ahead_make(a, reply);
	if (r < 0)
		log_info("%s is looked at when it starts, not before: %s", exe->path,
			 strerror(-r));
	a->done(a->userdata);
	ahead_free(a);
}

static int ahead_read(struct ahead *a)
{
	const Hotpath__AttachRequest *asked = a->family->request;
	const char *name = strrchr(a->objects.object[0].path, '/');
	struct judge_request request = {};
	int r;

	r = judge_request_init(&request, &a->objects, name ? name + 1 : "");
	if (r >= 0) {
		judge_request_ask(&request, asked->patterns, asked->n_patterns,
				  &a->registry->features);
		r = reading_start(a->registry->event,
				  (struct reading_asker){a->family->peer.uid, TURN_REQUEST},
				  &request.message, request.fds, on_read, a, &a->reading);
	}
	judge_request_done(&request);
	return r;
}

int ahead_start(struct registry *registry, struct family *family, size_t nth,
		void (*done)(void *userdata), void *userdata, struct ahead **ret)
{
	const Hotpath__File *file = family->request->exe_files[nth];
	struct ahead *a;
	int fd, r;

	if (!file->fd || kit_find(family, file->dev, file->ino))
		return -ENOENT;
	fd = borrow_file(&family->peer, file->fd, file->dev, file->ino);
	if (fd < 0)
		return fd;
	a = calloc(1, sizeof(*a));
	if (!a) {
		close_fd(fd);
		return -ENOMEM;
	}
	a->registry = registry;
	a->family = family;
	a->done = done;
	a->userdata = userdata;
	r = object_of(&a->objects, fd, family->request->exes[nth]);
	if (r >= 0)
		r = ahead_read(a);
	if (r < 0) {
		ahead_free(a);
		return r;
	}
	*ret = a;
	return 0;
}
