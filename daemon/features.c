// SPDX-License-Identifier: GPL-2.0-only
/* Tries what the kernel can do; see features.h. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "features.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "link.h"
#include "uapi.h"

/* A program that returns 0, or a negative errno. */
static int load_trivial(enum bpf_prog_type type, uint32_t attach_type)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type);
	int fd;

	fd = bpf_prog_load(type, NULL, "GPL", insns, ARRAY_SIZE(insns), &opts);
	return fd < 0 ? -errno : fd;
}

/*
 * Linking to a directory: a kernel that knows the link type gets as far as the
 * path and says EBADF; one that does not stops at the type with EINVAL.
 */
static bool knows_link(uint32_t attach_type, pid_t pid, int expected)
{
	_cleanup_fd_ int prog_fd = load_trivial(BPF_PROG_TYPE_KPROBE, attach_type);
	_cleanup_fd_ int dir_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const uint64_t offset = 0, cookie = 0;
	const struct link_sites sites = {dir_fd, &offset, &cookie, 1};

	if (prog_fd < 0 || dir_fd < 0)
		return false;
	return link_multi(prog_fd, attach_type, &sites, false, pid) == expected;
}

static bool has_session(void)
{
	return knows_link(UAPI_BPF_TRACE_UPROBE_SESSION, 0, -EBADF);
}

static bool has_multi(void)
{
	return knows_link(UAPI_BPF_TRACE_UPROBE_MULTI, 0, -EBADF);
}

/* 6.10 made the filter compare processes, not threads, and began to refuse a
 * negative pid before it looks at the path (commit 46ba0e49b642). */
static bool has_pid_filter(void)
{
	return knows_link(UAPI_BPF_TRACE_UPROBE_MULTI, -1, -EINVAL);
}

#define VERSION_OF(major, minor) ((major) * 1000 + (minor))

static int kernel_version(void)
{
	struct utsname u;
	int major, minor;

	if (uname(&u) < 0 || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return 0;
	return VERSION_OF(major, minor);
}

/* Kernels of 6.11 to 6.14-rc1 kill a process whose seccomp filter does not know
 * the uretprobe system call; a fixed stable kernel cannot be told from outside. */
static bool has_uretprobe_seccomp(void)
{
	int version = kernel_version();

	return version < VERSION_OF(6, 11) || version >= VERSION_OF(6, 14);
}

/* Turned into a call, instead of being single-stepped. */
static bool has_nop5(void)
{
	return kernel_version() >= VERSION_OF(6, 18);
}

/* They always are there; to take them away is for those who trust them nowhere. */
static bool has_returns(void)
{
	return true;
}

static bool has_helper(enum bpf_func_id helper)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, helper, NULL) == 1;
}

static bool has_find_vma(void)
{
	return has_helper(BPF_FUNC_find_vma);
}

static bool has_task_iterator(void)
{
	return has_helper(BPF_FUNC_seq_write) ||
	       libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_TRACING, NULL) == 1;
}

static bool has_sampling(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_find_vma, NULL) == 1;
}

static const struct {
	const char *name;
	bool (*probe)(void);
	size_t offset;
} probes[] = {
#define X(name, since, without) {#name, has_##name, offsetof(struct features, name)},
	FEATURES(X)
#undef X
};

/* "-session" and the like; dash and underscore are equal. */
static int mask_find(const char *word, size_t length)
{
	size_t i, k;

	if (!length || word[0] != '-')
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (strlen(probes[i].name) != length - 1)
			continue;
		for (k = 1; k < length; k++)
			if ((word[k] == '-' ? '_' : word[k]) != probes[i].name[k - 1])
				break;
		if (k == length)
			return i;
	}
	return -EINVAL;
}

static int mask_apply(const char *mask, struct features *features)
{
	while (mask && *mask) {
		size_t length = strcspn(mask, ",");
		int i = mask_find(mask, length);

		if (i < 0) {
			log_error("HOTPATH_FEATURES: '%.*s' is not a feature to take away, such as "
				  "-session or -multi",
				  (int)length, mask);
			return i;
		}
		*(bool *)((char *)features + probes[i].offset) = false;
		mask += length + (mask[length] == ',');
	}
	return 0;
}

int features_probe(const char *mask, struct features *ret)
{
	_cleanup_fd_ int prog_fd = load_trivial(BPF_PROG_TYPE_KPROBE, 0);
	struct features features = {};
	size_t i;
	int r;

	if (prog_fd < 0)
		return prog_fd;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		*(bool *)((char *)&features + probes[i].offset) = probes[i].probe();
	r = mask_apply(mask, &features);
	if (r < 0)
		return r;

	/* A session is a kind of multi link: without the one not the other. */
	features.session = features.session && features.multi;
	*ret = features;
	return 0;
}

unsigned int features_table(const struct features *features, const struct feature_text **ret)
{
	static struct feature_text table[ARRAY_SIZE(probes)] = {
#define X(name, since, without) {#name, since, without, false},
		FEATURES(X)
#undef X
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		table[i].present = *(const bool *)((const char *)features + probes[i].offset);
	*ret = table;
	return ARRAY_SIZE(probes);
}
