/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: what each call to the RMM is for, and what it must not do besides. rsibad.c has the
 * wrong arguments. With a real one, and KVM, the host lets RAM be anywhere, and touching the alias
 * of a protected page asks it to share.
 * "reset" on the command line: only looks whether its measurements are those of a new Realm, leaves
 * its mark, resets.
 *
 * Thread: CPU 0, and CPU 1 if there is one.
 * Trust:  the (simulated) RMM is under test.
 * Spec:   [RMM 1.0 B5 RSI], [SMCCC 1.2], PSCI 1.1 (DEN 0022)
 */
#include "guest/realm.h"

#define UNPROTECTED (1ull << (realm_ipa_bits() - 1))
#define INPUT RSI_ERROR_INPUT
#define NR_REMS 4u
#define WORDS 8u /* of a measurement or a challenge */

static u8 page[4][GRANULE] __attribute__((aligned(4096)));
static u64 ram_base, ram_end;
static bool simulated;

#define PAGE(n) ((u64)page[n])

static void versions(void)
{
	static const u64 other[] = { 0,	   0xffff, RSI_1_1, 0x10002, 0x20000, 1ull << 32 | RSI_1_0,
				     ~0ull };
	/* All that have a bit in index 0; the others read as zero. */
	const u64 known = rsi_version() > RSI_1_0 ? 7 : 0;
	struct smc r;

	checkf("VERSION 1.0",
	       rsi(&r, RSI_VERSION, RSI_1_0, 0, 0, 0) == RSI_SUCCESS && r.x[1] == RSI_1_0 &&
		       r.x[2] >= RSI_1_0,
	       "%lx %lx %lx", r.x[0], r.x[1], r.x[2]);
	print("RSI up to %u.%u\n", rsi_version() >> 16, rsi_version() & 0xffff);
	for (unsigned i = 0; i < ARRAY_SIZE(other); i++) {
		bool has = other[i] >= RSI_1_0 && other[i] <= rsi_version();

		checkf("another version: it, or the highest that there is",
		       rsi(&r, RSI_VERSION, other[i], 0, 0, 0) == (has ? RSI_SUCCESS : INPUT) &&
			       r.x[1] == (has ? other[i] : rsi_version()) &&
			       r.x[2] == rsi_version(),
		       "%lx: %lx %lx %lx", other[i], r.x[0], r.x[1], r.x[2]);
	}
	for (u64 i = 0; i < 3; i++)
		checkf("FEATURES: none that nobody knows",
		       rsi(&r, RSI_FEATURES, i, 0, 0, 0) == 0 && !(r.x[1] & ~(i ? 0 : known)),
		       "%lx %lx", r.x[0], r.x[1]);
	check("FEATURES far out", rsi(&r, RSI_FEATURES, ~0ull, 0, 0, 0) == 0 && !r.x[1]);
}

/* The function id is w0; x4 and up are the caller's, but for results [SMCCC 1.2 §2.6]. */
static void registers(void)
{
	struct smc r;
	bool kept = true;

	for (u64 i = 0; i < ARRAY_SIZE(r.x); i++)
		r.x[i] = 0x1111111111111111 * i;
	r.x[0] = 0xdeadbeef00000000 | RSI_FEATURES;
	smc_call(&r);
	for (u64 i = 4; i < ARRAY_SIZE(r.x); i++)
		kept &= r.x[i] == 0x1111111111111111 * i;
	check("upper half of x0 is ignored", r.x[0] == RSI_SUCCESS);
	check("x1 to x3 are results or 0", !r.x[1] && !r.x[2] && !r.x[3]);
	check("x4 to x17 are kept", kept);
}

static void config(void)
{
	const volatile u64 *words = (const volatile u64 *)page[0];
	unsigned odd = 0;
	struct smc r;

	memset(page[0], 0xff, GRANULE);
	check("REALM_CONFIG", rsi(&r, RSI_REALM_CONFIG, PAGE(0), 0, 0, 0) == RSI_SUCCESS);
	checkf("its IPA width", words[0] == realm_ipa_bits(), "%lu", words[0]);
	checkf("its hash algorithm", page[0][8] <= 2, "%x", page[0][8]);
	/*
	 * An RMM may write its fields only: what is between them is as it was, or 0. RSI 1.1 has
	 * three more, 64 bits each from 0x10 on.
	 */
	for (unsigned i = 9; i < GRANULE; i++) {
		bool field = (i >= 0x200 && i < 0x240) ||
			     (rsi_version() > RSI_1_0 && i >= 0x10 && i < 0x28);

		odd += !field && page[0][i] && page[0][i] != 0xff;
	}
	checkf("nothing else but its fields", !odd, "%u bytes", odd);
	print("realm: %lu bits, RPV %lx\n", words[0], words[64]);
}

static bool read_measurement(unsigned i, u64 *out)
{
	struct smc r;

	if (rsi(&r, RSI_MEASUREMENT_READ, i, 0, 0, 0) != RSI_SUCCESS)
		return false;
	memcpy(out, &r.x[1], WORDS * 8);
	return true;
}

static bool all_zero(const u64 *v, unsigned nr)
{
	u64 sum = 0;

	for (unsigned i = 0; i < nr; i++)
		sum |= v[i];
	return !sum;
}

/* REM' = SHA-256(REM || data), for a REM of zeros and data 00..1f. */
static const u64 extended[WORDS] = { __builtin_bswap64(0xbb2275c49f28ad52),
				     __builtin_bswap64(0xcae6d55e34a974a5),
				     __builtin_bswap64(0x8c7a3ba26f976e8e),
				     __builtin_bswap64(0xcbbe7a536918dc73) };

static void extend(struct smc *r, u64 index)
{
	*r = (struct smc){ { RSI_MEASUREMENT_EXTEND, index, 32 } };
	for (unsigned i = 0; i < 32; i++)
		((u8 *)&r->x[3])[i] = (u8)i;
	smc_call(r);
}

static void measurements(void)
{
	u64 rim[WORDS], again[WORDS], rem[WORDS];
	struct smc r;

	check("RIM", read_measurement(0, rim) && !all_zero(rim, WORDS / 2));
	check("SHA-256: half of it is zero", all_zero(rim + WORDS / 2, WORDS / 2));
	for (unsigned i = 1; i <= NR_REMS; i++)
		checkf("REM starts with zeros", read_measurement(i, rem) && all_zero(rem, WORDS),
		       "%u", i);
	extend(&r, 2);
	check("EXTEND", r.x[0] == RSI_SUCCESS);
	check("REM is the hash of both", read_measurement(2, rem) && !memcmp(rem, extended, 64));
	check("the others are as before", read_measurement(3, rem) && all_zero(rem, WORDS) &&
						  read_measurement(0, again) &&
						  !memcmp(rim, again, sizeof(rim)));
	check("EXTEND by nothing is a hash, too",
	      rsi(&r, RSI_MEASUREMENT_EXTEND, 4, 0, ~0ull, ~0ull) == RSI_SUCCESS &&
		      read_measurement(4, rem) && !all_zero(rem, WORDS / 2));
	check("EXTEND by 64 bytes", rsi(&r, RSI_MEASUREMENT_EXTEND, 4, 64, 0, 0) == RSI_SUCCESS &&
					    read_measurement(4, again) &&
					    memcmp(rem, again, sizeof(rem)));
}

/* ---- page states ---- */

static u64 get(u64 base, u64 top, u64 *end)
{
	struct smc r;
	u64 x0 = rsi(&r, RSI_IPA_STATE_GET, base, top, 0, 0);

	*end = r.x[1];
	return x0 ? ~0ull : r.x[2];
}

/* The same with its end: an answer may be for less [RMM 1.0 B5.3.5]. */
static u64 get_run(u64 base, u64 top, u64 *end)
{
	u64 ripas = get(base, top, end), next = *end;

	while (next < top && get(*end, top, &next) == ripas && next > *end)
		*end = next;
	return ripas;
}

static void states_of_ram(void)
{
	u64 end, started;
	struct smc r;

	checkf("RAM is RAM", get_run(ram_base, ram_end, &end) == RIPAS_RAM && end == PAGE(1),
	       "up to %lx", end);
	checkf("the shared page is EMPTY",
	       get_run(PAGE(1), ram_end, &end) == RIPAS_EMPTY && end == PAGE(2), "up to %lx", end);
	checkf("RAM ends where it ends",
	       get_run(PAGE(2), UNPROTECTED, &end) == RIPAS_RAM && end == ram_end, "%lx", end);
	checkf("the rest is EMPTY",
	       ram_end == UNPROTECTED ||
		       (get_run(ram_end, UNPROTECTED, &end) == RIPAS_EMPTY && end == UNPROTECTED),
	       "%lx", end);
	checkf("so is what lies below",
	       get_run(0, UNPROTECTED, &end) == RIPAS_EMPTY && end == ram_base, "%lx", end);
	/* What Linux does first, for each range of its memory: content stays. */
	started = now_ns();
	checkf("all RAM to RAM in one call",
	       rsi(&r, RSI_IPA_STATE_SET, PAGE(2), ram_end, RIPAS_RAM, 0) == 0 &&
		       r.x[1] == ram_end && !r.x[2],
	       "%lx, up to %lx", r.x[0], r.x[1]);
	print("RAM to RAM: %lu us\n", (now_ns() - started) / 1000);
}

/*
 * RAM from `base` on, of which nothing is there from `none` on: the host may refuse that much of
 * it, and the page states are what the answer says.
 */
static void ram_where_none_is(const char *what, u64 base, u64 none, u64 top)
{
	u64 x0, end;
	struct smc r;
	bool rejected;

	x0 = rsi(&r, RSI_IPA_STATE_SET, base, top, RIPAS_RAM, 0);
	rejected = r.x[2] == 1;
	checkf(what, x0 == 0 && r.x[1] == (rejected ? none : top) && (rejected || !simulated),
	       "%lx, up to %lx, %lx", x0, r.x[1], r.x[2]);
	check("and so it is",
	      get_run(none, top, &end) == (rejected ? RIPAS_EMPTY : RIPAS_RAM) && end == top);
	check("and EMPTY again", set_ripas(none, top, RIPAS_EMPTY) &&
					 get_run(none, top, &end) == RIPAS_EMPTY && end == top);
}

static void beyond_ram(void)
{
	struct smc r;

	if (ram_end == UNPROTECTED)
		return;
	check("EMPTY where nothing is",
	      rsi(&r, RSI_IPA_STATE_SET, ram_end, ram_end + GRANULE, RIPAS_EMPTY, 0) == 0 &&
		      r.x[1] == ram_end + GRANULE);
	/* Progress up to the end of RAM, and there the host says no. */
	ram_where_none_is("RAM beyond RAM is rejected", ram_end - GRANULE, ram_end,
			  ram_end + GRANULE);
}

static void conversions(void)
{
	volatile u64 *own = (volatile u64 *)page[3];
	volatile u64 *alias = (volatile u64 *)io(PAGE(3));
	struct smc r;

	*own = 0x5ec2e7;
	check("RAM to RAM keeps content",
	      rsi(&r, RSI_IPA_STATE_SET, PAGE(3), PAGE(3) + GRANULE, RIPAS_RAM, 0) == 0 &&
		      *own == 0x5ec2e7);
	check("share", set_ripas(PAGE(3), PAGE(3) + GRANULE, RIPAS_EMPTY));
	checkf("content is gone", *alias == 0, "%lx", *alias);
	*alias = 0x0be1;
	check("EMPTY to EMPTY keeps content",
	      set_ripas(PAGE(3), PAGE(3) + GRANULE, RIPAS_EMPTY) && *alias == 0x0be1);
	check("unshare", set_ripas(PAGE(3), PAGE(3) + GRANULE, RIPAS_RAM));
	checkf("content is gone again", *own == 0, "%lx", *own);
	check("share once more", set_ripas(PAGE(3), PAGE(3) + GRANULE, RIPAS_EMPTY));
	checkf("not even the host has kept it", *alias == 0, "%lx", *alias);
	check("unshare once more", set_ripas(PAGE(3), PAGE(3) + GRANULE, RIPAS_RAM));
	if (simulated) {
		fault_begin();
		(void)*alias;
		check("and there is nothing at the alias", fault_end() == 1 && fault_is_sea());
	}
	beyond_ram();
	ram_where_none_is("RAM on a device is rejected", MEMMAP_UART, MEMMAP_UART,
			  MEMMAP_UART + GRANULE);
}

static void host_call(void)
{
	u32 *imm = (u32 *)(page[0] + 256);
	u64 *gprs = (u64 *)(page[0] + 256 + 8);
	u64 other = 0;
	struct smc r;

	memset(page[0], 0, GRANULE);
	*imm = 0xffff0000;
	for (unsigned i = 0; i < 31; i++)
		gprs[i] = 0x1000 + i;
	check("HOST_CALL", rsi(&r, RSI_HOST_CALL, PAGE(0) + 256, 0, 0, 0) == RSI_SUCCESS);
	checkf("nobody answers", gprs[0] == NOT_SUPPORTED && gprs[30] == 0x1000 + 30, "%lx",
	       gprs[0]);
	gprs[0] = SMCCC_VERSION;
	check("but that the host has SMCCC 1.1",
	      rsi(&r, RSI_HOST_CALL, PAGE(0) + 256, 0, 0, 0) == RSI_SUCCESS && gprs[0] == 0x10001);
	for (unsigned i = 0; i < 256; i++)
		other |= page[0][i] | page[0][512 + i];
	check("what lies around is as before", !other);
	check("at the end of a granule",
	      rsi(&r, RSI_HOST_CALL, PAGE(0) + GRANULE - 256, 0, 0, 0) == RSI_SUCCESS);
}

/* ---- attestation ---- */

static void token_init(struct smc *r, u64 challenge)
{
	*r = (struct smc){ { RSI_ATTESTATION_TOKEN_INIT } };
	for (unsigned i = 1; i <= WORDS; i++)
		r->x[i] = challenge;
	smc_call(r);
}

/* The whole token in pieces of `piece` bytes: its length, and its bytes in page `to`. */
static u64 token_fetch(unsigned to, u64 piece, u64 *sum)
{
	struct smc r;
	u64 got = 0, x0;

	*sum = 0;
	do {
		x0 = rsi_token_continue(&r, PAGE(to), got,
					piece < GRANULE - got ? piece : GRANULE - got);
		got += r.x[1];
	} while (x0 == RSI_INCOMPLETE && r.x[1] && got < GRANULE);
	for (u64 i = 0; i < got; i++)
		*sum = *sum * 31 + page[to][i];
	return x0 ? 0 : got;
}

static void tokens(void)
{
	u64 max, len, sum, len2, sum2, x0;
	struct smc r;

	token_init(&r, 1);
	max = r.x[1];
	checkf("TOKEN_INIT", r.x[0] == RSI_SUCCESS && max && max <= GRANULE, "%lx %lx", r.x[0],
	       max);
	check("no bytes: incomplete",
	      rsi(&r, RSI_ATTESTATION_TOKEN_CONTINUE, PAGE(0), 0, 0, 0) == RSI_INCOMPLETE &&
		      !r.x[1]);
	check("an error does not end it",
	      rsi(&r, RSI_ATTESTATION_TOKEN_CONTINUE, PAGE(0) + 8, 0, 8, 0) == INPUT && !r.x[1]);
	len = token_fetch(0, 700, &sum);
	checkf("in pieces", len > 700 && len <= max, "%lu", len);
	checkf("it looks like a token", page[0][0] == 0xd9, "%x", page[0][0]);
	check("then there is none",
	      rsi(&r, RSI_ATTESTATION_TOKEN_CONTINUE, PAGE(0), 0, 8, 0) == RSI_ERROR_STATE);
	token_init(&r, 2);
	len2 = token_fetch(0, GRANULE, &sum2);
	checkf("another challenge, another token", len2 && sum != sum2, "%lu", len2);
	token_init(&r, 1);
	x0 = rsi_token_continue(&r, PAGE(0), GRANULE - 16, 16);
	checkf("to the end of a granule", x0 == RSI_INCOMPLETE && r.x[1] == 16, "%lx %lu", x0,
	       r.x[1]);
	check("and no further", !*(volatile u8 *)io(PAGE(1)));
	token_init(&r, 1);
	len2 = token_fetch(0, 1000, &sum2);
	checkf("INIT starts over", len2 == len, "%lu, not %lu", len2, len);
}

/* ---- another CPU ---- */

static volatile u32 other_done;

static void on_other_cpu(u64 index)
{
	u64 len, sum, end;
	struct smc r;

	(void)index;
	check("CPU 1: VERSION", rsi(&r, RSI_VERSION, RSI_1_0, 0, 0, 0) == RSI_SUCCESS);
	/* Tokens belong to a REC [RMM 1.0 A7.2.2]: the one that CPU 0 has begun is not there. */
	check("CPU 1: the token of CPU 0 is not its own",
	      rsi(&r, RSI_ATTESTATION_TOKEN_CONTINUE, PAGE(2), 0, 8, 0) == RSI_ERROR_STATE);
	token_init(&r, 3);
	len = token_fetch(2, 500, &sum);
	checkf("CPU 1: a token of its own", r.x[0] == RSI_SUCCESS && len, "%lx %lu", r.x[0], len);
	check("CPU 1: the same measurements",
	      read_measurement(2, r.x) && !memcmp(r.x, extended, sizeof(extended)));
	check("CPU 1: unshares what CPU 0 has shared",
	      unshare(page[1], GRANULE) && get(PAGE(1), PAGE(2), &end) == RIPAS_RAM);
	dsb();
	other_done = 1;
}

static void other_cpu(void)
{
	u64 mpidr, end, len, sum;
	struct smc r;

	if (!fdt_cpu(1, &mpidr))
		return;
	token_init(&r, 4);
	if (!check("CPU 1 starts", cpu_on(1, mpidr, on_other_cpu, 1) == 0))
		return;
	check("CPU 1 ends", wait_for(other_done, 20000));
	check("what it has done is done here, too", get(PAGE(1), PAGE(2), &end) == RIPAS_RAM);
	len = token_fetch(0, GRANULE, &sum);
	checkf("the token of CPU 0 has waited", len, "%lu", len);
}

/* [RMM 1.0 B6.6] */
static void psci_forms(void)
{
	checkf("PSCI 1.1", psci(PSCI_VERSION, 0, 0, 0) == 0x10001, "%lx",
	       (u64)psci(PSCI_VERSION, 0, 0, 0));
	check("PSCI_FEATURES: CPU_ON", psci(PSCI_FEATURES, PSCI_CPU_ON, 0, 0) == 0);
	check("AFFINITY_INFO: on", psci(PSCI_AFFINITY_INFO, 0, 0, 0) == 0);
}

/* ---- */

/* Another Realm each time: REMs of zeros; the RIM is the same as it is started from the same. */
static void reset_over_and_over(void)
{
	u64 rim[WORDS], rem[WORDS];
	bool clean = read_measurement(0, rim);
	struct smc r;

	for (unsigned i = 1; i <= NR_REMS; i++) {
		clean &= read_measurement(i, rem) && all_zero(rem, WORDS);
		extend(&r, i);
	}
	print("reset: %s, RIM %016lx\n", clean ? "a new Realm" : "DIRTY",
	      __builtin_bswap64(rim[0]));
	share(page[1], GRANULE);
	system_reset();
}

void payload_main(void)
{
	if (!check("this is a Realm", io_alias) ||
	    !check("memory node", fdt_ram(&ram_base, &ram_end)))
		goto out;
	if (has_word(bootargs(), "reset"))
		reset_over_and_over();
	simulated = rmm_is_simulated();
	check("a page is shared", share(page[1], GRANULE));
	versions();
	registers();
	config();
	measurements();
	states_of_ram();
	conversions();
	host_call();
	tokens();
	psci_forms();
	other_cpu();
out:
	check_summary();
}
