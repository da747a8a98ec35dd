// SPDX-License-Identifier: GPL-2.0-only
/* The life of hotpathd, from its command line to its last probe. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "background.h"
#include "closer.h"
#include "config.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "privilege.h"
#include "server.h"
#include "session.h"

#define EXIT_USAGE 2

DEFINE_CLEANUP(struct server *, server_free)
DEFINE_CLEANUP(struct session *, session_free)

/* SIGTERM when the parent ends; it may have ended before we asked for that. */
static int follow_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return log_error_errno(-errno, "follow the parent process");
	if (parent == 1 || getppid() != parent) {
		log_error("--private: the parent process has ended");
		return -ESRCH;
	}
	return 0;
}

/* A descriptor for every object of every target; and before Linux 5.11 BPF maps
 * count as locked memory. */
static void raise_limits(void)
{
	struct rlimit limit, unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

/* While a window is open, and until its probes are gone, every millisecond costs the target:
 * on a full machine hotpathd is not to wait its turn. Not so its children. */
static void raise_priority(void)
{
	const struct sched_param none = {};

	if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) == 0)
		(void)setpriority(PRIO_PROCESS, 0, CLOSER_PRIORITY);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* A terminal that closes, or a client that went, is no reason to end. */
static int watch_signals(sd_event *event)
{
	sigset_t ending;
	int r;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	if (sigprocmask(SIG_BLOCK, &ending, NULL) < 0)
		return -errno;

	r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, NULL);
	if (r < 0)
		return r;
	return sd_event_add_signal(event, NULL, SIGINT, on_signal, NULL);
}

static int serve(const struct config *config, struct background *background)
{
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	_cleanup_(session_freep) struct session *session = NULL;
	_cleanup_(server_freep) struct server *server = NULL;
	int r;

	r = sd_event_default(&event);
	if (r < 0)
		return log_error_errno(r, "make an event loop");
	r = watch_signals(event);
	if (r < 0)
		return log_error_errno(r, "watch signals");
	r = session_new(event, config, &session);
	if (r < 0)
		return r;
	/* What `run` starts is timed from its first call: that one waits. */
	if (config->private_instance)
		session_calibrate(session, true);
	r = server_new(event, config, session_request, session, &server);
	if (r < 0)
		return r;

	session_set_server(session, server);
	log_info("listening on %s; try: hotpath attach PID", server_path(server));
	r = background_ready(background);
	if (r < 0)
		return r;
	(void)sd_notify(false, "READY=1");
	if (!config->private_instance)
		session_calibrate(session, false);
	r = sd_event_loop(event);
	(void)sd_notify(false, "STOPPING=1");
	return r < 0 ? log_error_errno(r, "event loop") : 0;
}

int main(int argc, char **argv)
{
	struct background background = {-1};
	struct config config;
	pid_t parent = getppid();
	int r;

	r = config_parse(argc, argv, &config);
	if (r != 0)
		return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;

	if (config.private_instance)
		r = follow_parent(parent);
	if (r == 0)
		r = privilege_check();
	if (r == 0 && config.background)
		r = background_start(&background);
	if (r < 0)
		return EXIT_FAILURE;

	raise_limits();
	raise_priority();
	return serve(&config, &background) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
