/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control flow of one function: every instruction that is reached from its entry,
 * by branches, by jump tables, by the landing pads of its exceptions, in its own code
 * and in the cold parts that it jumps to. Bytes in, graph out: files and symbols are
 * behind flow_code's questions.
 *
 *	flow_trace(flow, &code)    again and again: buffers are kept
 *	flow_free(flow)
 *
 * What can not be followed ends it with a reason. Nothing is in the graph that was
 * not reached; two instructions never share a byte.
 */
#ifndef READER_FLOW_H
#define READER_FLOW_H

#include "daemon/reader/landing.h"
#include "daemon/reader/placement.h"
#include "daemon/reader/step.h"

#define FLOW_SIZE_MAX	    (1u << 20) /* code bytes of one function with its parts */
#define FLOW_STRETCHES_MAX  (1 + PLACEMENT_PARTS_MAX)
#define FLOW_ROUNDS_MAX	    64 /* jump tables behind jump tables */
#define FLOW_TAKEN_MAX	    64
#define FLOW_CALLEES	    4096 /* remembered, from one function to the next */
#define FLOW_NONE	    UINT32_MAX
#define FLOW_WITHIN	    UINT32_MAX /* in the map: not the first byte of a step */

/* What is known of eight bytes of memory that hold an address. */
enum slot_kind {
	SLOT_UNKNOWN,
	SLOT_WRITABLE, /* as the file has them; the program may write there */
	SLOT_CONSTANT, /* nobody writes there once the program is loaded */
};

/* A function, and whom to ask about what lies around it. */
struct flow_code {
	struct placement_part body;
	enum placement_part_kind (*find_part)(const void *context, uint64_t vaddr,
					      struct placement_part *ret);
	/* Memory of the program that nobody writes: *ret_room bytes, or NULL. */
	const uint8_t *(*find_constants)(const void *context, uint64_t vaddr, uint64_t *ret_room);
	/* Landing pads of the code that begins at vaddr, appended; -EBADMSG: not to be read. */
	int (*find_landings)(const void *context, uint64_t vaddr, struct landings *ret);
	/* What the file, with its relocations, puts there. */
	enum slot_kind (*find_slot)(const void *context, uint64_t vaddr, uint64_t *ret);
	/* callee_takes_return(), remembered by whom it costs less. */
	bool (*takes_return)(const void *context, uint64_t vaddr);
	/* Does code elsewhere hold an address behind that one and within size of it? */
	bool (*is_referred)(const void *context, uint64_t vaddr, uint64_t size);
	bool (*is_code)(const void *context, uint64_t vaddr); /* executable, in the file */
	const void *context;
	bool fixed;	  /* loaded where the file says: constants may be addresses */
	uint64_t resumer; /* Go's deferreturn: a panic that is recovered goes on at a call of it */
};

/* One reached instruction. */
struct flow_step {
	struct step step;
	uint32_t at;	    /* byte of the flow: its stretches one behind the other */
	struct level level; /* before it */
	bool sure;	    /* reached without passing a call: calls may not return */
	bool hub;	    /* reached from jump tables or landing pads */
	bool tail;	    /* leads to another function */
	bool settled;	    /* STEP_INDIRECT: its table was read */
	uint32_t to;	    /* its target within the flow: byte, in the end step number; FLOW_NONE */
	uint32_t first_in;  /* the last one found of the steps that jump here ... */
	uint32_t next_in;   /* ... and for a jump, the next one that jumps to the same place */
};

struct flow_stretch {
	struct placement_part part;
	uint32_t base; /* its first byte's number in the flow */
	size_t first_landing, n_landings;
};

/* What callee.h said of one function of the object that context stands for. */
struct flow_callee {
	const void *context;
	uint64_t vaddr;
	bool takes_return;
};

struct flow {
	struct flow_step *steps;
	uint32_t n, room;
	uint32_t *map; /* by byte: step number + 1 where one begins, FLOW_WITHIN, or 0 */
	uint32_t map_room;
	uint32_t size;
	struct flow_stretch stretches[FLOW_STRETCHES_MAX];
	size_t n_stretches;
	struct landings landings;
	struct flow_work *work; /* where yet to go */
	uint32_t n_work, work_room;
	/* Addresses that lea takes, each once, as far as there is room: where tables begin. */
	uint64_t taken[FLOW_TAKEN_MAX];
	size_t n_taken;
	struct flow_callee callees[FLOW_CALLEES]; /* by address */
	uint32_t entries; /* of jump tables, read so far */
	uint32_t looks;	  /* jumptable_leaves(): how much it has looked at */
	bool guessed; /* a jump table whose size nothing proves, or a jump that may be one */
	const struct flow_code *code;
	const char *why; /* why not all is known; NULL: all is */
};

/* For jumptable.c. Where a table's entry leads within the flow; false: nowhere there. */
bool flow_leads(struct flow *f, uint64_t vaddr, bool proven, uint32_t *ret_at);
int flow_enter(struct flow *f, uint32_t from, uint32_t at);
int flow_walk(struct flow *f); /* to all that was entered and what it leads to */
/* flow-check.c. No way has led there, and by its looks none does. */
bool flow_is_padding(const struct flow *f, uint32_t at);

/* 0 with flow->why, which is NULL when every way was followed; -ENOMEM. */
int flow_trace(struct flow *f, const struct flow_code *code);
void flow_free(struct flow *f);

/* --- between its files ------------------------------------------------------- */

/* flow-map.c */
int flow_grow(void **list, uint32_t *room, uint32_t need, size_t size);
/* 0, also when it sets why; -ENOMEM. */
int flow_add_stretch(struct flow *f, struct placement_part part);
const struct flow_stretch *flow_stretch(const struct flow *f, uint32_t at);
/* flow.c. Whether what lies behind a call of that may be data. */
bool flow_takes_return(struct flow *f, uint64_t vaddr);
/* flow-data.c. Why some of its bytes may be data, or NULL. */
const char *flow_find_data(struct flow *f);
/* flow-check.c. Why what was traced does not suffice, or NULL. */
const char *flow_check(struct flow *f);

/* --- for who reads it -------------------------------------------------------- */

uint64_t flow_vaddr(const struct flow *f, uint32_t at);
const uint8_t *flow_bytes(const struct flow *f, uint32_t at, size_t *ret_room);
/* The step that begins there, or FLOW_NONE. */
uint32_t flow_find(const struct flow *f, uint32_t at);
/* The step that ends where this one begins and comes on to it, or FLOW_NONE. */
uint32_t flow_before(const struct flow *f, uint32_t step);
/* Byte of the flow; false: outside. */
bool flow_locate(const struct flow *f, uint64_t vaddr, uint32_t *ret_at);

#endif
