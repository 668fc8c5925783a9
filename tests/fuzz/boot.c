/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel file from anywhere: the loader must place it inside RAM, clear of everything else, or
 * refuse it with one line.
 *
 * Thread: one.
 * Trust:  the input is the file.
 * Spec:   the placement rule of arm64/boot.h
 *
 * Input: RAM size (3 MiB and up), length of the initrd in 64-byte steps, then the file.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arm64/boot.h"
#include "arm64/memmap.h"
#include "lkvm/vm/mem.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/said.h"

/* A file that has only a number: its name is a link of /proc. */
static int file_of(const void *data, size_t len, char *name, size_t name_size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)len) < 0 ||
	    (data && write(fd, data, len) != (ssize_t)len))
		abort();
	snprintf(name, name_size, "/proc/self/fd/%d", fd);
	return fd;
}

static void check_placement(struct mem *m, const struct boot_conf *c, const struct boot_info *info)
{
	const struct boot_span mem_of_image = { info->image.base, info->image_mem_len };
	const struct boot_span s[] = { boot_pages(mem_of_image), boot_pages(info->initrd),
				       boot_pages(info->dtb) };

	assert(info->image.len && info->image_mem_len >= info->image.len);
	assert(info->entry.a == info->image.base.a);
	assert(info->dtb.len == BOOT_DTB_SIZE && is_aligned(info->dtb.base.a, 2 * MiB));
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		if (s[i].len)
			assert(range_within(s[i].base.a - c->ram_base, s[i].len, c->ram_size));
		for (size_t j = 0; j < i; j++)
			assert(!ranges_overlap(s[i].base.a, s[i].len, s[j].base.a, s[j].len));
	}
	assert(mem_load_ptr(m, info->dtb.base, info->dtb.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char kernel[64], initrd[64];
	struct boot_conf c = { .kernel = kernel, .ram_base = MEMMAP_RAM };
	struct boot_info info;
	struct mem *m;
	int kernel_fd, initrd_fd = -1, err;

	if (len < 2)
		return 0;
	c.ram_size = (3 + (data[0] & 7)) * MiB;
	kernel_fd = file_of(data + 2, len - 2, kernel, sizeof(kernel));
	if (data[1]) {
		initrd_fd = file_of(NULL, data[1] * 64u, initrd, sizeof(initrd));
		c.initrd = initrd;
	}
	if (mem_create(&m) || mem_add_ram(m, gpa(c.ram_base), c.ram_size, 0, NULL))
		abort();
	errors = 0;
	err = boot_load(m, &c, &info);
	assert(errors == (err ? 1 : 0));
	if (!err)
		check_placement(m, &c, &info);
	mem_destroy(m);
	close(kernel_fd);
	if (initrd_fd >= 0)
		close(initrd_fd);
	return 0;
}
