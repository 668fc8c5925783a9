/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X of one PCI function: table, pending bits, masks [PCI 3.0 §6.8]. Each vector has an eventfd,
 * which is bound to the vector's message (irq.h) when the guest unmasks the vector for the first
 * time; from then on an interrupt is one write(2).
 *
 * Beside them there are feeds: eventfds that somebody else writes, for whom the host's kernel sends
 * the messages.
 */
#ifndef LKVM_MSIX_H
#define LKVM_MSIX_H

#include "lkvm/vm/pci.h"

#define MSIX_MAX_VECTORS 64u
#define MSIX_MAX_FEEDS 32u
#define MSIX_NO_VECTOR 0xffffu
#define MSIX_BAR_SIZE 0x1000u /* table and pending bits share a page */

struct msix;

/*
 * Give `f` the BAR `bar` (MSIX_BAR_SIZE) and the capability, with `nr` vectors (1 to
 * MSIX_MAX_VECTORS). `ops` of the BAR pass reads and writes on to msix_read() and msix_write().
 * Before pci_add(), on main. 0, -ENOMEM or -errno of eventfd(2).
 */
int msix_create(struct msix **out, struct pci_func *f, unsigned bar, unsigned nr,
		const struct bus_ops *ops);
/*
 * Undo all bindings and release the vectors; there are no feeds any more. Nobody fires or accesses
 * any more: main, after pci_remove(). Takes NULL.
 */
void msix_destroy(struct msix *m);

/* How many vectors there are. Any thread. */
unsigned msix_nr(const struct msix *m);

/* Is MSI-X Enable set? Then the function must not use INTx. Any thread. Takes NULL: false. */
bool msix_enabled(const struct msix *m);

/*
 * Send the message of `vector` (below msix_nr()), or, while the vector is masked or MSI-X is off,
 * set its pending bit. Two calls while it is masked are one message. Any thread, with the device's
 * lock or without; waits for nobody who waits for a loop.
 */
void msix_fire(struct msix *m, unsigned vector);

/*
 * Feed number `n` (below MSIX_MAX_FEEDS) is `fd` from now on, an eventfd that stays the
 * caller's; -1: there is none any more, as it has to be before msix_destroy().
 *
 * While the vector of the feed can be sent, each write to `fd` sends the vector's message. While it
 * cannot (it is masked, MSI-X is off, the feed has no vector, the host has no route left), what is
 * written stays in `fd`, and it is for the caller to listen, to eventfd_take() it and to do what it
 * asks for: to fire the vector, for instance. Whatever waits is either read by the caller or sent,
 * not both. Any thread, as msix_fire().
 */
void msix_feed(struct msix *m, unsigned n, int fd);
/* Its vector from now on: below msix_nr(), or MSIX_NO_VECTOR, as it is at first. Any thread. */
void msix_feed_vector(struct msix *m, unsigned n, unsigned vector);

/*
 * Accesses to the BAR: `len` is 4 or 8, `off` a multiple of it below MSIX_BAR_SIZE, as the bus has
 * checked. A write that unmasks a vector sends what is pending. vCPU threads.
 */
u64 msix_read(struct msix *m, u64 off, unsigned len);
void msix_write(struct msix *m, u64 off, unsigned len, u64 val);

#endif
