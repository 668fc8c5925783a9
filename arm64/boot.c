/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loader: kernel or firmware, initrd, and the place of the device tree.
 *
 * Thread: main, before the first vCPU runs.
 * Trust:  the user's files, which may come from anywhere: see image.c. Sizes and offsets out of
 *         them are checked against RAM before use.
 * Spec:   realm-vm.md of veraison/cca-realm-measurements (placement); booting.rst of Linux
 *         (registers, text_offset).
 */
#include "arm64/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/cpio.h"
#include "lkvm/base/infile.h"
#include "lkvm/base/log.h"
#include "lkvm/vm/mem.h"

#define TEXT_OFFSET_32 (32 * KiB)
#define WINDOW (256 * MiB)
#define DTB_ALIGN (2 * MiB)
#define INITRD_ALIGN UINT64_C(4)

#define kib(x) ((unsigned long long)(((x) + KiB - 1) / KiB))

struct boot_span boot_pages(struct boot_span s)
{
	u64 base = align_down(s.base.a, BOOT_PAGE);

	return (struct boot_span){ gpa(base),
				   s.len ? align_up(s.base.a + s.len, BOOT_PAGE) - base : 0 };
}

/*
 * Open a file of the user. `what` is "kernel", "initrd" or "firmware". Test suites of other
 * projects look for the words "Fatal: Unable to open kernel FILE" to tell a missing file from a
 * failing guest.
 */
static int open_file(const char *what, const char *name, int *fd, u64 *size)
{
	struct stat st;
	int f = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err = 0;

	if (f < 0 || fstat(f, &st) < 0)
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	if (err) {
		log_fatal("Unable to open %s %s: %s", what, name, strerror(-err));
	} else if (!S_ISREG(st.st_mode)) {
		log_error("%s %s is not a regular file: copy it into one first", what, name);
		err = -EINVAL;
	} else if (!st.st_size) {
		log_error("%s %s is empty: get it again", what, name);
		err = -ENOEXEC;
	}
	if (err) {
		if (f >= 0)
			close(f);
		return err;
	}
	/* It was there for FIFOs; with it io_uring would not wait for a disk. */
	fcntl(f, F_SETFL, 0);
	*fd = f;
	*size = (u64)st.st_size;
	return 0;
}

/* ---- kernel ---- */

/* Put `im` at `base`; the file must fit below the end of RAM. */
static int load_rest(struct mem *m, const struct boot_conf *c, struct image *im, const u8 *head,
		     u64 head_len, struct boot_info *out)
{
	u64 room = c->ram_base + c->ram_size - out->image.base.a;
	u8 *dst = mem_load_ptr(m, out->image.base, room);
	u64 got = 0, more = 0;
	u8 extra;
	int err;

	assert(dst && head_len <= room);
	memcpy(dst, head, head_len);
	err = image_read(im, dst + head_len, room - head_len, &got);
	/* RAM is full: fine if nothing is left. */
	if (!err && head_len + got == room)
		err = image_read(im, &extra, 1, &more);
	if (err)
		return err;
	if (more) {
		log_error(
			"kernel image too big to contain in guest memory. %s needs more than %llu KiB: increase --mem",
			c->kernel, kib(c->ram_size));
		return -E2BIG;
	}
	out->image.len = head_len + got;
	if (c->take != IMAGE_AS_IT_IS && !image_is_whole(dst, out->image.len)) {
		log_error("%s is truncated: its header lists sections beyond the end; get it again",
			  c->kernel);
		return -ENOEXEC;
	}
	return 0;
}

static int load_kernel_image(struct mem *m, const struct boot_conf *c, struct image *im,
			     struct boot_info *out)
{
	u8 head[IMAGE_HEADER_LEN];
	struct image_header h;
	u64 head_len;
	int err = image_read(im, head, sizeof(head), &head_len);

	if (err)
		return err;
	if (!head_len) {
		log_error("kernel %s is empty after decompression: get it again", c->kernel);
		return -ENOEXEC;
	}
	h = image_header(head, c->take == IMAGE_AS_IT_IS ? 0 : head_len);
	if (c->aarch32)
		h.text_offset = TEXT_OFFSET_32;
	if (!range_within(h.text_offset, head_len, c->ram_size)) {
		log_error(
			"guest memory too small to contain the kernel: %s is to be loaded %llu KiB into RAM; increase --mem",
			c->kernel, kib(h.text_offset));
		return -E2BIG;
	}
	if (!range_within(h.text_offset, h.image_size, c->ram_size)) {
		log_error(
			"kernel image too big to contain in guest memory. %s needs %llu KiB: increase --mem",
			c->kernel, kib(h.image_size));
		return -E2BIG;
	}
	out->image.base = gpa(c->ram_base + h.text_offset);
	err = load_rest(m, c, im, head, head_len, out);
	if (err)
		return err;
	out->image_mem_len = MAX(out->image.len, h.image_size);
	out->page_size = h.page_size;
	out->big_endian = h.big_endian;
	out->headless = !h.present;
	out->entry = out->image.base;
	return 0;
}

static int load_kernel(struct mem *m, const struct boot_conf *c, struct boot_info *out)
{
	struct image *im;
	u64 size;
	int fd;
	int err = open_file("kernel", c->kernel, &fd, &size);

	if (err)
		return err;
	err = image_open(&im, fd, size, c->kernel, c->take);
	if (err)
		return err;
	err = load_kernel_image(m, c, im, out);
	image_close(im);
	return err;
}

/* ---- files that are taken as they are ---- */

static int load_firmware(struct mem *m, const struct boot_conf *c, struct boot_info *out)
{
	u64 off = c->has_firmware_addr ? c->firmware_addr - c->ram_base : 0;
	u64 size;
	int fd, err;

	if (c->has_firmware_addr && (c->firmware_addr < c->ram_base || off >= c->ram_size)) {
		log_error("Provide --firmware-address an address in RAM: 0x%llx to 0x%llx",
			  (unsigned long long)c->ram_base,
			  (unsigned long long)(c->ram_base + c->ram_size - 1));
		return -EINVAL;
	}
	if (!is_aligned(off, 4)) {
		log_error("--firmware-address must be a multiple of 4: code starts there");
		return -EINVAL;
	}
	err = open_file("firmware", c->firmware, &fd, &size);
	if (err)
		return err;
	if (range_within(off, size, c->ram_size)) {
		out->image = (struct boot_span){ gpa(c->ram_base + off), size };
		out->image_mem_len = size;
		out->entry = out->image.base;
		err = infile_read(fd, c->firmware, mem_load_ptr(m, out->image.base, size), size, 0);
	} else {
		log_error("firmware %s (%llu KiB) does not fit into guest memory: increase --mem",
			  c->firmware, kib(size));
		err = -E2BIG;
	}
	close(fd);
	return err;
}

/* ---- placement of device tree and initrd ---- */

/* Do they share a page? Widening one of them to whole pages is enough to see. */
static bool spans_meet(struct boot_span a, struct boot_span b)
{
	a = boot_pages(a);
	return ranges_overlap(a.base.a, a.len, b.base.a, b.len);
}

/*
 * Place DTB and initrd below `window` bytes of RAM. NULL, or what is wrong: what does not fit, in
 * kvmtool's words.
 */
static const char *place(const struct boot_conf *c, u64 window, u64 initrd_len,
			 struct boot_info *out)
{
	struct boot_span image = { out->image.base, out->image_mem_len };
	u64 end = c->ram_base + window, log_len = c->log ? BOOT_LOG_SIZE : 0;

	if (window < DTB_ALIGN + BOOT_DTB_SIZE + log_len)
		return "no room for the device tree.";
	end -= log_len;
	out->log = (struct boot_span){ gpa(end), log_len };
	out->dtb.base = gpa(align_up(end - BOOT_DTB_SIZE - DTB_ALIGN, DTB_ALIGN));
	out->dtb.len = BOOT_DTB_SIZE;
	if (spans_meet(out->dtb, image))
		return "fdt overlaps with kernel image.";
	if (log_len && spans_meet(out->log, image))
		return "measurement log overlaps with kernel image.";
	out->initrd = (struct boot_span){ gpa(0), 0 };
	if (!initrd_len)
		return NULL;
	if (initrd_len + INITRD_ALIGN > out->dtb.base.a - c->ram_base)
		return "initrd too big to contain in guest memory.";
	out->initrd.base = gpa(align_up(out->dtb.base.a - initrd_len - INITRD_ALIGN, INITRD_ALIGN));
	out->initrd.len = initrd_len;
	return spans_meet(out->initrd, image) ? "initrd overlaps with kernel image." : NULL;
}

static int place_or_explain(const struct boot_conf *c, u64 initrd_len, struct boot_info *out)
{
	const char *why = place(c, MIN(c->ram_size, WINDOW), initrd_len, out);
	const char *image = c->firmware ? c->firmware : c->kernel;

	if (why)
		why = place(c, c->ram_size, initrd_len, out);
	if (!why)
		return 0;
	if (initrd_len)
		log_error("%s %s with %llu KiB, %s with %llu KiB, guest memory %llu KiB: increase "
			  "--mem",
			  why, image ? image : "no kernel", kib(out->image_mem_len),
			  c->initrd ? c->initrd : "an initrd", kib(initrd_len), kib(c->ram_size));
	else
		log_error("%s %s with %llu KiB, guest memory %llu KiB: increase --mem", why,
			  image ? image : "no kernel", kib(out->image_mem_len), kib(c->ram_size));
	return -E2BIG;
}

/* Bytes of an initrd of `len` bytes up to those that are appended. */
static u64 gap(u64 len)
{
	return align_up(len, INITRD_ALIGN) - len;
}

/* `fd` is -1 when there is no initrd, or only what is appended to one. */
static int place_and_load(struct mem *m, const struct boot_conf *c, int fd, u64 len,
			  struct boot_info *out)
{
	u64 more = c->more && !cpio_is_empty(c->more) ? cpio_size(c->more) : 0;
	u64 all = len + (more ? gap(len) + more : 0);
	int err = place_or_explain(c, all, out);
	u8 *dst = mem_load_ptr(m, out->initrd.base, all);

	if (err || !all)
		return err;
	assert(dst);
	if (fd >= 0)
		err = infile_read(fd, c->initrd, dst, len, 0);
	if (err || !more)
		return err;
	memset(dst + len, 0, gap(len));
	return cpio_write(c->more, dst + len + gap(len));
}

static int load_initrd(struct mem *m, const struct boot_conf *c, struct boot_info *out)
{
	u64 len = 0;
	int fd = -1;
	int err;

	if (c->firmware && (c->initrd || (c->more && !cpio_is_empty(c->more)))) {
		log_warn("Ignoring initrd file when loading a firmware image");
		return place_or_explain(c, 0, out);
	}
	if (c->initrd) {
		err = open_file("initrd", c->initrd, &fd, &len);
		if (err)
			return err;
	}
	err = place_and_load(m, c, fd, len, out);
	if (fd >= 0)
		close(fd);
	return err;
}

int boot_load(struct mem *m, const struct boot_conf *c, struct boot_info *out)
{
	struct boot_info info = { .entry = gpa(c->ram_base), .image.base = gpa(c->ram_base) };
	int err = 0;

	assert(!(c->kernel && c->firmware));
	if (c->firmware)
		err = load_firmware(m, c, &info);
	else if (c->kernel)
		err = load_kernel(m, c, &info);
	if (!err)
		err = load_initrd(m, c, &info);
	if (err)
		return err;
	if (info.headless && c->take == IMAGE_WANTED)
		log_warn(
			"%s has no arm64 Image header: it is started at its first byte, as a flat binary (--flat says that it is one)",
			c->kernel);
	*out = info;
	return 0;
}
