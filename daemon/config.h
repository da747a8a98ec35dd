/* SPDX-License-Identifier: GPL-2.0-only */
/* hotpathd's command line, and the limits it sets. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct config {
	const char *socket;	/* path; --socket, HOTPATH_SOCKET */
	bool background;	/* --background: return when ready */
	bool private_instance;	/* --private: exits when its parent does, serves one user */
	bool no_calibrate;	/* --no-calibrate: prices stay unknown */
	const char *features;	/* HOTPATH_FEATURES, for tests: "-session,-multi" */
	uint32_t max_targets;	/* per uid, but not root: --max-targets */
	uint32_t max_probes;	/* the same: --max-probes */
	uint32_t max_families;	/* the same: --max-families */
	uint32_t max_connections; /* the same, root too: --max-connections */
	uint32_t max_finished;	/* finished targets kept per uid: --keep */
	uint32_t max_bystanders; /* that a request may slow down, but root's: --max-bystanders */
	uint64_t max_kernel_bytes; /* in BPF maps, all targets: --max-memory */
};

/* 0: go on; 1: --help or --version was answered, exit 0; negative: usage error, said. */
int config_parse(int argc, char **argv, struct config *ret);

#endif
