/* SPDX-License-Identifier: GPL-2.0-only */
/* Adding a duration to a function's figures; the layout is in hotpath.h. */
#ifndef HOTPATH_BPF_HISTOGRAM_H
#define HOTPATH_BPF_HISTOGRAM_H

#include "hotpath.bpf.h"

static __always_inline void raise_to(u64 *slot, u64 value)
{
	u64 old = *slot, seen;
	int n;

	/* Each failed try means that another CPU raised it: 16 in a row do not happen. */
	for (n = 0; n < 16 && value > old; n++) {
		seen = __sync_val_compare_and_swap(slot, old, value);
		if (seen == old)
			break;
		old = seen;
	}
}

static __always_inline u32 log2_of(u64 v)
{
	u32 r = 0;

	if (v >> 32) {
		v >>= 32;
		r += 32;
	}
	if (v >> 16) {
		v >>= 16;
		r += 16;
	}
	if (v >> 8) {
		v >>= 8;
		r += 8;
	}
	if (v >> 4) {
		v >>= 4;
		r += 4;
	}
	if (v >> 2) {
		v >>= 2;
		r += 2;
	}
	return r + (v >> 1);
}

/* 64 bits wide and behind barriers: the verifier must see one register checked
 * and then used. */
static __always_inline u32 *chunk_of(struct hp_func *func, u64 k)
{
	asm volatile("" : "+r"(k));
	if (k >= HP_HIST_CHUNKS)
		return NULL;
	asm volatile("" : "+r"(k));
	return &func->chunk[k];
}

/* Hands a function one more chunk of its cell; 0 when they ran out. */
static __noinline u32 chunk_new(u32 cell, u32 func_index, u64 k)
{
	union hp_block *block = hp_block_get(cell, 0);
	struct hp_func *func = hp_func_get(cell, func_index);
	u32 used, index, seen, *chunk;

	if (!block || !func || block->head.chunks_used >= block->head.chunks)
		return 0;
	chunk = chunk_of(func, k);
	if (!chunk)
		return 0;

	used = __sync_fetch_and_add(&block->head.chunks_used, 1);
	if (used >= block->head.chunks)
		return 0;

	/* Lost the race to another CPU: use its chunk, ours stays empty. */
	index = 1 + block->head.functions + used;
	seen = __sync_val_compare_and_swap(chunk, 0, index);
	return seen ?: index;
}

static __always_inline u64 hist_chunk(u64 ns, u32 *sub)
{
	u32 e;

	*sub = ns;
	if (ns < HP_HIST_SUB)
		return 0;
	e = log2_of(ns);
	if (e >= HP_HIST_SUB_BITS + HP_HIST_CHUNKS - 1) {
		*sub = HP_HIST_SUB - 1;
		return HP_HIST_CHUNKS - 1;
	}
	*sub = ns >> (e - HP_HIST_SUB_BITS);
	return e - (HP_HIST_SUB_BITS - 1);
}

static __always_inline void hist_add(struct hp_frame *frame, struct hp_func *func, u64 ns)
{
	union hp_block *block = NULL;
	u32 sub, index, *chunk;
	u64 k;

	k = hist_chunk(ns, &sub);
	chunk = chunk_of(func, k);
	index = chunk ? *chunk : 0;
	if (!index)
		index = chunk_new(frame->cell, frame->func, k);
	if (index)
		block = hp_block_get(frame->cell, index);
	if (block)
		hp_count(&block->bucket[sub & (HP_HIST_SUB - 1)]);
	else
		hp_count(&func->hist_lost);
}

#endif
