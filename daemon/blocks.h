/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The space of blocks that BPF counts in (layout: bpf/hotpath.h): hands out runs
 * of them, and has all of it mapped, one run of addresses.
 *
 *	blocks_new(calls)
 *	blocks_take(blocks, n, &first)	n zeroed blocks; pages are made as needed
 *	blocks_at(blocks, first)	where they are
 *	blocks_barrier(blocks)		BPF has forgotten what it was looking at
 *	blocks_give(blocks, first)	back; pages that hold nothing go
 *	blocks_hold(blocks)		when many are given: they go together,
 *	blocks_release(blocks)		here, with one wait for BPF
 *	blocks_free(blocks)
 */
#ifndef DAEMON_BLOCKS_H
#define DAEMON_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/hotpath.h"
#include "collect-calls.h"

struct blocks;

int blocks_new(struct calls *calls, struct blocks **ret);
struct blocks *blocks_free(struct blocks *blocks);

int blocks_take(struct blocks *blocks, uint32_t n, uint32_t *ret_first);
void blocks_give(struct blocks *blocks, uint32_t first);
void blocks_hold(struct blocks *blocks); /* nests */
void blocks_release(struct blocks *blocks);
union hp_block *blocks_at(struct blocks *blocks, uint32_t first);

/* Returns when no BPF program that began before still runs. */
void blocks_barrier(struct blocks *blocks);

/* Kernel memory in pages now. */
uint64_t blocks_bytes(const struct blocks *blocks);

#endif
