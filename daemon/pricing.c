// SPDX-License-Identifier: GPL-2.0-only
/* When prices are measured, and who is told; see pricing.h. */
#include "pricing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "calibrate.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"

/* What moves prices are the neighbours of a virtual machine and the CPU's clock: neither
 * within minutes. Unlinking stops requests for some 0.1 s, so seldom. */
#define AGAIN_USEC	 (10ull * 60 * 1000 * 1000)
/* When one was the first, or differs from what held: one in a busy moment is 40 % too dear. */
#define AGAIN_DOUBT_USEC (5ull * 1000 * 1000)
#define DOUBTS_MAX	 5
#define AGAIN_BUSY_USEC	 (10ull * 1000 * 1000)
#define AGAIN_SLACK_USEC (1000 * 1000)

struct pricing {
	struct registry *registry;
	struct calibration *calibration; /* under way */
	sd_event_source *idle;		 /* when it begins */
	sd_event_source *again;
	struct prices before; /* as measured last, believed or not */
	bool doubt;	      /* measured again soon */
	unsigned int doubts;  /* in a row */
};

static bool is_known(const struct prices *prices)
{
	return prices->session_ns[HOTPATH__SITE_CLASS__SITE_EMULATED];
}

static void publish(struct registry *registry, const struct prices *prices)
{
	struct hp_prices bpf = prices_for_bpf(prices);
	char text[256];

	if (is_known(prices)) {
		registry->priced_ns = clock_ns(CLOCK_MONOTONIC);
		registry->priced_first_ns = registry->priced_first_ns ?: registry->priced_ns;
	}
	registry->prices = *prices;
	calls_set_prices(registry->calls, &bpf);
	prices_text(prices, text, sizeof(text));
	log_info("%s", text);
}

static int again_in(struct pricing *pricing, uint64_t usec)
{
	int r;

	if (!pricing->again)
		return 0;
	r = sd_event_source_set_time_relative(pricing->again, usec);
	return r < 0 ? r : sd_event_source_set_enabled(pricing->again, SD_EVENT_ONESHOT);
}

static void on_calibrated(void *userdata, const struct prices *prices)
{
	struct pricing *pricing = userdata;
	struct registry *registry = pricing->registry;
	const struct prices held = registry->prices, before = pricing->before;
	const struct prices *believed;

	pricing->calibration = NULL;
	if (*prices->missing)
		log_warning("prices of probes are not all known: %s", prices->missing);
	believed = prices_believe(&held, &before, prices);
	if (believed != &held)
		publish(registry, believed);
	pricing->before = *prices;
	pricing->doubt = is_known(prices) && !prices_agree(prices, &held) &&
			 ++pricing->doubts < DOUBTS_MAX;
	if (!pricing->doubt)
		pricing->doubts = 0;
	(void)again_in(pricing, pricing->doubt ? AGAIN_DOUBT_USEC : AGAIN_USEC);
}

static int begin(struct pricing *pricing)
{
	struct registry *registry = pricing->registry;
	const struct calibration_place place = {registry->event, &registry->features,
						registry->calls, registry->blocks,
						&registry->groups};
	char missing[sizeof(registry->prices.missing)];
	int r;

	r = calibrate_start(&place, on_calibrated, pricing, missing, sizeof(missing),
			    &pricing->calibration);
	if (r >= 0)
		return 0;
	log_warning("prices of probes are not known: %s", missing);
	if (!is_known(&registry->prices))
		snprintf(registry->prices.missing, sizeof(registry->prices.missing), "%s", missing);
	return r;
}

static int on_idle(sd_event_source *source, void *userdata)
{
	struct pricing *pricing = userdata;

	pricing->idle = sd_event_source_disable_unref(pricing->idle);
	begin(pricing);
	return 0;
}

static int begin_when_idle(struct pricing *pricing)
{
	int r;

	r = sd_event_add_defer(pricing->registry->event, &pricing->idle, on_idle, pricing);
	return r < 0 ? r : sd_event_source_set_priority(pricing->idle, SD_EVENT_PRIORITY_IDLE);
}

/* --- again ------------------------------------------------------------------------ */

static bool has_targets(const struct registry *registry)
{
	const struct target *t;

	for (t = registry->targets; t && target_is_finished(t); t = t->next)
		;
	return t;
}

static bool is_busy(const struct pricing *pricing)
{
	const struct registry *registry = pricing->registry;

	return pricing->calibration || pricing->idle || registry->attaching ||
	       registry->following || registry->probing;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pricing *pricing = userdata;
	bool wanted = pricing->doubt || has_targets(pricing->registry);
	bool busy = wanted && is_busy(pricing);

	if (wanted && !busy)
		(void)begin_when_idle(pricing);
	(void)again_in(pricing, busy ? AGAIN_BUSY_USEC : AGAIN_USEC);
	return 0;
}

/* --- life ------------------------------------------------------------------------- */

int pricing_new(struct registry *registry, struct pricing **ret)
{
	struct pricing *pricing = calloc(1, sizeof(*pricing));

	if (!pricing)
		return -ENOMEM;
	pricing->registry = registry;
	snprintf(registry->prices.missing, sizeof(registry->prices.missing), "not calibrated yet");
	*ret = pricing;
	return 0;
}

struct pricing *pricing_free(struct pricing *pricing)
{
	if (!pricing)
		return NULL;
	sd_event_source_disable_unref(pricing->idle);
	sd_event_source_disable_unref(pricing->again);
	calibrate_cancel(pricing->calibration);
	free(pricing);
	return NULL;
}

static bool is_wanted(struct pricing *pricing)
{
	struct prices *prices = &pricing->registry->prices;

	if (!pricing->registry->config->no_calibrate)
		return true;
	snprintf(prices->missing, sizeof(prices->missing), "not calibrated: --no-calibrate");
	return false;
}

static void watch(struct pricing *pricing)
{
	int r;

	r = sd_event_add_time_relative(pricing->registry->event, &pricing->again, CLOCK_MONOTONIC,
				       pricing->doubt ? AGAIN_DOUBT_USEC : AGAIN_USEC,
				       AGAIN_SLACK_USEC, on_again, pricing);
	if (r < 0)
		log_warning_errno(r, "prices of probes are not measured again: set a timer");
}

void pricing_start(struct pricing *pricing)
{
	int r;

	if (!is_wanted(pricing))
		return;
	r = begin_when_idle(pricing);
	if (r < 0)
		log_warning_errno(r, "prices of probes are not known: wait for an idle moment");
	watch(pricing);
}

void pricing_settle(struct pricing *pricing)
{
	sd_event *event = pricing->registry->event;

	if (!is_wanted(pricing) || begin(pricing) < 0)
		return;
	while (pricing->calibration && sd_event_get_state(event) != SD_EVENT_FINISHED) {
		if (sd_event_run(event, UINT64_MAX) < 0)
			break;
	}
	watch(pricing);
}

void pricing_note(const struct registry *registry, uint64_t begun_ns, char *text, size_t size)
{
	*text = '\0';
	if (!is_known(&registry->prices))
		snprintf(text, size, "durations hold what probes added to them: prices are not known (%s)",
			 registry->prices.missing);
	else if (begun_ns < registry->priced_first_ns)
		snprintf(text, size,
			 "durations of the first %.1f s hold what probes added to them: prices were "
			 "not known yet", (registry->priced_first_ns - begun_ns) / 1e9);
}
