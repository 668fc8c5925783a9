/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linux's attestation reports: configfs-tsm [ABI/testing/configfs-tsm]. Any thread. */
#ifndef GUEST_KEYBROKER_TSM_H
#define GUEST_KEYBROKER_TSM_H

#include "lkvm/base/util.h"

#define TSM_REPORTS "/sys/kernel/config/tsm/report"
#define TSM_PROVIDER "arm_cca_guest"

/*
 * Get the report about `challenge`, from an entry of its own that is made below the folder
 * `reports` and removed again. `out` has `size` bytes. Returns the length of the report, or -errno
 * after one log_error() line that says what to do. May wait for the RMM.
 */
int tsm_report(const char *reports, const u8 *challenge, size_t challenge_len, u8 *out,
	       size_t size);

/* The same from an entry that is there: `entry` is its open folder. */
int tsm_report_in(int entry, const u8 *challenge, size_t challenge_len, u8 *out, size_t size);

#endif
