/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attach --name, --exe, --cgroup, --unit: which processes, by what they are instead
 * of by PID. Paths are looked up here, where the user has the rights and the mounts;
 * a unit becomes its cgroup.
 */
#ifndef CLI_SELECTORS_H
#define CLI_SELECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a path names. The daemon is told that, and looks up no path itself: it has the
 * rights to see more than who asks it. */
struct selected_file {
	uint64_t dev, ino;
	int fd; /* an executable, open so that the daemon may read it, too; 0: not open */
};

struct selectors {
	char **name, **exe, **cgroup; /* owned; the latter two absolute */
	size_t names, exes, cgroups;
	struct selected_file *exe_file, *cgroup_file; /* of each */
	char *text; /* as given: "--name worker --unit nginx"; NULL: none */
};

/* 0, -ENOMEM, or -EINVAL with why it cannot be used (empty: the table says enough). */
int selectors_add_name(struct selectors *s, const char *word, char *why, size_t why_size);
int selectors_add_exe(struct selectors *s, const char *word, char *why, size_t why_size);
int selectors_add_cgroup(struct selectors *s, const char *word, char *why, size_t why_size);
int selectors_add_unit(struct selectors *s, const char *word, char *why, size_t why_size);
bool selectors_any(const struct selectors *s);
void selectors_clear(struct selectors *s);

/*
 * The parts of it that need no file: "system.slice/x/", "/sys/fs/cgroup/system.slice/x"
 * become "/system.slice/x"; -EINVAL for "..", -ENOMEM. "getty@tty1" becomes
 * "/system.slice/system-getty.slice/getty@tty1.service", where systemd would put it.
 */
int selectors_cgroup_path(const char *root, const char *word, char **ret);
char *selectors_unit_name(const char *word);
char *selectors_unit_path(const char *unit);

#endif
