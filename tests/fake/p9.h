/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest half of 9P: builds messages, good ones and others, and reads answers. Either of a share
 * without a device, or only the bytes for a test that has one. Tests only: it asserts that the test
 * uses it sensibly.
 */
#ifndef TESTS_FAKE_P9_H
#define TESTS_FAKE_P9_H

#include "virtio/share/share.h"
#include "virtio/share/wire.h"

struct fake_p9 {
	char dir[64]; /* the shared directory, in a directory of its own: up.../share */
	char up[48];
	struct share *share;
	struct share_scratch scratch;
	u8 msg[64 * KiB]; /* the request as it is built */
	u32 len;
	u32 room; /* for the answer: what a test says, at most sizeof(answer) */
	u8 answer[128 * KiB];
	u8 type;	   /* of the last answer */
	struct wire_in in; /* ... behind its header */
};

/* A new directory, shared with the mapping of host numbers; attached as fid 0. */
void fake_p9_up(struct fake_p9 *p, bool read_only);
void fake_p9_up_as(struct fake_p9 *p, const struct share_conf *conf);
/* Away with it and all that is in it. */
void fake_p9_down(struct fake_p9 *p);

/* ---- a request, piece by piece ---- */
void fake_p9_begin(struct fake_p9 *p, u8 type, u16 tag);
void fake_p9_put(struct fake_p9 *p, const void *bytes, u32 len);
void fake_p9_8(struct fake_p9 *p, u8 v);
void fake_p9_16(struct fake_p9 *p, u16 v);
void fake_p9_32(struct fake_p9 *p, u32 v);
void fake_p9_64(struct fake_p9 *p, u64 v);
void fake_p9_str(struct fake_p9 *p, const char *s);
/* Its length goes to where it belongs. */
void fake_p9_end(struct fake_p9 *p);

/* `path`: names with slashes; "": a clone. -ENOENT: not all of the way was there. */
int fake_p9_send(struct fake_p9 *p);

/* ---- calls that many tests make: 0 or -errno ---- */
int fake_p9_version(struct fake_p9 *p, u32 msize, const char *version);
int fake_p9_attach(struct fake_p9 *p, u32 fid);
/* `path`: names with slashes between them; "": a clone. -ENOENT: not all of the way was there. */
int fake_p9_walk(struct fake_p9 *p, u32 fid, u32 new_fid, const char *path);
int fake_p9_clunk(struct fake_p9 *p, u32 fid);
int fake_p9_open(struct fake_p9 *p, u32 fid, u32 flags);
int fake_p9_create(struct fake_p9 *p, u32 dir, const char *name, u32 flags, u32 mode);
/* The number of bytes, or -errno. */
int fake_p9_read(struct fake_p9 *p, u32 fid, u64 off, void *buf, u32 len);
int fake_p9_write(struct fake_p9 *p, u32 fid, u64 off, const void *buf, u32 len);

/* ---- the host's side: below the shared directory ("../x" is beside it) ---- */
const char *fake_p9_path(struct fake_p9 *p, const char *name);
void fake_p9_host_write(struct fake_p9 *p, const char *name, const char *text);
/* The text of a file, in static memory; "" if it is not there. */
const char *fake_p9_host_read(struct fake_p9 *p, const char *name);

#endif
