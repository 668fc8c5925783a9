/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that is written behind a buffer, by a thread of its own: whoever has bytes for it never
 * waits for the file system, and on one that hangs loses bytes instead of time.
 */
#ifndef NET_PCAP_WRITER_H
#define NET_PCAP_WRITER_H

#include <sys/uio.h>

#include "lkvm/vm/loop.h"

struct pcap_writer;

/* As much as waits for the file: what the fastest network has in the time that a disk needs. */
#define PCAP_WRITER_MAX (16 * MiB)

/*
 * A writer without a file. Its thread is a helper of `loop`, which outlives it. Main thread, before
 * `loop` runs. 0 or -errno, without a message.
 */
int pcap_writer_create(struct pcap_writer **out, struct loop *loop);

/*
 * Start writing to `fd`, which is the writer's from then on, also after an error. 0; -EBUSY: the
 * file before is not written to its end yet. Any thread.
 */
int pcap_writer_begin(struct pcap_writer *w, int fd);

/*
 * Nothing more goes to this file: what was put before is still written, then the file is closed,
 * and if writing failed that is told. Waits for nothing. Any thread.
 */
void pcap_writer_end(struct pcap_writer *w);

/*
 * Have v[0..nr), `len` bytes in all, written behind what came before: all of it or nothing. 0;
 * -EAGAIN: there is no room for it; other -errno: writing failed, and does until the end of this
 * file, or there is none. Copies. One thread at a time.
 */
int pcap_writer_put(struct pcap_writer *w, const struct iovec *v, unsigned nr, size_t len);

/*
 * Write what is left, and close the file: waits for that as long as the file system makes it. On
 * `loop`, or while it does not run. Takes NULL. 0, or the -errno of a write.
 */
int pcap_writer_destroy(struct pcap_writer *w);

#endif
