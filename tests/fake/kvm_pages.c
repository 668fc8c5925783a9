/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages of the fake host kernel: which side they are on, by the VM's attributes or by the
 * guest_memfd's own, and what KVM makes of the VMM's mapping behind a shared one.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "realm/host/uapi_rmi.h"
#include "tests/fake/kvm_model.h"

void (*fake_kvm_freed)(u64 gpa);

struct fake_slot *fake_slot_of(struct fake_vm *vm, u64 base, u64 size)
{
	for (unsigned i = 0; i < vm->nr_slots; i++) {
		struct fake_slot *s = &vm->slots[i];

		if (base >= s->base && range_within(base - s->base, size, s->size))
			return s;
	}
	return NULL;
}

/* In the loops of the model: a check that passes costs Check a system call. */
u8 *fake_page_of(struct fake_vm *vm, u64 a)
{
	if (a < FAKE_RAM || (a - FAKE_RAM) / FAKE_PAGE >= FAKE_MAX_PAGES)
		ck_abort_msg("%#llx is not RAM", (unsigned long long)a);
	return &vm->pages[(a - FAKE_RAM) / FAKE_PAGE];
}

bool fake_whole_pages(u64 base, u64 size)
{
	return size && is_aligned(base | size, FAKE_PAGE) && base + size > base;
}

void fake_mark(struct fake_vm *vm, u64 base, u64 size, u32 set, u32 clear)
{
	for (u64 a = base; a < base + size; a += FAKE_PAGE)
		*fake_page_of(vm, a) = (u8)((*fake_page_of(vm, a) | set) & ~clear);
}

bool fake_all(struct fake_vm *vm, u64 base, u64 size, u8 mask, u8 want)
{
	for (u64 a = base; a < base + size; a += FAKE_PAGE) {
		if ((*fake_page_of(vm, a) & mask) != want)
			return false;
	}
	return true;
}

bool fake_is_hole(const struct fake_slot *s, u64 a)
{
	off_t off = (off_t)(a - s->base), data = lseek(s->gmem, off, SEEK_DATA);

	return data < 0 || data >= off + (off_t)FAKE_PAGE;
}

void fake_kvm_pin(u64 gpa, bool pinned)
{
	fake_mark(fake_last_vm(), gpa, FAKE_PAGE, pinned ? PG_PINNED : 0, pinned ? 0 : PG_PINNED);
}

/* ---- sides ---- */

/*
 * v15's guest_memfd would leave a page that is freed as a shared one with the RMM [uapi reference
 * 4.6]. The others would not, but one order serves all, and it is the one in which nobody can still
 * find the page's content.
 */
static void freed_before_shared(const struct fake_slot *s, u64 base, u64 size)
{
	for (u64 a = base; a < base + size; a += FAKE_PAGE) {
		if (!fake_is_hole(s, a)) {
			fake_wrong("%#llx made shared before it was freed", (unsigned long long)a);
			return;
		}
	}
}

int fake_vm_attributes(struct fake_vm *vm, const struct kvm_memory_attributes *a)
{
	bool on = a && a->attributes == KVM_MEMORY_ATTRIBUTE_PRIVATE;
	const struct fake_slot *s;

	if (!fake_gen->gmem || fake_gen->own_attrs || !vm->realm)
		return -EINVAL;
	if (!a)
		return -EFAULT;
	if (!fake_whole_pages(a->address, a->size) || a->flags || (a->attributes && !on))
		return -EINVAL;
	s = fake_slot_of(vm, a->address, a->size);
	ck_assert_msg(s, "attributes of what is no RAM");
	pthread_mutex_lock(&fake_lock);
	fake_seen.attr_calls += vm->life == LIFE_ACTIVE;
	if (!on)
		freed_before_shared(s, a->address, a->size);
	fake_mark(vm, a->address, a->size, on ? PG_PRIVATE : 0, on ? 0 : PG_PRIVATE);
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static struct fake_slot *slot_of_gmem(struct fake_vm *vm, int fd)
{
	for (unsigned i = 0; i < vm->nr_slots; i++) {
		if (vm->slots[i].gmem == fd)
			return &vm->slots[i];
	}
	return NULL;
}

static bool valid(const struct fake_vm *vm, int fd, const struct kvm_memory_attributes2 *a)
{
	for (unsigned i = 0; i < ARRAY_SIZE(a->reserved); i++) {
		if (a->reserved[i])
			return false;
	}
	return !a->flags && vm->realm && !(a->attributes & ~(u64)KVM_MEMORY_ATTRIBUTE_PRIVATE) &&
	       fake_whole_pages(a->offset, a->size) &&
	       range_within(a->offset, a->size, (u64)lseek(fd, 0, SEEK_END));
}

/* To private: nobody may have the page any more, or the VMM is told which and comes back. */
static int convert(struct fake_vm *vm, const struct fake_slot *s, struct kvm_memory_attributes2 *a)
{
	u64 base = s->base + a->offset;
	u8 want = a->attributes ? 0 : PG_OWN_SHARED;

	if (fake_all(vm, base, a->size, PG_OWN_SHARED, want))
		return 0;
	for (u64 off = 0; off < a->size && a->attributes; off += FAKE_PAGE) {
		if (*fake_page_of(vm, base + off) & PG_PINNED) {
			a->error_offset = a->offset + off;
			return -EAGAIN;
		}
	}
	if (!a->attributes)
		freed_before_shared(s, base, a->size);
	fake_mark(vm, base, a->size, want, PG_OWN_SHARED & (u8)~want);
	return 0;
}

/* [uapi update 14, GM kvm_gmem_ioctl, kvm_gmem_set_attributes] */
int fake_own_attributes(struct fake_vm *vm, int fd, void *arg)
{
	struct kvm_memory_attributes2 *a = arg;
	const struct fake_slot *s;
	int err;

	if (!fake_gen->own_attrs || fake_gen->in_place_off)
		return -ENOTTY;
	if (!a)
		return -EFAULT;
	if (!valid(vm, fd, a))
		return -EINVAL;
	s = slot_of_gmem(vm, fd);
	ck_assert_msg(s, "attributes of memory that is not the guest's yet");
	pthread_mutex_lock(&fake_lock);
	err = convert(vm, s, a);
	pthread_mutex_unlock(&fake_lock);
	return err;
}

/* Pages that are given back to the host while the RMM may still have them are lost to both. */
void fake_gmem_freed(struct fake_vm *vm, int fd, off_t off, off_t len)
{
	const struct fake_slot *s = slot_of_gmem(vm, fd);
	u8 mask = fake_gen->own_attrs ? PG_OWN_SHARED : PG_PRIVATE;
	u64 base = s ? s->base + (u64)off : 0;

	for (u64 a = base; s && a < base + (u64)len; a += FAKE_PAGE) {
		if ((*fake_page_of(vm, a) & mask) != (mask & PG_PRIVATE))
			fake_wrong("%#llx freed while it is shared", (unsigned long long)a);
		if (fake_kvm_freed)
			fake_kvm_freed(a);
	}
}

/* ---- the VMM's mapping behind a shared page ---- */

struct mapping {
	bool is_private, hugetlb, no_huge;
};

/* Of this process, at `at`. */
static struct mapping mapping_of(const void *at)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long a = (uintptr_t)at, from, to;
	struct mapping m = { 0 };
	bool here = false;
	char line[256], perm;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %*c%*c%*c%c", &from, &to, &perm) == 3) {
			here = a >= from && a < to;
			m.is_private = here ? perm == 'p' : m.is_private;
		} else if (here && !strncmp(line, "VmFlags:", 8)) {
			m.hugetlb = strstr(line, " ht ");
			m.no_huge = strstr(line, " nh ");
			break;
		}
	}
	fclose(f);
	ck_assert_msg(here, "%p is not mapped", at);
	return m;
}

/* A page of its own that this process has written: no page of zeros, and none that is not there. */
static bool is_written(const void *at)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	u64 entry = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &entry, 8, (off_t)((uintptr_t)at / FAKE_PAGE * 8)), 8);
	close(fd);
	return entry >> 63 && entry >> 56 & 1;
}

static bool host_has_huge_pages(void)
{
	return !access("/sys/kernel/mm/transparent_hugepage", F_OK);
}

/*
 * v14 maps a shared page as it finds it [uapi update 26, 27, P14 29/44]. Where the VMM has not
 * written it, private memory has a read-only page of zeros, which will not do; and in the middle of
 * a huge page the mapping is not aligned. The model's host makes huge pages wherever it may. Up to
 * v13 such faults are writes of one page [P12 24/46, 33/46, P13 27/48, 36/48]; the newest ones are
 * rounded and may be read-only [GW realm_map_ipa]. Of v15 nobody has the text: as v14.
 */
int fake_map_shared(const u8 *hva, bool is_write)
{
	struct mapping m;

	if (fake_gen->posting < 14 || fake_gen->posting > 15)
		return 0;
	m = mapping_of(hva);
	if (m.is_private && !is_write && !is_written(hva))
		return -EFAULT;
	if (m.hugetlb || (!m.no_huge && host_has_huge_pages()))
		return -EINVAL;
	return 0;
}
