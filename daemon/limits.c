// SPDX-License-Identifier: GPL-2.0-only
/* Who may have how much; see limits.h. */
#include "limits.h"

#include <stdio.h>

#include "lib/cleanup.h"
#include "lib/fmt.h"

static bool over(uid_t uid, const char *what, uint64_t have, uint64_t want, uint64_t max,
		 char *text, size_t size)
{
	char h[FMT_MAX], w[FMT_MAX], m[FMT_MAX];

	if (!want || have + want <= max)
		return false;
	snprintf(text, size, "uid %u has %s %s, this needs %s more, and it may have %s", uid,
		 fmt_count(h, have), what, fmt_count(w, want), fmt_count(m, max));
	return true;
}

static bool over_memory(uint64_t have, uint64_t want, uint64_t max, const char *whose, char *text,
			size_t size)
{
	char h[FMT_MAX], w[FMT_MAX], m[FMT_MAX];

	if (have + want <= max)
		return false;
	snprintf(text, size, "it needs %s of kernel memory, and of the %s %s allowed %s is in use",
		 fmt_bytes(w, want), fmt_bytes(m, max), whose, fmt_bytes(h, have));
	return true;
}

bool limits_allow(const struct config *config, uid_t uid, const struct limits_use *have,
		  const struct limits_use *want, uint64_t all_bytes, char *text, size_t size)
{
	if (uid && (over(uid, "targets", have->targets, want->targets, config->max_targets, text,
			 size) ||
		    over(uid, "probes", have->probes, want->probes, config->max_probes, text,
			 size) ||
		    over(uid, "groups of probes", have->groups, want->groups, LIMITS_GROUPS, text,
			 size) ||
		    over(uid, "attaches that follow processes", have->families, want->families,
			 config->max_families, text, size) ||
		    over(uid, "followed executables", have->kits, want->kits, LIMITS_KITS, text,
			 size) ||
		    over(uid, "targets made in advance", have->slots, want->slots, LIMITS_SLOTS,
			 text, size) ||
		    over(uid, "selectors", have->selectors, want->selectors, LIMITS_SELECTORS,
			 text, size) ||
		    over_memory(have->bytes, want->bytes, config->max_kernel_bytes / 2,
				"a user is", text, size)))
		return false;
	return !over_memory(all_bytes, want->bytes, config->max_kernel_bytes, "all are", text,
			    size);
}

uint32_t limits_bystanders(const struct config *config, uid_t uid, uint32_t asked)
{
	return uid && asked > config->max_bystanders ? config->max_bystanders : asked;
}

bool limits_allow_request(uid_t uid, unsigned int theirs, unsigned int all)
{
	return all < LIMITS_IN_FLIGHT_ALL && (!uid || theirs < LIMITS_IN_FLIGHT);
}
