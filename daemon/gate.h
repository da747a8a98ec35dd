/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate: programs of a family that nobody knows yet are held before their own
 * code runs, for as long as it takes to put probes in place.
 *
 * Threads of their own seize what bpf/gate.bpf.h announces, by ptrace: unlike
 * SIGSTOP the real parent does not see that, and the kernel lets the tracee go when
 * hotpathd dies. After GATE_HOLD_NS it is let go in any case, a translator, which a probe in
 * its way would end, after GATE_TRANSLATOR_NS. Threads and event loop never wait for each
 * other (handoff.h), nor for a target: what cannot be seized in time is not held.
 *
 *	gate_new(event, calls, handler, userdata, &gate)
 *	  handler(userdata, hold, held)	in the event loop; once for each
 *	gate_release(gate, hold.id)	it runs on
 *	gate_free(gate)			all run on
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "collect-calls.h"

#define GATE_HOLD_NS	   1000000000ull
#define GATE_TRANSLATOR_NS 30000000000ull

struct gate;

/* held: false when another tracer has it, a thread of it execs, it is gone, or there is no
 * memory; it is not to be released. */
typedef void (*gate_handler)(void *userdata, const struct hp_hold *hold, bool held);

int gate_new(sd_event *event, struct calls *calls, gate_handler handler, void *userdata,
	     struct gate **ret);
void gate_release(struct gate *gate, uint64_t id);
/* Did it run on, for a moment, before it was seized? */
bool gate_was_late(const struct gate *gate, const struct hp_hold *hold);
struct gate *gate_free(struct gate *gate);

#endif
