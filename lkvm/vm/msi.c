/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Message interrupts: entries of MSI-X tables, and eventfds that others write.
 *
 * Thread: any; one call at a time for each source.
 * Trust:  entries are the guest's: a message is passed on, not interpreted. Who writes an eventfd
 *         can interrupt the guest with it, and nothing else.
 * Spec:   PCI Local Bus 3.0 §6.8.2
 */
#include "lkvm/vm/msi.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

/*
 * O_NONBLOCK is a flag of the file, which all who have it share: so this read brings its own.
 * Before Linux 5.8 eventfds do not know that one, and what others have done to theirs holds.
 */
bool eventfd_take(int fd)
{
	eventfd_t n;
	struct iovec v = { &n, sizeof(n) };
	ssize_t len = preadv2(fd, &v, 1, -1, RWF_NOWAIT);

	if (len < 0 && errno == EOPNOTSUPP)
		return !eventfd_read(fd, &n);
	return len == (ssize_t)sizeof(n);
}

void msix_word_write(u32 *words, unsigned word, u32 val)
{
	static const u32 writable[MSIX_NR_WORDS] = { ~3u, ~0u, ~0u, MSIX_VECTOR_MASKED };

	words[word] = val & writable[word];
}

struct msi_msg msix_message(const u32 *words, u32 devid)
{
	return (struct msi_msg){ .addr = words[MSIX_ADDR_LOW] | (u64)words[MSIX_ADDR_HIGH] << 32,
				 .data = words[MSIX_DATA],
				 .devid = devid };
}

/*
 * What waits is taken out first, because KVM sends a message for what it finds there and leaves it
 * there: whoever reads the eventfd next would send it again.
 */
int msi_source_bind(struct msi_source *s, struct irq *irq, const struct msi_msg *msg, int again)
{
	bool waited = s->route < 0 && msi_source_drain(s);
	int err = irq->ops->msi_bind(irq, &s->route, msg, s->fd);

	if (waited)
		eventfd_write(again, 1);
	return err;
}

void msi_source_unbind(struct msi_source *s, struct irq *irq)
{
	irq->ops->msi_unbind(irq, &s->route, s->fd);
}

bool msi_source_drain(struct msi_source *s)
{
	return eventfd_take(s->fd);
}

bool msi_source_waits(struct msi_source *s)
{
	bool waits = msi_source_drain(s);

	if (waits)
		eventfd_write(s->fd, 1);
	return waits;
}
