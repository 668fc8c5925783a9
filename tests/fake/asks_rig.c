/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VMs that questions are asked about [tests/fake/asks_rig.h]. */
#include "tests/fake/asks_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PSCI (1u << KVM_ARM_VCPU_PSCI_0_2)
#define SVE (1u << KVM_ARM_VCPU_SVE)

const struct asks_host *asks_host;
struct asks_vm m;

static bool is_v7(void)
{
	return asks_host->posting == 7;
}

/* ---- answers ---- */

void say(const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	asks_host->said(line);
}

static const char *word(int n)
{
	return n < 0 ? strerrorname_np(-n) : "ok";
}

/* Descriptors and counts are "ok". */
void answer(const char *question, int n)
{
	say("%s: %s", question, word(n));
}

/* Without these there is nothing to ask. */
static void need(int n, const char *what)
{
	if (n >= 0)
		return;
	say("%s: %s, the rest is not asked", what, word(n));
	abort();
}

/* ---- a Realm's VM ---- */

int vm_call(unsigned long req, void *arg)
{
	return kvm_ioctl(m.vm, req, arg);
}

int attr_set(int fd, u32 group, u64 attr, void *val)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)val };

	return kvm_ioctl(fd, KVM_SET_DEVICE_ATTR, &a);
}

int set_private(u64 page, u64 nr, bool on)
{
	struct kvm_memory_attributes a = { .address = RAM + page * PAGE, .size = nr * PAGE };

	a.attributes = on ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0;
	return vm_call(KVM_SET_MEMORY_ATTRIBUTES, &a);
}

int punch(int mode, u64 off, u64 len)
{
	return fallocate(m.gmem, mode, (off_t)off, (off_t)len) ? -errno : 0;
}

int free_pages(u64 page, u64 nr)
{
	return punch(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * PAGE, nr * PAGE);
}

/* At an address that a huge page can have. */
static u8 *memory(unsigned how)
{
	u8 *all = mmap(NULL, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;
	int fd = how & ANONYMOUS ? -1 : memfd_create("asks", 0);

	if (fd >= 0)
		need(ftruncate(fd, SIZE) ? -errno : 0, "ftruncate");
	p = all + (SIZE - ((uintptr_t)all & (SIZE - 1)));
	mmap(p, SIZE, PROT_READ | PROT_WRITE,
	     MAP_FIXED | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd, 0);
	if (fd >= 0)
		close(fd);
	madvise(p, SIZE, how & HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

static void make_memory(unsigned how)
{
	struct kvm_create_guest_memfd g = { .size = SIZE };
	struct kvm_userspace_memory_region2 r = { .flags = KVM_MEM_GUEST_MEMFD,
						  .guest_phys_addr = RAM,
						  .memory_size = SIZE };

	m.hva = memory(how);
	m.source = memory(0);
	m.gmem = vm_call(KVM_CREATE_GUEST_MEMFD, &g);
	need(m.gmem, "KVM_CREATE_GUEST_MEMFD");
	r.userspace_addr = (uintptr_t)m.hva;
	r.guest_memfd = (u32)m.gmem;
	need(vm_call(KVM_SET_USER_MEMORY_REGION2, &r), "KVM_SET_USER_MEMORY_REGION2");
	need(set_private(0, PAGES, true), "KVM_SET_MEMORY_ATTRIBUTES");
}

static void make_vcpus(unsigned how)
{
	for (unsigned i = 0; i < 2; i++) {
		struct kvm_vcpu_init init = { .target = 5 };

		init.features[0] = (how & NO_PSCI ? 0 : PSCI) | (how & WITH_SVE ? SVE : 0) |
				   (i ? 1u << KVM_ARM_VCPU_POWER_OFF : 0) |
				   (is_v7() ? 1u << RME_VCPU_REC : 0);
		m.vcpu[i] = kvm_ioctl_val(m.vm, KVM_CREATE_VCPU, i);
		need(m.vcpu[i], "KVM_CREATE_VCPU");
		need(kvm_ioctl(m.vcpu[i], KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
		m.run[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m.vcpu[i], 0);
	}
}

void make_gic(unsigned how)
{
	struct kvm_create_device d = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	u64 dist = 0x3fff0000, redist = 0x3ffb0000;

	if (how & NO_GIC)
		return;
	need(vm_call(KVM_CREATE_DEVICE, &d), "KVM_CREATE_DEVICE");
	m.gic = (int)d.fd;
	attr_set(m.gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist);
	attr_set(m.gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist);
	if (!(how & RAW_GIC))
		need(attr_set(m.gic, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL),
		     "KVM_DEV_ARM_VGIC_CTRL_INIT");
}

/* ---- loading ---- */

int sub(u64 cmd, void *arg)
{
	struct kvm_enable_cap e = { .cap = 300 };

	e.args[0] = cmd;
	e.args[1] = (uintptr_t)arg;
	return vm_call(KVM_ENABLE_CAP, &e);
}

/* One call, whatever signals come. */
int once(struct rmi_populate *p)
{
	int n;

	do
		n = vm_call(KVM_ARM_RMI_POPULATE, p);
	while (n == -EINTR);
	return n;
}

struct rmi_populate pages(u64 page, u64 nr)
{
	return (struct rmi_populate){ RAM + page * PAGE, nr * PAGE, (uintptr_t)m.source,
				      RMI_POPULATE_MEASURE, 0 };
}

int load(u64 page, u64 nr)
{
	struct rme_populate old = { RAM + page * PAGE, nr * PAGE, RME_POPULATE_MEASURE, { 0 } };
	struct rmi_populate p = pages(page, nr);
	int err = 0;

	if (is_v7())
		return sub(RME_POPULATE, &old);
	while (!err && p.size)
		err = once(&p);
	return err;
}

static void write_script(struct asks_step *s, const struct fake_op *op)
{
	const u64 half = BIT(ASKS_IPA - 1);

	for (; op->kind != GUEST_END; op++, s++) {
		*s = (struct asks_step){ ASKS_RIPAS, op->base, op->base + op->size,
					 op->kind == GUEST_RAM };
		if (op->kind == GUEST_RAM || op->kind == GUEST_EMPTY)
			continue;
		s->kind = op->kind == GUEST_LOAD || op->kind == GUEST_ZERO_SHARED ? ASKS_READ
										  : ASKS_WRITE;
		s->base |= op->kind == GUEST_WRITE_PRIVATE ? 0 : half;
	}
	s->kind = ASKS_OFF;
}

/* The descriptor, RAM, the guest, and on v7 all that is not implied yet. */
static void load_guest(const struct fake_op *ops)
{
	struct rme_init_ripas all = { .base = RAM, .size = SIZE };
	u8 *to = is_v7() ? m.hva : m.source;
	struct kvm_one_reg pc = { KVM_REG_PC, 0 };
	int rec = RME_VCPU_REC;
	u64 entry = RAM;

	pc.addr = (uintptr_t)&entry;
	if (asks_host->guest)
		memcpy(to, asks_host->guest, asks_host->guest_size);
	write_script((struct asks_step *)(to + PAGE), ops);
	if (is_v7()) {
		need(sub(RME_CREATE_REALM, NULL), "RME_CREATE_REALM");
		need(sub(RME_INIT_RIPAS, &all), "RME_INIT_RIPAS");
	}
	need(load(0, 2), "loading");
	need(kvm_ioctl(m.vcpu[0], KVM_SET_ONE_REG, &pc), "PC");
	for (unsigned i = 0; i < 2 && is_v7(); i++)
		need(kvm_ioctl(m.vcpu[i], KVM_ARM_VCPU_FINALIZE, &rec), "RME_VCPU_REC");
	if (is_v7())
		need(sub(RME_ACTIVATE, NULL), "RME_ACTIVATE");
}

void up(const struct fake_op *ops, unsigned how)
{
	asks_host->fresh(ops);
	memset(&m, 0, sizeof(m));
	m.dev = open(asks_host->dev, O_RDWR | O_CLOEXEC);
	need(m.dev, "open");
	m.vm = kvm_ioctl_val(m.dev, KVM_CREATE_VM,
			     (is_v7() ? KVM_VM_TYPE_ARM_REALM : KVM_VM_TYPE_ARM_REALM_BIT) |
				     ASKS_IPA);
	need(m.vm, "KVM_CREATE_VM");
	make_memory(how);
	make_vcpus(how);
	make_gic(how);
	if (!(how & BARE))
		load_guest(ops);
}

void down(void)
{
	for (unsigned i = 0; i < 2; i++) {
		munmap(m.run[i], PAGE);
		close(m.vcpu[i]);
	}
	if (m.gic)
		close(m.gic);
	if (m.gmem >= 0)
		close(m.gmem);
	close(m.vm);
	close(m.dev);
	munmap(m.hva, SIZE);
	munmap(m.source, SIZE);
}

/* ---- calls whose answer is more than a number ---- */

void run(const char *question, unsigned vcpu)
{
	int ret = kvm_ioctl_val(m.vcpu[vcpu], KVM_RUN, 0);
	const struct kvm_run *r = m.run[vcpu];

	if (ret < 0 && ret != -EFAULT)
		answer(question, ret);
	else if (r->exit_reason == KVM_EXIT_MEMORY_FAULT)
		say("%s: %s, pages %lld to %lld, %s", question, ret ? "EFAULT" : "ok",
		    (long long)(r->memory_fault.gpa - RAM) / PAGE,
		    (long long)(r->memory_fault.gpa + r->memory_fault.size - RAM) / PAGE,
		    r->memory_fault.flags == KVM_MEMORY_EXIT_FLAG_PRIVATE ? "private"
		    : r->memory_fault.flags				  ? "odd"
									  : "shared");
	else if (r->exit_reason == KVM_EXIT_MMIO)
		say("%s: %s, MMIO %s at %#llx", question, ret ? "EFAULT" : "ok",
		    r->mmio.is_write ? "write" : "read", (unsigned long long)r->mmio.phys_addr);
	else
		say("%s: %s, exit %u", question, ret ? "EFAULT" : "ok", r->exit_reason);
}

void left(const char *question, struct rmi_populate p)
{
	int err = once(&p);

	say("%s: %s, %lld pages left", question, err ? strerrorname_np(-err) : "ok",
	    (long long)p.size / PAGE);
}

int set_reg(u64 id, u64 val)
{
	u64 vals[8] = { val };
	struct kvm_one_reg r = { id, (uintptr_t)vals };

	return kvm_ioctl(m.vcpu[0], KVM_SET_ONE_REG, &r);
}

int get_reg(u64 id, u64 *val)
{
	u64 vals[8] = { 0 };
	struct kvm_one_reg r = { id, (uintptr_t)vals };
	int err = kvm_ioctl(m.vcpu[0], KVM_GET_ONE_REG, &r);

	*val = vals[0];
	return err;
}
