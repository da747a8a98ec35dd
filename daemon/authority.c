// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may observe which process. The rule is ptrace's, a little stricter: a
 * process that has, had or can regain any authority that the peer lacks is not
 * the peer's to observe.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "authority.h"
#include "lib/cleanup.h"
#include "proc.h"

#define REFUSAL_MAX 160
#define PATH_ROOM   64
#define PF_KTHREAD  0x00200000u /* include/linux/sched.h, shown in field 9 of stat */

/* One line of /proc/PID/status into the facts. */
static void parse_uid(const char *value, struct process_facts *facts)
{
	(void)sscanf(value, "%u %u %u %u", &facts->uid[0], &facts->uid[1], &facts->uid[2],
		     &facts->uid[3]);
}

static void parse_gid(const char *value, struct process_facts *facts)
{
	(void)sscanf(value, "%u %u %u %u", &facts->gid[0], &facts->gid[1], &facts->gid[2],
		     &facts->gid[3]);
}

static void parse_caps(const char *value, struct process_facts *facts)
{
	(void)sscanf(value, "%" SCNx64, &facts->caps_permitted);
}

static void parse_threads(const char *value, struct process_facts *facts)
{
	(void)sscanf(value, "%d", &facts->threads);
}

static void parse_seccomp(const char *value, struct process_facts *facts)
{
	(void)sscanf(value, "%d", &facts->seccomp);
}

static void parse_thread_features(const char *value, struct process_facts *facts)
{
	facts->shadow_stack = strstr(value, "shstk") != NULL;
}

static void parse_tracer(const char *value, struct process_facts *facts)
{
	facts->tracer = atoi(value);
}

static const struct {
	const char *key;
	void (*parse)(const char *value, struct process_facts *facts);
	bool required;
} status_keys[] = {
	{"Uid:", parse_uid, true},	    {"Gid:", parse_gid, true},
	{"CapPrm:", parse_caps, true},	    {"Threads:", parse_threads, true},
	{"Seccomp:", parse_seccomp, false}, {"x86_Thread_features:", parse_thread_features, false},
	{"TracerPid:", parse_tracer, false},
};

/* True when the line held a value that must be there. */
static bool parse_status_line(const char *line, struct process_facts *facts)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_keys); i++) {
		size_t length = strlen(status_keys[i].key);

		if (strncmp(line, status_keys[i].key, length) != 0)
			continue;
		status_keys[i].parse(line + length, facts);
		return status_keys[i].required;
	}
	return false;
}

/* The process's name is in there too, but the kernel escapes its newlines. */
static int read_status(pid_t tid, struct process_facts *facts)
{
	_cleanup_file_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_ROOM];
	size_t room = 0, found = 0, required = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;

	while (getline(&line, &room, file) > 0)
		found += parse_status_line(line, facts);

	for (size_t i = 0; i < ARRAY_SIZE(status_keys); i++)
		required += status_keys[i].required;
	/* Cut off: it ended while we read. Without its credentials nothing is known. */
	return found == required ? 0 : -ESRCH;
}

/* Flags and owner of one file, opened once. A folder of /proc always belongs to
 * the effective uid; a file in it to root when the process is not dumpable. */
static int read_stat(pid_t tid, struct process_facts *facts)
{
	_cleanup_file_ FILE *file = NULL;
	char path[PATH_ROOM], line[1024] = "";
	unsigned int flags;
	const char *fields;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	if (fstat(fileno(file), &st) < 0)
		return -errno;

	line[fread(line, 1, sizeof(line) - 1, file)] = '\0';
	fields = strrchr(line, ')');
	if (!fields || sscanf(fields, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
		return -ESRCH;

	facts->proc_owner = st.st_uid;
	facts->kernel_thread = flags & PF_KTHREAD;
	return 0;
}

int authority_read(pid_t pid, struct process_facts *ret)
{
	struct process_facts facts = {0};
	pid_t tid;
	int r;

	r = proc_live_thread(pid, &tid);
	if (r == -ESRCH) {
		/* Gone, or a zombie: then what is left of it can still be read. */
		facts.zombie = true;
		tid = pid;
	} else if (r < 0) {
		return r;
	}

	r = read_stat(tid, &facts);
	if (r < 0)
		return r;

	r = read_status(tid, &facts);
	if (r < 0)
		return r;

	facts.ourselves = pid == getpid();
	*ret = facts;
	return 0;
}

static bool holds_group(const struct peer *peer, gid_t gid)
{
	if (gid == peer->gid)
		return true;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (gid == peer->groups[i])
			return true;
	return false;
}

static char refusal[REFUSAL_MAX];

static const char *refuse_uid(const struct peer *peer, const struct process_facts *facts)
{
	for (size_t i = 0; i < ARRAY_SIZE(facts->uid); i++) {
		if (facts->uid[i] == peer->uid)
			continue;
		snprintf(refusal, sizeof(refusal), "it runs as uid %u, you are uid %u",
			 facts->uid[i], peer->uid);
		return refusal;
	}
	return NULL;
}

/*
 * All of its groups the same, and one that the peer holds: a set-gid program
 * has two at first and later maybe one, but never one of the peer's. ptrace
 * compares with the peer's gid only, which would refuse a user's own programs
 * to the user who just did `newgrp hotpath`, as we advise.
 */
static const char *refuse_gid(const struct peer *peer, const struct process_facts *facts)
{
	for (size_t i = 0; i < ARRAY_SIZE(facts->gid); i++) {
		if (facts->gid[i] == facts->gid[0] && holds_group(peer, facts->gid[i]))
			continue;
		snprintf(refusal, sizeof(refusal), "it runs with gid %u, you have gid %u",
			 facts->gid[i], peer->gid);
		return refusal;
	}
	return NULL;
}

const char *authority_refusal(const struct peer *peer, const struct process_facts *facts)
{
	const char *why;

	if (facts->kernel_thread)
		return "it is a kernel thread";
	if (facts->zombie)
		return "it has exited already (a zombie)";
	if (facts->ourselves)
		return "it is hotpathd itself";
	if (peer->uid == 0)
		return NULL;

	why = refuse_uid(peer, facts);
	if (why)
		return why;
	why = refuse_gid(peer, facts);
	if (why)
		return why;
	if (facts->caps_permitted != 0)
		return "it holds capabilities that you do not";
	if (facts->proc_owner != peer->uid)
		return "it is not dumpable (set-uid, unreadable or protected by itself)";
	return NULL;
}

bool authority_may_see(const struct peer *peer, uid_t owner_uid)
{
	return peer->uid == 0 || peer->uid == owner_uid;
}
