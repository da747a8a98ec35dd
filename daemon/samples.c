// SPDX-License-Identifier: GPL-2.0-only
/* Where the clock found one target; see samples.h. */
#include "samples.h"

#include <stdlib.h>

#include "lib/cleanup.h"

/* Fibonacci hashing: offsets of neighbours differ in their low bits alone. */
static size_t place_hash(const struct codefile *file, uint64_t at)
{
	uint64_t x = (uintptr_t)file / sizeof(*file) * 31 + at;

	return x * 0x9e3779b97f4a7c15ull >> 32;
}

static struct sampled_place *place_find(struct sampled_place *place, size_t room,
					const struct codefile *file, uint64_t at)
{
	size_t i = place_hash(file, at) & (room - 1);

	while (place[i].file && (place[i].file != file || place[i].at != at))
		i = (i + 1) & (room - 1);
	return &place[i];
}

static bool places_grow(struct samples *samples)
{
	size_t room = samples->room ? 2 * samples->room : 64, i;
	struct sampled_place *place;

	if (4 * (samples->n + 1) <= 3 * samples->room)
		return true;
	place = calloc(room, sizeof(*place));
	if (!place)
		return false;
	for (i = 0; i < samples->room; i++) {
		const struct sampled_place *p = &samples->place[i];

		if (p->file)
			*place_find(place, room, p->file, p->at) = *p;
	}
	free(samples->place);
	samples->place = place;
	samples->room = room;
	return true;
}

/* May a place be in it? */
static bool file_admit(struct samples *samples, const struct codefile *file)
{
	const struct codefile **grown;
	size_t i;

	for (i = 0; i < samples->n_files; i++) {
		if (samples->file[i] == file)
			return true;
	}
	if (samples->n_files == SAMPLES_FILES_MAX)
		return false;
	grown = reallocarray(samples->file, samples->n_files + 1, sizeof(*grown));
	if (!grown)
		return false;
	samples->file = grown;
	samples->file[samples->n_files++] = file;
	return true;
}

static void place_add(struct samples *samples, struct codefile *file, uint64_t at, uint64_t count)
{
	struct sampled_place *place;

	if (!places_grow(samples)) {
		samples->lost += count;
		return;
	}
	place = place_find(samples->place, samples->room, file, at);
	if (!place->file && samples->n >= SAMPLES_PLACES_MAX)
		place = place_find(samples->place, samples->room, file, SAMPLES_ELSEWHERE);
	if (!place->file && !file_admit(samples, file)) {
		samples->lost += count;
		return;
	}
	if (!place->file) {
		*place = (struct sampled_place){codefile_ref(file), at, 0};
		if (samples->n >= SAMPLES_PLACES_MAX)
			place->at = SAMPLES_ELSEWHERE;
		samples->n++;
	}
	place->count += count;
}

/* Places in one function are one, when it is known which. */
static uint64_t place_of(const struct codefile *file, uint64_t at)
{
	const struct named_code *code = at == SAMPLES_ELSEWHERE ? NULL : codefile_at(file, at);

	return code ? code->start : at;
}

static void add_in_file(struct samples *samples, struct codefiles *files,
			const struct hp_sample *sample, uint64_t count)
{
	struct codefile *file = codefile_get(files, sample->dev, sample->ino);

	if (!file) {
		samples->lost += count;
		return;
	}
	place_add(samples, file, place_of(file, sample->at), count);
	codefile_put(files, file);
}

void samples_add(struct samples *samples, struct codefiles *files, const struct hp_sample *sample,
		 uint64_t count)
{
	switch (sample->kind) {
	case HP_SAMPLE_FILE:
		add_in_file(samples, files, sample, count);
		break;
	case HP_SAMPLE_ANONYMOUS:
		samples->anonymous += count;
		break;
	case HP_SAMPLE_VDSO:
		samples->vdso += count;
		break;
	case HP_SAMPLE_UNKNOWN:
		samples->unknown += count;
		break;
	case HP_SAMPLE_KERNEL:
		samples->kernel += count;
		break;
	case HP_SAMPLE_PROBE:
		samples->probe += count;
		break;
	case HP_SAMPLE_DISCARDED:
		samples->discarded += count;
		break;
	}
}

void samples_merge(struct samples *into, struct codefiles *files, const struct samples *from)
{
	size_t i;

	into->kernel += from->kernel;
	into->probe += from->probe;
	into->discarded += from->discarded;
	into->anonymous += from->anonymous;
	into->vdso += from->vdso;
	into->unknown += from->unknown;
	into->lost += from->lost;
	into->lost_bpf += from->lost_bpf;
	for (i = 0; i < from->room; i++) {
		const struct sampled_place *p = &from->place[i];

		if (p->file)
			place_add(into, p->file, place_of(p->file, p->at), p->count);
	}
}

void samples_gather(struct samples *samples, struct codefiles *files)
{
	struct samples gathered = *samples;
	size_t i;

	gathered.place = NULL;
	gathered.room = gathered.n = 0;
	gathered.file = NULL;
	gathered.n_files = 0;
	for (i = 0; i < samples->room; i++) {
		const struct sampled_place *p = &samples->place[i];

		if (p->file)
			place_add(&gathered, p->file, place_of(p->file, p->at), p->count);
	}
	samples_done(samples, files);
	*samples = gathered;
}

bool samples_lack_files(const struct samples *samples)
{
	size_t i;

	for (i = 0; i < samples->room; i++) {
		if (samples->place[i].file && samples->place[i].file->fd < 0)
			return true;
	}
	return false;
}

uint64_t samples_all(const struct samples *samples)
{
	uint64_t n = samples->kernel + samples->probe + samples->discarded + samples->anonymous +
		     samples->vdso + samples->unknown;
	size_t i;

	for (i = 0; i < samples->room; i++)
		n += samples->place[i].count;
	return n;
}

void samples_done(struct samples *samples, struct codefiles *files)
{
	size_t i;

	for (i = 0; i < samples->room; i++) {
		if (samples->place[i].file)
			codefile_put(files, samples->place[i].file);
	}
	free(samples->place);
	free(samples->file);
	*samples = (struct samples){};
}
