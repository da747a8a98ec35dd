// SPDX-License-Identifier: GPL-2.0-only
/* Opens, describes and closes what a report is written to. */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli/complain.h"
#include "cli/output.h"
#include "lib/cleanup.h"
#include "lib/parse.h"

#define WIDTH_MIN  40
#define WIDTH_FILE 110

static size_t find_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t width = WIDTH_FILE;

	if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		width = size.ws_col;
	else if (columns)
		parse_u64(columns, 10000, &width);

	return width < WIDTH_MIN ? WIDTH_MIN : width;
}

static bool wants_colour(int fd)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(fd) && !(no && *no) && !(terminal && !strcmp(terminal, "dumb"));
}

static FILE *open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	FILE *file;

	if (fd < 0)
		return NULL;
	file = fdopen(fd, "w");
	if (!file)
		close(fd);

	return file;
}

int output_open(const char *path, struct output *ret)
{
	FILE *file = path ? open_file(path) : stdout;

	if (!file) {
		int r = -errno;

		complain("cannot write %s: %s", path, strerror(-r));
		return r;
	}

	*ret = (struct output){
		.file = file,
		.name = path ?: "standard output",
		.width = find_width(fileno(file)),
		.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.colour = wants_colour(fileno(file)),
		.named = path,
	};
	return 0;
}

/* What cannot be emptied, a device or a pipe, need not be. */
int output_begin(struct output *output)
{
	if (output->named && ftruncate(fileno(output->file), 0) < 0 && errno != EINVAL) {
		complain("cannot write %s: %s", output->name, strerror(errno));
		return -EIO;
	}

	return 0;
}

int output_close(struct output *output)
{
	bool failed;

	if (!output->file)
		return 0;

	errno = 0;
	failed = ferror(output->file);
	if (output->named)
		failed |= fclose(output->file) != 0;
	else
		failed |= fflush(output->file) != 0;
	output->file = NULL;
	if (!failed)
		return 0;

	complain("cannot write %s: %s", output->name, errno ? strerror(errno) : "write error");
	return -EIO;
}

const char *output_bold(const struct output *output)
{
	return output->colour ? "\033[1m" : "";
}

const char *output_dim(const struct output *output)
{
	return output->colour ? "\033[2m" : "";
}

const char *output_warn(const struct output *output)
{
	return output->colour ? "\033[33m" : "";
}

const char *output_plain(const struct output *output)
{
	return output->colour ? "\033[0m" : "";
}
