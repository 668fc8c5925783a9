/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The RSI service: what an RMM answers to its Realm, as a pure state machine.
 *
 * Thread: vCPU threads; one call at a time under the realm's lock.
 * Trust:  all arguments are the guest's.
 * Spec:   [RMM 1.0 B5 Realm Services Interface]
 */
#include "realm/sim/rsi.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "realm/measure/digest.h"

void rsi_init(struct rsi_realm *r, const struct rsi_env *env, void *env_arg)
{
	*r = (struct rsi_realm){ .env = env, .env_arg = env_arg };
	pthread_mutex_init(&r->lock, NULL);
}

void rsi_fini(struct rsi_realm *r)
{
	pthread_mutex_destroy(&r->lock);
}

/* ---- argument rules ---- */

static u64 par_size(const struct rsi_realm *r)
{
	return BIT(r->ipa_bits - 1);
}

/* [RMM 1.0 A5.2.1] a granule of the protected address range whose content the RMM may use */
static bool granule_ok(const struct rsi_realm *r, u64 ipa)
{
	enum rsi_ripas ripas;

	if (!is_aligned(ipa, RSI_GRANULE) || ipa >= par_size(r))
		return false;
	r->env->ripas_run(r->env_arg, ipa, ipa + RSI_GRANULE, &ripas);
	return ripas == RSI_RIPAS_RAM;
}

static bool range_ok(const struct rsi_realm *r, u64 base, u64 top)
{
	return is_aligned(base | top, RSI_GRANULE) && base < top && top <= par_size(r);
}

/* ---- calls; each returns the status and puts results in x[1..] ---- */

/* [RMM 1.0 B5.3.11] a version that there is, or the highest one as both ends of what there is */
static u64 version(const struct rsi_realm *r, u64 x[])
{
	u64 low = r->version_low ? r->version_low : RSI_ABI_VERSION;
	u64 high = r->version_high ? r->version_high : low;
	bool known = x[1] >= low && x[1] <= high;

	x[1] = known ? x[1] : high;
	x[2] = high;
	return known ? RSI_SUCCESS : RSI_ERROR_INPUT;
}

/* [RMM 1.0 B5.3.3] no optional features; indices without a register read 0 */
static u64 features(u64 x[])
{
	x[1] = 0;
	return RSI_SUCCESS;
}

/* [RMM 1.0 B5.3.8] index 0 is the RIM, 1..4 the REMs */
static u64 measurement_read(const struct rsi_realm *r, u64 x[])
{
	u64 index = x[1];
	le64 words[8];

	memset(&x[1], 0, 8 * sizeof(x[0]));
	if (index > RSI_NR_REMS)
		return RSI_ERROR_INPUT;
	memcpy(words, index ? r->rem[index - 1] : r->rim, sizeof(words));
	for (unsigned i = 0; i < 8; i++)
		x[1 + i] = le64_get(words[i]);
	return RSI_SUCCESS;
}

/* [RMM 1.0 B5.3.7] REM' = H(REM || data), zero-padded */
static u64 measurement_extend(struct rsi_realm *r, u64 x[])
{
	u64 index = x[1], size = x[2];
	u8 out[RSI_HASH_MAX] = { 0 };
	le64 data[8];

	if (index < 1 || index > RSI_NR_REMS || size > sizeof(data))
		return RSI_ERROR_INPUT;
	for (unsigned i = 0; i < 8; i++)
		data[i] = le64_of(x[3 + i]);
	digest(r->hash_algo, r->rem[index - 1], rsi_hash_len(r->hash_algo), data, (u32)size, out);
	memcpy(r->rem[index - 1], out, sizeof(out));
	return RSI_SUCCESS;
}

/* [RMM 1.0 B5.3.2] a generation that was under way on this REC is given up */
static u64 token_init(struct rsi_realm *r, struct rsi_rec *rec, u64 x[])
{
	le64 challenge[8];
	const u8 *token;

	for (unsigned i = 0; i < 8; i++)
		challenge[i] = le64_of(x[1 + i]);
	rec->token = NULL;
	rec->token_done = 0;
	x[1] = 0;
	if (r->env->token(r->env_arg, rec->index, (const u8 *)challenge, &token, &rec->token_len))
		return RSI_ERROR_UNKNOWN;
	assert(rec->token_len <= r->token_max);
	rec->token = token;
	x[1] = r->token_max;
	return RSI_SUCCESS;
}

/*
 * [RMM 1.0 B5.3.1] The next bytes of the token; SUCCESS comes with the last one. Linux adds x1 to
 * its offset whatever the status says, so it is 0 on errors.
 */
static u64 token_continue(struct rsi_realm *r, struct rsi_rec *rec, u64 x[])
{
	u64 ipa = x[1], off = x[2], size = x[3];

	x[1] = 0;
	if (!granule_ok(r, ipa) || off >= RSI_GRANULE || size > RSI_GRANULE - off)
		return RSI_ERROR_INPUT;
	if (!rec->token)
		return RSI_ERROR_STATE;

	u32 n = (u32)MIN(size, (u64)(rec->token_len - rec->token_done));

	if (n && r->env->write(r->env_arg, ipa + off, rec->token + rec->token_done, n))
		return RSI_ERROR_INPUT;
	rec->token_done += n;
	x[1] = n;
	if (rec->token_done < rec->token_len)
		return RSI_INCOMPLETE;
	rec->token = NULL;
	return RSI_SUCCESS;
}

/* [RMM 1.0 B4.4.4 RsiRealmConfig] */
struct realm_config {
	le64 ipa_bits;
	u8 hash_algo;
	u8 pad[0x200 - 9];
	u8 rpv[64];
	u8 pad2[RSI_GRANULE - 0x200 - 64];
};
static_assert(sizeof(struct realm_config) == RSI_GRANULE, "RMM 1.0 B4.4.4");
static_assert(offsetof(struct realm_config, rpv) == 0x200, "RMM 1.0 B4.4.4");

/* [RMM 1.0 B5.3.10] */
static u64 realm_config(struct rsi_realm *r, u64 x[])
{
	struct realm_config c = { .ipa_bits = le64_of(r->ipa_bits), .hash_algo = (u8)r->hash_algo };

	if (!granule_ok(r, x[1]))
		return RSI_ERROR_INPUT;
	memcpy(c.rpv, r->rpv, sizeof(c.rpv));
	return r->env->write(r->env_arg, x[1], &c, sizeof(c)) ? RSI_ERROR_INPUT : RSI_SUCCESS;
}

/*
 * [RMM 1.0 B5.3.6] x1 = first address not changed: the caller goes on from there. *later: nothing
 * could be changed yet.
 */
static u64 ipa_state_set(struct rsi_realm *r, u64 x[], bool *later)
{
	u64 base = x[1], top = x[2], ripas = x[3], reached = base;
	int err;

	x[1] = x[2] = 0;
	if (ripas > RSI_RIPAS_RAM || !range_ok(r, base, top))
		return RSI_ERROR_INPUT;
	/* A page is never DESTROYED here, so the flag in x4 decides nothing. */
	err = r->env->ripas_set(r->env_arg, base, top, (enum rsi_ripas)ripas, &reached);
	*later = err == -EAGAIN;
	if (err) {
		x[1] = reached;
		x[2] = ripas == RSI_RIPAS_RAM ? RSI_REJECT : RSI_ACCEPT;
		/*
		 * Only a change to RAM can be rejected; without progress Linux would ask for ever.
		 */
		return x[2] == RSI_REJECT ? RSI_SUCCESS : RSI_ERROR_INPUT;
	}
	x[1] = reached;
	x[2] = RSI_ACCEPT;
	return RSI_SUCCESS;
}

/* [RMM 1.0 B5.3.5] */
static u64 ipa_state_get(struct rsi_realm *r, u64 x[])
{
	u64 base = x[1], top = x[2];
	enum rsi_ripas ripas;

	x[1] = x[2] = 0;
	if (!range_ok(r, base, top))
		return RSI_ERROR_INPUT;
	x[1] = r->env->ripas_run(r->env_arg, base, top, &ripas);
	x[2] = ripas;
	return RSI_SUCCESS;
}

/* [RMM 1.0 B4.4.3 RsiHostCall] */
struct host_call {
	le32 imm; /* upper half ignored */
	u8 pad[4];
	le64 gprs[31];
};
static_assert(sizeof(struct host_call) == 256, "RMM 1.0 B4.4.3");

/* [RMM 1.0 B5.3.4] */
static u64 host_call(struct rsi_realm *r, u64 x[], bool *later)
{
	u64 ipa = x[1], gprs[31];
	struct host_call c;

	if (!is_aligned(ipa, sizeof(c)) || !granule_ok(r, align_down(ipa, RSI_GRANULE)))
		return RSI_ERROR_INPUT;
	if (r->env->read(r->env_arg, ipa, &c, sizeof(c)))
		return RSI_ERROR_INPUT;
	for (unsigned i = 0; i < 31; i++)
		gprs[i] = le64_get(c.gprs[i]);
	*later = r->env->host_call(r->env_arg, (u16)le32_get(c.imm), gprs) == -EAGAIN;
	for (unsigned i = 0; i < 31; i++)
		c.gprs[i] = le64_of(gprs[i]);
	return r->env->write(r->env_arg, ipa, &c, sizeof(c)) ? RSI_ERROR_INPUT : RSI_SUCCESS;
}

/* ---- dispatch ---- */

static u64 dispatch(struct rsi_realm *r, struct rsi_rec *rec, u64 x[], unsigned *nr_results,
		    bool *later)
{
	*nr_results = 0;
	*later = false;
	switch (x[0]) {
	case RSI_VERSION:
		*nr_results = 2;
		return version(r, x);
	case RSI_FEATURES:
		*nr_results = 1;
		return features(x);
	case RSI_MEASUREMENT_READ:
		*nr_results = 8;
		return measurement_read(r, x);
	case RSI_MEASUREMENT_EXTEND:
		return measurement_extend(r, x);
	case RSI_ATTESTATION_TOKEN_INIT:
		*nr_results = 1;
		return token_init(r, rec, x);
	case RSI_ATTESTATION_TOKEN_CONTINUE:
		*nr_results = 1;
		return token_continue(r, rec, x);
	case RSI_REALM_CONFIG:
		return realm_config(r, x);
	case RSI_IPA_STATE_SET:
		*nr_results = 2;
		return ipa_state_set(r, x, later);
	case RSI_IPA_STATE_GET:
		*nr_results = 2;
		return ipa_state_get(r, x);
	case RSI_HOST_CALL:
		return host_call(r, x, later);
	default:
		return RSI_NOT_SUPPORTED;
	}
}

int rsi_call(struct rsi_realm *r, struct rsi_rec *rec, u64 x[RSI_NR_REGS], unsigned *nr_out)
{
	unsigned nr_results;
	bool later;

	pthread_mutex_lock(&r->lock);
	x[0] = dispatch(r, rec, x, &nr_results, &later);
	pthread_mutex_unlock(&r->lock);
	/* x1..x3 are written by every call; what is not a result is 0. */
	*nr_out = MAX(nr_results, 3u) + 1;
	for (unsigned i = 1 + nr_results; i < *nr_out; i++)
		x[i] = 0;
	return later ? -EAGAIN : 0;
}
