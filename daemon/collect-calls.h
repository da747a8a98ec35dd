/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Collector calls, daemon side: owns the BPF objects of calls and life (the only
 * users of their skeletons), the shared maps and the events.
 *
 *	calls_new(features, ...)	load
 *	calls_watch(calls, event, ...)	be told of exec and of loaded objects
 *	calls_target_set / _clear	who is a target, and in which slot
 *	calls_link(...)			probes on sites
 *	calls_open_frames(...)		what is open in a process now
 *	calls_forget(...)		what was open in a Go process that is no target now
 *	calls_free(calls)
 */
#ifndef DAEMON_COLLECT_CALLS_H
#define DAEMON_COLLECT_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "bpf/hotpath.h"
#include "features.h"
#include "link.h"

struct calls;

/* How a function's calls are seen. */
enum probe_kind {
	PROBE_SESSION,	/* entry and return, one program, every process, vetoing */
	PROBE_PAIR,	/* entry and return, two programs: kernels without sessions */
	PROBE_SITES,	/* entry and every way out, nothing armed */
	PROBE_COUNT,	/* entry only */
	PROBE_EXITS,	/* ways out alone */
	PROBE_LOADER,	/* the dynamic loader's debug hook */
};

int calls_new(const struct features *features, struct calls **ret);
struct calls *calls_free(struct calls *calls);

typedef void (*calls_event_handler)(void *userdata, const struct hp_event *event);
int calls_watch(struct calls *calls, sd_event *event, calls_event_handler handler, void *userdata);
/* Handles what is in the ring buffer now. */
void calls_drain(struct calls *calls);

/*
 * Links sites with the programs for a kind; exits are those of PROBE_SITES, else
 * NULL. pid 0: every process. Fills fds and *ret_fds; on the perf rung one per site
 * and program, else one or two. The caller closes and frees them. -E2BIG: more sites
 * than this kernel bears.
 */
int calls_link(struct calls *calls, enum probe_kind kind, const struct link_sites *sites,
	       const struct link_sites *exits, pid_t pid, int **ret_fds, size_t *ret_n);

/* What was open in its goroutines is forgotten, and the memory for it given back. */
void calls_forget(struct calls *calls, pid_t pid);

/* From here on BPF takes the process for the target of that slot. */
int calls_target_set(struct calls *calls, uint32_t tgid, uint32_t slot);
/* The same of one that BPF follows, flags: HP_PROCESS_*; -ESRCH: it has ended, and BPF has
 * let it go. */
int calls_target_move(struct calls *calls, uint32_t tgid, uint32_t slot, uint32_t flags);
/* False: it was none (any more). */
bool calls_target_clear(struct calls *calls, uint32_t tgid);
/* 0: it is no target. */
uint32_t calls_target_slot(struct calls *calls, uint32_t tgid);
/* HP_PROCESS_* of it; 0: it is no target. */
uint32_t calls_target_flags(struct calls *calls, uint32_t tgid);
/* Times the loader's hook has run in it since exec. */
uint32_t calls_target_hooks(struct calls *calls, uint32_t tgid);
/* The processes that count in a slot; how many were found, room at most. */
size_t calls_targets(struct calls *calls, uint32_t slot, uint32_t *tgids, size_t room);

/* Which kit a family has for an executable. */
int calls_exe_set(struct calls *calls, const struct hp_exe *exe, uint32_t kit);
void calls_exe_clear(struct calls *calls, const struct hp_exe *exe);

/* A family waits for such processes from here on; -EEXIST: another one does. */
int calls_select(struct calls *calls, const struct hp_select *what, uint32_t family);
void calls_unselect(struct calls *calls, const struct hp_select *what);

/* The memory that BPF and daemon share; use atomics on what BPF writes. */
struct hp_slot *calls_slot(struct calls *calls, uint32_t slot);
struct hp_group *calls_group(struct calls *calls, uint32_t group);
struct hp_kit *calls_kit(struct calls *calls, uint32_t kit);
struct hp_family *calls_family(struct calls *calls, uint32_t family);
struct hp_gate *calls_gate(struct calls *calls);
/* What BPF takes off durations, from the next call on. */
void calls_set_prices(struct calls *calls, const struct hp_prices *prices);
/* The ring buffer of struct hp_hold, which gate.c alone reads. */
int calls_holds_fd(const struct calls *calls);

/* Puts n pages of blocks into BPF's sight, or (fds NULL) takes them out. Waits,
 * once, until no running BPF program can still see what was there before. */
int calls_pages_set(struct calls *calls, uint32_t first, uint32_t n, const int *fds);

/* One call per thread of the process that has open frames. -EOPNOTSUPP without
 * the iterator. frames: open->depth of them, lowest first. */
typedef void (*calls_open_handler)(void *userdata, const struct hp_open *open,
				   const struct hp_frame *frames);
int calls_open_frames(struct calls *calls, pid_t pid, calls_open_handler handler, void *userdata);
/* The same for the goroutines of a Go process. */
void calls_open_goroutines(struct calls *calls, pid_t pid, calls_open_handler handler,
			   void *userdata);

/* The map of that name that all BPF objects share; < 0: none has that name. */
int calls_map_fd(const struct calls *calls, const char *name);

/* Of the maps that exist whatever is attached. */
uint64_t calls_fixed_bytes(void);

#endif
