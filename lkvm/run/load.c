/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest finds in its memory: files and device tree, put together for the loader.
 *
 * Thread: main.
 * Trust:  the user's files; their content is checked by arm64/boot.c.
 */
#include "lkvm/run/load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arm64/fdt.h"
#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/mem.h"

static int write_file(const char *path, const void *buf, size_t len)
{
	int fd = file_open_out(path, O_CREAT | O_TRUNC, 0644), err = MIN(fd, 0);
	ssize_t n;

	if (!err) {
		n = write(fd, buf, len);
		err = n < 0 ? -errno : n != (ssize_t)len ? -ENOSPC : 0;
		if (close(fd) < 0 && !err)
			err = -errno;
	}
	if (err)
		log_errno(err, "cannot write %s", path);
	return err;
}

/* Any failure of open(2) or read(2), in one line. */
static int read_dtb(const char *name, u8 *dtb, u32 size)
{
	int n = file_read(name, dtb, size);

	if (n == -E2BIG)
		log_error("--dtb %s: is larger than %u KiB", name, size / (u32)KiB);
	else if (n < 0)
		log_errno(n, "--dtb %s", name);
	else
		memset(dtb + n, 0, size - (u32)n);
	return n;
}

static int given_dtb(void *dtb, u32 size, const struct config *c, const struct fdt_conf *fdt)
{
	int len = read_dtb(c->dtb, dtb, size);

	if (len < 0)
		return len;
	if (*c->params)
		log_warn("--params is of no use: kernel parameters are those of --dtb %s", c->dtb);
	return fdt_check(c->dtb, dtb, (u32)len, fdt);
}

static int build_dtb(const struct boot_info *boot, struct mem *m, const struct config *c,
		     const struct board_conf *board, const struct board_layout *layout)
{
	NOT_ZEROED char cmdline[CONFIG_CMDLINE_SIZE];
	struct fdt_conf fdt = {
		.board = board,
		.layout = layout,
		.bootargs = cmdline,
		.initrd_base = boot->initrd.base.a,
		.initrd_len = boot->initrd.len,
		.log_base = boot->log.base.a,
		.log_len = boot->log.len,
		.has_kaslr_seed = c->kaslr_seed != 0,
		.kaslr_seed = c->kaslr_seed,
	};
	void *dtb = mem_load_ptr(m, boot->dtb.base, boot->dtb.len);
	int err = config_cmdline(c, mem_alias(m), cmdline, sizeof(cmdline));

	if (err) {
		log_error("the kernel command line is longer than %u characters",
			  CONFIG_CMDLINE_SIZE - 1);
		return err;
	}
	assert(dtb);
	err = c->dtb ? given_dtb(dtb, (u32)boot->dtb.len, c, &fdt)
		     : fdt_build(dtb, (u32)boot->dtb.len, &fdt);
	if (!err && c->dump_dtb)
		err = write_file(c->dump_dtb, dtb, boot->dtb.len);
	return err;
}

/* Programs for --nodefaults, which have a machine for themselves, seldom have a header. */
static enum image_take take(const struct config *c)
{
	if (c->flat || c->aarch32)
		return IMAGE_AS_IT_IS;
	return c->nodefaults ? IMAGE_OR_FLAT : IMAGE_WANTED;
}

int load_all(struct boot_info *out, struct mem *m, const struct config *c,
	     const struct board_conf *board, const struct board_layout *layout)
{
	struct boot_conf conf = {
		.kernel = c->kernel,
		.take = take(c),
		.firmware = c->firmware,
		.initrd = c->initrd,
		.more = c->files,
		.has_firmware_addr = c->firmware_addr_set,
		.firmware_addr = c->firmware_addr,
		.aarch32 = c->aarch32,
		.ram_base = c->ram_base,
		.ram_size = c->ram_size - layout->pool.size,
		.log = c->measurement_log,
	};
	int err = boot_load(m, &conf, out);

	return err ? err : build_dtb(out, m, c, board, layout);
}
