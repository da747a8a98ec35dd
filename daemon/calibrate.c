// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prices, measured; see calibrate.h. The functions are a page of machine code in a
 * file of the calibration's own, a memfd: no other process runs it, so no other
 * daemon's probes are there and nobody else pays for ours. They are called in
 * rounds, probed and bare in turns, and what counts is the median of the rounds'
 * differences.
 */
#include "calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/wire.h"
#include "model.h"
#include "nobody.h"
#include "reader.pb-c.h"
#include "target.h"

#define TIME_MAX_USEC (5u * 1000 * 1000)
#define CPU_MAX_SEC   2
#define CODE_BYTES    4096
#define STRIDE	      64 /* a cache line a function */
/* Many short rounds: on a busy machine few of them are disturbed. A batch takes about
 * 0.1 ms, whatever the price. */
#define ROUNDS	      31
#define CHEAP_CALLS   128
#define STEPPED_CALLS 8
#define WARM_CALLS    16 /* the first hits make the thread's frames */

enum {
	UNPROBED = -1,
	TIMED = -2, /* session, or what stands in for it */
	CALLER = -3, /* likewise, and it calls the others: most calls have a caller that is timed */
};

#define CLASS(name) HOTPATH__SITE_CLASS__SITE_##name

/* Probed at its first byte, and those of PROBE_SITES at the exit, too. The price is
 * what it costs over the row `over`: the same code, bare. */
struct variant {
	const char *name;
	int kind;
	Hotpath__SiteClass class; /* of the entry */
	size_t over;
	const char *code;
	size_t length;
	size_t exit; /* bytes before it */
	Hotpath__SiteClass exit_class;
};

/* No nop of 5 bytes: no probe is ever placed on one (placement.h). Linux 6.18 makes a call
 * of it, and warns (arch_uprobe_optimize) when that fails, which panic_on_warn makes the
 * end of the machine. */
#define CODE(bytes) bytes, sizeof(bytes) - 1
#define PUSH	    CODE("\x55\x5d\x90\xc3")	 /* push %rbp; pop %rbp; nop; ret */
#define MOVE	    CODE("\x48\x89\xf8\x90\xc3") /* mov %rdi,%rax; nop; ret */
/* push %rbx; push %rbp; mov %rdi,%rbx; mov %esi,%ebp; 1: call *%rbx; dec %ebp; jnz 1b;
 * pop %rbp; pop %rbx; ret */
#define CALLS	    CODE("\x53\x55\x48\x89\xfb\x89\xf5\xff\xd3\xff\xcd\x75\xfa\x5d\x5b\xc3")
#define NO_EXIT     0, CLASS(NONE)
#define PUSH_NOP    2, CLASS(EMULATED)
#define PUSH_RET    3, CLASS(STEPPED)
#define MOVE_NOP    3, CLASS(EMULATED)
#define MOVE_RET    4, CLASS(STEPPED)

static const struct variant variants[] = {
	{"bare push", UNPROBED, CLASS(EMULATED), 0, PUSH, NO_EXIT},
	{"bare mov", UNPROBED, CLASS(STEPPED), 1, MOVE, NO_EXIT},
	{"counted push", PROBE_COUNT, CLASS(EMULATED), 0, PUSH, NO_EXIT},
	{"counted mov", PROBE_COUNT, CLASS(STEPPED), 1, MOVE, NO_EXIT},
	{"timed push", TIMED, CLASS(EMULATED), 0, PUSH, NO_EXIT},
	{"timed mov", TIMED, CLASS(STEPPED), 1, MOVE, NO_EXIT},
	{"push, way out at nop", PROBE_SITES, CLASS(EMULATED), 0, PUSH, PUSH_NOP},
	{"push, way out at ret", PROBE_SITES, CLASS(EMULATED), 0, PUSH, PUSH_RET},
	{"mov, way out at nop", PROBE_SITES, CLASS(STEPPED), 1, MOVE, MOVE_NOP},
	{"mov, way out at ret", PROBE_SITES, CLASS(STEPPED), 1, MOVE, MOVE_RET},
	{"caller", CALLER, CLASS(EMULATED), 0, CALLS, NO_EXIT},
};

#define VARIANTS      ARRAY_SIZE(variants)
#define VARIANT_CALLER (VARIANTS - 1)

struct calibration {
	struct calibration_place place;
	sd_event_source *io, *timer;
	pid_t child;
	int code_fd, go_fd, out_fd;
	struct target *target;
	calibration_handler handler;
	void *userdata;
};

static uint32_t batch_calls(const struct variant *v)
{
	return v->class == CLASS(STEPPED) || v->exit_class == CLASS(STEPPED) ? STEPPED_CALLS
									    : CHEAP_CALLS;
}

/* --- the child ------------------------------------------------------------------- */

static void call_times(void *code, size_t i, uint32_t calls)
{
	void (*caller)(uintptr_t, uint32_t);

	caller = (void (*)(uintptr_t, uint32_t))((uintptr_t)code + VARIANT_CALLER * STRIDE);
	caller((uintptr_t)code + i * STRIDE, calls);
}

/* Picoseconds a call: an unprobed one takes a nanosecond or two. */
static void run_round(void *code, int64_t *ret_ps)
{
	uint64_t start;
	size_t i;

	for (i = 0; i < VARIANT_CALLER; i++) {
		uint32_t calls = batch_calls(&variants[i]);

		start = clock_ns(CLOCK_MONOTONIC);
		call_times(code, i, calls);
		ret_ps[i] = (int64_t)(clock_ns(CLOCK_MONOTONIC) - start) * 1000 / calls;
	}
}

static void run_rounds(void *code, int64_t *ret_ps)
{
	int64_t seen[ROUNDS][VARIANTS], over[ROUNDS];
	size_t i, k;

	for (i = 0; i < VARIANT_CALLER; i++)
		call_times(code, i, WARM_CALLS);
	for (k = 0; k < ROUNDS; k++)
		run_round(code, seen[k]);
	for (i = 0; i < VARIANT_CALLER; i++) {
		bool bare = variants[i].kind == UNPROBED;

		for (k = 0; k < ROUNDS; k++)
			over[k] = seen[k][i] - (bare ? 0 : seen[k][variants[i].over]);
		ret_ps[i] = prices_median(over, ROUNDS);
	}
}

/* Only the three descriptors stay: links and maps of BPF would live on in us. */
static int keep_only(int *code_fd, int *go_fd, int *out_fd)
{
	int *each[] = {code_fd, go_fd, out_fd};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(each); i++) {
		*each[i] = fcntl(*each[i], F_DUPFD_CLOEXEC, 16);
		if (*each[i] < 0)
			return -errno;
	}
	for (i = 0; i < ARRAY_SIZE(each); i++) {
		if (dup2(*each[i], (int)i) < 0)
			return -errno;
		*each[i] = (int)i;
	}
	return syscall(SYS_close_range, 3u, ~0u, 0u) < 0 ? -errno : 0;
}

static void child_main(pid_t parent, int code_fd, int go_fd, int out_fd)
{
	int64_t ps[VARIANTS] = {};
	void *code;
	char go;

	/* It still has the daemon's memory: other processes of nobody keep out. */
	if (keep_only(&code_fd, &go_fd, &out_fd) < 0 || nobody_become(CPU_MAX_SEC) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0)
		_exit(126);
	if (getppid() != parent)
		_exit(0);
	code = mmap(NULL, CODE_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE, code_fd, 0);
	if (code == MAP_FAILED)
		_exit(125);
	if (read(go_fd, &go, 1) != 1)
		_exit(0);
	run_rounds(code, ps);
	_exit(wire_write_all(out_fd, (const uint8_t *)ps, sizeof(ps)) < 0);
}

/* --- setting up -------------------------------------------------------------------- */

static int code_file(void)
{
	_cleanup_fd_ int fd = memfd_create("hotpath-calibration", MFD_CLOEXEC);
	uint8_t page[CODE_BYTES];
	size_t i;
	int r;

	if (fd < 0)
		return -errno;
	memset(page, 0xcc, sizeof(page)); /* int3: nobody strays in here */
	for (i = 0; i < VARIANTS; i++)
		memcpy(page + i * STRIDE, variants[i].code, variants[i].length);
	r = wire_write_all(fd, page, sizeof(page));
	return r < 0 ? r : TAKE_FD(fd);
}

static int calibration_spawn(struct calibration *c)
{
	_cleanup_fd_ int go_fd = -1, out_fd = -1;
	pid_t parent = getpid();
	sigset_t none;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	go_fd = fds[0];
	c->go_fd = fds[1];
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	c->out_fd = fds[0];
	out_fd = fds[1];

	c->child = fork();
	if (c->child < 0)
		return -errno;
	if (c->child == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		child_main(parent, c->code_fd, go_fd, out_fd);
	}
	return 0;
}

static enum probe_kind timed_kind(const struct features *features)
{
	return features->session ? PROBE_SESSION : PROBE_PAIR;
}

static enum probe_kind variant_kind(const struct variant *v, const struct features *features)
{
	return v->kind == TIMED || v->kind == CALLER ? timed_kind(features)
						     : (enum probe_kind)v->kind;
}

/* Has the functions of one kind counted, as an attach would. */
static int calibration_join(struct calibration *c, enum probe_kind kind, const struct stat *st)
{
	Hotpath__ReaderFunction function[VARIANTS], *functions[VARIANTS];
	Hotpath__ReaderExit exit[VARIANTS], *exits[VARIANTS];
	Hotpath__ReaderObjectReply object = HOTPATH__READER_OBJECT_REPLY__INIT;
	uint32_t chosen[VARIANTS];
	struct group_want want = {.kind = kind, .dev = st->st_dev, .ino = st->st_ino,
				  .file_fd = c->code_fd, .object = &object, .chosen = chosen};
	struct group *group;
	size_t i;
	int r;

	for (i = 0; i < VARIANTS; i++) {
		const struct variant *v = &variants[i];

		hotpath__reader_function__init(&function[i]);
		function[i].name.data = (uint8_t *)v->name;
		function[i].name.len = strlen(v->name);
		function[i].offset = i * STRIDE;
		function[i].class_ = v->class;
		functions[i] = &function[i];
		hotpath__reader_exit__init(&exit[i]);
		exit[i].offset = i * STRIDE + v->exit;
		exit[i].class_ = v->exit_class;
		exits[i] = &exit[i];
		function[i].exits = &exits[i];
		function[i].n_exits = v->kind == PROBE_SITES;
		if (v->kind != UNPROBED && variant_kind(v, c->place.features) == kind)
			chosen[want.count++] = i;
	}
	object.functions = functions;
	object.n_functions = VARIANTS;
	r = group_get(c->place.groups, &want, &group);
	return r < 0 ? r : target_join(c->target, group, NULL);
}

static int calibration_probe(struct calibration *c)
{
	const struct calibration_place *place = &c->place;
	struct target_identity identity = {.pid = c->child};
	struct stat st;
	int r;

	if (fstat(c->code_fd, &st) < 0)
		return -errno;
	r = target_new(place->calls, place->blocks, place->groups, &identity, &c->target);
	if (r < 0)
		return r;
	/* What is to be known is what the clock said. */
	calls_slot(place->calls, c->target->slot)->price_scale = HP_PRICE_NONE;
	r = calibration_join(c, PROBE_COUNT, &st);
	if (r >= 0)
		r = calibration_join(c, timed_kind(place->features), &st);
	if (r >= 0)
		r = calibration_join(c, PROBE_SITES, &st);
	return r;
}

/* --- the result ------------------------------------------------------------------- */

/* What BPF counted of a function. */
struct figures {
	uint64_t calls, timed;
	uint64_t median_ns; /* of the times that its probes told, nothing taken off */
};

static const struct hp_func *variant_func(const struct calibration *c, size_t i,
					  const struct cell **ret_cell)
{
	size_t m, k;

	for (m = 0; m < c->target->n_members; m++) {
		const struct group *group = c->target->member[m].group;

		for (k = 0; k < group->count; k++) {
			if (group->functions[k].offset != i * STRIDE)
				continue;
			*ret_cell = &c->target->member[m].cell;
			return cell_func(*ret_cell, k);
		}
	}
	return NULL;
}

static struct figures variant_figures(const struct calibration *c, size_t i)
{
	uint64_t count[HP_HIST_BUCKETS];
	uint32_t bucket[HP_HIST_BUCKETS];
	struct figures figures = {};
	const struct hp_func *func;
	const struct cell *cell;
	size_t n, k;

	func = variant_func(c, i, &cell);
	if (!func)
		return figures;
	figures.calls = model_calls(func);
	n = model_histogram(func, cell->blocks, cell->n_blocks, bucket, count);
	for (k = 0; k < n; k++)
		figures.timed += count[k];
	figures.median_ns = prices_histogram_median(bucket, count, n);
	return figures;
}

/* A price is one only if every call hit its probe, and every way out its own. */
static const char *variant_doubt(const struct figures *seen, size_t i, int64_t ps)
{
	uint64_t expected = (uint64_t)ROUNDS * batch_calls(&variants[i]) + WARM_CALLS;

	if (seen->calls != expected)
		return "not every call hit the probe";
	if (variants[i].kind != PROBE_COUNT && seen->timed != expected)
		return "not every call was timed";
	return ps / 1000 > 0 ? NULL : "was not slower than without";
}

/* bare_ns: what the function itself takes. */
static void price_take(struct prices *prices, const struct variant *v, uint64_t ns,
		       uint64_t median_ns, uint64_t bare_ns)
{
	uint64_t inside = median_ns > bare_ns ? median_ns - bare_ns : 0;

	switch (v->kind) {
	case PROBE_COUNT:
		prices->entry_ns[v->class] = ns;
		break;
	case PROBE_SITES:
		prices->sites_ns[v->class][v->exit_class] = ns;
		prices->sites_inside_ns[v->class][v->exit_class] = inside;
		break;
	default:
		prices->session_ns[v->class] = ns;
		prices->session_inside_ns[v->class] = inside;
	}
}

static void prices_take(const struct calibration *c, const int64_t *ps, struct prices *prices)
{
	const char *doubt;
	size_t i;

	for (i = 0; i < VARIANTS; i++) {
		const struct variant *v = &variants[i];
		struct figures seen;

		if (v->kind == UNPROBED || v->kind == CALLER)
			continue;
		seen = variant_figures(c, i);
		doubt = variant_doubt(&seen, i, ps[i]);
		if (doubt) {
			log_warning("calibration: %s: %s", v->name, doubt);
			snprintf(prices->missing, sizeof(prices->missing), "%s: %s", v->name, doubt);
			continue;
		}
		price_take(prices, v, (uint64_t)ps[i] / 1000, seen.median_ns,
			   (uint64_t)ps[v->over] / 1000);
	}
}

static void calibration_free(struct calibration *c)
{
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->timer);
	close_fd(c->go_fd);
	close_fd(c->out_fd);
	if (c->child > 0) {
		kill(c->child, SIGKILL);
		waitpid(c->child, NULL, 0);
	}
	target_unref(c->target);
	close_fd(c->code_fd);
	free(c);
}

struct calibration *calibrate_cancel(struct calibration *c)
{
	if (c)
		calibration_free(c);
	return NULL;
}

static void calibration_finish(struct calibration *c, const int64_t *ps, const char *why)
{
	struct prices prices = {};

	if (ps)
		prices_take(c, ps, &prices);
	else
		snprintf(prices.missing, sizeof(prices.missing), "%s", why);
	c->handler(c->userdata, &prices);
	calibration_free(c);
}

/* One write of less than PIPE_BUF: it comes as a whole or not at all. */
static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	int64_t ps[VARIANTS];

	if (read(fd, ps, sizeof(ps)) == sizeof(ps))
		calibration_finish(userdata, ps, NULL);
	else
		calibration_finish(userdata, NULL, "the calibrating process failed");
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	calibration_finish(userdata, NULL, "the calibrating process took more than 5 s");
	return 0;
}

static int calibration_run(struct calibration *c)
{
	sd_event *event = c->place.event;
	int r;

	c->code_fd = code_file();
	if (c->code_fd < 0)
		return c->code_fd;
	r = calibration_spawn(c);
	if (r >= 0)
		r = calibration_probe(c);
	if (r >= 0)
		r = sd_event_add_io(event, &c->io, c->out_fd, EPOLLIN, on_answer, c);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &c->timer, CLOCK_MONOTONIC, TIME_MAX_USEC, 0,
					       on_timeout, c);
	return r < 0 ? r : wire_write_all(c->go_fd, (const uint8_t *)"g", 1);
}

int calibrate_start(const struct calibration_place *place, calibration_handler handler,
		    void *userdata, char *missing, size_t size, struct calibration **ret)
{
	struct calibration *c;
	int r;

	if (!place->features->multi) {
		snprintf(missing, size, "on this kernel a probe takes too long to remove");
		return -EOPNOTSUPP;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		snprintf(missing, size, "out of memory");
		return -ENOMEM;
	}
	c->place = *place;
	c->code_fd = c->go_fd = c->out_fd = -1;
	c->handler = handler;
	c->userdata = userdata;
	r = calibration_run(c);
	if (r < 0) {
		snprintf(missing, size, "cannot calibrate: %s", strerror(-r));
		calibration_free(c);
		return r;
	}
	*ret = c;
	return 0;
}
