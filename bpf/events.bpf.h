/* SPDX-License-Identifier: GPL-2.0-only */
/* Rare things that the daemon must hear of at once, from all BPF objects in one ring. */
#ifndef HOTPATH_BPF_EVENTS_H
#define HOTPATH_BPF_EVENTS_H

#include "hotpath.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, HP_EVENTS_BYTES);
} hp_events SEC(".maps");

static __always_inline void tell(struct hp_event *event)
{
	event->time_ns = bpf_ktime_get_ns();
	if (bpf_ringbuf_output(&hp_events, event, sizeof(*event), 0))
		hp_count_by(hp_slot_get(0), HP_COUNTER_events_lost);
}

#endif
