// SPDX-License-Identifier: GPL-2.0-only
/* Holds programs by ptrace; see gate.h. */
#include "gate.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "handoff.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proc.h"

#define HELD_FIRST 1024
/* How often a thread is asked for that has not stopped yet. */
#define STOP_POLL_NS   1000000
#define EXPIRY_POLL_NS 5000000
/* How long the ring is left to the other keeper when that reads it. */
#define TAKEN_POLL_NS 250000

/* Translators that the event loop could not be told of yet; more are let go by time. */
#define UNTOLD_MAX 64

/* One that is held; only the gate's thread looks at it, being its tracer. */
struct held {
	struct hp_hold hold;
	uint64_t since_ns;
	bool leaving;
	bool stopped; /* which waitpid() says once; by this, or by our own interrupt: */
	int signal;
};

struct gate_message {
	struct hp_hold hold;
	bool held;
};

/*
 * A thread, on its half of the CPUs: who waits in BPF occupies one, and the scheduler
 * may have chosen just that for a thread it wakes up (holds were late, with one
 * thread, on a kernel that does not preempt itself).
 */
struct keeper {
	struct gate *gate;
	unsigned int half;
	pthread_t thread;
	pid_t tid;
	bool started;
	struct handoff messages; /* for the event loop */
	struct handoff released; /* its answers: ids of holds, RELEASE_ALL: the end */
	/* struct hp_hold; by the other keeper: came to the gate once more while this one has it */
	struct handoff passed;
	struct gate_message untold[UNTOLD_MAX];
	size_t n_untold;
	timer_t overdue; /* while it seizes */
	bool timed;	 /* there is one */
	sd_event_source *source;
	struct held *held;
	size_t n_held, room;
};

#define RELEASE_ALL 0 /* no hold's id */

#define KEEPERS 2

struct gate {
	struct calls *calls;
	struct hp_gate *shared;
	pthread_mutex_t lock; /* of the ring */
	struct keeper *reader; /* who has it */
	struct ring_buffer *ring;
	struct keeper keeper[KEEPERS];
	gate_handler handler;
	void *userdata;
};

/* --- the thread ------------------------------------------------------------------ */

static bool has_room(struct keeper *k)
{
	size_t room = k->room ? 2 * k->room : HELD_FIRST;
	struct held *grown;

	if (k->n_held < k->room)
		return true;
	grown = reallocarray(k->held, room, sizeof(*grown));
	if (!grown)
		return false;
	/* As in handoff.c. */
	explicit_bzero(grown + k->n_held, (room - k->n_held) * sizeof(*grown));
	k->held = grown;
	k->room = room;
	return true;
}

/* Late at the first run of the hook, it was seized on its way to the second, or there: it
 * stays, whatever becomes of that first hold. */
static bool holds_already(struct keeper *k, const struct hp_hold *hold)
{
	size_t i;

	for (i = 0; i < k->n_held && k->held[i].hold.tid != hold->tid; i++)
		;
	if (i == k->n_held)
		return false;
	k->held[i] = (struct held){
		.hold = *hold,
		.since_ns = clock_ns(CLOCK_MONOTONIC),
	};
	return true;
}

/*
 * It ran on, late, from where the other keeper was asked for it, and that one has it now:
 * then the other must not let it go for what it was held for before. It is told before
 * BPF is answered, so before it can stop, and looks again when it has (let_go).
 */
static bool pass(struct keeper *k, const struct hp_hold *hold)
{
	struct keeper *other = &k->gate->keeper[(k->half + 1) % KEEPERS];

	return proc_tracer(hold->tid) == __atomic_load_n(&other->tid, __ATOMIC_ACQUIRE) &&
	       handoff_put(&other->passed, hold) == 0;
}

static void take_passed(struct keeper *k)
{
	struct hp_hold passed;
	size_t i;

	while (handoff_take(&k->passed, &passed)) {
		for (i = 0; i < k->n_held; i++) {
			if (k->held[i].hold.tid != passed.tid)
				continue;
			k->held[i].hold = passed;
			k->held[i].since_ns = clock_ns(CLOCK_MONOTONIC);
			k->held[i].leaving = false;
		}
	}
}

/*
 * ptrace waits while a thread of that process is in execve: as long as the file is read, or
 * for ever when that waits for a thread to be gone that we hold. A signal alone does not
 * end it, as the kernel begins it anew.
 */
#define OVERDUE_SIGNAL SIGRTMIN

static __thread volatile sig_atomic_t is_seizing;
static __thread sigjmp_buf is_overdue;

static void on_overdue(int signal)
{
	if (is_seizing)
		siglongjmp(is_overdue, signal);
}

/* 0 or -errno; -ETIMEDOUT: not within the time that it waits. */
static int seize_in_time(struct keeper *k, pid_t tid)
{
	const struct itimerspec limit = {.it_value.tv_nsec = HP_GATE_NS}, none = {};
	int r;

	if (!k->timed)
		return -ETIMEDOUT;
	if (sigsetjmp(is_overdue, 0)) {
		is_seizing = 0;
		/* It may have had it, and just not been back. */
		return proc_tracer(tid) == gettid() ? 0 : -ETIMEDOUT;
	}
	/* First: the timer may be over before the next line. */
	is_seizing = 1;
	timer_settime(k->overdue, 0, &limit, NULL);
	r = ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0 ? -errno : 0;
	is_seizing = 0;
	timer_settime(k->overdue, 0, &none, NULL);
	return r;
}

static bool seize(struct keeper *k, const struct hp_hold *hold)
{
	pid_t tid = hold->tid;
	int r;

	if (holds_already(k, hold))
		return true;
	if (!has_room(k))
		return false;
	r = seize_in_time(k, tid);
	if (r == -EPERM && pass(k, hold))
		return true;
	/* Let go meanwhile? */
	if (r < 0 && r != -ETIMEDOUT)
		r = seize_in_time(k, tid);
	if (r < 0)
		return false;
	/* Fails only when it ends, which waitpid() tells. */
	(void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	k->held[k->n_held++] = (struct held){
		.hold = *hold,
		.since_ns = clock_ns(CLOCK_MONOTONIC),
	};
	return true;
}

/* It ran on, or will, before its probes are in place. */
static void run_late(const struct keeper *k, const struct held *h)
{
	__atomic_store_n(&k->gate->shared->late[h->hold.id % HP_GATE_LATE], h->hold.id,
			 __ATOMIC_RELEASE);
}

static bool is_translator(const struct hp_hold *hold)
{
	return hold->flags & HP_PROCESS_TRANSLATES;
}

/* There is no room to tell of it: it runs on, and is counted as the kernel counts those
 * that find the ring full. A translator is told of later; past UNTOLD_MAX those that wait
 * longer have the probes removed for it. */
static void run_untold(struct keeper *k, const struct gate_message *message)
{
	struct calls *calls = k->gate->calls;
	const struct hp_slot *slot = calls_slot(calls, message->hold.slot);
	size_t i;

	if (is_translator(&message->hold) && k->n_untold < UNTOLD_MAX) {
		k->untold[k->n_untold++] = *message;
		return;
	}
	for (i = 0; i < k->n_held && !is_translator(&message->hold); i++) {
		if (k->held[i].hold.id == message->hold.id)
			k->held[i].leaving = true;
	}
	__atomic_fetch_add(&calls_slot(calls, 0)->counter[HP_COUNTER_held_late], 1,
			   __ATOMIC_RELAXED);
	__atomic_fetch_add(&calls_family(calls, slot->family)->missed, 1, __ATOMIC_RELAXED);
}

static void tell_untold(struct keeper *k)
{
	size_t n = 0;

	while (n < k->n_untold && handoff_put(&k->messages, &k->untold[n]) == 0)
		n++;
	k->n_untold -= n;
	memmove(k->untold, k->untold + n, k->n_untold * sizeof(*k->untold));
}

static int on_hold(void *userdata, void *data, size_t size)
{
	struct gate *gate = userdata;
	struct keeper *k = gate->reader;
	struct gate_message message = {};

	if (size < sizeof(message.hold))
		return 0;
	message.hold = *(const struct hp_hold *)data;
	message.held = seize(k, &message.hold);
	__atomic_store_n(&gate->shared->answered[message.hold.id % HP_GATE_WAITERS],
			 message.hold.id, __ATOMIC_RELEASE);
	if (handoff_put(&k->messages, &message) < 0)
		run_untold(k, &message);
	return 0;
}

/* Whoever comes first reads what there is; the other need not wait for that: false. */
static bool read_holds(struct keeper *k)
{
	struct gate *gate = k->gate;

	if (pthread_mutex_trylock(&gate->lock) != 0)
		return false;
	gate->reader = k;
	ring_buffer__consume(gate->ring);
	pthread_mutex_unlock(&gate->lock);
	return true;
}

/* True: it runs on, or is gone. A signal that stopped it first is handed on. */
static bool let_go(struct keeper *k, struct held *h)
{
	int status;
	pid_t r;

	if (!h->stopped) {
		r = waitpid(h->hold.tid, &status, __WALL | WNOHANG);
		if (r == 0)
			return false;
		if (r < 0 || !WIFSTOPPED(status))
			return true;
		h->stopped = true;
		h->signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
		/* What was passed before it stopped is here by now. */
		take_passed(k);
		if (!h->leaving)
			return false;
	}
	return ptrace(PTRACE_DETACH, h->hold.tid, NULL, h->signal) == 0 || errno == ESRCH;
}

/* It was killed; nobody else is told so before us. */
static bool has_ended(pid_t tid)
{
	siginfo_t info = {};

	/* That one of ours has stopped is told as well. */
	return waitid(P_PID, tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
	       (info.si_pid && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED);
}

/* Whoever sends it a signal, or waits for its end, gets an answer as soon as ever; but
 * a signal is not worth a translator's life. */
static bool is_due(const struct held *h, uint64_t now)
{
	if (is_translator(&h->hold))
		return now - h->since_ns > GATE_TRANSLATOR_NS || has_ended(h->hold.tid);
	return now - h->since_ns > GATE_HOLD_NS || proc_has_signal(h->hold.tid);
}

static bool let_go_of_leaving(struct keeper *k)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	bool waiting = false;
	size_t i;

	for (i = k->n_held; i-- > 0;) {
		struct held *h = &k->held[i];

		if (!h->leaving && is_due(h, now)) {
			h->leaving = true;
			run_late(k, h);
		}
		if (!h->leaving)
			continue;
		if (let_go(k, h))
			*h = k->held[--k->n_held];
		else
			waiting = true;
	}
	return waiting;
}

/* False: it is time to end. */
static bool on_release(struct keeper *k)
{
	uint64_t id;
	size_t i;

	while (handoff_take(&k->released, &id)) {
		/* What this is about may just have been passed. */
		take_passed(k);
		for (i = 0; i < k->n_held; i++) {
			if (k->held[i].hold.id == id || id == RELEASE_ALL)
				k->held[i].leaving = true;
		}
		if (id == RELEASE_ALL)
			return false;
	}
	return true;
}

static void keep_to_half(const struct keeper *k)
{
	cpu_set_t all, half;
	int cpu, nth = 0;

	CPU_ZERO(&half);
	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &all) && nth++ % KEEPERS == (int)k->half)
			CPU_SET(cpu, &half);
	}
	if (CPU_COUNT(&half))
		(void)pthread_setaffinity_np(pthread_self(), sizeof(half), &half);
}

/* What this thread cannot be freed from it does not begin. */
static void time_seizing(struct keeper *k)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = OVERDUE_SIGNAL};
	sigset_t signals;

	event._sigev_un._tid = gettid();
	sigemptyset(&signals);
	sigaddset(&signals, OVERDUE_SIGNAL);
	k->timed = timer_create(CLOCK_MONOTONIC, &event, &k->overdue) == 0;
	if (!k->timed)
		log_warning_errno(-errno, "no program can be held: timer_create");
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

/* Until there is something to do. */
static void rest(const struct keeper *k, bool going, bool reads, bool waiting)
{
	struct pollfd fds[] = {{.fd = handoff_fd(&k->released), .events = POLLIN},
			       {.fd = handoff_fd(&k->passed), .events = POLLIN},
			       {.fd = ring_buffer__epoll_fd(k->gate->ring), .events = POLLIN}};
	struct timespec time = {.tv_nsec = EXPIRY_POLL_NS};
	bool for_ever = false;

	if (going && !reads)
		time.tv_nsec = TAKEN_POLL_NS;
	else if (waiting)
		time.tv_nsec = STOP_POLL_NS;
	else
		for_ever = !k->n_held && !k->n_untold;
	/* Not the ring while the other reads it: that would be no rest. */
	(void)ppoll(fds, going ? 2 + reads : 0, for_ever ? NULL : &time, NULL);
}

static void *keeper_thread(void *userdata)
{
	struct keeper *k = userdata;
	const struct sched_param param = {.sched_priority = 1};
	bool going = true, reads = true, waiting;

	/* Who waits burns a CPU meanwhile. Without the right to this it is only later. */
	(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
	keep_to_half(k);
	time_seizing(k);
	__atomic_store_n(&k->tid, gettid(), __ATOMIC_RELEASE);
	while (going || k->n_held) {
		if (going)
			reads = read_holds(k);
		tell_untold(k);
		going = going && on_release(k);
		take_passed(k);
		waiting = let_go_of_leaving(k);
		if (going || k->n_held)
			rest(k, going, reads, waiting);
	}
	if (k->timed)
		timer_delete(k->overdue);
	return NULL;
}

/* --- the event loop's side ---------------------------------------------------------- */

static int on_message(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct keeper *k = userdata;
	struct gate_message message;

	while (handoff_take(&k->messages, &message))
		k->gate->handler(k->gate->userdata, &message.hold, message.held);
	return 0;
}

/* Only one has it; to the other the number means nothing. */
void gate_release(struct gate *gate, uint64_t id)
{
	size_t i;
	int r;

	for (i = 0; i < KEEPERS; i++) {
		r = gate->keeper[i].started ? handoff_put(&gate->keeper[i].released, &id) : 0;
		if (r < 0)
			log_error_errno(r, "let a held program go at once, not in 1 s");
	}
}

bool gate_was_late(const struct gate *gate, const struct hp_hold *hold)
{
	return __atomic_load_n(&gate->shared->late[hold->id % HP_GATE_LATE],
			       __ATOMIC_ACQUIRE) == hold->id;
}

/* Signals are the event loop's. */
static int keeper_start(struct gate *gate, unsigned int half, sd_event *event)
{
	struct keeper *k = &gate->keeper[half];
	sigset_t all, before;
	int r;

	k->gate = gate;
	k->half = half;
	r = has_room(k) ? handoff_init(&k->released, sizeof(uint64_t)) : -ENOMEM;
	if (r >= 0)
		r = handoff_init(&k->messages, sizeof(struct gate_message));
	if (r >= 0)
		r = handoff_init(&k->passed, sizeof(struct hp_hold));
	if (r >= 0)
		r = sd_event_add_io(event, &k->source, handoff_fd(&k->messages), EPOLLIN,
				    on_message, k);
	if (r < 0)
		return r;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&k->thread, NULL, keeper_thread, k);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	k->started = r == 0;
	return -r;
}

int gate_new(sd_event *event, struct calls *calls, gate_handler handler, void *userdata,
	     struct gate **ret)
{
	/* It leaves a system call by a jump, so it is not to be masked by its own. */
	const struct sigaction overdue = {.sa_handler = on_overdue,
					  .sa_flags = SA_NODEFER | SA_RESTART};
	struct gate *gate = calloc(1, sizeof(*gate));
	unsigned int i;
	int r;

	if (!gate)
		return -ENOMEM;
	for (i = 0; i < KEEPERS; i++)
		gate->keeper[i].released.fd = gate->keeper[i].messages.fd =
			gate->keeper[i].passed.fd = -1;
	pthread_mutex_init(&gate->lock, NULL);
	gate->calls = calls;
	gate->shared = calls_gate(calls);
	gate->handler = handler;
	gate->userdata = userdata;
	sigaction(OVERDUE_SIGNAL, &overdue, NULL);
	gate->ring = ring_buffer__new(calls_holds_fd(calls), on_hold, gate, NULL);
	r = gate->ring ? 0 : -errno;
	for (i = 0; r >= 0 && i < KEEPERS; i++)
		r = keeper_start(gate, i, event);
	if (r < 0) {
		gate_free(gate);
		return r;
	}
	*ret = gate;
	return 0;
}

struct gate *gate_free(struct gate *gate)
{
	struct keeper *k;

	if (!gate)
		return NULL;
	gate_release(gate, RELEASE_ALL);
	for (k = gate->keeper; k < gate->keeper + KEEPERS; k++) {
		if (k->started)
			pthread_join(k->thread, NULL);
		sd_event_source_disable_unref(k->source);
		handoff_done(&k->messages);
		handoff_done(&k->released);
		handoff_done(&k->passed);
		free(k->held);
	}
	ring_buffer__free(gate->ring);
	pthread_mutex_destroy(&gate->lock);
	free(gate);
	return NULL;
}
