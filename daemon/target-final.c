// SPDX-License-Identifier: GPL-2.0-only
/* The last picture of a target, kept until someone drops it; see target.h. */
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "sampling.h"

/* What is left to say when there is no memory for the figures. */
static void final_fallback(struct target *t)
{
	Hotpath__Target message = HOTPATH__TARGET__INIT;

	log_error("pid %d: no memory to keep its final figures", t->pid);
	message.pid = t->pid;
	message.state = t->state;
	message.comm.data = (uint8_t *)t->comm;
	message.comm.len = strlen(t->comm);
	t->final_size = hotpath__target__get_packed_size(&message);
	t->final = malloc(t->final_size);
	if (t->final)
		hotpath__target__pack(&message, t->final);
	else
		t->final_size = 0;
}

/* A last picture, packed, so that it can be read until someone drops it. */
void target_conclude(struct target *t, Hotpath__TargetState state)
{
	Hotpath__Target *message = NULL;

	if (t->registry)
		sampling_drain(t->registry);
	t->state = state;
	if (!t->ended_ns)
		t->ended_ns = clock_ns(CLOCK_MONOTONIC);
	if (encode_target(t, true, &message) >= 0) {
		t->final_size = hotpath__target__get_packed_size(message);
		t->final = malloc(t->final_size);
		if (t->final)
			hotpath__target__pack(message, t->final);
		hotpath__target__free_unpacked(message, NULL);
	}
	if (!t->final)
		final_fallback(t);
	t->finished = true;
}

void target_amend(struct target *t, const char *note)
{
	Hotpath__Target *message;
	char **grown;
	uint8_t *packed;
	bool same = false;
	size_t i;

	message = t->final ? hotpath__target__unpack(NULL, t->final_size, t->final) : NULL;
	if (!message)
		return;
	for (i = 0; i < message->n_notes; i++)
		same |= strcmp(message->notes[i], note) == 0;
	if (same) {
		hotpath__target__free_unpacked(message, NULL);
		return;
	}
	message->complete = false;
	grown = reallocarray(message->notes, message->n_notes + 1, sizeof(*grown));
	if (grown) {
		message->notes = grown;
		grown[message->n_notes] = strdup(note);
		message->n_notes += grown[message->n_notes] != NULL;
	}
	packed = malloc(hotpath__target__get_packed_size(message));
	if (packed) {
		free(t->final);
		t->final = packed;
		t->final_size = hotpath__target__pack(message, packed);
	}
	hotpath__target__free_unpacked(message, NULL);
}
