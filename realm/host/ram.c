/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM where KVM takes it as it is: ordinary VMs, pKVM, and the shared half of early Realms.
 *
 * Thread: main.
 * Trust:  nothing of the guest's.
 */
#include "realm/host/ram.h"

#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/mem.h"

int ram_as_slots(struct realm *r)
{
	const struct mem *m = realm_mem(r);
	int err = 0;

	for (unsigned i = 0; i < mem_nr_regions(m) && !err; i++) {
		const struct mem_region *reg = mem_region(m, i);

		err = reg->gmem ? kvm_add_gmem_slot(realm_kvm(r), reg->base, reg->size, reg->host,
						    reg->fd)
				: kvm_add_slot(realm_kvm(r), reg->base, reg->size, reg->host, 0,
					       NULL);
	}
	if (err)
		log_error("cannot give the guest its memory: %s; try a smaller --mem",
			  strerror(-err));
	return err;
}
