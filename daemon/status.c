// SPDX-License-Identifier: GPL-2.0-only
/* Answers `hotpath status`; see status.h. Arrays of fixed size: nothing to fail. */
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "family.h"
#include "govern.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "reading.h"

#define FEATURES_MAX 16
#define LIMITS_SHOWN 6
#define LOST_MAX     (HP_COUNTERS_MAX + 2)

static uint64_t own_rss_bytes(void)
{
	_cleanup_file_ FILE *f = fopen("/proc/self/statm", "re");
	unsigned long size, resident;

	if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
		return 0;
	return (uint64_t)resident * sysconf(_SC_PAGESIZE);
}

static uint64_t own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static size_t fill_features(const struct features *features, Hotpath__Feature *row,
			    Hotpath__Feature **rows)
{
	const struct feature_text *table;
	size_t i, n = features_table(features, &table);

	for (i = 0; i < n && i < FEATURES_MAX; i++) {
		hotpath__feature__init(&row[i]);
		row[i].name = (char *)table[i].name;
		row[i].present = table[i].present;
		row[i].text = (char *)table[i].without;
		rows[i] = &row[i];
	}
	return i;
}

static void fill_target(const struct target *t, uint64_t now, Hotpath__TargetStatus *m)
{
	hotpath__target_status__init(m);
	m->pid = t->pid;
	m->comm.data = (uint8_t *)t->comm;
	m->comm.len = strlen(t->comm);
	m->state = t->state;
	m->owner_uid = t->owner;
	m->functions = target_count_functions(t);
	m->elapsed_ns = (t->ended_ns ?: now) - t->begun_ns;
	if (govern_of(t))
		m->budget_ppm = govern_budget_ppm(govern_of(t));
	if (!t->ended_ns && t->ttl_end_ns > now)
		m->ttl_left_ns = t->ttl_end_ns - now;
}

static void fill_targets(const struct registry *registry, const struct peer *peer,
			 Hotpath__TargetStatus *row, Hotpath__TargetStatus **rows,
			 Hotpath__StatusReply *body)
{
	const struct target *t;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	for (t = registry->targets; t; t = t->next) {
		if (!authority_may_see(peer, t->owner)) {
			body->targets_hidden++;
			continue;
		}
		fill_target(t, now, &row[body->n_targets]);
		rows[body->n_targets] = &row[body->n_targets];
		body->n_targets++;
	}
	body->targets = rows;
}

static size_t fill_limits(const struct registry *registry, const struct peer *peer,
			  Hotpath__Limit *row, Hotpath__Limit **rows)
{
	const struct limits_use use = registry_use(registry, peer->uid);
	const struct config *config = registry->config;
	const struct {
		const char *name;
		uint64_t used, max;
	} table[LIMITS_SHOWN] = {
		{"targets", use.targets,
		 peer->uid ? config->max_targets : HP_TARGETS_MAX - 1},
		{"probes", use.probes,
		 peer->uid ? config->max_probes : 0},
		{"families", use.families,
		 peer->uid ? config->max_families : HP_FAMILIES_MAX - 1},
		{"executables", use.kits, peer->uid ? LIMITS_KITS : HP_KITS_MAX - 1},
		{"ready", use.slots, peer->uid ? LIMITS_SLOTS : HP_TARGETS_MAX - 1},
		{"connections", server_connections(registry->server, peer->uid),
		 config->max_connections},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		hotpath__limit__init(&row[i]);
		row[i].name = (char *)table[i].name;
		row[i].used = table[i].used;
		row[i].max = table[i].max;
		rows[i] = &row[i];
	}
	return i;
}

static void fill_daemon(const struct registry *registry, Hotpath__StatusReply *body)
{
	body->version = (char *)HOTPATH_VERSION;
	body->daemon_pid = getpid();
	body->uptime_ns = clock_ns(CLOCK_MONOTONIC) - registry->started_ns;
	body->kernel_bytes = registry_kernel_bytes(registry);
	body->kernel_bytes_formula = (char *)CELL_FORMULA;
	body->kernel_bytes_limit = registry->config->max_kernel_bytes;
	body->rss_bytes = own_rss_bytes();
	body->cpu_ns = own_cpu_ns();
}

static size_t fill_families(const struct registry *registry, const struct peer *peer,
			    Hotpath__Family *row, Hotpath__Family **rows,
			    char (*what)[FAMILY_WHAT_MAX])
{
	const struct family *f;
	size_t n = 0;

	for (f = registry->families; f && n < HP_FAMILIES_MAX; f = f->next) {
		if (!authority_may_see(peer, f->owner))
			continue;
		hotpath__family__init(&row[n]);
		family_what(f, what[n]);
		row[n].id = f->id;
		row[n].what = what[n];
		row[n].running = family_processes(f);
		row[n].seen = f->seen;
		row[n].waits = f->waits;
		row[n].not_measured = family_not_measured(f);
		rows[n] = &row[n];
		n++;
	}
	return n;
}

static size_t add_lost(const char *name, const char *text, uint64_t value, size_t n,
		       Hotpath__Counter *lost, Hotpath__Counter **losts)
{
	if (!value)
		return n;
	hotpath__counter__init(&lost[n]);
	lost[n].name = (char *)name;
	lost[n].text = (char *)text;
	lost[n].value = value;
	losts[n] = &lost[n];
	return n + 1;
}

/* What could not be charged to a target. */
static size_t fill_lost(const struct registry *registry, Hotpath__Counter *lost,
			Hotpath__Counter **losts)
{
	static const char *const name[] = {
#define X(name, help) #name,
		HP_COUNTERS(X)
#undef X
	};
	static const char *const text[] = {
#define X(name, help) help,
		HP_COUNTERS(X)
#undef X
	};
	const struct hp_slot *nobody = calls_slot(registry->calls, 0);
	const struct reading_figures readings = reading_figures();
	size_t i, n = 0;

	for (i = 0; i < HP_COUNTERS_MAX; i++)
		n = add_lost(name[i], text[i],
			     __atomic_load_n(&nobody->counter[i], __ATOMIC_RELAXED), n, lost,
			     losts);
	n = add_lost("readers_waited", "times that hotpath-reader was started later: others ran",
		     readings.waited, n, lost, losts);
	return add_lost("readers_refused",
			"times that hotpath-reader was not started: too many of a user waited",
			readings.refused, n, lost, losts);
}

void status_answer(struct registry *registry, const struct peer *peer, struct reply *reply)
{
	Hotpath__StatusReply body = HOTPATH__STATUS_REPLY__INIT;
	Hotpath__Reply message = HOTPATH__REPLY__INIT;
	Hotpath__Feature feature[FEATURES_MAX], *features[FEATURES_MAX];
	Hotpath__Limit limit[LIMITS_SHOWN], *limits[LIMITS_SHOWN];
	Hotpath__Counter lost[LOST_MAX], *losts[LOST_MAX];
	size_t n = registry_count(registry);
	_cleanup_free_ Hotpath__TargetStatus *row = calloc(n + 1, sizeof(*row));
	_cleanup_free_ Hotpath__TargetStatus **rows = calloc(n + 1, sizeof(*rows));
	Hotpath__Price price[PRICES_ROWS], *prices[PRICES_ROWS];
	Hotpath__Family family[HP_FAMILIES_MAX], *families[HP_FAMILIES_MAX];
	char what[HP_FAMILIES_MAX][FAMILY_WHAT_MAX];
	struct utsname u;

	if (!row || !rows || uname(&u) < 0) {
		reply_error(reply, ENOMEM, NULL, "cannot tell the status: out of memory");
		return;
	}
	fill_daemon(registry, &body);
	body.kernel = u.release;
	body.n_features = fill_features(&registry->features, feature, features);
	body.features = features;
	fill_targets(registry, peer, row, rows, &body);
	body.n_limits = fill_limits(registry, peer, limit, limits);
	body.limits = limits;
	body.n_families = fill_families(registry, peer, family, families, what);
	body.families = families;
	body.n_prices = prices_fill(&registry->prices, price, prices);
	body.prices = prices;
	if (registry->priced_ns)
		body.prices_age_ns = clock_ns(CLOCK_MONOTONIC) - registry->priced_ns;
	body.prices_missing = (char *)registry->prices.missing;

	body.n_lost = fill_lost(registry, lost, losts);
	body.lost = losts;
	message.body_case = HOTPATH__REPLY__BODY_STATUS;
	message.status = &body;
	reply_finish(reply, &message);
}
