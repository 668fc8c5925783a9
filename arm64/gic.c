/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interrupt controller: KVM's vGIC devices, their addresses and their start.
 *
 * Thread: main, while the machine is built.
 * Trust:  the kernel.
 * Spec:   [KVM api 4.79], devices/arm-vgic.rst, arm-vgic-v3.rst, arm-vgic-its.rst
 */
#include "arm64/gic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"

struct gic {
	int fd;
	int its_fd; /* -1: none */
	u32 nr_irqs;
};

const char *gic_name(enum board_gic gic)
{
	static const char *const names[] = {
		[BOARD_GIC_AUTO] = "auto", [BOARD_GIC_V3_ITS] = "gicv3-its",
		[BOARD_GIC_V3] = "gicv3",  [BOARD_GIC_V2M] = "gicv2m",
		[BOARD_GIC_V2] = "gicv2",
	};

	return names[gic];
}

/* ---- choice ---- */

static bool has_device(struct kvm *k, u32 type)
{
	return kvm_device_create(k, type, KVM_CREATE_DEVICE_TEST) >= 0;
}

static bool works(struct kvm *k, enum board_gic gic)
{
	switch (gic) {
	case BOARD_GIC_V3_ITS:
		return has_device(k, KVM_DEV_TYPE_ARM_VGIC_V3) &&
		       has_device(k, KVM_DEV_TYPE_ARM_VGIC_ITS);
	case BOARD_GIC_V3:
		return has_device(k, KVM_DEV_TYPE_ARM_VGIC_V3);
	case BOARD_GIC_V2M:
	case BOARD_GIC_V2:
		return has_device(k, KVM_DEV_TYPE_ARM_VGIC_V2);
	default:
		return false;
	}
}

static enum board_gic first_that_works(struct kvm *k)
{
	for (int g = BOARD_GIC_V3_ITS; g <= BOARD_GIC_V2; g++)
		if (works(k, (enum board_gic)g))
			return (enum board_gic)g;
	return BOARD_GIC_AUTO;
}

int gic_choose(struct kvm *k, enum board_gic want, enum board_gic *out)
{
	enum board_gic can;

	if (works(k, want)) {
		*out = want;
		return 0;
	}
	can = first_that_works(k);
	if (can == BOARD_GIC_AUTO) {
		log_error(
			"This host's KVM has no interrupt controller for guests (neither GICv3 nor GICv2)");
		return -ENODEV;
	}
	if (want == BOARD_GIC_AUTO) {
		*out = can;
		return 0;
	}
	if (want == BOARD_GIC_V3_ITS)
		log_error(
			"GICv3 ITS requested, but kernel does not support it. Try --irqchip=%s instead",
			gic_name(can));
	else
		log_error(
			"irqchip %s requested, but this host does not support it. Try --irqchip=%s instead",
			gic_name(want), gic_name(can));
	return -ENODEV;
}

/* ---- creation ---- */

static int failed(const char *what, int err)
{
	return log_errno(err, "Cannot set up the interrupt controller (%s)", what);
}

static int set_addr(int fd, u64 type, u64 addr, const char *what)
{
	int err = kvm_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &addr);

	return err ? failed(what, err) : 0;
}

static int create_v3(struct gic *g, struct kvm *k, const struct board_layout *l, u64 alias)
{
	int err;

	g->fd = kvm_device_create(k, KVM_DEV_TYPE_ARM_VGIC_V3, 0);
	if (g->fd < 0)
		return failed("GICv3", g->fd);
	err = set_addr(g->fd, KVM_VGIC_V3_ADDR_TYPE_DIST, l->gicd.base | alias, "distributor");
	if (!err)
		err = set_addr(g->fd, KVM_VGIC_V3_ADDR_TYPE_REDIST, l->gicr.base | alias,
			       "redistributors");
	if (err || !l->its.size)
		return err;
	g->its_fd = kvm_device_create(k, KVM_DEV_TYPE_ARM_VGIC_ITS, 0);
	if (g->its_fd < 0)
		return failed("ITS", g->its_fd);
	return set_addr(g->its_fd, KVM_VGIC_ITS_ADDR_TYPE, l->its.base | alias, "ITS address");
}

static int create_v2(struct gic *g, struct kvm *k, const struct board_layout *l, u64 alias)
{
	int err;

	g->fd = kvm_device_create(k, KVM_DEV_TYPE_ARM_VGIC_V2, 0);
	if (g->fd < 0)
		return failed("GICv2", g->fd);
	err = set_addr(g->fd, KVM_VGIC_V2_ADDR_TYPE_DIST, l->gicd.base | alias, "distributor");
	if (!err)
		err = set_addr(g->fd, KVM_VGIC_V2_ADDR_TYPE_CPU, l->gicc.base | alias,
			       "CPU interface");
	return err;
}

int gic_create(struct gic **out, struct kvm *k, const struct board_layout *l, u64 alias)
{
	struct gic *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	g->fd = g->its_fd = -1;
	g->nr_irqs = 32 + l->nr_spis; /* SGIs and PPIs count */
	err = l->gicc.size ? create_v2(g, k, l, alias) : create_v3(g, k, l, alias);
	if (err) {
		gic_destroy(g);
		return err;
	}
	*out = g;
	return 0;
}

int gic_init(struct gic *g)
{
	int err = kvm_attr_set(g->fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &g->nr_irqs);

	if (err)
		return failed("number of interrupts", err);
	err = kvm_attr_set(g->fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (err)
		return failed("start", err);
	if (g->its_fd < 0)
		return 0;
	err = kvm_attr_set(g->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	return err ? failed("start of the ITS", err) : 0;
}

void gic_destroy(struct gic *g)
{
	if (!g)
		return;
	if (g->its_fd >= 0)
		close(g->its_fd);
	if (g->fd >= 0)
		close(g->fd);
	free(g);
}
