/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The profile of a host.
 *
 * Thread: main.
 * Trust:  text is the user's; registers are KVM's.
 * Spec:   [ARM DDI 0487 D24.2.49 ID_AA64DFR0_EL1, D24.2.63 ID_AA64MMFR0_EL1, D24.5.9 PMCR_EL0];
 *         [uapi reference 3.3; its update 2: 2]
 */
#include "realm/measure/profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/kvm/kvm.h"
#include "realm/realm.h"

#define ID_AA64DFR0_EL1 KVM_REG_SYS(3u, 0u, 0u, 5u, 0u)
#define ID_AA64MMFR0_EL1 KVM_REG_SYS(3u, 0u, 0u, 7u, 0u)
#define PMCR_EL0 KVM_REG_SYS(3u, 3u, 9u, 12u, 0u)

/* Zero and multiples of `step` from `min` to `max`; zero only if it means something. */
static const struct {
	const char *name;
	unsigned min, max, step;
	bool zero;
} keys[PROFILE_NR] = {
	[PROFILE_RMM] = { "rmm", 0, 0, 1, false }, /* 1.0 or 2.0 */
	[PROFILE_IPA_BITS] = { "ipa_bits", RIM_MIN_IPA_BITS, RIM_MAX_IPA_BITS, 1, false },
	[PROFILE_BPS] = { "bps", 2, 16, 1, false }, /* the architecture's limits */
	[PROFILE_WPS] = { "wps", 2, 16, 1, false },
	[PROFILE_SVE_VL] = { "sve_vl", 128, 2048, 128, true },
	[PROFILE_PMU] = { "pmu", 1, 31, 1, true },
	[PROFILE_PAGE] = { "page", 4096, 65536, 4096, false },
	[PROFILE_LPA2] = { "lpa2", 1, 1, 1, true },
};

static const char *const rmm_names[] = { [RIM_RMM_1_0] = "1.0", [RIM_RMM_2_0] = "2.0" };

/* ---- reading ---- */

static bool is_between(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool equals(const char *name, const char *s, size_t len)
{
	return strlen(name) == len && !memcmp(name, s, len);
}

static int find_key(const char *s, size_t len)
{
	for (int i = 0; i < PROFILE_NR; i++) {
		if (equals(keys[i].name, s, len))
			return i;
	}
	return -1;
}

static bool in_limits(enum profile_key key, u64 v)
{
	if (key == PROFILE_PAGE && !is_power_of_2(v))
		return false;
	return (!v && keys[key].zero) ||
	       (v >= keys[key].min && v <= keys[key].max && v % keys[key].step == 0);
}

static int bad_value(enum profile_key key, const char *s, size_t len, char *why)
{
	if (key == PROFILE_RMM || key == PROFILE_LPA2)
		snprintf(why, PROFILE_WHY_SIZE, "%s, not '%.*s'",
			 key == PROFILE_RMM ? "rmm is 1.0 or 2.0" : "lpa2 is 0 or 1",
			 (int)MIN(len, 40u), s);
	else
		snprintf(why, PROFILE_WHY_SIZE, "%s is %s%u to %u%s, not '%.*s'", keys[key].name,
			 keys[key].zero ? "0 or " : "", keys[key].min, keys[key].max,
			 key == PROFILE_SVE_VL ? " in steps of 128"
			 : key == PROFILE_PAGE ? ", a power of two"
					       : "",
			 (int)MIN(len, 40u), s);
	return -EINVAL;
}

static int parse_value(struct profile *p, enum profile_key key, const char *s, size_t len,
		       char *why)
{
	u64 v = 0;

	if (key == PROFILE_RMM) {
		while (v < ARRAY_SIZE(rmm_names) && !equals(rmm_names[v], s, len))
			v++;
		if (v == ARRAY_SIZE(rmm_names))
			return bad_value(key, s, len, why);
	} else if (decode_number(&v, UINT32_MAX, NUMBER_DEC, s, len) || !in_limits(key, v)) {
		return bad_value(key, s, len, why);
	}
	profile_set(p, key, (unsigned)v);
	return 0;
}

static int parse_word(struct profile *p, const char *s, size_t len, char *why)
{
	const char *eq = memchr(s, '=', len);
	size_t name_len = eq ? (size_t)(eq - s) : len;
	int key = find_key(s, name_len);

	if (key < 0 || !eq) {
		snprintf(
			why, PROFILE_WHY_SIZE,
			"'%.*s' is none of rmm=, ipa_bits=, bps=, wps=, sve_vl=, pmu=, page=, lpa2=",
			(int)MIN(len, 40u), s);
		return -EINVAL;
	}
	if (profile_has(p, (enum profile_key)key)) {
		snprintf(why, PROFILE_WHY_SIZE, "%s is given twice", keys[key].name);
		return -EINVAL;
	}
	return parse_value(p, (enum profile_key)key, eq + 1, len - name_len - 1, why);
}

int profile_parse(struct profile *out, const char *text, size_t len, char why[PROFILE_WHY_SIZE])
{
	struct profile p = { 0 };
	size_t at = 0, end;
	int err;

	while (at < len) {
		if (is_between(text[at])) {
			at++;
			continue;
		}
		if (text[at] == '#') {
			while (at < len && text[at] != '\n')
				at++;
			continue;
		}
		for (end = at; end < len && !is_between(text[end]) && text[end] != '#';)
			end++;
		err = parse_word(&p, text + at, end - at, why);
		if (err)
			return err;
		at = end;
	}
	/* What had nothing to print (a host that cannot say) leaves such a file behind. */
	if (!p.given) {
		snprintf(why, PROFILE_WHY_SIZE, "there is no parameter in it");
		return -EINVAL;
	}
	*out = p;
	return 0;
}

void profile_print(const struct profile *p, char out[PROFILE_TEXT_SIZE])
{
	size_t n = 0;

	*out = 0;
	for (unsigned i = 0; i < PROFILE_NR; i++) {
		if (!profile_has(p, (enum profile_key)i))
			continue;
		n += (size_t)snprintf(out + n, PROFILE_TEXT_SIZE - n, "%s%s=", n ? "," : "",
				      keys[i].name);
		n += (size_t)(i == PROFILE_RMM ? snprintf(out + n, PROFILE_TEXT_SIZE - n, "%s",
							  rmm_names[p->value[i]])
					       : snprintf(out + n, PROFILE_TEXT_SIZE - n, "%u",
							  p->value[i]));
		assert(n < PROFILE_TEXT_SIZE);
	}
}

/* ---- from a vCPU ---- */

/* The longest vector: bit i stands for (i + 1) * 128 bits. A vCPU without SVE has no such set. */
static int read_sve(struct profile *p, int vcpu_fd)
{
	u64 vls[KVM_ARM64_SVE_VLS_WORDS] = { 0 };
	int err = kvm_reg_get(vcpu_fd, KVM_REG_ARM64_SVE_VLS, vls);

	/* What the architecture allows is in the first word: 2048 bits are bit 15. */
	profile_set(p, PROFILE_SVE_VL,
		    err || !vls[0] ? 0 : 128 * (64 - (unsigned)__builtin_clzll(vls[0])));
	return err == -ENOENT ? 0 : err;
}

static int read_pmu(struct profile *p, int vcpu_fd)
{
	u64 pmcr = 0;
	int err = kvm_reg_get64(vcpu_fd, PMCR_EL0, &pmcr);

	profile_set(p, PROFILE_PMU, (unsigned)(pmcr >> 11) & 0x1f);
	return err == -ENOENT ? 0 : err;
}

/*
 * Does this CPU have LPA2 in both stages at this page size? The fields are TGran4, TGran4_2,
 * TGran16 and TGran16_2. It never comes with pages of 64 KiB.
 */
static bool has_lpa2(u64 mmfr0, unsigned page)
{
	switch (page) {
	case 4096:
		return (mmfr0 >> 28 & 0xf) == 1 && (mmfr0 >> 40 & 0xf) == 3;
	case 16384:
		return (mmfr0 >> 20 & 0xf) == 2 && (mmfr0 >> 32 & 0xf) == 3;
	default:
		return false;
	}
}

/*
 * A user program cannot read the fields of the CPU's register, but KVM shows them in a vCPU's. Were
 * it to stop that, the key would not be given.
 */
static void read_lpa2(struct profile *p, const struct realm_host *h, int vcpu_fd)
{
	u64 mmfr0 = 0;

	if (!h->lpa2 || !kvm_reg_get64(vcpu_fd, ID_AA64MMFR0_EL1, &mmfr0))
		profile_set(p, PROFILE_LPA2, h->lpa2 && has_lpa2(mmfr0, p->value[PROFILE_PAGE]));
}

int profile_read(struct profile *p, const struct realm_host *h, int vcpu_fd)
{
	u64 dfr0;
	int err = kvm_reg_get64(vcpu_fd, ID_AA64DFR0_EL1, &dfr0);

	if (err)
		return err;
	profile_set(p, PROFILE_BPS, ((dfr0 >> 12) & 0xf) + 1);
	profile_set(p, PROFILE_WPS, ((dfr0 >> 20) & 0xf) + 1);
	profile_set(p, PROFILE_PAGE, (unsigned)sysconf(_SC_PAGESIZE));
	read_lpa2(p, h, vcpu_fd);
	err = read_sve(p, vcpu_fd);
	return err ? err : read_pmu(p, vcpu_fd);
}

int profile_of_vcpu(struct rim_params *out, const struct realm_host *h, int vcpu_fd, bool pmu)
{
	struct profile p = { 0 };
	int err = profile_read(&p, h, vcpu_fd);

	if (err)
		return err;
	*out = (struct rim_params){
		.nr_bps = p.value[PROFILE_BPS],
		.nr_wps = p.value[PROFILE_WPS],
		.sve = p.value[PROFILE_SVE_VL],
		.sve_vl = p.value[PROFILE_SVE_VL],
		.pmu = pmu,
		.lpa2 = p.value[PROFILE_LPA2],
		.nr_counters = p.value[PROFILE_PMU],
	};
	return 0;
}

/* ---- parameters ---- */

/* Only what counts has to be known. */
static int missing(const struct profile *p, const struct profile_wish *w, char *why)
{
	const bool needed[PROFILE_NR] = {
		[PROFILE_BPS] = true,
		[PROFILE_WPS] = true,
		[PROFILE_SVE_VL] = w->sve,
		[PROFILE_PMU] = w->pmu,
	};
	size_t n = 0;

	for (unsigned i = 0; i < PROFILE_NR; i++) {
		if (needed[i] && !profile_has(p, (enum profile_key)i))
			n += (size_t)snprintf(why + n, PROFILE_WHY_SIZE - n, "%s%s=",
					      n ? ", " : "the Realm is measured with the host's ",
					      keys[i].name);
	}
	return n ? -EINVAL : 0;
}

static int not_there(const char *what, unsigned wanted, unsigned has, char *why)
{
	snprintf(why, PROFILE_WHY_SIZE, "that host has %s up to %u, not %u", what, has, wanted);
	return -EINVAL;
}

int profile_params(struct rim_params *out, const struct profile *p, const struct profile_wish *w,
		   char why[PROFILE_WHY_SIZE])
{
	const unsigned *v = p->value;
	int err = missing(p, w, why);

	if (err)
		return err;
	if (profile_has(p, PROFILE_IPA_BITS) && w->ipa_bits > v[PROFILE_IPA_BITS])
		return not_there("an address space of bits", w->ipa_bits, v[PROFILE_IPA_BITS], why);
	if (w->sve && w->sve_vl > v[PROFILE_SVE_VL])
		return not_there("SVE vectors of bits", w->sve_vl, v[PROFILE_SVE_VL], why);
	if (w->pmu && MAX(w->counters, 1u) > v[PROFILE_PMU])
		return not_there("PMU counters", MAX(w->counters, 1u), v[PROFILE_PMU], why);
	*out = (struct rim_params){
		.hash = w->hash,
		.ipa_bits = w->ipa_bits,
		.nr_bps = v[PROFILE_BPS],
		.nr_wps = v[PROFILE_WPS],
		.sve = w->sve && v[PROFILE_SVE_VL],
		.pmu = w->pmu,
		.lpa2 = v[PROFILE_LPA2],
	};
	if (out->sve)
		out->sve_vl = w->sve_vl ? w->sve_vl : v[PROFILE_SVE_VL];
	if (out->pmu)
		out->nr_counters = w->counters ? w->counters : v[PROFILE_PMU];
	return 0;
}
