// SPDX-License-Identifier: GPL-2.0-only
/* Finds CMD and refuses what profiling would break. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/complain.h"
#include "lib/cleanup.h"

#define INTERPRETERS_MAX 4 /* scripts of scripts, as in fs/exec.c */
#define LINE_MAX_SIZE	 256

static bool is_runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The first one that can be executed; *ret_denied: one was there that can not. */
static char *search(const char *word, bool *ret_denied)
{
	const char *folders = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";

	for (;;) {
		size_t size = strcspn(folders, ":");
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%.*s%s%s", (int)size, folders, size ? "/" : "./", word) < 0)
			return NULL;
		if (is_runnable(path))
			return TAKE(path);
		*ret_denied |= access(path, F_OK) == 0;
		if (!folders[size])
			return NULL;
		folders += size + 1;
	}
}

int command_find(const char *word, char **ret_path)
{
	bool denied = false;

	if (strchr(word, '/')) {
		*ret_path = strdup(word);
		return *ret_path ? 0 : -ENOMEM;
	}

	*ret_path = *word ? search(word, &denied) : NULL;
	if (*ret_path)
		return 0;
	if (denied) {
		complain("run: cannot execute %s: it is in PATH, but not executable", word);
		return -EACCES;
	}

	complain("run: cannot find %s in PATH", word);
	return -ENOENT;
}

static const char *privilege_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return NULL;
	if ((st.st_mode & S_ISUID) && st.st_uid != geteuid())
		return "set-uid";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getegid())
		return "set-gid";
	if (getxattr(path, "security.capability", NULL, 0) > 0)
		return "given capabilities";

	return NULL;
}

/* "#! /bin/sh -e": /bin/sh. False: no script. */
static bool read_interpreter(const char *path, char *line, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);
	char *word;

	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = 0;
	word = line + 2 + strspn(line + 2, " \t");
	word[strcspn(word, " \t\r\n")] = 0;
	memmove(line, word, strlen(word) + 1);

	return *line;
}

int command_check(const char *path)
{
	char file[PATH_MAX];

	if (geteuid() == 0)
		return 0;

	snprintf(file, sizeof(file), "%s", path);
	for (int i = 0; i <= INTERPRETERS_MAX; i++) {
		const char *privilege = privilege_of(file);
		char line[LINE_MAX_SIZE];

		if (privilege) {
			complain("run: %s is %s, and would lose that when profiled by who is "
				 "not root",
				 file, privilege);
			complain_hint("be root: sudo hotpath run ...");
			return -EPERM;
		}
		if (!read_interpreter(file, line, sizeof(line)))
			return 0;
		snprintf(file, sizeof(file), "%s", line);
	}

	return 0;
}
