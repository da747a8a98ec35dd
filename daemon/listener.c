// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the listening socket, or takes over the one that systemd made. Accepting
 * is left to server.c.
 *
 * A socket file outlives a daemon that was killed. It is stale when nobody
 * answers there, and only then is it replaced; anything else at that path is
 * somebody's file. Two daemons that start at once are kept apart by a lock on
 * the folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "listener.h"

#define LOCK_TRIES   20
#define LOCK_WAIT_US 100000

struct listener {
	int fd;
	char *path;
	char *folder;
	int folder_fd;	  /* -1: the socket is systemd's, nothing is removed */
	bool folder_ours; /* made by us */
	dev_t dev;	  /* of the socket file that we made */
	ino_t ino;	  /* 0: none yet */
};

DEFINE_CLEANUP(struct listener *, listener_close)

static const char *file_name(const struct listener *l)
{
	const char *slash = strrchr(l->path, '/');

	return slash ? slash + 1 : l->path;
}

static int open_folder(struct listener *l)
{
	_cleanup_free_ char *copy = strdup(l->path);
	const char *folder;

	if (!copy)
		return -ENOMEM;

	/* One level only: a missing /run is a mistake, not ours to make. */
	folder = dirname(copy);
	if (mkdir(folder, 0755) == 0)
		l->folder_ours = true;
	else if (errno != EEXIST)
		return log_error_errno(-errno, "create folder %s", folder);

	/* The whole path, for the end: a daemon in the background moves to "/". */
	l->folder = realpath(folder, NULL);
	if (!l->folder)
		return log_error_errno(-errno, "find folder %s", folder);

	l->folder_fd = open(l->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->folder_fd < 0)
		return log_error_errno(-errno, "open folder %s", l->folder);
	return 0;
}

/* Anyone who can read the folder can hold its lock: so it is waited for a while
 * only. It protects from two starts at once, not from malice. */
static void lock_folder(struct listener *l)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(l->folder_fd, LOCK_EX | LOCK_NB) == 0)
			return;
		usleep(LOCK_WAIT_US);
	}
	log_warning("folder %s stays locked by another process; going on without", l->folder);
}

static int fill_address(const struct listener *l, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(l->path) >= sizeof(ret->sun_path)) {
		log_error("socket path %s is too long: at most %zu bytes", l->path,
			  sizeof(ret->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(ret->sun_path, l->path);
	return 0;
}

/* 0: nobody answers; -EADDRINUSE: somebody does. */
static int probe(const struct sockaddr_un *address)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return -EADDRINUSE;
	/* EAGAIN: alive, with a full backlog. */
	if (errno == EAGAIN)
		return -EADDRINUSE;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

static int remove_stale(const struct listener *l, const struct sockaddr_un *address)
{
	struct stat st;
	int r;

	if (fstatat(l->folder_fd, file_name(l), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : log_error_errno(-errno, "look at %s", l->path);
	if (!S_ISSOCK(st.st_mode)) {
		log_error("%s exists and is not a socket; remove it, or choose another --socket",
			  l->path);
		return -EEXIST;
	}

	r = probe(address);
	if (r == -EADDRINUSE) {
		log_error("another hotpathd is already running on %s; use it, stop it, or choose "
			  "another --socket",
			  l->path);
		return r;
	}
	if (r < 0)
		return log_error_errno(r, "see who listens on %s", l->path);
	if (unlinkat(l->folder_fd, file_name(l), 0) < 0)
		return log_error_errno(-errno, "remove stale socket %s", l->path);
	return 0;
}

/* The file is made with the mode of the socket, so it is never wider than that. */
static int bind_path(struct listener *l, const struct sockaddr_un *address, mode_t mode)
{
	struct stat st;

	if (fchmod(l->fd, mode) < 0)
		return log_error_errno(-errno, "set mode of socket");
	if (bind(l->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return log_error_errno(-errno, "bind %s", l->path);
	if (fstatat(l->folder_fd, file_name(l), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return log_error_errno(-errno, "look at %s", l->path);

	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

/* The group that may connect; (gid_t)-1: none but root. Said, unless as usual. */
static gid_t choose_group(void)
{
	struct group *group = getgrnam("hotpath");
	const char *sudo_gid = getenv("SUDO_GID");
	uint64_t gid;

	if (group)
		return group->gr_gid;

	if (sudo_gid && parse_u64(sudo_gid, INT32_MAX, &gid) == 0 && gid != 0) {
		group = getgrgid((gid_t)gid);
		log_info("there is no group hotpath: group %s (gid %u), of the user who called "
			 "sudo, may connect",
			 group ? group->gr_name : "?", (gid_t)gid);
		return (gid_t)gid;
	}
	log_info("there is no group hotpath: only root may connect (groupadd --system hotpath)");
	return (gid_t)-1;
}

static int admit(const struct listener *l)
{
	gid_t gid = choose_group();

	if (gid == (gid_t)-1)
		return 0;
	if (fchownat(l->folder_fd, file_name(l), (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return log_error_errno(-errno, "give %s to group %u", l->path, gid);
	return 0;
}

static int make_socket(struct listener *l, const struct config *config)
{
	struct sockaddr_un address;
	int r;

	r = fill_address(l, &address);
	if (r < 0)
		return r;

	r = open_folder(l);
	if (r < 0)
		return r;

	lock_folder(l);
	r = remove_stale(l, &address);
	if (r < 0)
		return r;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return log_error_errno(-errno, "make a socket");

	r = bind_path(l, &address, config->private_instance ? 0600 : 0660);
	if (r < 0)
		return r;

	if (!config->private_instance) {
		r = admit(l);
		if (r < 0)
			return r;
	}
	if (listen(l->fd, SOMAXCONN) < 0)
		return log_error_errno(-errno, "listen on %s", l->path);

	(void)flock(l->folder_fd, LOCK_UN);
	return 0;
}

/* 1: systemd passed a socket, and it is ours now; 0: it did not. */
static int take_passed(struct listener *l)
{
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address) - 1;
	int n = sd_listen_fds(true), fd = SD_LISTEN_FDS_START;

	if (n == 0)
		return 0;
	if (n < 0)
		return log_error_errno(n, "take sockets from systemd");
	if (n > 1 || sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0) {
		log_error("systemd must pass exactly one listening Unix stream socket");
		return -EINVAL;
	}
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return log_error_errno(-errno, "take socket from systemd");

	l->fd = fd;
	free(l->path);
	l->path = strdup(address.sun_path);
	return l->path ? 1 : -ENOMEM;
}

int listener_open(const struct config *config, struct listener **ret)
{
	_cleanup_(listener_closep) struct listener *l = calloc(1, sizeof(*l));
	mode_t old;
	int r;

	if (!l)
		return log_error_errno(-ENOMEM, "listen");

	l->fd = l->folder_fd = -1;
	l->path = strdup(config->socket);
	if (!l->path)
		return log_error_errno(-ENOMEM, "listen");

	r = config->private_instance ? 0 : take_passed(l);
	if (r == 0) {
		old = umask(0);
		r = make_socket(l, config);
		umask(old);
	}
	if (r < 0)
		return r;

	*ret = TAKE(l);
	return 0;
}

int listener_fd(const struct listener *listener)
{
	return listener->fd;
}

const char *listener_path(const struct listener *listener)
{
	return listener->path;
}

/* Only the very file that was made: somebody may have replaced it. */
static void remove_socket(const struct listener *l)
{
	struct stat st;

	if (l->folder_fd < 0)
		return;
	if (l->ino != 0 && fstatat(l->folder_fd, file_name(l), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == l->dev && st.st_ino == l->ino)
		(void)unlinkat(l->folder_fd, file_name(l), 0);
	if (l->folder_ours)
		(void)rmdir(l->folder);
}

struct listener *listener_close(struct listener *listener)
{
	if (!listener)
		return NULL;

	remove_socket(listener);
	close_fd(listener->fd);
	close_fd(listener->folder_fd);
	free(listener->folder);
	free(listener->path);
	free(listener);
	return NULL;
}
