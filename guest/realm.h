/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Realm or a protected VM from inside: calls to the RMM or pKVM, and memory that is shared with
 * the host. In an ordinary VM sharing does nothing, so that a driver is written once.
 */
#ifndef GUEST_REALM_H
#define GUEST_REALM_H

#include "guest/guest.h"

#define GRANULE 4096u

/* [RMM 1.0 B5.3] */
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

#define RSI_1_0 0x10000u
#define RSI_1_1 0x10001u
#define RSI_SUCCESS 0u
#define RSI_ERROR_INPUT 1u
#define RSI_ERROR_STATE 2u
#define RSI_INCOMPLETE 3u
#define NOT_SUPPORTED (~0ull)
#define RIPAS_EMPTY 0u
#define RIPAS_RAM 1u
#define CHANGE_DESTROYED 1u

/* [Linux virt/kvm/arm/hypercalls.rst] */
#define SMCCC_VERSION 0x80000000u
#define HVC_UID 0x8600ff01u
#define HVC_FEATURES 0x86000000u
#define HVC_HYP_MEMINFO 0xc6000002u
#define HVC_MEM_SHARE 0xc6000003u
#define HVC_MEM_UNSHARE 0xc6000004u
#define HVC_INVALID_PARAMETER ((u64)-3)

/* x0..x17 of a call and of its answer [SMCCC 1.2 §2.6] */
struct smc {
	u64 x[18];
};

/* SMC #0. Any CPU. */
void smc_call(struct smc *r);
/* The same with up to four arguments and zeros behind; the answer is x0, all of it is in *r. */
u64 rsi(struct smc *r, u64 function, u64 a, u64 b, u64 c, u64 d);

/* HVC #0 with three arguments. Any CPU. */
struct hvc {
	u64 x[4];
};
struct hvc hvc_call(u64 function, u64 a, u64 b, u64 c);

/* This is a protected VM of pKVM. */
bool is_protected_vm(void);

/* The highest RSI version that the RMM has: 1.0 of an RMM 1.0, 1.1 of an RMM 2.0. */
unsigned rsi_version(void);

/*
 * A piece of the token that RSI_ATTESTATION_TOKEN_INIT has begun, as RSI_ATTESTATION_TOKEN_CONTINUE
 * gives it; an RMM that is interrupted while it signs gives no bytes, and is asked again.
 */
u64 rsi_token_continue(struct smc *r, u64 ipa, u64 offset, u64 size);

/* The RMM is lkvm's simulator, as its tokens say; prints which one it is. CPU 0, in a Realm. */
bool rmm_is_simulated(void);

/* This is a Realm, whose IPA space has so many bits; otherwise 0. */
unsigned realm_ipa_bits(void);

/*
 * Whole granules change sides, and in a Realm lose their content. share() returns the address by
 * which the granules are reached from then on; unshare() takes the address that share() was given.
 * NULL or false: the RMM or pKVM refuses; pKVM does if the granules are on that side already.
 */
void *share(void *p, u64 len);
bool unshare(void *p, u64 len);
/* The same, each granule counted from a physical address; base == top does nothing. */
bool set_ripas(u64 base, u64 top, u64 ripas);

/* One granule, 64 bits at a time: write the same everywhere; how many are `word`? */
void page_fill(void *page, u64 word);
unsigned page_count(const void *page, u64 word);

/* Without the alias bit. */
static inline u64 pa_of(const volatile void *p)
{
	return (u64)p & ~io_alias;
}

#endif
