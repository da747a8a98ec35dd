// SPDX-License-Identifier: GPL-2.0-only
/* Finds executables: near /proc/self/exe, or along PATH. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/sibling.h"
#include "lib/cleanup.h"

static int try(const char *folder, size_t folder_size, const char *name, char **ret)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%.*s/%s", (int)folder_size, folder, name) < 0)
		return -ENOMEM;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return -ENOENT;

	*ret = TAKE(path);
	return 0;
}

int sibling_find(const char *name, const char *const *folders, char **ret)
{
	char own[PATH_MAX], *slash;
	ssize_t size = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (size < 0)
		return -errno;
	own[size] = 0;
	slash = strrchr(own, '/');
	if (!slash)
		return -ENOENT;
	*slash = 0;

	if (try(own, strlen(own), name, ret) == 0)
		return 0;
	for (; *folders; folders++) {
		_cleanup_free_ char *folder = NULL;

		if (asprintf(&folder, "%s/%s", own, *folders) >= 0 &&
		    try(folder, strlen(folder), name, ret) == 0)
			return 0;
	}

	return -ENOENT;
}

static int find_along(const char *folders, const char *name, char **ret)
{
	while (folders) {
		size_t size = strcspn(folders, ":");

		if (size && try(folders, size, name, ret) == 0)
			return 0;
		folders = folders[size] ? folders + size + 1 : NULL;
	}

	return -ENOENT;
}

int sibling_find_in_path(const char *name, char **ret)
{
	if (find_along(getenv("PATH"), name, ret) == 0)
		return 0;

	return find_along("/usr/local/sbin:/usr/sbin:/sbin", name, ret);
}
