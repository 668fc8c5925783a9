/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: a protected VM shares pages by hypercall and takes them back. The calls answer as they
 * should, wrong ones with an error; what is kept and what is shared stays what it was. With "host"
 * on the command line it tells where a page of each kind is, and waits for the host to read them
 * and to answer in the shared one.
 *
 * Thread: CPU 0.
 * Trust:  the hypervisor is under test.
 * Spec:   Linux virt/kvm/arm/hypercalls.rst
 */
#include "guest/realm.h"

#define SECRET 0x332d544552434553ull /* "SECRET-3" */
#define SHARED 0x332d444552414853ull /* "SHARED-3" */
#define ANSWER 0x332d524557534e41ull /* "ANSWER-3" */
#define ANSWER_MS 20000

static u8 page[3][GRANULE] __attribute__((aligned(GRANULE)));
static u8 *const shared = page[0], *const kept = page[1], *const other = page[2];

static bool fails(u64 function, u64 a, u64 b, u64 c)
{
	return hvc_call(function, a, b, c).x[0] == HVC_INVALID_PARAMETER;
}

static void test_calls(void)
{
	check("the granule", hvc_call(HVC_HYP_MEMINFO, 0, 0, 0).x[0] == GRANULE);
	check("meminfo with a first argument", fails(HVC_HYP_MEMINFO, 1, 0, 0));
	check("meminfo with a second argument", fails(HVC_HYP_MEMINFO, 0, 1, 0));
	check("meminfo with a third argument", fails(HVC_HYP_MEMINFO, 0, 0, 1));
	check("share at an odd address", fails(HVC_MEM_SHARE, (u64)shared + 8, 0, 0));
	check("share with a second argument", fails(HVC_MEM_SHARE, (u64)shared, 1, 0));
	check("share with a third argument", fails(HVC_MEM_SHARE, (u64)shared, 0, 1));
	check("take back what was not shared", fails(HVC_MEM_UNSHARE, (u64)shared, 0, 0));
	check("share", share(shared, GRANULE) == shared);
	check("share it twice", fails(HVC_MEM_SHARE, (u64)shared, 0, 0));
	check("take back at an odd address", fails(HVC_MEM_UNSHARE, (u64)shared + 8, 0, 0));
	check("take back with a second argument", fails(HVC_MEM_UNSHARE, (u64)shared, 1, 0));
	check("take back with a third argument", fails(HVC_MEM_UNSHARE, (u64)shared, 0, 1));
	check("take back", unshare(shared, GRANULE));
	check("take it back twice", fails(HVC_MEM_UNSHARE, (u64)shared, 0, 0));
}

/* Nothing but the host's access changes with a page's side. */
static void test_content(void)
{
	page_fill(kept, SECRET);
	page_fill(shared, SHARED);
	check("share a page that was used", share(shared, GRANULE) == shared);
	check("what is shared is as before", page_count(shared, SHARED) == GRANULE / 8);
	/* Never touched: the hypervisor has to fetch it first. */
	check("share a page that was not", share(other, GRANULE) == other);
	page_fill(other, SHARED);
	check("take that one back", unshare(other, GRANULE));
	check("and it is as before", page_count(other, SHARED) == GRANULE / 8);
	check("what is kept is as before", page_count(kept, SECRET) == GRANULE / 8);
}

static void test_host(void)
{
	volatile u64 *answer = (volatile u64 *)shared;

	print("shared %lx secret %lx\n", (u64)shared, (u64)kept);
	check("the host answers where it can", wait_for(answer[1] == ANSWER, ANSWER_MS));
	check("the rest is as before", page_count(shared, SHARED) == GRANULE / 8 - 1);
	check("so is what is kept", page_count(kept, SECRET) == GRANULE / 8);
}

void payload_main(void)
{
	if (check("this is a protected VM", is_protected_vm())) {
		test_calls();
		test_content();
		if (has_word(bootargs(), "host"))
			test_host();
	}
	check_summary();
}
