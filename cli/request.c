// SPDX-License-Identifier: GPL-2.0-only
/* Builds requests out of options and words. */
#include <errno.h>
#include <string.h>
#include "cli/client.h"
#include "cli/complain.h"
#include "cli/request.h"
#include "cli/verb.h"
#include "lib/cleanup.h"
#include "lib/parse.h"

#define FAMILY_SIGN '%'

bool request_is_target(const char *word)
{
	word += *word == FAMILY_SIGN;
	return *word && !word[strspn(word, "0123456789")];
}

static int parse_family(const char *word, uint32_t *ret)
{
	uint64_t family;

	if (*word != FAMILY_SIGN || parse_u64(word + 1, UINT32_MAX, &family) < 0 || !family)
		return -EINVAL;

	*ret = (uint32_t)family;
	return 0;
}

static int take_words(const char *verb, int words, char **word, bool families, struct pids *ret)
{
	_cleanup_free_ int32_t *pid = calloc((size_t)words + 1, sizeof(*pid));
	_cleanup_free_ uint32_t *family = calloc((size_t)words + 1, sizeof(*family));
	size_t count = 0, n_families = 0;

	if (!pid || !family) {
		complain("%s: out of memory", verb);
		return -ENOMEM;
	}

	for (int i = 0; i < words; i++) {
		if (families && parse_family(word[i], &family[n_families]) == 0) {
			n_families++;
		} else if (parse_pid(word[i], &pid[count]) == 0) {
			count++;
		} else {
			verb_misuse(verb, "'%s' is not a PID: a number from 1 to 4194304%s", word[i],
				    families ? "; nor a family: %1" : "");
			return -EINVAL;
		}
	}

	*ret = (struct pids){TAKE(pid), count, TAKE(family), n_families};
	return 0;
}

int request_pids(const char *verb, int words, char **word, struct pids *ret)
{
	return take_words(verb, words, word, false, ret);
}

int request_targets(const char *verb, int words, char **word, struct pids *ret)
{
	return take_words(verb, words, word, true, ret);
}

/* Words are bytes for the daemon: names are, too. */
static ProtobufCBinaryData *bytes_of(char *const *word, size_t n)
{
	ProtobufCBinaryData *bytes = calloc(n + 1, sizeof(*bytes));

	for (size_t i = 0; bytes && i < n; i++) {
		bytes[i].data = (uint8_t *)word[i];
		bytes[i].len = strlen(word[i]);
	}

	return bytes;
}

/* What the selectors name, as the daemon is told it. */
struct files {
	Hotpath__File *file, **each;
};

static void files_clear(struct files *files)
{
	free(files->file);
	free(files->each);
}

static int files_of(const struct selected_file *selected, size_t n, struct files *ret)
{
	ret->file = calloc(n + 1, sizeof(*ret->file));
	ret->each = calloc(n + 1, sizeof(*ret->each));
	if (!ret->file || !ret->each)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		hotpath__file__init(&ret->file[i]);
		ret->file[i].dev = selected[i].dev;
		ret->file[i].ino = selected[i].ino;
		ret->file[i].fd = selected[i].fd;
		ret->each[i] = &ret->file[i];
	}
	return 0;
}

int request_attach(const struct options *options, const struct pids *pids, bool from_start,
		   Hotpath__Reply **ret)
{
	const struct selectors *select = &options->select;
	_cleanup_free_ ProtobufCBinaryData *patterns =
		bytes_of(options->functions, options->n_functions);
	_cleanup_free_ ProtobufCBinaryData *names = bytes_of(select->name, select->names);
	_cleanup_free_ ProtobufCBinaryData *exes = bytes_of(select->exe, select->exes);
	_cleanup_free_ ProtobufCBinaryData *cgroups = bytes_of(select->cgroup, select->cgroups);
	_cleanup_(files_clear) struct files exe_files = {0}, cgroup_files = {0};
	Hotpath__AttachRequest attach = HOTPATH__ATTACH_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;

	if (!patterns || !names || !exes || !cgroups ||
	    files_of(select->exe_file, select->exes, &exe_files) < 0 ||
	    files_of(select->cgroup_file, select->cgroups, &cgroup_files) < 0) {
		complain("out of memory");
		return -ENOMEM;
	}

	attach.pids = pids->pid;
	attach.n_pids = pids->count;
	attach.patterns = patterns;
	attach.n_patterns = options->n_functions;
	attach.names = names;
	attach.n_names = select->names;
	attach.exes = exes;
	attach.n_exes = select->exes;
	attach.cgroups = cgroups;
	attach.n_cgroups = select->cgroups;
	attach.exe_files = exe_files.each;
	attach.n_exe_files = select->exes;
	attach.cgroup_files = cgroup_files.each;
	attach.n_cgroup_files = select->cgroups;
	attach.ttl_ns = from_start ? 0 : options->ttl_ns;
	attach.from_start = from_start;
	attach.no_follow = options->no_follow;
	attach.while_asker_lives = from_start || options->duration_ns;
	attach.max_bystanders = options->max_bystanders;
	attach.budget_ppm = options->budget_ppm;
	request.body_case = HOTPATH__REQUEST__BODY_ATTACH;
	request.attach = &attach;

	return client_call(options->socket, &request, HOTPATH__REPLY__BODY_ATTACH, ret);
}

int request_detach(const struct options *options, const struct pids *pids, bool all,
		   Hotpath__Reply **ret)
{
	Hotpath__DetachRequest detach = HOTPATH__DETACH_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;

	detach.pids = pids->pid;
	detach.n_pids = pids->count;
	detach.families = pids->family;
	detach.n_families = pids->families;
	detach.all = all;
	request.body_case = HOTPATH__REQUEST__BODY_DETACH;
	request.detach = &detach;

	return client_call(options->socket, &request, HOTPATH__REPLY__BODY_DETACH, ret);
}

static bool was_asked_for(const struct pids *pids, const Hotpath__Target *t)
{
	for (size_t i = 0; i < pids->count; i++)
		if (pids->pid[i] == t->pid)
			return true;
	for (size_t i = 0; i < pids->families; i++)
		if (pids->family[i] == t->family)
			return true;

	return false;
}

static void drop_others(const struct pids *pids, Hotpath__Snapshot *snapshot)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot->n_targets; i++)
		if (was_asked_for(pids, snapshot->targets[i]))
			snapshot->targets[n++] = snapshot->targets[i];
		else
			hotpath__target__free_unpacked(snapshot->targets[i], NULL);
	snapshot->n_targets = n;
}

int request_report(const struct options *options, const struct pids *pids, Hotpath__Reply **ret)
{
	Hotpath__ReportRequest report = HOTPATH__REPORT_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;
	int r;

	report.pids = pids->pid;
	report.n_pids = pids->count;
	report.families = pids->family;
	report.n_families = pids->families;
	request.body_case = HOTPATH__REQUEST__BODY_REPORT;
	request.report = &report;

	r = client_call(options->socket, &request, HOTPATH__REPLY__BODY_REPORT, ret);
	/* A daemon that knows no families answers with everything. */
	if (r == 0 && pids->families)
		drop_others(pids, (*ret)->report);
	return r;
}

static bool has_target(const Hotpath__Snapshot *snapshot, uint32_t family)
{
	for (size_t i = 0; i < snapshot->n_targets; i++)
		if (snapshot->targets[i]->family == family)
			return true;

	return false;
}

static bool is_known(const Hotpath__StatusReply *status, uint32_t family)
{
	for (size_t i = 0; i < status->n_families; i++)
		if (status->families[i]->id == family)
			return true;

	return false;
}

static int check_family(const struct options *options, const char *verb, uint32_t family)
{
	Hotpath__StatusRequest status = HOTPATH__STATUS_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;
	Hotpath__Reply *reply;
	bool known;
	int r;

	request.body_case = HOTPATH__REQUEST__BODY_STATUS;
	request.status = &status;
	r = client_call(options->socket, &request, HOTPATH__REPLY__BODY_STATUS, &reply);
	if (r < 0)
		return r;

	known = is_known(reply->status, family);
	client_reply_free(reply);
	if (known) {
		complain_hint("hotpath: nothing of family %%%u runs yet", family);
		return 0;
	}
	complain("%s: there is no family %%%u", verb, family);
	complain_hint("`hotpath status` lists them");
	return -ENOENT;
}

int request_check_families(const struct options *options, const char *verb,
			   const struct pids *pids, const Hotpath__Snapshot *snapshot)
{
	int r;

	for (size_t i = 0; i < pids->families; i++) {
		if (has_target(snapshot, pids->family[i]))
			continue;
		r = check_family(options, verb, pids->family[i]);
		if (r < 0)
			return r;
	}

	return 0;
}

int request_reset(const struct options *options, const struct pids *pids, Hotpath__Reply **ret)
{
	Hotpath__ResetRequest reset = HOTPATH__RESET_REQUEST__INIT;
	Hotpath__Request request = HOTPATH__REQUEST__INIT;

	reset.pids = pids->pid;
	reset.n_pids = pids->count;
	request.body_case = HOTPATH__REQUEST__BODY_RESET;
	request.reset = &reset;

	return client_call(options->socket, &request, HOTPATH__REPLY__BODY_RESET, ret);
}
