/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of the messages of lkvm/exec/wire.h: a state machine without descriptors and
 * threads. One thread. All zeros is the beginning.
 *
 * The guest is hostile. What it may say is: the command runs, and then how it ended; or why there
 * is none. Anything else, in any other order, is an error, after which nothing is read any more.
 * What it does not read stays in a buffer of a fixed size.
 */
#ifndef LKVM_EXEC_TALK_H
#define LKVM_EXEC_TALK_H

#include "lkvm/base/util.h"
#include "lkvm/exec/wire.h"

#define TALK_QUEUE 64u /* messages */

enum talk_state {
	TALK_WAITING, /* for the command */
	TALK_RUNNING,
	TALK_OVER, /* it has ended, or there was none: the guest has nothing more to say */
	TALK_BROKEN,
};

struct talk {
	enum talk_state state;
	u8 in[EXEC_MSG_LEN];
	u32 in_len;
	/* once TALK_OVER */
	bool failed; /* there was no command: */
	enum exec_failure what;
	u32 err;   /* errno, below 4096 */
	u32 which; /* as the guest says */
	/* otherwise: */
	u8 status;
	u64 out_len, err_len; /* what the guest says that it has written */

	u32 out_head, queued;
	u8 out[TALK_QUEUE * EXEC_MSG_LEN];
};

/* Bytes of the guest's. 0, or -EBADMSG: it says what it may not. */
int talk_feed(struct talk *t, const void *buf, size_t len);

/*
 * A message for the guest, to be taken by talk_peek(). False: it has not read so many that there is
 * no room, and this one is lost.
 */
bool talk_put(struct talk *t, enum exec_msg_type type, u32 a, u64 b);

/* The oldest bytes for the guest, as far as they lie together: *n of them, 0 if there are none. */
const void *talk_peek(const struct talk *t, size_t *n);
/* It has taken so many. */
void talk_take(struct talk *t, size_t n);

#endif
