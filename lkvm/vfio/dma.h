/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What assigned devices reach: exactly the memory that the guest shares, all of it in an ordinary
 * guest. The mappings of the IOMMU follow the states of pages [mem_follow()]: a page is mapped once
 * it is shared, and unmapped before it is taken back; if that fails, it is not taken back.
 */
#ifndef LKVM_VFIO_DMA_H
#define LKVM_VFIO_DMA_H

#include "lkvm/vfio/iommu.h"

struct dma;
struct mem;

/*
 * Map what is shared now, and follow it from now on. A Realm's memory is mapped at both of its
 * addresses, because some of its kernels give devices addresses with the alias bit and others
 * without. `m` and `io`, which has a device, outlive *out. 0; -errno after one log_error() line
 * that says what to do (RLIMIT_MEMLOCK, memory where the host has something). Main thread.
 */
int dma_start(struct dma **out, struct mem *m, struct vfio_iommu *io);

/* Unmap all. No vCPU runs. Takes NULL. Main thread. */
void dma_stop(struct dma *d);

#endif
