/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the clock found one target: by file and place in it, until somebody asks whose
 * code that is. Kept with the target's final figures, when the process has long gone.
 */
#ifndef DAEMON_SAMPLES_H
#define DAEMON_SAMPLES_H

#include "bpf/hotpath.h"
#include "codefile.h"

/* More places than these of one target are counted by file alone. */
#define SAMPLES_PLACES_MAX 16384
/* Each is open: a program could use up all descriptors. Of others all is lost. */
#define SAMPLES_FILES_MAX  256
#define SAMPLES_ELSEWHERE  UINT64_MAX

struct sampled_place {
	struct codefile *file; /* NULL: nothing is there */
	uint64_t at;	       /* offset; of a function that is known, its start */
	uint64_t count;
};

struct samples {
	uint64_t kernel, probe, discarded, anonymous, vdso, unknown;
	uint64_t lost;	   /* found no room here */
	uint64_t lost_bpf; /* nor there */
	struct sampled_place *place; /* open addressing, by file and offset */
	size_t room, n;
	const struct codefile **file; /* that places are in */
	size_t n_files;
	unsigned int looks; /* at the process's mappings, for files that are not known */
	uint64_t looked_until_ns; /* not before then again */
};

void samples_add(struct samples *samples, struct codefiles *files, const struct hp_sample *sample,
		 uint64_t count);
/* What is in from comes to into, too. */
void samples_merge(struct samples *into, struct codefiles *files, const struct samples *from);
/* Places in functions that are known by now become one each. */
void samples_gather(struct samples *samples, struct codefiles *files);
/* Is there a file that is not open? */
bool samples_lack_files(const struct samples *samples);
/* All of them: the program's own, the kernel's for it, and in probes. */
uint64_t samples_all(const struct samples *samples);
void samples_done(struct samples *samples, struct codefiles *files);

#endif
