/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Measures what a probed call costs on this machine: a child without privileges
 * calls tiny functions, probed by the real programs as a real target, and reports
 * its own clock readings. The daemon goes on meanwhile; only linking before (25 ms here)
 * and unlinking after (120 ms, as at any detach) take its time.
 */
#ifndef DAEMON_CALIBRATE_H
#define DAEMON_CALIBRATE_H

#include <systemd/sd-event.h>

#include "blocks.h"
#include "collect-calls.h"
#include "features.h"
#include "group.h"
#include "prices.h"

struct calibration;

/* What the child is a target among. */
struct calibration_place {
	sd_event *event;
	const struct features *features;
	struct calls *calls;
	struct blocks *blocks;
	struct groups *groups;
};

/* Once, unless cancelled; the calibration is gone then. prices->missing says what
 * could not be measured and why. */
typedef void (*calibration_handler)(void *userdata, const struct prices *prices);

/* place is copied, what it points to is not. On an error nothing is left and
 * missing, of `size` bytes, says why there will be no prices. */
int calibrate_start(const struct calibration_place *place, calibration_handler handler,
		    void *userdata, char *missing, size_t size, struct calibration **ret);
/* Ends it without a call of the handler. NULL is fine. */
struct calibration *calibrate_cancel(struct calibration *calibration);

#endif
