// SPDX-License-Identifier: GPL-2.0-only
/*
 * One line of /proc/PID/maps:
 *
 *	55d0c0a00000-55d0c0a21000 r-xp 00001000 fe:00 131077      /usr/bin/my\012prog
 *
 * By hand and not by sscanf(), which lets through signs, blanks and overflow.
 */
#include <string.h>

#include "proc.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* A number in `base` and the character behind it; moves *at past both. */
static bool parse_number(const char **at, unsigned int base, char end, uint64_t *ret)
{
	const char *start = *at;
	uint64_t value = 0;
	int d;

	for (; (d = digit(**at)) >= 0 && d < (int)base; (*at)++)
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)d, &value))
			return false;

	if (*at == start || **at != end)
		return false;

	(*at)++;
	*ret = value;
	return true;
}

static bool parse_perms(const char **at, char ret[5])
{
	static const char *const allowed[] = {"r-", "w-", "x-", "ps"};

	for (unsigned int i = 0; i < 4; i++) {
		char c = (*at)[i];

		if (c == '\0' || !strchr(allowed[i], c))
			return false;
		ret[i] = c;
	}
	ret[4] = '\0';
	*at += 4;
	return *(*at)++ == ' ';
}

/* The inode ends the line when there is no path, else blanks follow. */
static bool parse_inode(const char **at, uint64_t *ret)
{
	const char *start = *at;

	if (parse_number(at, 10, ' ', ret))
		return true;

	*at = start;
	if (!parse_number(at, 10, '\0', ret))
		return false;

	(*at)--;
	return true;
}

/*
 * The kernel writes a newline in a path as \012, and nothing else so. A path
 * that really holds these four characters can not be told apart; the file
 * itself is found by its address range, so this costs a name, not an error.
 */
static void unescape(char *path)
{
	char *to = path;

	for (char *from = path; *from; to++) {
		bool newline = strncmp(from, "\\012", 4) == 0;

		*to = newline ? '\n' : *from;
		from += newline ? 4 : 1;
	}
	*to = '\0';
}

bool proc_parse_map_line(char *line, struct proc_map_line *ret)
{
	struct proc_map_line map;
	const char *at = line;
	uint64_t major, minor;

	line[strcspn(line, "\n")] = '\0';
	if (!parse_number(&at, 16, '-', &map.start) || !parse_number(&at, 16, ' ', &map.end) ||
	    !parse_perms(&at, map.perms) || !parse_number(&at, 16, ' ', &map.offset) ||
	    !parse_number(&at, 16, ':', &major) || !parse_number(&at, 16, ' ', &minor) ||
	    !parse_inode(&at, &map.ino))
		return false;
	if (map.start >= map.end || major > UINT32_MAX || minor > UINT32_MAX)
		return false;

	/* Blanks pad up to the path's column; a path begins with '/' or '['. */
	at += strspn(at, " ");
	unescape(line + (at - line));
	map.major = (unsigned int)major;
	map.minor = (unsigned int)minor;
	map.path = at;
	*ret = map;
	return true;
}
