/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A predicted Realm Initial Measurement, and the forms in which `lkvm measure` gives it. Main
 * thread.
 */
#ifndef LKVM_MEASURE_H
#define LKVM_MEASURE_H

#include "lkvm/base/encode.h"
#include "lkvm/run/launch.h"
#include "realm/measure/profile.h"

#define MEASURE_MAX_NOTES 4u

struct measurement {
	struct launch launch;
	enum rim_rmm rmm;
	struct rim_params params;
	struct rim rim;
	u8 after[PLAN_MAX_STEPS][RSI_HASH_MAX]; /* the measurement after each step of the plan */
	unsigned nr_after;
	const char *notes[MEASURE_MAX_NOTES]; /* what was assumed and counts */
	unsigned nr_notes;
};

/* Print the measurement on stdout for people, with each step of it if `explain`. */
void measure_print_text(const struct measurement *m, bool explain);

/* The same as JSON. 0, or -errno after one log_error() line, as json_print() and the next calls. */
int measure_print_json(const struct measurement *m, bool explain);

/* Print the file that keybroker-server takes: { "reference-values": [ base64 ] }. */
int measure_print_reference_values(const struct measurement *m);

/*
 * Print endorsements for Veraison: templates from which `cocli comid create` makes a CoMID with the
 * measurement and the personalization value `rpv`, and `cocli corim create` a CoRIM around it.
 */
int measure_print_comid(const struct measurement *m, const u8 rpv[RSI_HASH_MAX]);
int measure_print_corim(const struct measurement *m);

/* ---- for the forms ---- */

#define MEASURE_HEX_SIZE HEX_SIZE(RSI_HASH_MAX)
#define MEASURE_BASE64_SIZE BASE64_SIZE(RSI_HASH_MAX)

/*
 * Write a measurement (`value`: the RIM or what is measured after a step; base64: the RIM) to
 * `out`, as long as its hash is. Return `out`.
 */
const char *measure_hex(const struct measurement *m, const u8 *value, char out[MEASURE_HEX_SIZE]);
const char *measure_base64(const struct measurement *m, char out[MEASURE_BASE64_SIZE]);

/* At which byte of its file the step's range starts; negative: so many bytes before the file. */
s64 measure_file_offset(const struct plan_step *s);

/* By enum rim_rmm, enum rsi_hash, enum plan_kind. */
extern const char *const measure_rmm_names[];  /* "1.0" */
extern const char *const measure_hash_names[]; /* as attestation tokens have them */
extern const char *const measure_step_names[];

#endif
