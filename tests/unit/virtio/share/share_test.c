/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shared directory: opening it, the frame of messages, versions, and what is no call. */
#include <errno.h>
#include <string.h>

#include "tests/fake/p9.h"
#include "tests/unit/suite.h"

static struct fake_p9 p;

static void up(void)
{
	fake_p9_up(&p, false);
}

static void down(void)
{
	fake_p9_down(&p);
}

START_TEST(a_directory_that_cannot_be_shared)
{
	struct share_conf c = { .path = "/no/such/directory", .tag = "t" };
	struct share *s;

	ck_assert_int_eq(share_open(&s, &c, 8192), -ENOENT);
	strcpy(c.path, "/proc/self/cmdline");
	ck_assert_int_eq(share_open(&s, &c, 8192), -ENOTDIR);
	share_close(NULL);
}
END_TEST

START_TEST(versions)
{
	char version[16];

	/* [version(5)] The smaller of both; another version is unknown. */
	ck_assert_int_eq(fake_p9_version(&p, 8192, P9_VERSION), 0);
	ck_assert_uint_eq(wire_get32(&p.in), 8192);
	ck_assert_int_eq(wire_get_string(&p.in, version, sizeof(version)), 0);
	ck_assert_str_eq(version, "9P2000.L");
	ck_assert_int_eq(fake_p9_version(&p, 1 << 30, "9P2000"), 0);
	ck_assert_uint_eq(wire_get32(&p.in), 64 * KiB);
	ck_assert_int_eq(wire_get_string(&p.in, version, sizeof(version)), 0);
	ck_assert_str_eq(version, "unknown");
	ck_assert_int_eq(fake_p9_version(&p, 4095, P9_VERSION), -EINVAL);
}
END_TEST

START_TEST(answers_keep_to_the_size)
{
	char bytes[8192];

	fake_p9_host_write(&p, "f", "0123456789");
	ck_assert_int_eq(fake_p9_version(&p, 4096, P9_VERSION), 0);
	ck_assert_int_eq(fake_p9_attach(&p, 0), 0);
	ck_assert_int_eq(fake_p9_walk(&p, 0, 1, "f"), 0);
	ck_assert_int_eq(fake_p9_open(&p, 1, 2), 0);
	memset(bytes, 'x', sizeof(bytes));
	ck_assert_int_eq(fake_p9_write(&p, 1, 0, bytes, sizeof(bytes)), sizeof(bytes));
	ck_assert_int_eq(fake_p9_read(&p, 1, 0, bytes, sizeof(bytes)), 4096 - 11);
	/* Nor is there more than the driver has room for. */
	p.room = 50;
	ck_assert_int_eq(fake_p9_read(&p, 1, 0, bytes, sizeof(bytes)), 39);
	p.room = 11;
	ck_assert_int_eq(fake_p9_read(&p, 1, 0, bytes, sizeof(bytes)), 0);
	fake_p9_begin(&p, P9_TGETATTR, 1);
	fake_p9_32(&p, 1);
	fake_p9_64(&p, 0x7ff);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -EMSGSIZE);
}
END_TEST

START_TEST(frames_that_are_none)
{
	/* Shorter than its header; longer than what was given; no room to say what is wrong. */
	fake_p9_begin(&p, P9_TCLUNK, 1);
	fake_p9_32(&p, 0);
	fake_p9_end(&p);
	p.msg[0] = 6;
	ck_assert_int_eq(fake_p9_send(&p), -EBADMSG);
	p.msg[0] = 12;
	ck_assert_int_eq(fake_p9_send(&p), -EBADMSG);
	p.msg[3] = 0xff;
	ck_assert_int_eq(fake_p9_send(&p), -EBADMSG);
	fake_p9_end(&p);
	p.len = 6;
	ck_assert_int_eq(fake_p9_send(&p), -EBADMSG);
	p.len = 11;
	p.room = 10;
	ck_assert_int_eq(fake_p9_send(&p), -EBADMSG);
	p.room = 11;
	ck_assert_int_eq(fake_p9_send(&p), 0);
	/* More than any call but Twrite may have. */
	fake_p9_begin(&p, P9_TCLUNK, 1);
	while (p.len < 9000)
		fake_p9_64(&p, 0);
	fake_p9_end(&p);
	ck_assert_int_eq(fake_p9_send(&p), -EBADMSG);
}
END_TEST

/* Each call, cut short after each byte, is refused; each number that is no call, too. */
START_TEST(every_call_cut_short)
{
	static const u8 none[200] = { 0 };

	for (unsigned type = 0; type < 256; type++) {
		for (u32 len = 0; len < 48; len++) {
			int err;

			if (type == P9_TFLUSH)
				continue;
			/* Fid 77 is not there: no call does anything. */
			fake_p9_begin(&p, (u8)type, 9);
			fake_p9_put(&p, "\x4d\0\0\0", MIN(len, 4u));
			if (len > 4)
				fake_p9_put(&p, none, len - 4);
			fake_p9_end(&p);
			err = fake_p9_send(&p);
			ck_assert_msg(err < 0, "call %u with %u bytes", type, len);
			ck_assert_int_ne(err, -EBADMSG);
		}
	}
}
END_TEST

START_TEST(flush_says_which)
{
	struct iovec in = { p.msg, 9 }, out = { p.answer, 7 };
	struct share_req r = { .scratch = &p.scratch };

	fake_p9_begin(&p, P9_TFLUSH, 5);
	fake_p9_16(&p, 0x1234);
	fake_p9_end(&p);
	r.in = iov_cur(&in, 1);
	r.out = iov_cur(&out, 1);
	ck_assert_int_eq(share_take(&r), -EBADMSG);
	out.iov_len = 11;
	r.in = iov_cur(&in, 1);
	r.out = iov_cur(&out, 1);
	ck_assert_int_eq(share_take(&r), 0);
	ck_assert_uint_eq(share_flush_tag(&r), 0x1234);
	ck_assert_uint_eq(share_flushed(&r), 7);
	ck_assert_int_eq(memcmp(p.answer, "\7\0\0\0\x6d\5\0", 7), 0);
}
END_TEST

SUITE_MAIN_FIXTURE("virtio/share/share", up, down, a_directory_that_cannot_be_shared, versions,
		   answers_keep_to_the_size, frames_that_are_none, every_call_cut_short,
		   flush_says_which)
