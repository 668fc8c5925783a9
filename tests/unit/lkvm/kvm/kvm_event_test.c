/* SPDX-License-Identifier: GPL-2.0-or-later */
/* irq.h on top of KVM: which ioctls come out, with the kernel replaced by the table below. */
#include <errno.h>
#include <string.h>

#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/irq.h"
#include "tests/unit/suite.h"

static struct {
	struct kvm_irq_level line;
	struct kvm_irq_routing_entry routes[700];
	u32 nr_routes, nr_commits;
	struct kvm_irqfd irqfd;
	struct kvm_ioeventfd ioeventfd;
	int has_devid;
	int fail_irqfd, fail_routing;
} kernel;

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_assert_int_eq(fd, 42);
	ck_assert_uint_eq(req, KVM_CHECK_EXTENSION);
	return val == KVM_CAP_MSI_DEVID ? kernel.has_devid : 0;
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	ck_assert_int_eq(fd, 42);
	if (req == KVM_IRQ_LINE) {
		memcpy(&kernel.line, arg, sizeof(kernel.line));
		return 0;
	}
	if (req == KVM_SET_GSI_ROUTING) {
		struct kvm_irq_routing *r = arg;

		ck_assert_uint_eq(r->flags, 0);
		ck_assert_uint_le(r->nr, ARRAY_SIZE(kernel.routes));
		memcpy(kernel.routes, r->entries, r->nr * sizeof(r->entries[0]));
		kernel.nr_routes = r->nr;
		kernel.nr_commits++;
		return kernel.fail_routing;
	}
	if (req == KVM_IRQFD) {
		memcpy(&kernel.irqfd, arg, sizeof(kernel.irqfd));
		return kernel.fail_irqfd;
	}
	ck_assert_uint_eq(req, KVM_IOEVENTFD);
	memcpy(&kernel.ioeventfd, arg, sizeof(kernel.ioeventfd));
	return 0;
}

static struct kvm_event *e;
static struct irq *irq;

static void setup(u64 alias, int has_devid)
{
	struct kvm k = { .dev_fd = -1, .vm_fd = 42 };

	memset(&kernel, 0, sizeof(kernel));
	kernel.has_devid = has_devid;
	ck_assert_int_eq(kvm_event_create(&e, &k, true, alias), 0);
	irq = kvm_event_irq(e);
}

/* [KVM api 4.25] irq: bits 31:24 type 1 = SPI, bits 15:0 the INTID */
START_TEST(lines_are_intids)
{
	setup(0, 1);
	irq->ops->line(irq, 64, true);
	ck_assert_uint_eq(kernel.line.irq, 1u << 24 | 96);
	ck_assert_uint_eq(kernel.line.level, 1);
	irq->ops->line(irq, 0, false);
	ck_assert_uint_eq(kernel.line.irq, 1u << 24 | 32);
	ck_assert_uint_eq(kernel.line.level, 0);
	kvm_event_destroy(e);
}
END_TEST

START_TEST(msi_routes_carry_device_and_alias)
{
	struct msi_msg m = { .addr = 0x3ff90040, .data = 3, .devid = 0x18 };
	int route = -1;

	setup(BIT(32), 1);
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), 0);
	ck_assert_int_ge(route, 0);
	ck_assert_uint_eq(kernel.nr_routes, 1);
	ck_assert_uint_eq(kernel.routes[0].type, KVM_IRQ_ROUTING_MSI);
	ck_assert_uint_eq(kernel.routes[0].flags, KVM_MSI_VALID_DEVID);
	ck_assert_uint_eq(kernel.routes[0].u.msi.address_lo, 0x3ff90040);
	ck_assert_uint_eq(kernel.routes[0].u.msi.address_hi, 1);
	ck_assert_uint_eq(kernel.routes[0].u.msi.devid, 0x18);
	ck_assert_uint_eq(kernel.irqfd.fd, 7);
	ck_assert_uint_eq(kernel.irqfd.gsi, kernel.routes[0].gsi);
	ck_assert_uint_eq(kernel.irqfd.flags, 0);
	irq->ops->msi_unbind(irq, &route, 7);
	ck_assert_int_eq(route, -1);
	ck_assert_uint_eq(kernel.irqfd.flags, KVM_IRQFD_FLAG_DEASSIGN);
	irq->ops->msi_unbind(irq, &route, 7);
	kvm_event_destroy(e);
}
END_TEST

START_TEST(without_devid_the_flag_is_off)
{
	struct msi_msg m = { .addr = 0x1000, .data = 3, .devid = 0x18 };
	int route = -1;

	setup(0, 0);
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), 0);
	ck_assert_uint_eq(kernel.routes[0].flags, 0);
	ck_assert_uint_eq(kernel.routes[0].u.msi.devid, 0);
	kvm_event_destroy(e);
}
END_TEST

START_TEST(an_unchanged_message_costs_nothing)
{
	struct msi_msg m = { .addr = 0x1000, .data = 3, .devid = 8 };
	int route = -1;

	setup(0, 1);
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), 0);
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), 0);
	ck_assert_uint_eq(kernel.nr_commits, 1);
	m.data = 4;
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), 0);
	ck_assert_uint_eq(kernel.nr_commits, 2);
	ck_assert_uint_eq(kernel.nr_routes, 1);
	ck_assert_uint_eq(kernel.routes[0].u.msi.data, 4);
	/* The same message of another device is another interrupt to an ITS. */
	m.devid = 16;
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), 0);
	ck_assert_uint_eq(kernel.nr_commits, 3);
	ck_assert_uint_eq(kernel.routes[0].u.msi.devid, 16);
	kvm_event_destroy(e);
}
END_TEST

START_TEST(edges_and_messages_share_the_table)
{
	struct msi_msg m = { .addr = 0x1000, .data = 3, .devid = 8 };
	int route = -1;

	setup(0, 1);
	ck_assert_int_eq(irq->ops->edge_bind(irq, 4, 9), 0);
	ck_assert_uint_eq(kernel.irqfd.gsi, 4);
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), 0);
	ck_assert_uint_eq(kernel.nr_routes, 2);
	ck_assert_uint_eq(kernel.routes[0].type, KVM_IRQ_ROUTING_IRQCHIP);
	ck_assert_uint_eq(kernel.routes[0].u.irqchip.pin, 4);
	ck_assert_int_eq(irq->ops->edge_bind(irq, 5000, 9), -EINVAL);
	irq->ops->edge_unbind(irq, 4, 9);
	ck_assert_uint_eq(kernel.irqfd.flags, KVM_IRQFD_FLAG_DEASSIGN);
	kvm_event_destroy(e);
}
END_TEST

/* Two messages of a GICv2m may be the same SPI: it stays in the table for the one that is left. */
START_TEST(two_eventfds_of_one_edge)
{
	setup(0, 1);
	ck_assert_int_eq(irq->ops->edge_bind(irq, 4, 9), 0);
	ck_assert_int_eq(irq->ops->edge_bind(irq, 4, 10), 0);
	ck_assert_uint_eq(kernel.nr_routes, 1);
	irq->ops->edge_unbind(irq, 4, 9);
	ck_assert_int_eq(irq->ops->edge_bind(irq, 5, 11), 0);
	ck_assert_uint_eq(kernel.nr_routes, 2);
	irq->ops->edge_unbind(irq, 4, 10);
	irq->ops->edge_unbind(irq, 5, 11);
	ck_assert_int_eq(irq->ops->edge_bind(irq, 6, 9), 0);
	ck_assert_uint_eq(kernel.nr_routes, 1);
	irq->ops->edge_unbind(irq, 6, 9);
	kvm_event_destroy(e);
}
END_TEST

START_TEST(levels_are_resampled)
{
	setup(0, 1);
	ck_assert_int_eq(irq->ops->level_bind(irq, 66, 9, 11), 0);
	ck_assert_uint_eq(kernel.irqfd.gsi, 66);
	ck_assert_uint_eq(kernel.irqfd.fd, 9);
	ck_assert_uint_eq(kernel.irqfd.flags, KVM_IRQFD_FLAG_RESAMPLE);
	ck_assert_uint_eq(kernel.irqfd.resamplefd, 11);
	ck_assert_uint_eq(kernel.nr_routes, 1);
	irq->ops->level_unbind(irq, 66, 9);
	ck_assert_uint_eq(kernel.irqfd.flags, KVM_IRQFD_FLAG_DEASSIGN);
	ck_assert_int_eq(irq->ops->level_bind(irq, 5000, 9, 11), -EINVAL);
	ck_assert_int_eq(irq->ops->edge_bind(irq, 4, 9), 0);
	ck_assert_uint_eq(kernel.nr_routes, 1); /* the other one has left the table */
	irq->ops->edge_unbind(irq, 4, 9);
	kvm_event_destroy(e);
}
END_TEST

START_TEST(host_failures_leave_no_route)
{
	struct msi_msg m = { .addr = 0x1000, .data = 3, .devid = 8 };
	int route = -1;

	setup(0, 1);
	kernel.fail_irqfd = -EMFILE;
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), -EMFILE);
	ck_assert_int_eq(route, -1);
	kernel.fail_irqfd = 0;
	kernel.fail_routing = -EINVAL;
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), -EINVAL);
	kernel.fail_routing = 0;
	ck_assert_int_eq(irq->ops->msi_bind(irq, &route, &m, 7), 0);
	ck_assert_uint_eq(kernel.nr_routes, 1);
	/* and there is an end to them */
	int more, err = 0;

	for (int i = 0; i < 2000 && !err; i++) {
		more = -1;
		err = irq->ops->msi_bind(irq, &more, &m, 7);
	}
	ck_assert_int_eq(err, -ENOSPC);
	kvm_event_destroy(e);
}
END_TEST

START_TEST(doorbells)
{
	setup(BIT(32), 1);
	ck_assert_int_eq(irq->ops->doorbell_bind(irq, gpa(0x50001000), 0, -1, 11), 0);
	ck_assert_uint_eq(kernel.ioeventfd.addr, 0x150001000);
	ck_assert_uint_eq(kernel.ioeventfd.flags, 0);
	ck_assert_int_eq(irq->ops->doorbell_bind(irq, gpa(0x3000050), 4, 2, 12), 0);
	ck_assert_uint_eq(kernel.ioeventfd.flags, KVM_IOEVENTFD_FLAG_DATAMATCH);
	ck_assert_uint_eq(kernel.ioeventfd.datamatch, 2);
	ck_assert_uint_eq(kernel.ioeventfd.len, 4);
	irq->ops->doorbell_unbind(irq, gpa(0x3000050), 4, 2, 12);
	ck_assert_uint_eq(kernel.ioeventfd.flags,
			  KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_DEASSIGN);
	kvm_event_destroy(e);
	kvm_event_destroy(NULL);
}
END_TEST

SUITE_MAIN("lkvm/kvm_event", lines_are_intids, msi_routes_carry_device_and_alias,
	   without_devid_the_flag_is_off, an_unchanged_message_costs_nothing,
	   edges_and_messages_share_the_table, two_eventfds_of_one_edge, levels_are_resampled,
	   host_failures_leave_no_route, doorbells)
