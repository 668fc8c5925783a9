/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of 9P.
 *
 * Thread: one.
 * Trust:  plays the guest itself.
 */
#include "tests/fake/p9.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- messages ---- */

void fake_p9_put(struct fake_p9 *p, const void *bytes, u32 len)
{
	assert(len <= sizeof(p->msg) - p->len);
	memcpy(p->msg + p->len, bytes, len);
	p->len += len;
}

void fake_p9_8(struct fake_p9 *p, u8 v)
{
	fake_p9_put(p, &v, sizeof(v));
}

void fake_p9_16(struct fake_p9 *p, u16 v)
{
	v = htole16(v);
	fake_p9_put(p, &v, sizeof(v));
}

void fake_p9_32(struct fake_p9 *p, u32 v)
{
	v = htole32(v);
	fake_p9_put(p, &v, sizeof(v));
}

void fake_p9_64(struct fake_p9 *p, u64 v)
{
	v = htole64(v);
	fake_p9_put(p, &v, sizeof(v));
}

void fake_p9_str(struct fake_p9 *p, const char *s)
{
	fake_p9_16(p, (u16)strlen(s));
	fake_p9_put(p, s, (u32)strlen(s));
}

void fake_p9_begin(struct fake_p9 *p, u8 type, u16 tag)
{
	p->len = 0;
	fake_p9_32(p, 0);
	fake_p9_8(p, type);
	fake_p9_16(p, tag);
}

void fake_p9_end(struct fake_p9 *p)
{
	u32 len = htole32(p->len);

	memcpy(p->msg, &len, sizeof(len));
}

/* What came back, from p->answer. */
static int answered(struct fake_p9 *p, u32 len)
{
	u32 size;

	p->in = (struct wire_in){ .p = p->answer, .left = len };
	size = wire_get32(&p->in);
	p->type = wire_get8(&p->in);
	assert(wire_get16(&p->in) == (u16)(p->msg[5] | p->msg[6] << 8));
	assert(!p->in.bad && size == len && len <= p->room);
	if (p->type == P9_RLERROR) {
		int err = -(int)wire_get32(&p->in);

		assert(err < 0 && err > -4096 && !p->in.left);
		return err;
	}
	assert(p->type == (u8)(p->msg[4] + 1));
	return 0;
}

int fake_p9_send(struct fake_p9 *p)
{
	/* Two pieces each way, so that nobody relies on one. */
	u32 cut = p->len > 9 ? 9 : p->len, room = p->room > 5 ? 5 : p->room;
	struct iovec in[] = { { p->msg, cut }, { p->msg + cut, p->len - cut } };
	struct iovec out[] = { { p->answer, room }, { p->answer + room, p->room - room } };
	struct share_req r = {
		.in = iov_cur(in, 2),
		.out = iov_cur(out, 2),
		.scratch = &p->scratch,
	};
	int err;

	memset(p->answer, 0xee, sizeof(p->answer));
	err = share_take(&r);
	if (err)
		return err;
	return answered(p, share_serve(p->share, &r));
}

/* ---- calls ---- */

int fake_p9_version(struct fake_p9 *p, u32 msize, const char *version)
{
	fake_p9_begin(p, P9_TVERSION, 0xffff);
	fake_p9_32(p, msize);
	fake_p9_str(p, version);
	fake_p9_end(p);
	return fake_p9_send(p);
}

int fake_p9_attach(struct fake_p9 *p, u32 fid)
{
	fake_p9_begin(p, P9_TATTACH, 1);
	fake_p9_32(p, fid);
	fake_p9_32(p, P9_NOFID);
	fake_p9_str(p, "nobody");
	fake_p9_str(p, "");
	fake_p9_32(p, geteuid());
	fake_p9_end(p);
	return fake_p9_send(p);
}

int fake_p9_walk(struct fake_p9 *p, u32 fid, u32 new_fid, const char *path)
{
	char names[PATH_MAX], *save, *name;
	u32 at;
	u16 nr = 0;
	int err;

	snprintf(names, sizeof(names), "%s", path);
	fake_p9_begin(p, P9_TWALK, 2);
	fake_p9_32(p, fid);
	fake_p9_32(p, new_fid);
	at = p->len;
	fake_p9_16(p, 0);
	for (name = strtok_r(names, "/", &save); name; name = strtok_r(NULL, "/", &save), nr++)
		fake_p9_str(p, name);
	p->msg[at] = (u8)nr;
	fake_p9_end(p);
	err = fake_p9_send(p);
	if (err)
		return err;
	return wire_get16(&p->in) == nr ? 0 : -ENOENT;
}

int fake_p9_clunk(struct fake_p9 *p, u32 fid)
{
	fake_p9_begin(p, P9_TCLUNK, 3);
	fake_p9_32(p, fid);
	fake_p9_end(p);
	return fake_p9_send(p);
}

int fake_p9_open(struct fake_p9 *p, u32 fid, u32 flags)
{
	fake_p9_begin(p, P9_TLOPEN, 4);
	fake_p9_32(p, fid);
	fake_p9_32(p, flags);
	fake_p9_end(p);
	return fake_p9_send(p);
}

int fake_p9_create(struct fake_p9 *p, u32 dir, const char *name, u32 flags, u32 mode)
{
	fake_p9_begin(p, P9_TLCREATE, 5);
	fake_p9_32(p, dir);
	fake_p9_str(p, name);
	fake_p9_32(p, flags);
	fake_p9_32(p, mode);
	fake_p9_32(p, getegid());
	fake_p9_end(p);
	return fake_p9_send(p);
}

int fake_p9_read(struct fake_p9 *p, u32 fid, u64 off, void *buf, u32 len)
{
	u32 n;
	int err;

	fake_p9_begin(p, P9_TREAD, 6);
	fake_p9_32(p, fid);
	fake_p9_64(p, off);
	fake_p9_32(p, len);
	fake_p9_end(p);
	err = fake_p9_send(p);
	if (err)
		return err;
	n = wire_get32(&p->in);
	assert(n == p->in.left && n <= len);
	memcpy(buf, p->in.p, n);
	return (int)n;
}

int fake_p9_write(struct fake_p9 *p, u32 fid, u64 off, const void *buf, u32 len)
{
	int err;

	fake_p9_begin(p, P9_TWRITE, 7);
	fake_p9_32(p, fid);
	fake_p9_64(p, off);
	fake_p9_32(p, len);
	fake_p9_put(p, buf, len);
	fake_p9_end(p);
	err = fake_p9_send(p);
	return err ? err : (int)wire_get32(&p->in);
}

/* ---- the host's side ---- */

const char *fake_p9_path(struct fake_p9 *p, const char *name)
{
	static char path[2][PATH_MAX];
	static unsigned which;

	which ^= 1;
	snprintf(path[which], sizeof(path[which]), "%s/%s", p->dir, name);
	return path[which];
}

void fake_p9_host_write(struct fake_p9 *p, const char *name, const char *text)
{
	int fd = open(fake_p9_path(p, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert(fd >= 0);
	assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

const char *fake_p9_host_read(struct fake_p9 *p, const char *name)
{
	static char text[4096];
	int fd = open(fake_p9_path(p, name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

void fake_p9_up_as(struct fake_p9 *p, const struct share_conf *conf)
{
	struct share_conf c = *conf;

	memset(p, 0, sizeof(*p));
	snprintf(p->up, sizeof(p->up), "/tmp/lkvm-9p-XXXXXX");
	assert(mkdtemp(p->up));
	snprintf(p->dir, sizeof(p->dir), "%s/share", p->up);
	assert(!mkdir(p->dir, 0755));
	snprintf(c.path, sizeof(c.path), "%s", p->dir);
	p->room = 64 * KiB;
	assert(!share_open(&p->share, &c, 64 * KiB));
	assert(!fake_p9_version(p, 64 * KiB, P9_VERSION));
	assert(!fake_p9_attach(p, 0));
}

void fake_p9_up(struct fake_p9 *p, bool read_only)
{
	fake_p9_up_as(p, &(struct share_conf){ .tag = "test", .read_only = read_only });
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

void fake_p9_down(struct fake_p9 *p)
{
	share_close(p->share);
	nftw(p->up, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
