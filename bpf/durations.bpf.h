/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a call took: the time between its two clock readings, less what probes added
 * to it: its own, and those of everything that it called. A frame gathers the latter
 * while it is open. Without prices (0) nothing is taken off.
 */
#ifndef HOTPATH_BPF_DURATIONS_H
#define HOTPATH_BPF_DURATIONS_H

#include "frames.bpf.h"
#include "histogram.bpf.h"

/* A price, on a machine that is as busy as the target's daemon found it. */
static __always_inline u64 price_here(u32 ns, u32 scale)
{
	if (!scale)
		return ns;
	return scale == HP_PRICE_NONE ? 0 : (u64)ns * scale >> HP_PRICE_BITS;
}

/* A probe was hit that ends no call of its own: the call in which it was hit paid. */
static __always_inline void hit_charge(struct hp_thread *thread, const struct hp_slot *slot,
				       u32 stepped)
{
	u64 ns = price_here(hp_prices.count[stepped & 1], slot->price_scale);

	if (ns && thread && thread->gen == slot->gen && thread->depth)
		frame_at(thread, thread->depth - 1)->probe_ns += ns;
}

/* ns may be less than zero. */
static __always_inline void call_add(struct hp_frame *frame, s64 ns, u64 probe_ns)
{
	struct hp_func *func = hp_func_get(frame->cell, frame->func);

	if (!func)
		return;
	__sync_fetch_and_add(&func->total_ns, ns);
	if (frame->child_ns)
		__sync_fetch_and_add(&func->child_ns, frame->child_ns);
	/* Also when it is nothing: else what is calibrated would do less than what is priced. */
	__sync_fetch_and_add(&func->probe_ns, probe_ns);
	if (ns < 0) {
		hp_count(&func->clipped);
		ns = 0;
	}
	raise_to(&func->max_ns, ns);
	raise_to(&func->min_inv, ~(u64)ns);
	hist_add(frame, func, ns);
}

/* What its probes cost, by how it was left. */
struct call_price {
	u64 full, inside;
};

static __always_inline struct call_price price_of_session(const struct hp_frame *frame, u32 scale)
{
	u32 in = frame->stepped & 1;

	return (struct call_price){price_here(hp_prices.session[in], scale),
				   price_here(hp_prices.session_inside[in], scale)};
}

static __always_inline struct call_price price_of_sites(const struct hp_frame *frame, u32 out,
							u32 scale)
{
	u32 in = frame->stepped & 1;

	return (struct call_price){price_here(hp_prices.sites[in][out & 1], scale),
				   price_here(hp_prices.sites_inside[in][out & 1], scale)};
}

/* Takes frame i off, and what lies above it. */
static __always_inline void frame_leave(struct hp_thread *thread, u32 i, u64 now,
					struct call_price price)
{
	struct hp_frame *frame = frame_at(thread, i), *caller;
	u64 probe_ns;
	s64 ns;

	if (thread->depth > i + 1)
		frames_unwind_to(thread, i + 1);
	thread->depth = i;

	probe_ns = price.inside + frame->probe_ns;
	ns = now - frame->start_ns - probe_ns;
	if (i > 0) {
		caller = frame_at(thread, i - 1);
		caller->child_ns += ns;
		caller->probe_ns += price.full + frame->probe_ns;
	}
	call_add(frame, ns, probe_ns);
}

#endif
