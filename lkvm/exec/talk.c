/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between lkvm exec and its guest, the host's end.
 *
 * Thread: its owner's.
 * Trust:  every byte that comes is a hostile guest's: copied once, then checked.
 */
#include "lkvm/exec/talk.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/le.h"

#define MAX_ERRNO 4095u

struct message {
	le32 type, a;
	le64 b, c;
};
static_assert(sizeof(struct message) == EXEC_MSG_LEN, "lkvm/exec/wire.h");

static bool take_end(struct talk *t, const struct message *m)
{
	u32 status = le32_get(m->a);

	if (t->state != TALK_RUNNING || status > 255)
		return false;
	t->status = (u8)status;
	t->out_len = le64_get(m->b);
	t->err_len = le64_get(m->c);
	t->state = TALK_OVER;
	return true;
}

static bool take_failure(struct talk *t, const struct message *m)
{
	u32 what = le32_get(m->a);
	u64 err = le64_get(m->b);

	if (t->state != TALK_WAITING || what >= EXEC_NR_FAILURES || err > MAX_ERRNO)
		return false;
	t->failed = true;
	t->what = (enum exec_failure)what;
	t->err = (u32)err;
	t->which = (u32)le64_get(m->c);
	t->state = TALK_OVER;
	return true;
}

static bool take(struct talk *t)
{
	struct message m;

	memcpy(&m, t->in, sizeof(m));
	switch (le32_get(m.type)) {
	case EXEC_STARTED:
		if (t->state != TALK_WAITING)
			return false;
		t->state = TALK_RUNNING;
		return true;
	case EXEC_EXITED:
		return take_end(t, &m);
	case EXEC_FAILED:
		return take_failure(t, &m);
	default:
		return false;
	}
}

int talk_feed(struct talk *t, const void *buf, size_t len)
{
	const u8 *p = buf;

	while (len && t->state != TALK_BROKEN) {
		size_t n = MIN(len, (size_t)(EXEC_MSG_LEN - t->in_len));

		memcpy(t->in + t->in_len, p, n);
		t->in_len += (u32)n;
		p += n;
		len -= n;
		if (t->in_len < EXEC_MSG_LEN)
			break;
		t->in_len = 0;
		if (!take(t))
			t->state = TALK_BROKEN;
	}
	return t->state == TALK_BROKEN ? -EBADMSG : 0;
}

bool talk_put(struct talk *t, enum exec_msg_type type, u32 a, u64 b)
{
	const struct message m = { le32_of(type), le32_of(a), le64_of(b), le64_of(0) };
	u8 bytes[sizeof(m)];

	if (sizeof(t->out) - t->queued < sizeof(m))
		return false;
	memcpy(bytes, &m, sizeof(m));
	for (size_t i = 0; i < sizeof(m); i++)
		t->out[(t->out_head + t->queued++) % sizeof(t->out)] = bytes[i];
	return true;
}

const void *talk_peek(const struct talk *t, size_t *n)
{
	*n = MIN((size_t)t->queued, sizeof(t->out) - t->out_head);
	return t->out + t->out_head;
}

void talk_take(struct talk *t, size_t n)
{
	assert(n <= t->queued);
	t->out_head = (u32)((t->out_head + n) % sizeof(t->out));
	t->queued -= (u32)n;
}
