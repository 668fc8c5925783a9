/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest of lkvm exec that means harm: any messages, in any pieces, and it reads ours as it likes.
 *
 * Checked besides the sanitizers: states follow each other as talk.h says, a status fits an exit
 * status, failures have words, and what is queued never outgrows its buffer.
 *
 * Thread: one.
 * Trust:  plays the hostile side itself.
 *
 * Input: for each step a byte: its upper bit, take or feed; the rest, how many bytes; then, to
 * feed, the bytes.
 */
#include <string.h>

#include "lkvm/exec/failure.h"
#include "lkvm/exec/talk.h"
#include "tests/fuzz/input.h"

static void check_state(const struct talk *t, enum talk_state was)
{
	char text[400];
	size_t n;

	check(t->state >= was || (was == TALK_BROKEN && t->state == TALK_BROKEN));
	if (t->state == TALK_OVER && t->failed) {
		check(t->err < 4096 && failure_status(t) >= 125 && failure_status(t) <= 127);
		check(strlen(failure_text(text, sizeof(text), t, "x")) < sizeof(text));
	}
	talk_peek(t, &n);
	check(n <= sizeof(t->out) && t->queued <= sizeof(t->out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };
	struct talk t = { .state = TALK_WAITING };
	u8 piece[127];

	while (i.left) {
		u8 step = (u8)in(&i, 1);
		size_t n = step & 0x7f, have;
		enum talk_state was = t.state;

		if (step & 0x80) {
			talk_put(&t, EXEC_SIGNAL, step, 0);
			talk_peek(&t, &have);
			talk_take(&t, MIN(n, have));
		} else {
			for (size_t k = 0; k < n; k++)
				piece[k] = (u8)in(&i, 1);
			check((talk_feed(&t, piece, n) != 0) == (t.state == TALK_BROKEN));
		}
		check_state(&t, was);
	}
	return 0;
}
