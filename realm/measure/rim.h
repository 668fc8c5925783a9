/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Realm Initial Measurement, as the RMM extends it with each call of the host that builds the
 * Realm. Pure: no Realm, no KVM, any machine. Any thread; the caller owns the object.
 *
 * Two rules are known: RMM 1.0 measures the state of RAM (RIPAS) entry by entry of the translation
 * table, RMM 2.0 does not measure it at all. The rest is the same.
 */
#ifndef REALM_RIM_H
#define REALM_RIM_H

#include "realm/hash.h"

enum rim_rmm { RIM_RMM_1_0, RIM_RMM_2_0 };

#define RIM_MIN_IPA_BITS 33u
#define RIM_MAX_IPA_BITS 52u

/* What the descriptor of a Realm is made from, as far as it is measured [RmiRealmParams]. */
struct rim_params {
	enum rsi_hash hash;
	unsigned ipa_bits; /* with the bit of the shared alias: 33 .. 52 */
	unsigned nr_bps; /* breakpoints and watchpoints: what there are, not the register's n - 1 */
	unsigned nr_wps;
	bool sve, pmu;
	bool lpa2;	      /* tables with 52 bit addresses were asked for, needed or not */
	unsigned sve_vl;      /* longest vectors, bits; only with sve */
	unsigned nr_counters; /* event counters; only with pmu */
};

struct rim {
	enum rim_rmm rmm;
	enum rsi_hash hash;
	unsigned ipa_bits;
	u8 value[RSI_HASH_MAX]; /* rsi_hash_len(hash) bytes, zeros behind */
};

/* Which features the descriptor says that the Realm has [RmiRealmFlags]. */
u64 rim_flags(const struct rim_params *p);

/* RMI_REALM_CREATE: the measurement starts. */
void rim_create(struct rim *r, enum rim_rmm rmm, const struct rim_params *p);

/*
 * RMI_RTT_INIT_RIPAS over [base, top), granule aligned, by a host that makes tables only as deep as
 * the range needs.
 */
void rim_init_ripas(struct rim *r, u64 base, u64 top);

/* RMI_DATA_CREATE of the granule at `ipa`; `granule` NULL: with RMI_NO_MEASURE_CONTENT. */
void rim_data(struct rim *r, u64 ipa, const void *granule);

/* RMI_REC_CREATE; one that is not runnable leaves the measurement as it is. */
void rim_rec(struct rim *r, bool runnable, u64 pc, const u64 gprs[8]);

#endif
