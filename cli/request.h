/* SPDX-License-Identifier: GPL-2.0-only */
/* The requests that several verbs make. Negative: told. */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include <stdbool.h>
#include <stdlib.h>
#include "cli/options.h"
#include "wire.pb-c.h"

struct pids {
	int32_t *pid;
	size_t count;
	uint32_t *family; /* what one attach or run brought in: %3 */
	size_t families;
};

/* Words into PIDs; a word that is none is told with the verb's name. */
int request_pids(const char *verb, int words, char **word, struct pids *ret);
/* The same, and %N for a family. */
int request_targets(const char *verb, int words, char **word, struct pids *ret);
/* Is it spelled like a PID or a family? */
bool request_is_target(const char *word);
static inline void pids_clear(struct pids *pids)
{
	free(pids->pid);
	free(pids->family);
}

/* Without -f no pattern is sent: the daemon chooses, within the budget. */
int request_attach(const struct options *options, const struct pids *pids, bool from_start,
		   Hotpath__Reply **ret);
int request_detach(const struct options *options, const struct pids *pids, bool all,
		   Hotpath__Reply **ret);
/* Of the daemon's answer only what was asked for stays. */
int request_report(const struct options *options, const struct pids *pids, Hotpath__Reply **ret);
/* A family of which there is no target: does it wait, or does nobody know it? Told then. */
int request_check_families(const struct options *options, const char *verb,
			   const struct pids *pids, const Hotpath__Snapshot *snapshot);
int request_reset(const struct options *options, const struct pids *pids, Hotpath__Reply **ret);

#endif
