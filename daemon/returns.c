// SPDX-License-Identifier: GPL-2.0-only
/* The rule about return probes; see returns.h. */
#include "returns.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpf/hotpath.h"

/*
 * Objects that carry unwinding machinery but do not use it across their callers:
 * reviewed one by one. A library belongs here when no exception of its own can
 * leave it, and none of a caller's callback can be caught in it.
 */
static const struct {
	const char *soname; /* glob */
	const char *why;
} reviewed[] = {
	{"libc.so.6", "C library: its clean-ups serve thread cancellation only"},
	{"ld-linux*.so.*", "dynamic loader: its errors are longjmps of its own"},
	{"libpthread.so.0", "part of the C library"},
	{"libm.so.6", "part of the C library"},
	{"libdl.so.2", "part of the C library"},
	{"libgcc_s.so.1", "the unwinder itself: raises only for its callers"},
	{"libstdc++.so.6", "raises only when a C++ object calls it, which then counts by itself"},
	{"libjemalloc.so.*", "operator new reports failure to C++ callers only"},
	{"libtcmalloc*.so.*", "operator new reports failure to C++ callers only"},
	{"libmimalloc.so.*", "operator new reports failure to C++ callers only"},
	{"libicu*.so.*", "reports errors by code, built without exceptions of its own"},
};

/*
 * Changes of stack that BPF tells exactly at each entry. All others (swapcontext
 * and its like) may run coroutines on stacks inside the thread's own mapping, in
 * an array of a frame or in thread-local memory, where nothing tells them apart:
 * a return that is armed there is never found again, and the process dies.
 */
static const char *const told_apart[] = {
	"sigaltstack",
	"pthread_attr_setstack",
	"pthread_attr_setstackaddr",
	"clone",
};

static bool is_told_apart(const char *symbol)
{
	size_t i;

	for (i = 0; i < sizeof(told_apart) / sizeof(told_apart[0]); i++) {
		if (strcmp(told_apart[i], symbol) == 0)
			return true;
	}
	return false;
}

/* Libraries whose coroutines run on stacks that are mappings or heap blocks of their
 * own, reviewed: the rule on the thread's own stack tells those. */
static const char *const own_stacks[] = {
	"libcrypto.so.*", /* ASYNC_start_job(): 32 KiB from OPENSSL_malloc() */
};

const char *returns_reviewed(const char *soname, const char *path)
{
	const char *name = soname && *soname ? soname : basename(path);
	size_t i;

	for (i = 0; i < sizeof(reviewed) / sizeof(reviewed[0]); i++) {
		if (fnmatch(reviewed[i].soname, name, 0) == 0)
			return reviewed[i].why;
	}
	return NULL;
}

static void verdict(struct returns_verdict *ret, bool allowed, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void verdict(struct returns_verdict *ret, bool allowed, const char *format, ...)
{
	va_list ap;

	ret->allowed = allowed;
	va_start(ap, format);
	vsnprintf(ret->reason, sizeof(ret->reason), format, ap);
	va_end(ap);
}

/* What the objects have between them. */
struct unwinding {
	const Hotpath__ReaderObjectReply *unread, *raiser, *lander, *loader, *switcher, *go;
	const Hotpath__ReaderObjectReply *rewriter; /* of rsp, by its own code */
};

static const char *object_name(const Hotpath__ReaderObjectReply *object, char *buffer)
{
	char path[4096];
	size_t n = object->path.len < sizeof(path) - 1 ? object->path.len : sizeof(path) - 1;

	memcpy(path, object->path.data, n);
	path[n] = '\0';
	snprintf(buffer, 64, "%.63s", basename(path));
	return buffer;
}

static bool is_reviewed(const Hotpath__ReaderObjectReply *object)
{
	char name[64];

	return !object->main && returns_reviewed(object->soname, object_name(object, name));
}

static bool has_own_stacks(const Hotpath__ReaderObjectReply *object)
{
	size_t i;

	for (i = 0; i < sizeof(own_stacks) / sizeof(own_stacks[0]); i++) {
		if (!object->main && fnmatch(own_stacks[i], object->soname, 0) == 0)
			return true;
	}
	return false;
}

static void gather(Hotpath__ReaderObjectReply *const *objects, size_t n, struct unwinding *ret)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const Hotpath__ReaderObjectReply *o = objects[i];

		if (o->error && *o->error)
			ret->unread = o;
		if (strcmp(o->language, "go") == 0)
			ret->go = o;
		if (is_reviewed(o))
			continue;
		if (*o->raises && !ret->raiser)
			ret->raiser = o;
		if (o->lands && !ret->lander)
			ret->lander = o;
		if (*o->loads && !ret->loader)
			ret->loader = o;
		if (o->rewrites_stack && !ret->rewriter)
			ret->rewriter = o;
		if (has_own_stacks(o))
			continue;
		/* The kind that forbids goes before the kind that needs a veto. */
		if (*o->switches_stacks &&
		    (!ret->switcher || is_told_apart(ret->switcher->switches_stacks)))
			ret->switcher = o;
	}
}

/* The process by itself, whatever it has loaded. */
static bool process_forbids(const struct process_facts *process, const struct features *features,
			    struct returns_verdict *ret)
{
	if (!features->returns)
		verdict(ret, false, "returns are switched off (HOTPATH_FEATURES=-returns)");
	else if (process->shadow_stack)
		verdict(ret, false, "the process has a user shadow stack");
	else if (process->seccomp && !features->uretprobe_seccomp)
		verdict(ret, false, "the process is under seccomp, and this kernel would kill it");
	else
		return false;
	return true;
}

/* Without a session there is no veto: what a later moment could bring forbids now. */
static bool no_veto_forbids(const struct unwinding *u, struct returns_verdict *ret)
{
	char name[64];

	if (u->switcher)
		verdict(ret, false, "%s may switch stacks (%s), and this kernel has no veto",
			object_name(u->switcher, name), u->switcher->switches_stacks);
	else if (u->rewriter)
		verdict(ret, false, "%s has code that may switch stacks, and this kernel has no veto",
			object_name(u->rewriter, name));
	else if (u->loader && (u->lander || u->raiser))
		verdict(ret, false, "%s may load objects (%s), and this kernel has no veto",
			object_name(u->loader, name), u->loader->loads);
	else
		return false;
	return true;
}

void returns_judge(Hotpath__ReaderObjectReply *const *objects, size_t n, size_t unopened,
		   const struct process_facts *process, const struct features *features,
		   bool has_loader_hook, struct returns_verdict *ret)
{
	struct unwinding u = {};
	char a[64], b[64];

	gather(objects, n, &u);
	ret->goroutines = u.go;

	if (process_forbids(process, features, ret))
		return;
	if (u.go)
		verdict(ret, false, "%s is Go: its stacks move", object_name(u.go, a));
	else if (unopened)
		verdict(ret, false, "%zu mapped files could not be opened", unopened);
	else if (u.unread)
		verdict(ret, false, "%s could not be judged: %s", object_name(u.unread, a),
			u.unread->error);
	else if (u.raiser && u.lander)
		verdict(ret, false, "%s may raise (%s) and %s may catch",
			object_name(u.raiser, a), u.raiser->raises, object_name(u.lander, b));
	else if (u.switcher && !is_told_apart(u.switcher->switches_stacks))
		verdict(ret, false, "%s may run coroutines (%s)", object_name(u.switcher, a),
			u.switcher->switches_stacks);
	else if (!features->session && no_veto_forbids(&u, ret))
		return;
	else if (u.loader && u.lander)
		/* The hook vetoes what comes after it; a frame that is armed already stays so. */
		verdict(ret, false, "%s may load objects that raise (%s) and %s may catch",
			object_name(u.loader, a), u.loader->loads, object_name(u.lander, b));
	else if (u.loader && !has_loader_hook)
		verdict(ret, false, "%s may load objects (%s) unseen: no loader hook",
			object_name(u.loader, a), u.loader->loads);
	else if (u.raiser)
		verdict(ret, true, "no loaded object catches or cleans up");
	else
		verdict(ret, true, "no loaded object raises");
}

/* An exit that does not fit into a cookie is one that we cannot probe. */
static bool exits_fit(const Hotpath__ReaderFunction *f)
{
	size_t i;

	for (i = 0; i < f->n_exits; i++) {
		if (f->exits[i]->sp_offset > HP_EXIT_OFFSET_MAX || f->exits[i]->condition > 16 ||
		    f->exits[i]->class_ == HOTPATH__SITE_CLASS__SITE_NONE)
			return false;
	}
	return f->n_exits > 0;
}

Hotpath__Returns returns_of(const struct returns_verdict *verdict, const Hotpath__ReaderFunction *f,
			    const char **ret_reason)
{
	*ret_reason = *f->never_return ? f->never_return : verdict->reason;
	if (verdict->allowed && !*f->never_return)
		return HOTPATH__RETURNS__RETURNS_SESSION;
	if (exits_fit(f))
		return HOTPATH__RETURNS__RETURNS_SITES;
	if (*f->no_exits)
		*ret_reason = f->no_exits;
	return HOTPATH__RETURNS__RETURNS_NONE;
}
