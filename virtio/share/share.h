/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory of the host that a guest reaches by 9P2000.L: one request in, one answer out. Knows
 * no queue. Whatever the guest asks for, it gets files below that directory and no others: each
 * file that it knows is a descriptor of ours, and a name leads from one to the next without
 * following a link [openat2(2), RESOLVE_BENEATH].
 */
#ifndef VIRTIO_SHARE_SHARE_H
#define VIRTIO_SHARE_SHARE_H

#include "lkvm/base/calls.h"
#include "lkvm/base/iov.h"
#include "virtio/share/p9.h"
#include "virtio/share/share_conf.h"

#define SHARE_MAX_MSIZE (512 * KiB) /* of a message, whatever the guest wishes */

struct share;

/* What a request needs beside the guest's memory; one for each that can be in flight. */
struct share_scratch {
	u8 request[8 * KiB];		/* all of it but what is to be written to a file */
	_Alignas(8) u8 bytes[32 * KiB]; /* entries of a directory */
};

/* One request. The caller sets the first three. */
struct share_req {
	struct iov_cur in;  /* the request, in memory that may change at any time */
	struct iov_cur out; /* room for the answer */
	struct share_scratch *scratch;

	/* share_take() */
	u8 type; /* enum p9_type, or any other number */
	u16 tag;
	u32 len; /* of `request`; what is left of `in` is what a Twrite writes */
};

/* What requests ask of the kernel. */
extern const struct calls share_calls;

/*
 * What threads that serve such a directory need of root's privileges, if root runs lkvm: bits of
 * CAP_* [capabilities(7)]. To read files that others keep to themselves; to write them, too, and to
 * make files that are somebody else's.
 */
u64 share_privileges(const struct share_conf *conf);

/*
 * Open the directory. `msize`: messages are at most so long (4096 to SHARE_MAX_MSIZE). Main thread.
 * 0, or -errno after one log_error() line that says what to do.
 */
int share_open(struct share **out, const struct share_conf *conf, u32 msize);

/* Nothing is being served. Takes NULL. */
void share_close(struct share *s);

/*
 * Copy the request and check its frame. Any thread. 0; -EBADMSG: it is no message, or there is no
 * room to say so. The guest's driver is broken then.
 */
int share_take(struct share_req *r);

/*
 * Serve a request that was taken, and write the answer. Returns its length. May wait for the host's
 * file systems. Any thread, several at a time.
 */
u32 share_serve(struct share *s, struct share_req *r);

/* Answer a Tflush: the request that it names is over. Any thread. Returns the length. */
u32 share_flushed(struct share_req *r);

/* The tag that a Tflush names, of the guest's choice. */
u16 share_flush_tag(const struct share_req *r);

/* The guest begins anew: close every file. Nothing is being served. */
void share_reset(struct share *s);

#endif
