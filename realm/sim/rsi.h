/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Realm Services Interface as a Realm's guest sees it [RMM 1.0 B5]: a pure state machine. It
 * knows registers and rules; memory, page states and tokens are asked for through struct rsi_env.
 * No KVM, so every clause is tested on any machine.
 */
#ifndef REALM_RSI_H
#define REALM_RSI_H

#include <pthread.h>

#include "lkvm/base/util.h"
#include "realm/hash.h"

#define RSI_NR_REMS 4u
#define RSI_NR_REGS 11u /* x0..x10: the most that a call takes */

/* Function ids [RMM 1.0 B5.3]; the range that belongs to RSI has 32 of them. */
#define RSI_FID_BASE 0xc4000190u
#define RSI_NR_FIDS 32u
#define RSI_VERSION 0xc4000190u
#define RSI_FEATURES 0xc4000191u
#define RSI_MEASUREMENT_READ 0xc4000192u
#define RSI_MEASUREMENT_EXTEND 0xc4000193u
#define RSI_ATTESTATION_TOKEN_INIT 0xc4000194u
#define RSI_ATTESTATION_TOKEN_CONTINUE 0xc4000195u
#define RSI_REALM_CONFIG 0xc4000196u
#define RSI_IPA_STATE_SET 0xc4000197u
#define RSI_IPA_STATE_GET 0xc4000198u
#define RSI_HOST_CALL 0xc4000199u

#define RSI_ABI_VERSION UINT64_C(0x10000) /* 1.0 */

enum rsi_status {
	RSI_SUCCESS = 0,
	RSI_ERROR_INPUT = 1,
	RSI_ERROR_STATE = 2,
	RSI_INCOMPLETE = 3,
	RSI_ERROR_UNKNOWN = 4,
};
#define RSI_NOT_SUPPORTED UINT64_MAX /* SMCCC: -1 */

enum rsi_ripas { RSI_RIPAS_EMPTY = 0, RSI_RIPAS_RAM = 1 };
#define RSI_NO_CHANGE_DESTROYED 0u
#define RSI_CHANGE_DESTROYED 1u
#define RSI_ACCEPT 0u
#define RSI_REJECT 1u

/* What the RMM would do itself. Called with rsi->lock held, on vCPU threads. 0 or -errno. */
struct rsi_env {
	/* Bytes of a page whose RIPAS is RAM, inside one granule; -EFAULT when it is not. */
	int (*read)(void *arg, u64 ipa, void *buf, u32 len);
	int (*write)(void *arg, u64 ipa, const void *buf, u32 len);
	/* End of the run of equal RIPAS that starts at `base`, at most `top`. */
	u64 (*ripas_run)(void *arg, u64 base, u64 top, enum rsi_ripas *ripas);
	/*
	 * Change [base, top); *reached is the first address not changed (> base on success).
	 * -EAGAIN: not now, the call must be made again.
	 */
	int (*ripas_set)(void *arg, u64 base, u64 top, enum rsi_ripas ripas, u64 *reached);
	/*
	 * Make the token for this challenge: *len bytes at *token, good until the next call for
	 * `rec`.
	 */
	int (*token)(void *arg, unsigned rec, const u8 challenge[64], const u8 **token, u32 *len);
	/* gprs[0..30] in and out. 0, or -EAGAIN: not now, the call must be made again. */
	int (*host_call)(void *arg, u16 imm, u64 gprs[31]);
};

struct rsi_realm {
	const struct rsi_env *env;
	void *env_arg;
	unsigned ipa_bits; /* of the whole space: protected half below bit ipa_bits - 1 */
	enum rsi_hash hash_algo;
	/* What RSI_VERSION says that there is, as MAJOR << 16 | MINOR; 0: RSI_ABI_VERSION. */
	u32 version_low, version_high;
	u8 rpv[64];
	u8 rim[RSI_HASH_MAX];
	u8 rem[RSI_NR_REMS][RSI_HASH_MAX];
	u32 token_max; /* what TOKEN_INIT promises as an upper bound, bytes */
	pthread_mutex_t lock;
};

/*
 * A Realm of which all but these is 0; the caller sets the rest. *env, which gets `env_arg`,
 * outlives *r. Main thread, before vCPUs run.
 */
void rsi_init(struct rsi_realm *r, const struct rsi_env *env, void *env_arg);

/* The end; no vCPU runs any more. */
void rsi_fini(struct rsi_realm *r);

/* Attestation state of one REC (vCPU). */
struct rsi_rec {
	unsigned index;
	const u8 *token; /* NULL: no TOKEN_INIT */
	u32 token_len;
	u32 token_done;
};

/*
 * Answer one call of the vCPU whose state is `rec`, on its thread; takes the lock. x[0] is the
 * function id, x[1..10] are the arguments. 0: results have replaced them; registers up to x3 (x8
 * for MEASUREMENT_READ) that are no results of the call are 0, and x[0..*nr_out) are to be written
 * back. -EAGAIN: not now; nothing has happened, x[] is worthless, and the guest has to wait in its
 * call.
 */
int rsi_call(struct rsi_realm *r, struct rsi_rec *rec, u64 x[RSI_NR_REGS], unsigned *nr_out);

#endif
