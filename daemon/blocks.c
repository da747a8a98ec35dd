// SPDX-License-Identifier: GPL-2.0-only
/* Pages of blocks, and runs in them, first fit; see blocks.h. */
#include "blocks.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define PAGE_BYTES  ((size_t)HP_PAGE_BLOCKS * HP_BLOCK_SIZE)
#define SPACE_BYTES (PAGE_BYTES * HP_PAGES_MAX)

/* Runs in use, ascending. A walk is O(runs): fine while they are hundreds. */
struct run {
	uint32_t first, n;
	struct run *next;
};

struct blocks {
	struct calls *calls;
	union hp_block *space; /* addresses for every page there may ever be */
	int page_fd[HP_PAGES_MAX];
	uint32_t pages;
	unsigned int holds;
	struct run *runs;
};

int blocks_new(struct calls *calls, struct blocks **ret)
{
	struct blocks *blocks = calloc(1, sizeof(*blocks));
	size_t i;

	if (!blocks)
		return -ENOMEM;
	blocks->calls = calls;
	for (i = 0; i < HP_PAGES_MAX; i++)
		blocks->page_fd[i] = -1;
	blocks->space = mmap(NULL, SPACE_BYTES, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (blocks->space == MAP_FAILED) {
		free(blocks);
		return -errno;
	}
	*ret = blocks;
	return 0;
}

static void *page_address(struct blocks *blocks, uint32_t page)
{
	return (char *)blocks->space + PAGE_BYTES * page;
}

static int page_make(struct blocks *blocks, uint32_t page)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd, r;

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hp_page", sizeof(uint32_t), HP_BLOCK_SIZE,
			    HP_PAGE_BLOCKS, &opts);
	if (fd < 0)
		return -errno;
	if (mmap(page_address(blocks, page), PAGE_BYTES, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		r = -errno;
		close(fd);
		return r;
	}
	blocks->page_fd[page] = fd;
	blocks->pages++;
	return 0;
}

/* BPF must not see it any more. */
static void page_drop(struct blocks *blocks, uint32_t page)
{
	mmap(page_address(blocks, page), PAGE_BYTES, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	blocks->page_fd[page] = close_fd(blocks->page_fd[page]);
	blocks->pages--;
}

static bool page_in_use(const struct blocks *blocks, uint32_t page)
{
	uint32_t low = page << HP_PAGE_BITS, high = low + HP_PAGE_BLOCKS;
	const struct run *run;

	for (run = blocks->runs; run; run = run->next) {
		if (run->first < high && run->first + run->n > low)
			return true;
	}
	return false;
}

/* The pages of a run that nobody else has a part in: all but its first and last
 * page surely; *ret_first .. *ret_first + result. */
static uint32_t pages_of_its_own(const struct blocks *blocks, uint32_t first, uint32_t n,
				 uint32_t *ret_first)
{
	uint32_t low = first >> HP_PAGE_BITS, high = (first + n - 1) >> HP_PAGE_BITS;

	if (page_in_use(blocks, low))
		low++;
	if (high >= low && page_in_use(blocks, high))
		high--;
	*ret_first = low;
	return high + 1 - low;
}

/* In which there is nothing. */
static void pages_drop(struct blocks *blocks, uint32_t page, uint32_t count)
{
	uint32_t i;

	if (!count)
		return;
	calls_pages_set(blocks->calls, page, count, NULL);
	for (i = 0; i < count; i++) {
		if (blocks->page_fd[page + i] >= 0)
			page_drop(blocks, page + i);
	}
}

/* Makes pages that nobody has yet; they are zero. Some are there while pages are held. */
static int pages_make(struct blocks *blocks, uint32_t page, uint32_t count)
{
	bool made = false;
	uint32_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < count; i++) {
		if (blocks->page_fd[page + i] >= 0) {
			memset(page_address(blocks, page + i), 0, PAGE_BYTES);
			continue;
		}
		r = page_make(blocks, page + i);
		made = true;
	}
	if (r >= 0 && made)
		r = calls_pages_set(blocks->calls, page, count, &blocks->page_fd[page]);
	if (r < 0)
		pages_drop(blocks, page, count);
	return r;
}

/* Zeroes a run where it is not zero already: to touch a fresh page is what costs. */
static void blocks_zero(struct blocks *blocks, uint32_t first, uint32_t n, uint32_t fresh,
			uint32_t count)
{
	uint32_t end = first + n, low = fresh << HP_PAGE_BITS, high = (fresh + count) << HP_PAGE_BITS;

	if (!count)
		low = high = end;
	if (first < low)
		memset(blocks_at(blocks, first), 0, (size_t)(low - first) * HP_BLOCK_SIZE);
	if (end > high)
		memset(blocks_at(blocks, high), 0, (size_t)(end - high) * HP_BLOCK_SIZE);
}

int blocks_take(struct blocks *blocks, uint32_t n, uint32_t *ret_first)
{
	uint64_t first = 1; /* 0 is no cell */
	uint32_t fresh, count;
	struct run **at, *run;
	int r;

	for (at = &blocks->runs; *at && (*at)->first < first + n; at = &(*at)->next)
		first = (uint64_t)(*at)->first + (*at)->n;
	if (first + n > (uint64_t)HP_PAGES_MAX * HP_PAGE_BLOCKS)
		return -ENOSPC;

	run = calloc(1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	count = pages_of_its_own(blocks, first, n, &fresh);
	r = pages_make(blocks, fresh, count);
	if (r < 0) {
		free(run);
		return r;
	}
	run->first = first;
	run->n = n;
	run->next = *at;
	*at = run;
	blocks_zero(blocks, first, n, fresh, count);
	*ret_first = first;
	return 0;
}

void blocks_give(struct blocks *blocks, uint32_t first)
{
	struct run **at, *run;
	uint32_t page, count;

	for (at = &blocks->runs; *at && (*at)->first != first; at = &(*at)->next)
		;
	run = *at;
	if (!run)
		return;
	*at = run->next;
	if (!blocks->holds) {
		count = pages_of_its_own(blocks, run->first, run->n, &page);
		pages_drop(blocks, page, count);
	}
	free(run);
}

void blocks_hold(struct blocks *blocks)
{
	blocks->holds++;
}

static bool page_is_idle(const struct blocks *blocks, uint32_t page)
{
	return blocks->page_fd[page] >= 0 && !page_in_use(blocks, page);
}

void blocks_release(struct blocks *blocks)
{
	uint32_t page, end;

	if (--blocks->holds)
		return;
	for (page = 0; page < HP_PAGES_MAX; page = end + 1) {
		for (end = page; end < HP_PAGES_MAX && page_is_idle(blocks, end); end++)
			;
		pages_drop(blocks, page, end - page);
	}
}

union hp_block *blocks_at(struct blocks *blocks, uint32_t first)
{
	return &blocks->space[first];
}

/* An update of a map of maps waits for running programs (kernel/bpf/syscall.c,
 * maybe_wait_bpf_programs()): put a page where it is. */
void blocks_barrier(struct blocks *blocks)
{
	uint32_t page;

	for (page = 0; page < HP_PAGES_MAX; page++) {
		if (blocks->page_fd[page] < 0)
			continue;
		calls_pages_set(blocks->calls, page, 1, &blocks->page_fd[page]);
		return;
	}
	/* No page, no cell; but slots and spares there may be. This waits as well. */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

uint64_t blocks_bytes(const struct blocks *blocks)
{
	return PAGE_BYTES * blocks->pages;
}

struct blocks *blocks_free(struct blocks *blocks)
{
	struct run *run;
	uint32_t page;

	if (!blocks)
		return NULL;
	while ((run = blocks->runs)) {
		blocks->runs = run->next;
		free(run);
	}
	for (page = 0; page < HP_PAGES_MAX; page++)
		close_fd(blocks->page_fd[page]);
	munmap(blocks->space, SPACE_BYTES);
	free(blocks);
	return NULL;
}
