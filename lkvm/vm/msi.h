/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all message interrupts have in common: the words of an MSI-X table's entry, and an eventfd
 * that somebody else writes, be it the host's VFIO or a process that serves a device's queues.
 * While the eventfd is bound to a message (irq.h), a write to it is the guest's interrupt, and no
 * thread of lkvm runs for it. While it is not bound, what is written to it waits there.
 *
 * Any thread; one call at a time for each source or table.
 */
#ifndef LKVM_MSI_H
#define LKVM_MSI_H

#include "lkvm/vm/irq.h"

/* [PCI 3.0 §6.8.2.6 to 9] An entry: address low and high, data, vector control. */
#define MSIX_ENTRY_SIZE 16u
enum { MSIX_ADDR_LOW, MSIX_ADDR_HIGH, MSIX_DATA, MSIX_CONTROL, MSIX_NR_WORDS };
#define MSIX_VECTOR_MASKED 1u

/* The guest writes word number `word` of the entry `words`: reserved bits stay zero. */
void msix_word_write(u32 *words, unsigned word, u32 val);

/* The message of the entry `words`, sent by the device with that requester id. */
struct msi_msg msix_message(const u32 *words, u32 devid);

/*
 * Take what was written to an eventfd; false: nothing was. Does not wait, whatever those that have
 * the eventfd, too, have done to its flags (from Linux 5.8 on). errno is changed.
 */
bool eventfd_take(int fd);

struct msi_source {
	int fd;	   /* an eventfd, the caller's; -1: none yet */
	int route; /* -1: not bound */
};

/*
 * From now on each write to s->fd sends the message. If the source was not bound, and something
 * waited in its eventfd, that is taken out, and the eventfd `again` is written once instead. It is
 * s->fd if only the host's kernel has that one, too: whoever else has it could make us wait for
 * room in it. 0 or -errno of irq_ops.msi_bind(): then the source is as it was.
 */
int msi_source_bind(struct msi_source *s, struct irq *irq, const struct msi_msg *msg, int again);

/* From now on what is written waits. Nothing happens if the source is not bound. */
void msi_source_unbind(struct msi_source *s, struct irq *irq);

/* Forget what waits. True: there was something. */
bool msi_source_drain(struct msi_source *s);

/* Does something wait? */
bool msi_source_waits(struct msi_source *s);

#endif
