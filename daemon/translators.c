// SPDX-License-Identifier: GPL-2.0-only
/* No probe in the way of translators; see translators.h. */
#include "translators.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "closing.h"
#include "family.h"
#include "gate.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "proc.h"

bool translators_meant(const char *exe)
{
	const char *end = strstr(exe, " (deleted)") ?: exe + strlen(exe);
	size_t suffix = strlen(HP_TRANSLATOR_SUFFIX);

	return (size_t)(end - exe) > suffix &&
	       memcmp(end - suffix, HP_TRANSLATOR_SUFFIX, suffix) == 0;
}

/* The name of its file, if it is one. */
static bool is_translator(pid_t pid, char *name, size_t size)
{
	_cleanup_free_ char *exe = NULL;

	if (proc_exe(pid, &exe) < 0 || !translators_meant(exe))
		return false;
	snprintf(name, size, "%s", basename(exe));
	return true;
}

pid_t translators_running(char *name, size_t size)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t pid;

	while (dir && (entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid > 0 && is_translator(pid, name, size))
			return pid;
	}
	return 0;
}

/* Has it a probe that is for every process? */
static bool is_everywhere(const struct target *t, const void *unused)
{
	size_t i;

	if (target_is_finished(t))
		return false;
	for (i = 0; i < t->n_members; i++) {
		if (t->member[i].group->shared)
			return true;
	}
	return t->hooked || t->kit || t->unfiltered;
}

static void withdraw(struct registry *registry, const char *name, pid_t pid)
{
	struct target *t;
	char why[192];

	snprintf(why, sizeof(why),
		 "%s (pid %d) began, which executes programs by translating their code: a probe "
		 "in a file that it maps would end them",
		 name, pid);
	attach_cancel_all(registry, why);
	for (t = registry->targets; t; t = t->next) {
		if (is_everywhere(t, NULL)) {
			t->complete = false;
			target_note(t, "detached: %s", why);
		} else if (target_is_finished(t) && t->named && t->family &&
			   family_find(registry, t->family)) {
			target_amend(t, why);
		}
	}
	registry_mute(registry, is_everywhere, NULL);
	closing_hold();
	while (registry->families)
		family_close(registry->families, HOTPATH__TARGET_STATE__TARGET_DETACHED);
	for (t = registry->targets; t;) {
		if (!is_everywhere(t, NULL)) {
			t = t->next;
			continue;
		}
		registry_finish(registry, t, HOTPATH__TARGET_STATE__TARGET_DETACHED);
		t = registry->targets;
	}
	closing_release();
}

void translators_begin(struct registry *registry, const struct hp_hold *hold, bool held)
{
	char name[64] = "a translator";

	(void)is_translator(hold->tgid, name, sizeof(name));
	calls_drain(registry->calls);
	if (registry->families || registry->groups.first || registry->hooks) {
		log_warning("%s (pid %u) begins, in whose way probes would be: all that are for "
			    "every process are removed",
			    name, hold->tgid);
		withdraw(registry, name, hold->tgid);
	}
	if (held)
		gate_release(registry->gate, hold->id);
}
