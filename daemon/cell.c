// SPDX-License-Identifier: GPL-2.0-only
/* Makes and frees the blocks of a cell; see cell.h. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cell.h"
#include "lib/cleanup.h"

/* Which ids are taken; 0 means none. One daemon, one table. */
static uint8_t used[HP_CELLS_MAX];

static uint32_t cell_id_take(void)
{
	static uint32_t last;
	uint32_t i;

	/* Round robin, so that an id is not used again soon. */
	for (i = 1; i < HP_CELLS_MAX; i++) {
		last = last + 1 < HP_CELLS_MAX ? last + 1 : 1;
		if (!used[last]) {
			used[last] = 1;
			return last;
		}
	}
	return 0;
}

int cell_new(struct calls *calls, uint32_t functions, struct cell **ret)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP | BPF_F_MMAPABLE);
	struct cell *cell = calloc(1, sizeof(*cell));
	int r;

	if (!cell)
		return -ENOMEM;
	cell->functions = functions;
	cell->bytes = cell_bytes(functions);
	cell->map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hp_cell", sizeof(uint32_t),
				      HP_BLOCK_SIZE, cell->bytes / HP_BLOCK_SIZE, &opts);
	if (cell->map_fd < 0) {
		r = -errno;
		goto fail;
	}
	cell->blocks = mmap(NULL, cell->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cell->map_fd, 0);
	if (cell->blocks == MAP_FAILED) {
		cell->blocks = NULL;
		r = -errno;
		goto fail;
	}
	cell->blocks[0].head = (struct hp_cell_head){
		.functions = functions,
		.chunks = cell_chunks(functions),
	};
	cell->id = cell_id_take();
	r = cell->id ? calls_cell_set(calls, cell->id, cell->map_fd) : -ENOSPC;
	if (r < 0)
		goto fail;
	*ret = cell;
	return 0;

fail:
	cell_free(calls, cell);
	return r;
}

struct cell *cell_free(struct calls *calls, struct cell *cell)
{
	if (!cell)
		return NULL;
	if (cell->id) {
		calls_cell_set(calls, cell->id, -1);
		used[cell->id] = 0;
	}
	if (cell->blocks)
		munmap(cell->blocks, cell->bytes);
	close_fd(cell->map_fd);
	free(cell);
	return NULL;
}
