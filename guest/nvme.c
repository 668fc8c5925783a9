/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: a driver for an assigned NVMe controller that points it at memory. Admin commands write
 * to a page (Identify) and read one (Set Features: Timestamp). In a Realm: at pages that are
 * protected, no longer shared, or shared again, by both of their addresses, and with the queue
 * itself in one; the page has to stay as it is, and nothing of it to get out. An ordinary guest
 * shows that the same commands work there.
 *
 * Thread: CPU 0.
 * Trust:  the host's IOMMU, and who programs it, is under test.
 * Spec:   NVM Express Base 1.4 §3.1, §5.15, §5.21.1.14; PCI 3.0 §6
 */
#include "guest/realm.h"

#define CLASS_NVME 0x010802u
#define COMMAND 4
#define BAR0 0x10
#define HERE 0x51000000u /* in the window that the page tables cover */

/* [NVMe 1.4 §3.1] */
#define REG_CC 0x14
#define REG_CSTS 0x1c
#define REG_AQA 0x24
#define REG_ASQ 0x28
#define REG_ACQ 0x30
#define DOORBELL_SQ 0x1000
#define DOORBELL_CQ 0x1004
#define CC_ON 0x460001u /* entries of 64 and 16 bytes */
#define CSTS_READY 1u
#define CSTS_FATAL 2u
#define NR_ENTRIES 16u

#define IDENTIFY 0x06u
#define SET_FEATURES 0x09u
#define GET_FEATURES 0x0au
#define FEATURE_TIMESTAMP 0x0eu
#define CONTROLLER 1u

#define ANSWER_MS 10000
#define SECRET 0x312d544552434553ull
#define NO_ANSWER 0xffffu
#define STAMP 0xffffffffffffull /* bits of a timestamp, in milliseconds */
#define NOW 0x123456789000ull
#define OLD 0x0aaaaaaaa000ull

struct command {
	u32 opcode, nsid;
	u64 reserved, metadata, prp1, prp2;
	u32 cdw10, cdw[5];
};
static_assert(sizeof(struct command) == 64, "[NVMe 1.4 §4.2]");

struct completion {
	u32 result, reserved;
	u32 head;
	u32 status; /* identifier, phase, status */
};

static struct {
	u8 commands[GRANULE], completions[GRANULE];
	u8 a[GRANULE], b[GRANULE], c[GRANULE];
	u8 secret[GRANULE];
	u8 spare[GRANULE];
} mem __attribute__((aligned(4096)));

static struct command *sq;
static volatile struct completion *cq;
static u64 regs;
static unsigned tail, head, phase;

/* ---- the controller ---- */

static bool find(void)
{
	for (unsigned slot = 0; slot < 32; slot++) {
		u64 e = io(MEMMAP_PCI_ECAM + slot * 0x8000u);

		if (read32(e + 8) >> 8 != CLASS_NVME)
			continue;
		write16(e + COMMAND, 0);
		write32(e + BAR0, HERE);
		write32(e + BAR0 + 4, 0);
		write16(e + COMMAND, 6);
		regs = io(HERE);
		return true;
	}
	return false;
}

static bool on(u64 commands)
{
	u64 completions = pa_of(mem.completions);

	write32(regs + REG_CC, 0);
	if (!wait_for(!(read32(regs + REG_CSTS) & CSTS_READY), ANSWER_MS))
		return false;
	tail = head = 0;
	phase = 1;
	page_fill((void *)cq, 0);
	write32(regs + REG_AQA, (NR_ENTRIES - 1) << 16 | (NR_ENTRIES - 1));
	write32(regs + REG_ASQ, (u32)commands);
	write32(regs + REG_ASQ + 4, (u32)(commands >> 32));
	write32(regs + REG_ACQ, (u32)completions);
	write32(regs + REG_ACQ + 4, (u32)(completions >> 32));
	write32(regs + REG_CC, CC_ON);
	return wait_for(read32(regs + REG_CSTS) & CSTS_READY, ANSWER_MS);
}

/* The status of the command, 0: good; NO_ANSWER. */
static u32 run(u32 opcode, u32 cdw10, u64 prp1)
{
	u32 status;

	sq[tail] = (struct command){ .opcode = opcode | tail << 16, .prp1 = prp1, .cdw10 = cdw10 };
	tail = (tail + 1) % NR_ENTRIES;
	dsb();
	write32(regs + DOORBELL_SQ, tail);
	if (!wait_for((cq[head].status >> 16 & 1) == phase, ANSWER_MS))
		return NO_ANSWER;
	dsb();
	status = cq[head].status >> 17;
	head = (head + 1) % NR_ENTRIES;
	if (!head)
		phase = !phase;
	write32(regs + DOORBELL_CQ, head);
	return status;
}

static u32 identify(u64 addr)
{
	return run(IDENTIFY, CONTROLLER, addr);
}

/* What the controller has read from memory last, as it tells in `page`, which it reaches. */
static u64 timestamp(const void *page, u64 addr)
{
	return run(GET_FEATURES, FEATURE_TIMESTAMP, addr) ? ~0ull
							  : *(const volatile u64 *)page & STAMP;
}

/* ---- checks ---- */

/* Pages that the controller may reach: it writes and reads there. */
static void test_reach(const char *what, u8 *page, u64 addr)
{
	u64 now;

	page_fill(page, 0);
	checkf(what, !identify(addr) && !memcmp(page + 4, "RIG-NVME", 8), "%x",
	       *(volatile u32 *)page);
	*(volatile u64 *)page = NOW;
	dsb();
	check("  and reads there", !run(SET_FEATURES, FEATURE_TIMESTAMP, addr));
	now = timestamp(page, addr);
	checkf("  what is there", now >> 24 == NOW >> 24, "%lx", now);
}

static bool secret(const u8 *page)
{
	return page_count(page, SECRET) == GRANULE / 8;
}

/*
 * A page that it may not reach, full of the secret; `old` is what was there before, when it was
 * shared. Controllers do not always know that the IOMMU has stopped them (QEMU's says that all is
 * well): what counts is that nothing has come here, and nothing from here to the controller.
 */
static void test_denied(const char *what, const u8 *page, u64 addr, u64 old, u8 *good)
{
	u64 now;

	identify(addr);
	check(what, secret(page));
	run(SET_FEATURES, FEATURE_TIMESTAMP, addr);
	now = timestamp(good, pa_of(good));
	checkf("  nor read", now != (SECRET & STAMP) && now >> 24 != old >> 24, "%lx", now);
}

/* Leave something for the controller to find if it still reaches the page afterwards. */
static void leave(u8 *page, u64 stamp)
{
	page_fill(page, stamp);
	dsb();
}

static void test_realm(u8 *a)
{
	u8 *spare = share(mem.spare, GRANULE), *b;

	page_fill(mem.secret, SECRET);
	test_denied("a protected page is not written", mem.secret, pa_of(mem.secret), OLD, spare);
	test_denied("nor by its other address", mem.secret, pa_of(mem.secret) | io_alias, OLD,
		    spare);

	/* Taken back, and shared again: what the controller reaches follows. */
	leave(a, OLD);
	check("a page is taken back", unshare(mem.a, GRANULE));
	page_fill(mem.a, SECRET);
	test_denied("it is not written", mem.a, pa_of(mem.a), OLD, spare);
	test_denied("nor by its other address", mem.a, pa_of(mem.a) | io_alias, OLD, spare);
	a = share(mem.a, GRANULE);
	test_reach("shared again it is", a, pa_of(mem.a));

	/* Two in one piece, of which one is taken back. */
	b = share(mem.b, 2 * GRANULE);
	test_reach("two pages that were shared at once", b + GRANULE, pa_of(mem.c));
	leave(b, OLD);
	check("one of them is taken back", unshare(mem.b, GRANULE));
	page_fill(mem.b, SECRET);
	test_denied("it is not written", mem.b, pa_of(mem.b), OLD, spare);
	test_reach("the other one is", b + GRANULE, pa_of(mem.c) | io_alias);

	/* The controller fetches commands from where they are: not from here. */
	check("commands in a protected page", on(pa_of(mem.secret)));
	write32(regs + DOORBELL_SQ, 1);
	check("are none", wait_for(read32(regs + REG_CSTS) & CSTS_FATAL, ANSWER_MS));
	check("and nothing is written there", secret(mem.secret));
	check("it works again afterwards", on(pa_of(mem.commands)));
	test_reach("and reaches what it should", a, pa_of(mem.a));
}

void payload_main(void)
{
	u8 *a = share(mem.a, GRANULE);

	sq = share(mem.commands, GRANULE);
	cq = share(mem.completions, GRANULE);
	if (!check("an NVMe controller is there", a && sq && cq && find()) ||
	    !check("it starts", on(pa_of(mem.commands)))) {
		check_summary();
		return;
	}
	test_reach("the controller writes to memory", a, pa_of(mem.a));
	if (io_alias) {
		test_reach("by the address with the alias bit", a, pa_of(mem.a) | io_alias);
		test_realm(a);
	}
	write32(regs + REG_CC, 0);
	check_summary();
}
