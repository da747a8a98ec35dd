// SPDX-License-Identifier: GPL-2.0-only
/* Loads and drives bpf/sample.bpf.c; see collect-sample.h. */
#include "collect-sample.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "sample.skel.h"

#define DRAIN_BATCH 1024

struct sampler {
	struct sample_bpf *bpf;
	int cpus; /* that there may be */
	struct ring_buffer *ring;
	sd_event_source *source;
	void (*wake)(void *userdata);
	void *userdata;
	struct bpf_link **link; /* of each, to its clock; NULL: off-line, or not started */
	bool started;
};

/* --- load ---------------------------------------------------------------------- */

/* Of the kernel's symbols, which are sorted by address: the entries by a breakpoint and
 * by a step, and where each ends. */
static void stubs_find(struct hp_stubs *ret)
{
	_cleanup_file_ FILE *symbols = fopen("/proc/kallsyms", "re");
	const struct {
		const char *name;
		__u64 *lo, *hi;
	} wanted[] = {
		{"asm_exc_int3", &ret->int3_lo, &ret->int3_hi},
		{"asm_exc_debug", &ret->debug_lo, &ret->debug_hi},
		{"entry_SYSCALL_64_after_hwframe", &ret->call_lo, &ret->call_hi},
	};
	char line[512], name[256];
	uint64_t address;
	size_t i, found = 0;

	while (symbols && found < 2 * ARRAY_SIZE(wanted) && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%" SCNx64 " %*c %255s", &address, name) != 2)
			continue;
		for (i = 0; i < ARRAY_SIZE(wanted); i++) {
			__u64 *at = *wanted[i].lo ? wanted[i].hi : wanted[i].lo;
			bool is_start = strcmp(name, wanted[i].name) == 0;

			if (*at || is_start != (at == wanted[i].lo) || address <= *wanted[i].lo)
				continue;
			*at = address;
			found++;
		}
	}
	if (found < 2 * ARRAY_SIZE(wanted))
		*ret = (struct hp_stubs){};
}

static int sampler_load(struct sampler *sampler, struct calls *calls)
{
	struct sample_bpf *bpf = sampler->bpf;
	struct bpf_map *map;
	int fd, r;

	bpf_object__for_each_map(map, bpf->obj) {
		fd = bpf_map__is_internal(map) ? -1 : calls_map_fd(calls, bpf_map__name(map));
		if (fd < 0)
			continue;
		r = bpf_map__reuse_fd(map, fd);
		if (r < 0)
			return r;
	}
	r = bpf_map__set_max_entries(bpf->maps.hp_samples, HP_SAMPLES_PER_CPU * sampler->cpus);
	if (r < 0)
		return r;
	stubs_find(&bpf->rodata->hp_sample_config.stubs);
	bpf->rodata->hp_sample_config.places_half = HP_SAMPLES_PER_CPU * sampler->cpus / 2;
	return sample_bpf__load(bpf);
}

static int on_wake(void *userdata, void *data, size_t size)
{
	return 0;
}

/* However many there were, one is enough. */
static int on_wakes(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct sampler *sampler = userdata;

	ring_buffer__consume(sampler->ring);
	sampler->wake(sampler->userdata);
	return 0;
}

static int sampler_watch(struct sampler *sampler, sd_event *event)
{
	sampler->ring = ring_buffer__new(bpf_map__fd(sampler->bpf->maps.hp_sample_wakes), on_wake,
					 NULL, NULL);
	if (!sampler->ring)
		return -errno;
	return sd_event_add_io(event, &sampler->source, ring_buffer__epoll_fd(sampler->ring),
			       EPOLLIN, on_wakes, sampler);
}

int sampler_new(struct calls *calls, sd_event *event, void (*wake)(void *userdata), void *userdata,
		struct sampler **ret)
{
	struct sampler *sampler = calloc(1, sizeof(*sampler));
	int r;

	if (!sampler)
		return -ENOMEM;
	sampler->wake = wake;
	sampler->userdata = userdata;
	sampler->cpus = libbpf_num_possible_cpus();
	if (sampler->cpus < 1)
		sampler->cpus = 1;
	sampler->link = calloc(sampler->cpus, sizeof(struct bpf_link *));
	sampler->bpf = sampler->link ? sample_bpf__open() : NULL;
	r = sampler->bpf ? sampler_load(sampler, calls) : -ENOMEM;
	if (r >= 0)
		r = sampler_watch(sampler, event);
	if (r < 0) {
		sampler_free(sampler);
		return r;
	}
	*ret = sampler;
	return 0;
}

struct sampler *sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return NULL;
	sampler_stop(sampler);
	sd_event_source_disable_unref(sampler->source);
	ring_buffer__free(sampler->ring);
	sample_bpf__destroy(sampler->bpf);
	free(sampler->link);
	free(sampler);
	return NULL;
}

/* The kernel's own part of an element of a hash, as of 6.18. */
#define ELEMENT_BYTES 48

bool sampler_knows_probes(const struct sampler *sampler)
{
	return sampler->bpf->rodata->hp_sample_config.stubs.int3_lo;
}

uint64_t sampler_bytes(const struct sampler *sampler)
{
	uint64_t places = (uint64_t)HP_SAMPLES_PER_CPU * sampler->cpus;

	return places * (ELEMENT_BYTES + sizeof(struct hp_sample) + sizeof(__u64)) +
	       HP_SAMPLED_FILES_MAX * (ELEMENT_BYTES + sizeof(struct hp_sampled_file) + 8) +
	       sizeof(struct hp_mapped) * HP_MAPPED_MAX * (uint64_t)sampler->cpus;
}

/* --- clocks --------------------------------------------------------------------- */

static int clock_open(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = HP_SAMPLE_HZ,
		.freq = 1,
		.exclude_idle = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int clock_start(struct sampler *sampler, int cpu)
{
	int fd = clock_open(cpu);

	/* Off-line. One that comes later is not looked at until the next start. */
	if (fd == -ENODEV)
		return 0;
	if (fd < 0)
		return fd;
	sampler->link[cpu] = bpf_program__attach_perf_event(sampler->bpf->progs.sample_tick, fd);
	if (!sampler->link[cpu]) {
		close(fd);
		return -errno;
	}
	/* The link closes it. */
	return 0;
}

int sampler_start(struct sampler *sampler)
{
	int cpu, r;

	if (sampler->started)
		return 0;
	sampler->started = true;
	for (cpu = 0; cpu < sampler->cpus; cpu++) {
		r = clock_start(sampler, cpu);
		if (r < 0) {
			sampler_stop(sampler);
			return r;
		}
	}
	return 0;
}

void sampler_stop(struct sampler *sampler)
{
	int cpu;

	for (cpu = 0; sampler->started && cpu < sampler->cpus; cpu++)
		bpf_link__destroy(TAKE(sampler->link[cpu]));
	sampler->started = false;
}

/* --- what was found -------------------------------------------------------------- */

int sampler_drain(struct sampler *sampler, sampler_handler handler, void *userdata)
{
	int fd = bpf_map__fd(sampler->bpf->maps.hp_samples), r;
	static struct hp_sample sample[DRAIN_BATCH];
	static uint64_t count[DRAIN_BATCH];
	uint32_t at = 0, n, i;
	bool begun = false;

	__atomic_store_n(&sampler->bpf->bss->hp_sample_places, 0, __ATOMIC_RELAXED);
	do {
		n = DRAIN_BATCH;
		r = bpf_map_lookup_and_delete_batch(fd, begun ? &at : NULL, &at, sample, count, &n,
						    NULL);
		if (r < 0)
			r = -errno;
		/* A batch that is cut short by -ENOENT is the last one. */
		for (i = 0; (r == 0 || r == -ENOENT) && i < n; i++)
			handler(userdata, &sample[i], count[i]);
		begun = true;
	} while (r == 0);
	return r == -ENOENT ? 0 : r;
}

void sampler_forget(struct sampler *sampler, const struct hp_sampled_file *file)
{
	bpf_map_delete_elem(bpf_map__fd(sampler->bpf->maps.hp_sampled_files), file);
}
