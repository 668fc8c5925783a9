/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: calls to the RMM with every kind of wrong argument, from each CPU. They get the error
 * that the specification names, have no result, and change nothing.
 *
 * Thread: all CPUs, one after the other.
 * Trust:  the (simulated) RMM is under test.
 * Spec:   [RMM 1.0 B5 RSI], [SMCCC 1.2], PSCI 1.1 (DEN 0022)
 */
#include "guest/realm.h"

#define UNPROTECTED (1ull << (realm_ipa_bits() - 1))

/* protected, shared, and for what a token begins with */
static u8 page[3][GRANULE] __attribute__((aligned(4096)));
static u64 ram_base, ram_end;

#define PAGE(n) ((u64)page[n])

struct bad {
	const char *name;
	u64 function, a, b, c, d;
	u64 error;
};

/* The error, and 0 in what would be results: Linux adds x1 to an offset without a look at x0. */
static void refused(const struct bad *b, unsigned nr, const char *what)
{
	unsigned good = 0;
	struct smc r;

	for (unsigned i = 0; i < nr; i++) {
		u64 x0 = rsi(&r, b[i].function, b[i].a, b[i].b, b[i].c, b[i].d);

		if (x0 == b[i].error && !r.x[1] && !r.x[2] && !r.x[3])
			good++;
		else
			checkf(what, false, "%s: x0 %lx, x1 %lx, x2 %lx", b[i].name, x0, r.x[1],
			       r.x[2]);
	}
	checkf(what, good == nr, "%u of %u", good, nr);
}

#define REFUSED(what, table) refused(table, ARRAY_SIZE(table), what)
#define INPUT RSI_ERROR_INPUT

/* Calls with the address of a granule in x1 all want the same of it [RMM 1.0 B2.1]. */
static void bad_granules(void)
{
	static const struct {
		const char *name;
		u64 function, align;
	} calls[] = {
		{ "REALM_CONFIG: bad granules", RSI_REALM_CONFIG, GRANULE },
		{ "TOKEN_CONTINUE: bad granules", RSI_ATTESTATION_TOKEN_CONTINUE, GRANULE },
		{ "HOST_CALL: bad granules", RSI_HOST_CALL, 256 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		u64 f = calls[i].function;
		const struct bad bad[] = {
			{ "not aligned", f, PAGE(0) + calls[i].align / 2, 0, 1, 0, INPUT },
			{ "aligned to 8", f, PAGE(0) + 8, 0, 1, 0, INPUT },
			{ "odd", f, PAGE(0) + 1, 0, 1, 0, INPUT },
			{ "shared", f, PAGE(1), 0, 1, 0, INPUT },
			{ "alias of a protected page", f, PAGE(0) | UNPROTECTED, 0, 1, 0, INPUT },
			{ "alias of a shared page", f, PAGE(1) | UNPROTECTED, 0, 1, 0, INPUT },
			{ "beyond RAM", f, ram_end, 0, 1, 0, INPUT },
			{ "a device", f, MEMMAP_UART, 0, 1, 0, INPUT },
			{ "0", f, 0, 0, 1, 0, INPUT },
			{ "beyond the address space", f, UNPROTECTED << 1, 0, 1, 0, INPUT },
			{ "far out", f, ~0ull << 12, 0, 1, 0, INPUT },
			{ "high bits", f, PAGE(0) | 1ull << 56, 0, 1, 0, INPUT },
		};

		REFUSED(calls[i].name, bad);
	}
}

static void bad_measurements(void)
{
	const struct bad bad[] = {
		{ "read 5", RSI_MEASUREMENT_READ, 5, 0, 0, 0, INPUT },
		{ "read -1", RSI_MEASUREMENT_READ, ~0ull, 0, 0, 0, INPUT },
		{ "read 2^32", RSI_MEASUREMENT_READ, 1ull << 32, 0, 0, 0, INPUT },
		{ "extend the RIM", RSI_MEASUREMENT_EXTEND, 0, 32, 0, 0, INPUT },
		{ "extend 5", RSI_MEASUREMENT_EXTEND, 5, 32, 0, 0, INPUT },
		{ "extend 2^32 + 1", RSI_MEASUREMENT_EXTEND, 1ull << 32 | 1, 32, 0, 0, INPUT },
		{ "extend by 65 bytes", RSI_MEASUREMENT_EXTEND, 1, 65, 0, 0, INPUT },
		{ "extend by -1 bytes", RSI_MEASUREMENT_EXTEND, 1, ~0ull, 0, 0, INPUT },
		{ "extend by 2^32 bytes", RSI_MEASUREMENT_EXTEND, 1, 1ull << 32, 0, 0, INPUT },
	};

	REFUSED("MEASUREMENT: bad index or size", bad);
}

/* Where two things are wrong, an RMM may name either: from here on there is a token, signed. */
static void tokens_before_init(void)
{
	const u64 f = RSI_ATTESTATION_TOKEN_CONTINUE;
	const struct bad bad[] = {
		{ "no INIT", f, PAGE(0), 0, GRANULE, 0, RSI_ERROR_STATE },
		{ "no INIT, no bytes", f, PAGE(0), 0, 0, 0, RSI_ERROR_STATE },
	};
	unsigned idle = 0;
	struct smc r;

	REFUSED("TOKEN_CONTINUE: bad order", bad);
	check("TOKEN_INIT", rsi(&r, RSI_ATTESTATION_TOKEN_INIT, 1, 2, 3, 4) == RSI_SUCCESS);
	while (rsi(&r, f, PAGE(2), 0, 1, 0) == RSI_INCOMPLETE && !r.x[1] && idle < 100000)
		idle++;
	check("its first byte", r.x[0] == RSI_INCOMPLETE && r.x[1] == 1);
}

static void bad_tokens(void)
{
	const u64 f = RSI_ATTESTATION_TOKEN_CONTINUE;
	struct smc r;
	const struct bad bad[] = {
		{ "offset 4096", f, PAGE(0), GRANULE, 0, 0, INPUT },
		{ "offset -1", f, PAGE(0), ~0ull, 1, 0, INPUT },
		{ "size 4097", f, PAGE(0), 0, GRANULE + 1, 0, INPUT },
		{ "out of the granule", f, PAGE(0), 1, GRANULE, 0, INPUT },
		{ "size -1", f, PAGE(0), 0, ~0ull, 0, INPUT },
		{ "offset + size wraps", f, PAGE(0), 8, ~0ull - 7, 0, INPUT },
		{ "size 2^32", f, PAGE(0), 0, 1ull << 32, 0, INPUT },
	};

	REFUSED("TOKEN_CONTINUE: bad offset or size", bad);
	check("the token goes on", rsi(&r, f, PAGE(2), 1, 1, 0) == RSI_INCOMPLETE && r.x[1] == 1);
}

static void bad_ranges(void)
{
	const u64 set = RSI_IPA_STATE_SET, get = RSI_IPA_STATE_GET, p = PAGE(0);
	const struct bad bad[] = {
		{ "set: base", set, p + 1, p + GRANULE, 1, 0, INPUT },
		{ "set: top", set, p, p + GRANULE + 8, 1, 0, INPUT },
		{ "set: empty", set, p, p, 1, 0, INPUT },
		{ "set: top before base", set, p + GRANULE, p, 1, 0, INPUT },
		{ "set: RIPAS DESTROYED", set, p, p + GRANULE, 2, 0, INPUT },
		{ "set: RIPAS DEV", set, p, p + GRANULE, 3, 0, INPUT },
		{ "set: RIPAS -1", set, p, p + GRANULE, ~0ull, 0, INPUT },
		{ "set: into the other half", set, p, UNPROTECTED + GRANULE, 0, 0, INPUT },
		{ "set: the other half", set, p | UNPROTECTED, (p | UNPROTECTED) + GRANULE, 0, 0,
		  INPUT },
		{ "set: everything", set, 0, ~0xfffull, 0, 0, INPUT },
		{ "set: wraps", set, ~0xfffull, 0, 1, 0, INPUT },
		{ "set: wraps into RAM", set, ~0xfffull, p, 1, 0, INPUT },
		{ "get: start", get, p + 1, p + GRANULE, 0, 0, INPUT },
		{ "get: end", get, p, p + GRANULE - 1, 0, 0, INPUT },
		{ "get: nothing", get, p, p, 0, 0, INPUT },
		{ "get: end before start", get, p + GRANULE, p, 0, 0, INPUT },
		{ "get: into the other half", get, p, UNPROTECTED + GRANULE, 0, 0, INPUT },
		{ "get: the other half", get, UNPROTECTED, UNPROTECTED + GRANULE, 0, 0, INPUT },
		{ "get: wraps", get, ~0xfffull, 0, 0, 0, INPUT },
		{ "get: everything", get, 0, ~0xfffull, 0, 0, INPUT },
	};

	REFUSED("IPA_STATE: bad ranges and states", bad);
}

/* Those that came after HOST_CALL, with RSI 1.1. */
static bool has_name(u64 f)
{
	static const u8 names[] = { 0x9a, 0x9b, 0x9c, 0x9d, 0x9f, 0xa0,
				    0xa1, 0xa2, 0xa3, 0xa4, 0xae, 0xaf };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (rsi_version() > RSI_1_0 && (f & 0xff) == names[i])
			return true;
	return false;
}

/* What this RMM does not know, and what is not RSI at all. */
static void unknown_functions(void)
{
	/* clang-format off */
	static const u64 other[] = {
		0x84000190, /* RSI has no 32-bit form */
		0x84000199,
		0xc4000150, /* RMI is not for Realms */
		0xc400018f,
		0xc40001b0,
		0x84000050, /* TRNG */
		0xc4000053,
		0xc5000020, /* stolen time */
		0xc5000021,
		0x8600ff01, /* the hypervisor's own */
		0x86000000,
		0x86000001,
		0xc6000000,
		0xffffffff,
		0,
	};
	/* clang-format on */
	unsigned good = 0, nr = 0;
	struct smc r;

	for (u64 f = RSI_HOST_CALL + 1; f < RSI_VERSION + 32; f++, nr++) {
		u64 x0 = rsi(&r, f, PAGE(0), PAGE(0), 1, 1);

		good += has_name(f) ? x0 != RSI_SUCCESS : x0 == NOT_SUPPORTED;
	}
	checkf("functions without a name", good == nr, "%u of %u", good, nr);
	for (unsigned i = 0; i < ARRAY_SIZE(other); i++) {
		u64 x0 = rsi(&r, other[i], 0, 0, 0, 0);

		if (x0 != NOT_SUPPORTED && (x0 & 0xffffffff) != 0xffffffff)
			checkf("not for Realms", false, "%lx: %lx", other[i], x0);
	}
}

/* By another way than SMC #0. */
static void other_conduits(void)
{
	u64 x0;

	__asm__ volatile("mov x0, %1\n"
			 "mov x1, %2\n"
			 "smc #1\n"
			 "mov %0, x0\n"
			 : "=r"(x0)
			 : "r"((u64)RSI_VERSION), "r"((u64)RSI_1_0)
			 : "x0", "x1", "x2", "x3", "memory");
	/* Reserved [SMCCC 1.2 §2.9]: KVM knows none, TF-RMM does not look at the immediate. */
	checkf("SMC #1 is no call, or the same", x0 == NOT_SUPPORTED || x0 == RSI_SUCCESS, "%lx",
	       x0);
}

/* [RMM 1.0 A4.5] below a Realm there is nobody to call. What KVM answers by itself is not tried. */
static void hypervisor_calls(void)
{
	static const u64 functions[] = { RSI_VERSION, RSI_HOST_CALL, PSCI_VERSION, PSCI_CPU_ON,
					 HVC_UID,     HVC_FEATURES,  0x84000050,   0 };
	unsigned good = 0, left = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
		fault_begin();
		hvc_call(functions[i], PAGE(0), 0, 0);
		good += fault_end() == 1 && fault.esr == 0x02000000;
		left += fault.count && *(const u32 *)(fault.elr - 4) == HVC_0;
	}
	checkf("HVC is undefined", good == ARRAY_SIZE(functions), "%u of %lu", good,
	       ARRAY_SIZE(functions));
	/* As TF-RMM has it: a handler that does nothing goes on behind the HVC. */
	checkf("its exception returns behind it", left == ARRAY_SIZE(functions), "%u of %lu", left,
	       ARRAY_SIZE(functions));
}

static void bad_psci(void)
{
	check("PSCI_FEATURES: no such function", (int)psci(PSCI_FEATURES, RSI_VERSION, 0, 0) == -1);
	check("MIGRATE_INFO_TYPE, SYSTEM_RESET2: an RMM has none",
	      (int)psci(0x84000006, 0, 0, 0) == -1 && (int)psci(0xc4000012, 0, 0, 0) == -1);
	check("CPU_ON: not in the other half",
	      (int)psci(PSCI_CPU_ON, 1, PAGE(0) | UNPROTECTED, 0) == -9);
	check("CPU_ON: on already", (int)psci(PSCI_CPU_ON, 0, PAGE(0), 0) == -4);
	check("CPU_ON: no such CPU", (int)psci(PSCI_CPU_ON, 0xff00000000, PAGE(0), 0) == -2);
	check("AFFINITY_INFO: no such CPU",
	      (int)psci(PSCI_AFFINITY_INFO, 0xff00000000, 0, 0) == -2);
}

static volatile unsigned done;

static void all_of_it(u64 index)
{
	print("cpu %lu\n", index);
	tokens_before_init();
	bad_granules();
	bad_measurements();
	bad_tokens();
	bad_ranges();
	unknown_functions();
	other_conduits();
	hypervisor_calls();
	bad_psci();
	dsb();
	done = (unsigned)index + 1;
}

static void nothing_has_changed(void)
{
	u64 end, sum = 0;
	struct smc r;

	for (unsigned i = 0; i < GRANULE; i++)
		sum |= page[0][i] ^ 0x5au;
	check("the protected page is as before", !sum);
	check("the shared page is as before", *(volatile u8 *)io(PAGE(1)) == 0xa5);
	end = rsi(&r, RSI_IPA_STATE_GET, ram_base, ram_end, 0, 0) ? 0 : r.x[1];
	checkf("so are the page states", end == PAGE(1) && r.x[2] == RIPAS_RAM, "%lx", end);
	for (u64 i = 1; i <= 4; i++)
		check("and the measurements",
		      rsi(&r, RSI_MEASUREMENT_READ, i, 0, 0, 0) == 0 && !r.x[1] && !r.x[4]);
}

void payload_main(void)
{
	u64 mpidr;

	if (!check("this is a Realm", io_alias) ||
	    !check("memory node", fdt_ram(&ram_base, &ram_end)))
		goto out;
	memset(page[0], 0x5a, GRANULE);
	if (!check("a page is shared", share(page[1], GRANULE)))
		goto out;
	*(volatile u8 *)io(PAGE(1)) = 0xa5;
	all_of_it(0);
	for (unsigned i = 1; fdt_cpu(i, &mpidr); i++) {
		check("CPU_ON", cpu_on(i, mpidr, all_of_it, i) == 0);
		check("it comes to its end", wait_for(done == i + 1, 20000));
	}
	nothing_has_changed();
out:
	check_summary();
}
