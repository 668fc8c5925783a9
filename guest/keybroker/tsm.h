/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linux's attestation reports: configfs-tsm [ABI/testing/configfs-tsm]. Any thread. */
#ifndef GUEST_KEYBROKER_TSM_H
#define GUEST_KEYBROKER_TSM_H

#include "lkvm/base/util.h"

#define TSM_REPORTS "/sys/kernel/config/tsm/report"
#define TSM_PROVIDER "arm_cca_guest"

/*
 * The report about `challenge` in an entry of its own below `reports`. How many bytes of `out` it
 * has, or -errno after one log_error() line that says what to do.
 */
int tsm_report(const char *reports, const u8 *challenge, size_t challenge_len, u8 *out,
	       size_t size);

/* The same in an entry that is there. */
int tsm_report_in(int entry, const u8 *challenge, size_t challenge_len, u8 *out, size_t size);

#endif
