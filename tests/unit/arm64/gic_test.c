/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which vGIC is chosen, and which device attributes come out, with the kernel replaced. */
#include <errno.h>
#include <fcntl.h>

#include "arm64/gic.h"
#include "lkvm/kvm/kvm.h"
#include "tests/unit/arm64/capture.h"

#define MAX_ATTRS 16

static struct {
	bool v2, v3, its;
	int fds[2]; /* of the GIC and of the ITS */
	struct {
		int fd;
		u32 group;
		u64 attr, val;
	} attr[MAX_ATTRS];
	unsigned nr_attrs;
	int fail_at; /* fail the n-th ioctl that creates or sets, from 0; -1: none */
	int calls;
} kernel;

static struct kvm k = { .dev_fd = -1, .vm_fd = 42 };

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	return -ENOTTY;
}

static int create(struct kvm_create_device *d)
{
	bool its = d->type == KVM_DEV_TYPE_ARM_VGIC_ITS;
	bool has = its ? kernel.its : d->type == KVM_DEV_TYPE_ARM_VGIC_V3 ? kernel.v3 : kernel.v2;

	if (!has)
		return -ENODEV;
	if (d->flags == KVM_CREATE_DEVICE_TEST)
		return 0;
	if (kernel.calls++ == kernel.fail_at)
		return -EMFILE;
	kernel.fds[its] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(kernel.fds[its], 0);
	d->fd = (u32)kernel.fds[its];
	return 0;
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	struct kvm_device_attr *a = arg;

	if (req == KVM_CREATE_DEVICE) {
		ck_assert_int_eq(fd, 42);
		return create(arg);
	}
	ck_assert_uint_eq(req, KVM_SET_DEVICE_ATTR);
	if (kernel.calls++ == kernel.fail_at)
		return -EIO;
	ck_assert_uint_lt(kernel.nr_attrs, MAX_ATTRS);
	kernel.attr[kernel.nr_attrs].fd = fd;
	kernel.attr[kernel.nr_attrs].group = a->group;
	kernel.attr[kernel.nr_attrs].attr = a->attr;
	if (a->group == KVM_DEV_ARM_VGIC_GRP_ADDR)
		memcpy(&kernel.attr[kernel.nr_attrs].val, (void *)(uintptr_t)a->addr, 8);
	if (a->group == KVM_DEV_ARM_VGIC_GRP_NR_IRQS)
		memcpy(&kernel.attr[kernel.nr_attrs].val, (void *)(uintptr_t)a->addr, 4);
	kernel.nr_attrs++;
	return 0;
}

static void host(bool v2, bool v3, bool its)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.v2 = v2;
	kernel.v3 = v3;
	kernel.its = its;
	kernel.fail_at = -1;
}

static enum board_gic chosen(enum board_gic want)
{
	enum board_gic out = BOARD_GIC_AUTO;

	ck_assert_int_eq(gic_choose(&k, want, &out), 0);
	return out;
}

START_TEST(auto_takes_the_first_that_works)
{
	host(true, true, true);
	ck_assert_int_eq(chosen(BOARD_GIC_AUTO), BOARD_GIC_V3_ITS);
	host(true, true, false);
	ck_assert_int_eq(chosen(BOARD_GIC_AUTO), BOARD_GIC_V3);
	host(true, false, false);
	ck_assert_int_eq(chosen(BOARD_GIC_AUTO), BOARD_GIC_V2M);
	host(true, false, true); /* an ITS alone is nothing */
	ck_assert_int_eq(chosen(BOARD_GIC_AUTO), BOARD_GIC_V2M);
}
END_TEST

START_TEST(what_is_asked_for_is_what_is_got)
{
	host(true, true, true);
	for (int g = BOARD_GIC_V3_ITS; g <= BOARD_GIC_V2; g++)
		ck_assert_int_eq(chosen((enum board_gic)g), g);
}
END_TEST

START_TEST(refusals_name_what_works)
{
	enum board_gic out;

	capture_start();
	host(true, true, false);
	ck_assert_int_eq(gic_choose(&k, BOARD_GIC_V3_ITS, &out), -ENODEV);
	captured_one_error("GICv3 ITS requested, but kernel does not support it. "
			   "Try --irqchip=gicv3 instead",
			   "");
	host(false, true, true);
	ck_assert_int_eq(gic_choose(&k, BOARD_GIC_V2, &out), -ENODEV);
	captured_one_error("gicv2 requested", "--irqchip=gicv3-its");
	ck_assert_int_eq(gic_choose(&k, BOARD_GIC_V2M, &out), -ENODEV);
	captured_one_error("gicv2m requested", "--irqchip=gicv3-its");
	host(true, false, false);
	ck_assert_int_eq(gic_choose(&k, BOARD_GIC_V3, &out), -ENODEV);
	captured_one_error("gicv3 requested", "--irqchip=gicv2m");
	host(false, false, false);
	ck_assert_int_eq(gic_choose(&k, BOARD_GIC_AUTO, &out), -ENODEV);
	captured_one_error("no interrupt controller", "");
}
END_TEST

/* Creates, starts and destroys; the fd of the GIC is fds[0]. */
static int make(enum board_gic gic, unsigned cpus, u64 alias)
{
	struct board_conf c = {
		.nr_cpus = cpus, .ram_base = MEMMAP_RAM, .ram_size = GiB, .gic = gic
	};
	struct board_layout l;
	struct gic *g = NULL;
	int err;

	ck_assert_int_eq(board_layout(&l, &c), 0);
	err = gic_create(&g, &k, &l, alias);
	if (!err)
		err = gic_init(g);
	gic_destroy(g);
	return err;
}

static void attr_is(unsigned i, int fd, u32 group, u64 attr, u64 val)
{
	ck_assert_uint_lt(i, kernel.nr_attrs);
	ck_assert_int_eq(kernel.attr[i].fd, fd);
	ck_assert_uint_eq(kernel.attr[i].group, group);
	ck_assert_uint_eq(kernel.attr[i].attr, attr);
	ck_assert_uint_eq(kernel.attr[i].val, val);
}

/* devices/arm-vgic-v3.rst: addresses, number of interrupts, INIT last; then the ITS. */
START_TEST(gicv3_with_its)
{
	host(true, true, true);
	ck_assert_int_eq(make(BOARD_GIC_V3_ITS, 2, 0), 0);
	ck_assert_uint_eq(kernel.nr_attrs, 6);
	attr_is(0, kernel.fds[0], 0, 2, 0x3fff0000);
	attr_is(1, kernel.fds[0], 0, 3, 0x3ffb0000);
	attr_is(2, kernel.fds[1], 0, 4, 0x3ff90000);
	attr_is(3, kernel.fds[0], 3, 0, 128);
	attr_is(4, kernel.fds[0], 4, 0, 0);
	attr_is(5, kernel.fds[1], 4, 0, 0);
	ck_assert_int_eq(fcntl(kernel.fds[0], F_GETFD), -1); /* closed */
	ck_assert_int_eq(fcntl(kernel.fds[1], F_GETFD), -1);
}
END_TEST

/* A simulated Realm reaches its devices in the upper half of the IPA space. */
START_TEST(addresses_carry_the_alias_bit)
{
	host(true, true, true);
	ck_assert_int_eq(make(BOARD_GIC_V3_ITS, 1, BIT(32)), 0);
	attr_is(0, kernel.fds[0], 0, 2, 0x13fff0000);
	attr_is(1, kernel.fds[0], 0, 3, 0x13ffd0000);
	attr_is(2, kernel.fds[1], 0, 4, 0x13ffb0000);
}
END_TEST

START_TEST(gicv3_alone)
{
	host(true, true, true);
	ck_assert_int_eq(make(BOARD_GIC_V3, 1, 0), 0);
	ck_assert_uint_eq(kernel.nr_attrs, 4);
}
END_TEST

START_TEST(gicv2_and_gicv2m)
{
	host(true, true, true);
	ck_assert_int_eq(make(BOARD_GIC_V2, 1, 0), 0);
	ck_assert_uint_eq(kernel.nr_attrs, 4);
	attr_is(0, kernel.fds[0], 0, 0, 0x3fff0000);
	attr_is(1, kernel.fds[0], 0, 1, 0x3ffd0000);
	attr_is(2, kernel.fds[0], 3, 0, 128);
	attr_is(3, kernel.fds[0], 4, 0, 0);
	host(true, true, true);
	ck_assert_int_eq(make(BOARD_GIC_V2M, 1, 0), 0);
	attr_is(2, kernel.fds[0], 3, 0, 192); /* with the 64 SPIs of the frame */
}
END_TEST

START_TEST(every_step_can_fail)
{
	static const struct {
		enum board_gic gic;
		int steps;
	} t[] = { { BOARD_GIC_V3_ITS, 8 }, { BOARD_GIC_V2, 5 } };

	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		for (int n = 0; n <= t[i].steps; n++) {
			host(true, true, true);
			kernel.fds[0] = kernel.fds[1] = -1;
			kernel.fail_at = n;
			if (n == t[i].steps) {
				ck_assert_int_eq(make(t[i].gic, 1, 0), 0);
				break;
			}
			ck_assert_int_lt(make(t[i].gic, 1, 0), 0);
			captured_one_error("interrupt controller", "");
			for (int f = 0; f < 2; f++)
				ck_assert(kernel.fds[f] < 0 || fcntl(kernel.fds[f], F_GETFD) == -1);
		}
	}
	gic_destroy(NULL);
}
END_TEST

START_TEST(names_are_the_options)
{
	ck_assert_str_eq(gic_name(BOARD_GIC_V3_ITS), "gicv3-its");
	ck_assert_str_eq(gic_name(BOARD_GIC_V2M), "gicv2m");
	ck_assert_str_eq(gic_name(BOARD_GIC_AUTO), "auto");
}
END_TEST

SUITE_MAIN("arm64/gic", auto_takes_the_first_that_works, what_is_asked_for_is_what_is_got,
	   refusals_name_what_works, gicv3_with_its, addresses_carry_the_alias_bit, gicv3_alone,
	   gicv2_and_gicv2m, every_step_can_fail, names_are_the_options)
