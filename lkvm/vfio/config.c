/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space of an assigned device: what the guest sees, and what it may write.
 *
 * Thread: main; registers on vCPU threads under the device's lock.
 * Trust:  writes are the guest's. The device's own bytes are not trusted either: a list of
 *         capabilities may be a circle.
 * Spec:   PCI Local Bus 3.0 chapter 6; PCI Power Management 1.2 §3.2; PCI Express Base §7.5.3
 *
 * Nothing is passed on but what is named here. Of writes these reach the device: bus mastering and
 * the disabling of INTx (command register), and a reset of the function. Everything else is stored
 * and read back, and the device stays as the host has set it up: payload sizes and error reporting
 * fit the host's bus, and the power state stays D0, because a BAR of a device that sleeps is a
 * fault of whoever has it mapped. Vendors' registers, the extended space, expansion ROMs and I/O
 * ports are not shown.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/vfio/inside.h"

/* [PCI 3.0 §6.1] */
#define CFG_COMMAND 0x04u
#define CFG_CAP_PTR 0x34u
#define CFG_INT_PIN 0x3du

#define COMMAND_MEMORY 0x0002u
#define COMMAND_MASTER 0x0004u
#define COMMAND_INTX_DISABLE 0x0400u

#define CAP_PM 0x01u
#define CAP_EXPRESS 0x10u
#define MAX_CAPS 48u /* that fit behind the header */

/* [PM 1.2 §3.2] */
#define PM_LEN 8u
#define PM_CONTROL 4u
#define PM_STATE 0x03u
#define PM_NO_SOFT_RESET 0x08u /* a function that wakes up is as it was */
#define PM_PME_SUPPORT 0xf8u   /* high byte of the capabilities */

/* [PCIe §7.5.3] */
#define EXPRESS_LEN 60u
#define EXPRESS_LEN_V1 20u
#define EXPRESS_FLAGS 2u
#define EXPRESS_TYPE 0xf0u
#define EXPRESS_TYPE_INTEGRATED 0x90u /* an endpoint without a link, as all on bus 0 are */
#define EXPRESS_DEVCAP 4u
#define DEVCAP_FLR 0x10 /* in the fourth byte */
#define EXPRESS_CONTROL 8u
#define CONTROL_FLR 0x8000u
#define EXPRESS_STATUS 10u
#define EXPRESS_LINK 12u /* link and slot registers */
#define EXPRESS_LINK_LEN 24u
#define EXPRESS_LINK2 44u
#define EXPRESS_LINK2_LEN 16u

int vfio_config_read(struct vfio_device *v)
{
	struct vfio_region_info r = { .argsz = sizeof(r), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	int err = vfio_ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, &r);

	if (err)
		return err;
	if (r.size < PCI_CFG_SIZE)
		return -EINVAL;
	v->config = r.offset;
	return vfio_read(v->fd, v->config, v->raw, PCI_CFG_SIZE);
}

u8 vfio_raw_cap(const struct vfio_device *v, u8 id)
{
	u8 at = v->raw[CFG_CAP_PTR];

	for (unsigned i = 0; i < MAX_CAPS; i++) {
		at &= 0xfc;
		if (at < 0x40)
			return 0;
		if (v->raw[at] == id)
			return at;
		at = v->raw[at + 1];
	}
	return 0;
}

/* `len` bytes of the capability, as far as there are so many. */
static void copy_cap(const struct vfio_device *v, u8 at, u8 *body, unsigned len)
{
	memset(body, 0, len);
	memcpy(body, &v->raw[at], MIN(len, PCI_CFG_SIZE - at));
}

static void add_power(struct vfio_device *v)
{
	const u8 wmask[PM_LEN] = { [PM_CONTROL] = PM_STATE };
	u8 at = vfio_raw_cap(v, CAP_PM), body[PM_LEN];

	if (!at)
		return;
	copy_cap(v, at, body, 4);
	body[3] &= (u8)~PM_PME_SUPPORT;
	body[PM_CONTROL] = PM_NO_SOFT_RESET;
	memset(&body[PM_CONTROL + 1], 0, PM_LEN - PM_CONTROL - 1);
	pci_cap_add(&v->func, CAP_PM, body, wmask, PM_LEN, NULL, NULL);
}

/* Status bits of the device, which it sets by itself. */
static void express_read(void *arg, unsigned off, unsigned len)
{
	struct vfio_device *v = arg;
	u8 at = vfio_raw_cap(v, CAP_EXPRESS);

	if (off / 4 == EXPRESS_STATUS / 4)
		vfio_read(v->fd, v->config + at + EXPRESS_STATUS,
			  &v->func.cfg[v->express + EXPRESS_STATUS], 2);
}

static void express_written(void *arg, unsigned off, unsigned len)
{
	struct vfio_device *v = arg;
	u8 *control = &v->func.cfg[v->express + EXPRESS_CONTROL];

	if (off / 4 != EXPRESS_CONTROL / 4 || !(vfio_le(control, 2) & CONTROL_FLR))
		return;
	control[1] &= (u8) ~(CONTROL_FLR >> 8); /* reads as zero */
	vfio_config_reset(v);
}

static const struct pci_cap_ops express_ops = { .read = express_read, .written = express_written };

static void add_express(struct vfio_device *v)
{
	u8 at = vfio_raw_cap(v, CAP_EXPRESS), body[EXPRESS_LEN], wmask[EXPRESS_LEN] = { 0 };
	unsigned len;

	if (!at)
		return;
	len = (v->raw[at + EXPRESS_FLAGS] & 15) > 1 ? EXPRESS_LEN : EXPRESS_LEN_V1;
	copy_cap(v, at, body, len);
	body[EXPRESS_FLAGS] = (u8)((body[EXPRESS_FLAGS] & ~EXPRESS_TYPE) | EXPRESS_TYPE_INTEGRATED);
	body[EXPRESS_FLAGS + 1] = 0;
	memset(&body[EXPRESS_LINK], 0, MIN(EXPRESS_LINK_LEN, len - EXPRESS_LINK));
	if (len > EXPRESS_LINK2)
		memset(&body[EXPRESS_LINK2], 0, EXPRESS_LINK2_LEN);
	if (!v->can_reset)
		body[EXPRESS_DEVCAP + 3] &= (u8)~DEVCAP_FLR;
	memset(&wmask[EXPRESS_CONTROL], 0xff, 2);
	if (!(body[EXPRESS_DEVCAP + 3] & DEVCAP_FLR))
		wmask[EXPRESS_CONTROL + 1] = 0x7f;
	v->express = pci_cap_add(&v->func, CAP_EXPRESS, body, wmask, (u8)len, &express_ops, v);
}

void vfio_config_init(struct vfio_device *v)
{
	const struct pci_id id = {
		.vendor = (u16)vfio_le(&v->raw[0], 2),
		.device = (u16)vfio_le(&v->raw[2], 2),
		.revision = v->raw[8],
		.class_code = vfio_le(&v->raw[9], 3),
		.subsys_vendor = (u16)vfio_le(&v->raw[0x2c], 2),
		.subsys = (u16)vfio_le(&v->raw[0x2e], 2),
	};

	pci_func_init(&v->func, &id);
	if (!v->raw[CFG_INT_PIN])
		v->func.cfg[CFG_INT_PIN] = 0;
	add_power(v);
	add_express(v);
}

void vfio_config_command(void *dev, u16 command)
{
	struct vfio_device *v = dev;
	u16 val = (u16)(COMMAND_MEMORY | (command & (COMMAND_MASTER | COMMAND_INTX_DISABLE)));
	u8 bytes[2] = { (u8)val, (u8)(val >> 8) };
	int err = vfio_write(v->fd, v->config + CFG_COMMAND, bytes, 2);

	if (err)
		guest_err(v->name, "the host does not set the command register (error %d)", -err);
}

void vfio_config_reset(struct vfio_device *v)
{
	int err = v->can_reset ? vfio_ioctl(v->fd, VFIO_DEVICE_RESET, NULL) : 0;

	if (err)
		guest_err(v->name, "the host cannot reset the device (error %d)", -err);
}
