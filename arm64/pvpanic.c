/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic, on PCI.
 *
 * Thread: the register on vCPU threads, under v->lock.
 * Trust:  the guest can say anything at any time, also what is not true. It is heard once for each
 *         bit, so that it cannot be made to cost anything.
 * Spec:   [QEMU docs/specs/pvpanic.rst]: byte 0 of BAR 0 reads as the events that are heard here,
 *         and a bit that is written is such an event.
 */
#include "arm64/pvpanic.h"

#include <errno.h>
#include <stdlib.h>

#include "lkvm/base/log.h"
#include "lkvm/vm/pci.h"

#define HEARD (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED | PVPANIC_SHUTDOWN)

#define BAR_SIZE 0x1000u /* a page: nothing else is in it */

static const struct pci_id id = {
	.vendor = 0x1b36,
	.device = 0x0011,
	.subsys_vendor = 0x1af4,
	.subsys = 0x1100,
	.class_code = 0x088000, /* a system peripheral, other */
	.revision = 1,
};

struct pvpanic {
	pthread_mutex_t lock;
	struct pci_func func;
	pvpanic_fn said;
	void *arg;
	u64 before; /* bits that were said */
};

static u64 reg_read(void *dev, u64 off, unsigned len)
{
	return off ? 0 : HEARD;
}

static void reg_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct pvpanic *v = dev;
	u64 news = off ? 0 : val & HEARD & ~v->before;

	v->before |= news;
	for (u64 bit = PVPANIC_PANICKED; bit <= PVPANIC_SHUTDOWN; bit <<= 1) {
		if (news & bit)
			v->said(v->arg, bit);
	}
}

static const struct bus_ops reg_ops = { .read = reg_read, .write = reg_write };

static const struct pci_ops func_ops = { .intx = NULL }; /* it interrupts nobody */

int pvpanic_create(struct pvpanic **out, struct pci *p, pvpanic_fn said, void *arg)
{
	struct pvpanic *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return log_errno(-ENOMEM, "pvpanic");
	pthread_mutex_init(&v->lock, NULL);
	v->said = said;
	v->arg = arg;
	v->func = (struct pci_func){
		.ops = &func_ops, .dev = v, .name = "pvpanic", .lock = &v->lock
	};
	pci_func_init(&v->func, &id);
	pci_bar_add(&v->func, 0, BAR_SIZE, 0, BUS_W1, &reg_ops);
	err = pci_add(p, &v->func, PVPANIC_SLOT);
	if (err) {
		log_errno(err, "cannot put pvpanic into PCI slot %u", PVPANIC_SLOT);
		pvpanic_destroy(v);
		return err;
	}
	*out = v;
	return 0;
}

void pvpanic_destroy(struct pvpanic *v)
{
	if (!v)
		return;
	pci_func_fini(&v->func);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
