/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The payloads' library for Realms and protected VMs: what they are in, calls, sharing.
 *
 * Thread: lib_init() on CPU 0 before the payload, the rest on any CPU.
 * Trust:  the RMM is under test where payloads check it; here it is believed.
 * Spec:   [RMM 1.0 B5 RSI, A5.2 address space], Linux virt/kvm/arm/hypercalls.rst
 */
#include "guest/realm.h"

#define GIB_BITS 30
#define NR_GIB 4u /* what start.S maps */

extern u64 page_table[];

static bool protected_vm;
static unsigned highest; /* RSI */

static struct {
	u64 ipa_bits;
	u8 rest[GRANULE - 8];
} config __attribute__((aligned(4096)));

void smc_call(struct smc *r)
{
	u64 *x = r->x;

	__asm__ volatile("mov x18, %0\n"
			 "ldp x0, x1, [x18]\n"
			 "ldp x2, x3, [x18, #16]\n"
			 "ldp x4, x5, [x18, #32]\n"
			 "ldp x6, x7, [x18, #48]\n"
			 "ldp x8, x9, [x18, #64]\n"
			 "ldp x10, x11, [x18, #80]\n"
			 "ldp x12, x13, [x18, #96]\n"
			 "ldp x14, x15, [x18, #112]\n"
			 "ldp x16, x17, [x18, #128]\n"
			 "smc #0\n"
			 "stp x0, x1, [x18]\n"
			 "stp x2, x3, [x18, #16]\n"
			 "stp x4, x5, [x18, #32]\n"
			 "stp x6, x7, [x18, #48]\n"
			 "stp x8, x9, [x18, #64]\n"
			 "stp x10, x11, [x18, #80]\n"
			 "stp x12, x13, [x18, #96]\n"
			 "stp x14, x15, [x18, #112]\n"
			 "stp x16, x17, [x18, #128]\n"
			 :
			 : "r"(x)
			 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
			   "x12", "x13", "x14", "x15", "x16", "x17", "x18", "memory");
}

u64 rsi(struct smc *r, u64 function, u64 a, u64 b, u64 c, u64 d)
{
	*r = (struct smc){ { function, a, b, c, d } };
	smc_call(r);
	return r->x[0];
}

struct hvc hvc_call(u64 function, u64 a, u64 b, u64 c)
{
	register u64 x0 __asm__("x0") = function;
	register u64 x1 __asm__("x1") = a;
	register u64 x2 __asm__("x2") = b;
	register u64 x3 __asm__("x3") = c;

	__asm__ volatile("hvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "memory");
	return (struct hvc){ { x0, x1, x2, x3 } };
}

/* Devices and shared memory, once more where the host sees them. */
static void map_alias(void)
{
	for (unsigned i = 0; i < NR_GIB; i++)
		page_table[(io_alias >> GIB_BITS) + i] = page_table[i] | io_alias;
	dsb();
	isb();
}

/* Only a Realm's PSCI is called by SMC. Without EL3 the instruction may be undefined. */
static bool conduit_is(const char *name)
{
	struct fdt_node node;
	const char *method;
	u32 len;

	if (!fdt_ok(dtb()) || !fdt_find(dtb(), "psci", &node))
		return false;
	method = fdt_prop(dtb(), &node, "method", &len);
	return method && str_equal(method, name);
}

/* KVM's calls are there, and among them those for memory. */
static bool has_pkvm(void)
{
	static const u32 kvm[] = { 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d };
	const u64 wanted = 1u << (HVC_MEM_SHARE & 31) | 1u << (HVC_MEM_UNSHARE & 31);
	struct hvc uid = hvc_call(HVC_UID, 0, 0, 0);

	for (unsigned i = 0; i < ARRAY_SIZE(kvm); i++)
		if ((u32)uid.x[i] != kvm[i])
			return false;
	return (hvc_call(HVC_FEATURES, 0, 0, 0).x[0] & wanted) == wanted;
}

void lib_init(void)
{
	struct smc r;

	protected_vm = conduit_is("hvc") && has_pkvm();
	if (!conduit_is("smc") || rsi(&r, RSI_VERSION, RSI_1_0, 0, 0, 0) != RSI_SUCCESS)
		return;
	highest = (unsigned)r.x[2];
	if (rsi(&r, RSI_REALM_CONFIG, (u64)&config, 0, 0, 0) != RSI_SUCCESS)
		return;
	io_alias = 1ull << (config.ipa_bits - 1);
	map_alias();
}

bool is_protected_vm(void)
{
	return protected_vm;
}

unsigned rsi_version(void)
{
	return highest;
}

unsigned realm_ipa_bits(void)
{
	return io_alias ? (unsigned)config.ipa_bits : 0;
}

u64 rsi_token_continue(struct smc *r, u64 ipa, u64 offset, u64 size)
{
	u64 x0 = RSI_INCOMPLETE;

	for (unsigned idle = 0; x0 == RSI_INCOMPLETE && idle < 100000; idle++) {
		x0 = rsi(r, RSI_ATTESTATION_TOKEN_CONTINUE, ipa, offset, size, 0);
		if (r->x[1])
			break;
	}
	return x0;
}

/* Implementation ID of the platform token [realm/sim/token_make.c]. */
static const char simulator[] = "lkvm simulator, no isolation";

bool rmm_is_simulated(void)
{
	static u8 token[GRANULE] __attribute__((aligned(4096)));
	struct smc r = { { RSI_ATTESTATION_TOKEN_INIT } };
	u64 len = 0, x0;
	bool yes = false;

	smc_call(&r);
	do {
		x0 = rsi_token_continue(&r, (u64)token, len, GRANULE - len);
		len += r.x[1];
	} while (x0 == RSI_INCOMPLETE && r.x[1] && len < GRANULE);
	for (u64 i = 0; i + sizeof(simulator) <= len && !yes; i++)
		yes = !memcmp(token + i, simulator, sizeof(simulator) - 1);
	print("RMM: %s\n", x0 != RSI_SUCCESS ? "gives no token" : yes ? "simulated" : "real");
	return yes;
}

bool set_ripas(u64 base, u64 top, u64 ripas)
{
	struct smc r;

	while (base < top) {
		if (rsi(&r, RSI_IPA_STATE_SET, base, top, ripas, CHANGE_DESTROYED) != RSI_SUCCESS ||
		    r.x[1] <= base || r.x[1] > top || r.x[2])
			return false;
		base = r.x[1];
	}
	return true;
}

/* Each granule by a call of its own; those that are on that side already stay there. */
static bool hvc_pages(u32 function, const void *p, u64 len)
{
	bool ok = true;

	for (u64 at = 0; at < len; at += GRANULE)
		ok &= !hvc_call(function, (u64)p + at, 0, 0).x[0];
	return ok;
}

void *share(void *p, u64 len)
{
	if (protected_vm)
		return hvc_pages(HVC_MEM_SHARE, p, len) ? p : NULL;
	if (!io_alias)
		return p;
	return set_ripas(pa_of(p), pa_of(p) + len, RIPAS_EMPTY) ? (void *)io((u64)p) : NULL;
}

bool unshare(void *p, u64 len)
{
	if (protected_vm)
		return hvc_pages(HVC_MEM_UNSHARE, p, len);
	return !io_alias || set_ripas(pa_of(p), pa_of(p) + len, RIPAS_RAM);
}

void page_fill(void *page, u64 word)
{
	for (unsigned i = 0; i < GRANULE / 8; i++)
		((volatile u64 *)page)[i] = word;
}

unsigned page_count(const void *page, u64 word)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < GRANULE / 8; i++)
		nr += ((const volatile u64 *)page)[i] == word;
	return nr;
}
