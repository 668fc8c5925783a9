/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X of one PCI function: table, pending bits, masks. Each vector has an eventfd, which irq.h
 * binds to the message when the guest unmasks it for the first time; from then on an interrupt is
 * one write(2).
 */
#ifndef LKVM_MSIX_H
#define LKVM_MSIX_H

#include "lkvm/vm/pci.h"

#define MSIX_MAX_VECTORS 64u
#define MSIX_BAR_SIZE 0x1000u /* table and pending bits share a page */

struct msix;

/*
 * Give `f` the capability, with `nr` vectors in its BAR `bar`. The BAR's ops pass reads and writes
 * on to msix_read() and msix_write(). Before pci_add(). 0 or -errno.
 */
int msix_create(struct msix **out, struct pci_func *f, unsigned bar, unsigned nr,
		const struct bus_ops *ops);
/* Nobody fires or accesses any more. Takes NULL. */
void msix_destroy(struct msix *m);

unsigned msix_nr(const struct msix *m);

/* MSI-X Enable: the function must not use INTx. Any thread. Takes NULL: false. */
bool msix_enabled(const struct msix *m);

/*
 * Send `vector`'s message, or remember it in the pending bits while it is masked. Any thread; waits
 * for nobody who waits for a loop. `vector` < msix_nr(). Two fires while masked are one message.
 */
void msix_fire(struct msix *m, unsigned vector);

/* The BAR, with aligned accesses of 4 or 8 bytes below MSIX_BAR_SIZE. vCPU thread. */
u64 msix_read(struct msix *m, u64 off, unsigned len);
void msix_write(struct msix *m, u64 off, unsigned len, u64 val);

#endif
