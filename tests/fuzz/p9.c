/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of 9P that means harm: any messages, in any order, about a directory with a few files
 * and links in it.
 *
 * Checked besides the sanitizers: every answer is well-formed and as long as it says, and a file
 * beside the directory stays as it was, and unknown.
 *
 * Thread: one.
 * Trust:  plays the hostile side itself.
 * Spec:   virtio/share/p9.h
 *
 * Input: messages: type, length of the rest (1 byte each), the rest; then the room for the answer
 * in units of 64 bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/p9.h"
#include "tests/fuzz/input.h"

#define SECRET "the-secret-beside-it"

static struct fake_p9 p;

static void up(void)
{
	fake_p9_up(&p, false);
	mkdir(fake_p9_path(&p, "d"), 0755);
	fake_p9_host_write(&p, "d/f", "inside");
	fake_p9_host_write(&p, "../secret", SECRET);
	check(!symlink("../secret", fake_p9_path(&p, "l")));
	check(!symlink("..", fake_p9_path(&p, "d/up")));
}

/* Names that are worth trying are short: these are written for bytes that no name has. */
static const char *const words[] = { "d", "f", "l", "up", "..", "user.a", "new", "../secret" };

/* The next message of the input. */
static void build(struct input *i)
{
	u8 type = (u8)in(i, 1), len = (u8)in(i, 1);

	fake_p9_begin(&p, type, type);
	for (unsigned k = 0; k < len && i->left; k++) {
		u8 byte = (u8)in(i, 1);

		if (byte >= 0xf0 && byte < 0xf0 + ARRAY_SIZE(words))
			fake_p9_str(&p, words[byte - 0xf0]);
		else
			fake_p9_8(&p, byte);
	}
	fake_p9_end(&p);
	p.room = (u32)in(i, 1) * 64u;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input i = { data, len };

	up();
	for (unsigned nr = 0; i.left && nr < 200; nr++) {
		build(&i);
		/* Flushes are the device's; nodes would be real ones on this machine. */
		if (p.msg[4] == P9_TFLUSH || p.msg[4] == P9_TMKNOD)
			continue;
		fake_p9_send(&p);
		check(!memmem(p.answer, p.room, SECRET, strlen(SECRET)));
	}
	check(!strcmp(fake_p9_host_read(&p, "../secret"), SECRET));
	fake_p9_down(&p);
	return 0;
}
