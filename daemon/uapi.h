/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parts of the kernel's stable interface that are newer than the headers of the
 * distributions we build on: include/uapi/linux/bpf.h of Linux 6.13.
 */
#ifndef DAEMON_UAPI_H
#define DAEMON_UAPI_H

#include <linux/types.h>

#define UAPI_BPF_LINK_CREATE 28

#define UAPI_BPF_TRACE_UPROBE_MULTI   48 /* 6.6 */
#define UAPI_BPF_TRACE_UPROBE_SESSION 57 /* 6.13 */

#define UAPI_BPF_F_UPROBE_MULTI_RETURN (1u << 0)

/* union bpf_attr as BPF_LINK_CREATE with a uprobe_multi link reads it. */
struct uapi_uprobe_multi_attr {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 link_flags;
	__aligned_u64 path;
	__aligned_u64 offsets;
	__aligned_u64 ref_ctr_offsets;
	__aligned_u64 cookies;
	__u32 count;
	__u32 flags; /* UAPI_BPF_F_UPROBE_MULTI_* */
	__u32 pid;
	__u32 pad;
};

#endif
