/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a host is measured into its Realms, as text: "rmm=1.0,ipa_bits=48,bps=6,wps=4,...".
 * `lkvm doctor` prints it, --host-params takes it. Main thread.
 */
#ifndef REALM_PROFILE_H
#define REALM_PROFILE_H

#include "realm/measure/rim.h"

struct realm_host;

enum profile_key {
	PROFILE_RMM,	  /* rmm: 1.0 or 2.0; enum rim_rmm */
	PROFILE_IPA_BITS, /* ipa_bits: the widest space of a Realm, alias included */
	PROFILE_BPS,	  /* bps, wps: breakpoints and watchpoints of a vCPU */
	PROFILE_WPS,
	PROFILE_SVE_VL, /* sve_vl: longest vectors in bits; 0: no SVE */
	PROFILE_PMU,	/* pmu: event counters; 0: no PMU */
	PROFILE_PAGE,	/* page: of the host's kernel, bytes */
	PROFILE_LPA2,	/* lpa2: Realms get tables with 52 bit addresses; 0 or 1 */
	PROFILE_NR
};

/* Plain data; a zeroed one says nothing. */
struct profile {
	u32 given; /* BIT(key) */
	unsigned value[PROFILE_NR];
};

#define PROFILE_TEXT_SIZE 128u
#define PROFILE_WHY_SIZE 200u

/* Is the key given? */
static inline bool profile_has(const struct profile *p, enum profile_key key)
{
	return p->given & BIT(key);
}

/* Give the key this value. */
static inline void profile_set(struct profile *p, enum profile_key key, unsigned value)
{
	p->given |= (u32)BIT(key);
	p->value[key] = value;
}

/*
 * Read a profile from text[0..len): words key=value with commas, blanks or line ends between them;
 * # starts a comment. Each key is there once at most, and one at least. 0, or -EINVAL with one
 * clause in `why`.
 */
int profile_parse(struct profile *out, const char *text, size_t len, char why[PROFILE_WHY_SIZE]);

/* Write the keys that are given to `out`, as profile_parse() reads them, in one line. */
void profile_print(const struct profile *p, char out[PROFILE_TEXT_SIZE]);

/*
 * Give *p the breakpoints, watchpoints, vectors, counters and addresses of this vCPU, on a host of
 * this kind. 0, or -errno of KVM.
 */
int profile_read(struct profile *p, const struct realm_host *h, int vcpu_fd);

/*
 * The parameters of a Realm of such a host whose vCPUs are like this one, with a PMU or without;
 * all but hash and ipa_bits, which the caller knows. 0, or -errno of KVM.
 */
int profile_of_vcpu(struct rim_params *out, const struct realm_host *h, int vcpu_fd, bool pmu);

/* What the user wants of a host. */
struct profile_wish {
	enum rsi_hash hash;
	unsigned ipa_bits; /* what the board needs */
	bool sve;	   /* if the host has it */
	unsigned sve_vl;   /* at most; 0: as the host */
	bool pmu;
	unsigned counters; /* 0: as the host */
};

/*
 * The parameters of a Realm on the host with this profile. 0; -EINVAL with one clause in `why`: a
 * key that counts is not given, or the host does not have what is wanted.
 */
int profile_params(struct rim_params *out, const struct profile *p, const struct profile_wish *w,
		   char why[PROFILE_WHY_SIZE]);

#endif
