// SPDX-License-Identifier: GPL-2.0-only
/* Words that name processes into what the daemon looks for; selectors.h. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/selectors.h"
#include "lib/cgroup.h"
#include "lib/cleanup.h"


static int refuse(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return -EINVAL;
}

/* Takes what is owned, also when it fails. */
static int append(char ***list, size_t *n, char *owned)
{
	char **more = owned ? reallocarray(*list, *n + 1, sizeof(*more)) : NULL;

	if (!more) {
		free(owned);
		return -ENOMEM;
	}

	*list = more;
	more[(*n)++] = owned;
	return 0;
}

/* The same, of what is at a path. */
static int append_file(char ***list, struct selected_file **files, size_t *n, char *owned,
		       const struct stat *st)
{
	struct selected_file *more = reallocarray(*files, *n + 1, sizeof(*more));

	if (!more) {
		free(owned);
		return -ENOMEM;
	}

	*files = more;
	more[*n] = (struct selected_file){.dev = st->st_dev, .ino = st->st_ino};
	return append(list, n, owned);
}

static int remember(struct selectors *s, const char *option, const char *word)
{
	char *text;

	if (asprintf(&text, "%s%s--%s %s", s->text ?: "", s->text ? " " : "", option, word) < 0)
		return -ENOMEM;

	free(s->text);
	s->text = text;
	return 0;
}

int selectors_add_name(struct selectors *s, const char *word, char *why, size_t why_size)
{
	int r;

	if (!*word)
		return -EINVAL;
	if (strchr(word, '/'))
		return refuse(why, why_size, "a name has no '/'; a path is for --exe");

	r = append(&s->name, &s->names, strdup(word));
	return r < 0 ? r : remember(s, "name", word);
}

/* One that may be run but not read is looked at when it runs. */
static int open_to_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd > 0 ? fd : 0;
}

/* The file is meant, so it has to be there; processes of it need not. */
int selectors_add_exe(struct selectors *s, const char *word, char *why, size_t why_size)
{
	_cleanup_free_ char *path = *word ? realpath(word, NULL) : NULL;
	struct stat st;
	int r;

	if (!*word)
		return -EINVAL;
	if (!path || stat(path, &st) < 0)
		return refuse(why, why_size, strerror(errno));
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return refuse(why, why_size, "it is not an executable file");

	r = append_file(&s->exe, &s->exe_file, &s->exes, strdup(path), &st);
	if (r == 0)
		s->exe_file[s->exes - 1].fd = open_to_read(path);
	return r < 0 ? r : remember(s, "exe", path);
}

/* --- control groups -------------------------------------------------------- */

int selectors_cgroup_path(const char *root, const char *word, char **ret)
{
	_cleanup_free_ char *path = NULL, *copy = NULL;
	size_t n = strlen(root), size = 0;
	char *rest, *part;

	if (!strncmp(word, root, n) && (!word[n] || word[n] == '/'))
		word += n;
	path = malloc(strlen(word) + 2);
	copy = rest = strdup(word);
	if (!path || !copy)
		return -ENOMEM;

	while ((part = strsep(&rest, "/"))) {
		if (!*part || !strcmp(part, "."))
			continue;
		if (!strcmp(part, ".."))
			return -EINVAL;
		path[size++] = '/';
		size = (size_t)(stpcpy(path + size, part) - path);
	}
	if (!size)
		path[size++] = '/';
	path[size] = 0;
	*ret = TAKE(path);
	return 0;
}

/* Takes over path. -ENOENT: there is none. */
static int append_cgroup(struct selectors *s, const char *root, char *path)
{
	_cleanup_free_ char *owned = path, *whole = NULL;
	struct stat st;

	if (!owned || asprintf(&whole, "%s%s", root, owned) < 0)
		return -ENOMEM;
	if (stat(whole, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOENT;

	return append_file(&s->cgroup, &s->cgroup_file, &s->cgroups, TAKE(owned), &st);
}

/* It is known by its number, which it has only when it is there. */
static int refuse_cgroup(char *why, size_t size, const char *what, const char *root,
			 const char *path)
{
	snprintf(why, size, "%s: there is no control group %s%s", what, root, path);
	return -EINVAL;
}

int selectors_add_cgroup(struct selectors *s, const char *word, char *why, size_t why_size)
{
	_cleanup_free_ char *path = NULL;
	const char *root = cgroup_root();
	int r;

	if (!*word)
		return -EINVAL;
	if (!root)
		return refuse(why, why_size, "there are no control groups version 2 here");
	r = selectors_cgroup_path(root, word, &path);
	if (r == -EINVAL)
		return refuse(why, why_size, "'..' leads out of the control groups");
	if (r < 0)
		return r;

	r = append_cgroup(s, root, strdup(path));
	if (r < 0 && r != -ENOMEM)
		return refuse_cgroup(why, why_size, strerror(-r), root, path);
	return r < 0 ? r : remember(s, "cgroup", word);
}

/* --- units ----------------------------------------------------------------- */

char *selectors_unit_name(const char *word)
{
	static const char *const suffixes[] = {".service", ".scope", ".slice", ".socket",
					       ".mount", ".swap"};
	const char *dot = strrchr(word, '.');
	char *name;

	for (size_t i = 0; dot && i < ARRAY_SIZE(suffixes); i++)
		if (!strcmp(dot, suffixes[i]))
			return strdup(word);

	return asprintf(&name, "%s.service", word) < 0 ? NULL : name;
}

/* Of a template: dashes would be levels of slices, so systemd escapes them. */
static char *template_slice(const char *unit, size_t prefix)
{
	char *slice = malloc(sizeof("system-.slice") + 4 * prefix), *p;

	if (!slice)
		return NULL;

	p = stpcpy(slice, "system-");
	for (size_t i = 0; i < prefix; i++) {
		if (unit[i] == '-')
			p = stpcpy(p, "\\x2d");
		else
			*p++ = unit[i];
	}
	strcpy(p, ".slice");
	return slice;
}

char *selectors_unit_path(const char *unit)
{
	const char *at = strchr(unit, '@');
	_cleanup_free_ char *slice = NULL;
	char *path;
	int n;

	if (!at)
		return asprintf(&path, "/system.slice/%s", unit) < 0 ? NULL : path;

	slice = template_slice(unit, (size_t)(at - unit));
	n = slice ? asprintf(&path, "/system.slice/%s/%s", slice, unit) : -1;
	return n < 0 ? NULL : path;
}

/* Every group of that name: users' managers have units of their own. */
static int find_units(struct selectors *s, const char *root, const char *unit)
{
	char *const roots[] = {(char *)root, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;
	int found = 0, r;

	if (!walk)
		return -ENOMEM;

	while (found >= 0 && (entry = fts_read(walk))) {
		if (entry->fts_info != FTS_D || strcmp(entry->fts_name, unit))
			continue;
		/* One that has gone meanwhile, or may not be seen, is none. */
		r = append_cgroup(s, root, strdup(entry->fts_path + strlen(root)));
		found = r == -ENOMEM ? r : found + (r == 0);
		fts_set(walk, entry, FTS_SKIP);
	}
	fts_close(walk);
	return found;
}

int selectors_add_unit(struct selectors *s, const char *word, char *why, size_t why_size)
{
	_cleanup_free_ char *unit = *word ? selectors_unit_name(word) : NULL;
	const char *root = cgroup_root();
	int r;

	if (!*word)
		return -EINVAL;
	if (!unit)
		return -ENOMEM;
	if (strchr(word, '/'))
		return refuse(why, why_size, "a unit has no '/'; a path is for --cgroup");
	if (!root)
		return refuse(why, why_size, "there are no control groups version 2 here");

	r = find_units(s, root, unit);
	if (r == 0) {
		_cleanup_free_ char *path = selectors_unit_path(unit);

		return path ? refuse_cgroup(why, why_size, "it does not run", root, path) : -ENOMEM;
	}
	return r < 0 ? r : remember(s, "unit", word);
}

/* --- the whole ------------------------------------------------------------- */

bool selectors_any(const struct selectors *s)
{
	return s->names || s->exes || s->cgroups;
}

static void clear_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

void selectors_clear(struct selectors *s)
{
	clear_list(s->name, s->names);
	clear_list(s->exe, s->exes);
	clear_list(s->cgroup, s->cgroups);
	for (size_t i = 0; s->exe_file && i < s->exes; i++)
		if (s->exe_file[i].fd)
			close(s->exe_file[i].fd);
	free(s->exe_file);
	free(s->cgroup_file);
	free(s->text);
	*s = (struct selectors){0};
}
