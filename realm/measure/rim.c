/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Realm Initial Measurement.
 *
 * Thread: any.
 * Trust:  parameters are checked by the callers.
 * Spec:   [RMM 1.0 A7.1.1 RIM, B4.3.9.4 REALM_CREATE, B4.3.1.4 DATA_CREATE, B4.3.12.4 REC_CREATE,
 *         B4.3.19 RTT_INIT_RIPAS]; numbers of B4.4 (layouts); RMM 2.0 as in tf-rmm
 *
 * Each call hashes a descriptor of fixed size that holds the measurement before it. All measurement
 * fields are 64 bytes: a shorter hash has zeros behind.
 */
#include "realm/measure/rim.h"

#include <string.h>

#include "lkvm/base/le.h"
#include "realm/measure/digest.h"

/* [RmiRealmParams] What is not named here is zero when measured: RPV, VMID, tables. */
struct params_image {
	le64 flags;
	le64 s2sz;
	le64 sve_vl; /* vector length in units of 128 bits, minus 1 */
	le64 num_bps;
	le64 num_wps;
	le64 pmu_num_ctrs;
	le64 hash_algo;
	u8 pad[RSI_GRANULE - 0x38];
};
static_assert(sizeof(struct params_image) == RSI_GRANULE, "RmiRealmParams");
static_assert(offsetof(struct params_image, hash_algo) == 0x30, "RmiRealmParams");

#define PARAMS_LPA2 BIT(0)
#define PARAMS_SVE BIT(1)
#define PARAMS_PMU BIT(2)

/* [RmmMeasurementDescriptorData] */
struct data_desc {
	u8 type;
	u8 pad[7];
	le64 len;
	u8 rim[RSI_HASH_MAX];
	le64 ipa;
	le64 flags;
	u8 content[RSI_HASH_MAX];
	u8 pad2[0x60];
};
static_assert(sizeof(struct data_desc) == 0x100, "RmmMeasurementDescriptorData");
static_assert(offsetof(struct data_desc, content) == 0x60, "RmmMeasurementDescriptorData");

#define DATA_MEASURE_CONTENT BIT(0)

/* [RmmMeasurementDescriptorRec] */
struct rec_desc {
	u8 type;
	u8 pad[7];
	le64 len;
	u8 rim[RSI_HASH_MAX];
	u8 content[RSI_HASH_MAX];
	u8 pad2[0x70];
};
static_assert(sizeof(struct rec_desc) == 0x100, "RmmMeasurementDescriptorRec");

/* [RmmMeasurementDescriptorRipas] */
struct ripas_desc {
	u8 type;
	u8 pad[7];
	le64 len;
	u8 rim[RSI_HASH_MAX];
	le64 base;
	le64 top;
	u8 pad2[0xa0];
};
static_assert(sizeof(struct ripas_desc) == 0x100, "RmmMeasurementDescriptorRipas");

enum desc_type { DESC_DATA = 0, DESC_REC = 1, DESC_RIPAS = 2 };

/* [RmiRecParams] The MPIDR is not measured. */
struct rec_image {
	le64 flags;
	u8 pad[0x200 - 8];
	le64 pc;
	u8 pad2[0xf8];
	le64 gprs[8];
	u8 pad3[RSI_GRANULE - 0x340];
};
static_assert(sizeof(struct rec_image) == RSI_GRANULE, "RmiRecParams");
static_assert(offsetof(struct rec_image, gprs) == 0x300, "RmiRecParams");

#define REC_RUNNABLE BIT(0)

static void extend(struct rim *r, const void *desc, size_t len)
{
	digest(r->hash, desc, len, NULL, 0, r->value);
}

u64 rim_flags(const struct rim_params *p)
{
	return (p->lpa2 ? PARAMS_LPA2 : 0) | (p->sve ? PARAMS_SVE : 0) | (p->pmu ? PARAMS_PMU : 0);
}

void rim_create(struct rim *r, enum rim_rmm rmm, const struct rim_params *p)
{
	struct params_image image = {
		.flags = le64_of(rim_flags(p)),
		.s2sz = le64_of(p->ipa_bits),
		.sve_vl = le64_of(p->sve ? p->sve_vl / 128 - 1 : 0),
		.num_bps = le64_of(p->nr_bps - 1),
		.num_wps = le64_of(p->nr_wps - 1),
		.pmu_num_ctrs = le64_of(p->pmu ? p->nr_counters : 0),
		.hash_algo = le64_of(p->hash),
	};

	assert(p->ipa_bits >= RIM_MIN_IPA_BITS && p->ipa_bits <= RIM_MAX_IPA_BITS);
	assert(p->nr_bps && p->nr_wps && (!p->sve || p->sve_vl >= 128));
	*r = (struct rim){ .rmm = rmm, .hash = p->hash, .ipa_bits = p->ipa_bits };
	extend(r, &image, sizeof(image));
}

/* ---- RIPAS ---- */

#define RTT_LEVELS 4u
#define RTT_BITS 9u	   /* of the address, resolved by one level */
#define RTT_CONCAT_BITS 4u /* up to 16 tables side by side at the first level */

/* The level that a walk starts from: concatenation saves one where it can. */
static unsigned start_level(unsigned ipa_bits)
{
	unsigned bits = ipa_bits - 12, n = (bits + RTT_BITS - 1) / RTT_BITS;

	if (bits - RTT_BITS * (n - 1) <= RTT_CONCAT_BITS)
		n--;
	return RTT_LEVELS - n;
}

/* What the largest entry that starts at `base` and ends at `top` or before describes. */
static u64 entry_size(unsigned ipa_bits, u64 base, u64 top)
{
	unsigned level = start_level(ipa_bits);
	u64 size;

	do {
		size = (u64)RSI_GRANULE << RTT_BITS * (RTT_LEVELS - 1 - level);
	} while ((!is_aligned(base, size) || size > top - base) && ++level < RTT_LEVELS);
	return size;
}

/* [RMM 1.0 B4.3.19] one descriptor for each entry of a table that changes */
void rim_init_ripas(struct rim *r, u64 base, u64 top)
{
	struct ripas_desc d = { .type = DESC_RIPAS, .len = le64_of(sizeof(d)) };

	assert(is_aligned(base | top, RSI_GRANULE) && base <= top);
	if (r->rmm == RIM_RMM_2_0)
		return;
	while (base < top) {
		u64 next = base + entry_size(r->ipa_bits, base, top);

		memcpy(d.rim, r->value, sizeof(d.rim));
		d.base = le64_of(base);
		d.top = le64_of(next);
		extend(r, &d, sizeof(d));
		base = next;
	}
}

/* ---- data and RECs ---- */

void rim_data(struct rim *r, u64 ipa, const void *granule)
{
	struct data_desc d = {
		.type = DESC_DATA,
		.len = le64_of(sizeof(d)),
		.ipa = le64_of(ipa),
		.flags = le64_of(granule ? DATA_MEASURE_CONTENT : 0),
	};

	memcpy(d.rim, r->value, sizeof(d.rim));
	if (granule)
		digest(r->hash, granule, RSI_GRANULE, NULL, 0, d.content);
	extend(r, &d, sizeof(d));
}

void rim_rec(struct rim *r, bool runnable, u64 pc, const u64 gprs[8])
{
	struct rec_desc d = { .type = DESC_REC, .len = le64_of(sizeof(d)) };
	struct rec_image image = { .flags = le64_of(REC_RUNNABLE), .pc = le64_of(pc) };

	if (!runnable)
		return;
	for (unsigned i = 0; i < 8; i++)
		image.gprs[i] = le64_of(gprs[i]);
	memcpy(d.rim, r->value, sizeof(d.rim));
	digest(r->hash, &image, sizeof(image), NULL, 0, d.content);
	extend(r, &d, sizeof(d));
}
