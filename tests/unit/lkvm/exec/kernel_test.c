/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels and their modules, in a directory that looks like a host's root. */
#include "lkvm/exec/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/exec/modules.h"
#include "tests/unit/arm64/capture.h"

static char root[] = "/tmp/lkvm-kernel-XXXXXX";
static struct kernel k;
static struct modules m;

static const char *at(const char *name)
{
	static char path[4][200];
	static unsigned next;
	char *p = path[next++ % ARRAY_SIZE(path)];

	snprintf(p, sizeof(path[0]), "%s%s", root, name);
	return p;
}

/* A file, with the directories above it. */
static void make(const char *name, const char *text)
{
	char command[400];
	FILE *f;

	snprintf(command, sizeof(command), "mkdir -p \"$(dirname %s)\"", at(name));
	ck_assert_int_eq(system(command), 0);
	f = fopen(at(name), "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

#define DEP                                                                                        \
	"kernel/net/9p/9pnet.ko.xz:\n"                                                             \
	"kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz\n"                            \
	"kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz\n"           \
	"kernel/drivers/x/virtio-rng.ko:\n"                                                        \
	"/elsewhere/own.ko.zst: kernel/fs/netfs/netfs.ko.xz"

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(root));
	make("/lib/modules/1.0/modules.dep", DEP);
	make("/lib/modules/1.0/modules.builtin", "kernel/drivers/char/virtio_console.ko\n");
	make("/lib/modules/2.0/modules.dep", "");
	make("/lib/modules/10.0/modules.dep", DEP);
	capture_start();
}

static void teardown(void)
{
	char command[64];

	modules_fini(&m);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

static void is(unsigned i, const char *end)
{
	const char *p = m.paths[i];

	ck_assert_uint_lt(i, m.nr);
	ck_assert_msg(strlen(p) > strlen(end) && !strcmp(p + strlen(p) - strlen(end), end),
		      "%s is not %s", p, end);
}

START_TEST(in_the_order_of_loading)
{
	const char *dir = at("/lib/modules/1.0");

	ck_assert_int_eq(modules_add(&m, dir, "virtio_console"), 0);
	ck_assert_uint_eq(m.nr, 0);
	ck_assert_int_eq(modules_add(&m, dir, "9pnet-virtio"), 0);
	ck_assert_int_eq(modules_add(&m, dir, "9p"), 0);
	ck_assert_int_eq(modules_add(&m, dir, "9p"), 0);
	ck_assert_int_eq(modules_add(&m, dir, "virtio_rng"), 0);
	ck_assert_int_eq(modules_add(&m, dir, "own"), 0);
	ck_assert_uint_eq(m.nr, 6);
	is(0, "/lib/modules/1.0/kernel/net/9p/9pnet.ko.xz");
	is(1, "/9pnet_virtio.ko.xz");
	is(2, "/netfs.ko.xz");
	is(3, "/9p.ko.xz");
	is(4, "/virtio-rng.ko");
	ck_assert_str_eq(m.paths[5], "/elsewhere/own.ko.zst");
	/* Neither a part of a name nor a longer one. */
	ck_assert_int_eq(modules_add(&m, dir, "9pn"), -ENOENT);
	ck_assert_int_eq(modules_add(&m, dir, "net"), -ENOENT);
	ck_assert_int_eq(modules_add(&m, dir, "netfs_x"), -ENOENT);
	ck_assert_int_eq(modules_add(&m, at("/nothing"), "9p"), -ENOENT);
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(too_many)
{
	static char text[16384] = "a.ko:";
	size_t n = strlen(text);

	for (unsigned i = 0; i < MODULES_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " m%u.ko", i);
	make("/lib/modules/2.0/modules.dep", text);
	ck_assert_int_eq(modules_add(&m, at("/lib/modules/2.0"), "a"), -E2BIG);
	captured_one_error("more modules to load", "");
	ck_assert_uint_eq(m.nr, MODULES_MAX);
}
END_TEST

START_TEST(the_running_kernel_if_it_can)
{
	ck_assert_int_eq(kernel_find(&k, root, "1.0"), -ENOENT);
	make("/boot/vmlinuz-2.0", "");
	make("/boot/vmlinuz-10.0", "");
	make("/boot/vmlinuz-1.0", "");
	make("/boot/config-99", "");
	ck_assert_int_eq(kernel_find(&k, root, "1.0"), 0);
	ck_assert_str_eq(k.path, at("/boot/vmlinuz-1.0"));
	ck_assert_str_eq(k.modules, at("/lib/modules/1.0"));
	/* It has no 9P: the newest that has. */
	ck_assert_int_eq(kernel_find(&k, root, "2.0"), 0);
	ck_assert_str_eq(k.path, at("/boot/vmlinuz-10.0"));
	/* None has: then the running one, which may have it built in. */
	make("/lib/modules/1.0/modules.dep", "");
	make("/lib/modules/10.0/modules.dep", "");
	ck_assert_int_eq(kernel_find(&k, root, "2.0"), 0);
	ck_assert_str_eq(k.path, at("/boot/vmlinuz-2.0"));
	ck_assert_int_eq(kernel_find(&k, root, "3.0"), -ENOENT);
}
END_TEST

START_TEST(a_packaged_kernel)
{
	make("/usr/lib/modules/5.0/vmlinuz", "");
	make("/usr/lib/modules/5.0/modules.dep", DEP);
	ck_assert_int_eq(kernel_find(&k, root, "5.0"), 0);
	ck_assert_str_eq(k.path, at("/usr/lib/modules/5.0/vmlinuz"));
	ck_assert_str_eq(k.modules, at("/usr/lib/modules/5.0"));
}
END_TEST

/* The banner of an image lies anywhere, and a format string looks like one. */
START_TEST(modules_of_a_file)
{
	FILE *f;

	make("/image", "Linux version %s (%s)\n");
	f = fopen(at("/image"), "r+");
	ck_assert_int_eq(fseek(f, 3 * MiB - 20, SEEK_SET), 0);
	fputs("Linux version 10.0 (somebody@somewhere)", f);
	fclose(f);
	snprintf(k.path, sizeof(k.path), "%s", at("/image"));
	kernel_find_modules(&k, root);
	ck_assert_str_eq(k.modules, at("/lib/modules/10.0"));
	make("/image", "nothing of the kind");
	kernel_find_modules(&k, root);
	ck_assert_str_eq(k.modules, "");
}
END_TEST

/* Neither waited for nor read for ever: the loader says what is wrong with them. */
START_TEST(no_modules_of_what_is_no_file)
{
	char fifo[PATH_MAX], large[PATH_MAX];
	const char *const paths[] = { fifo, large, "/dev/zero" };

	snprintf(fifo, sizeof(fifo), "%s", at("/fifo"));
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	make("/large", "");
	snprintf(large, sizeof(large), "%s", at("/large"));
	ck_assert_int_eq(truncate(large, (off_t)(4096 * GiB)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(k.path, sizeof(k.path), "%s", paths[i]);
		kernel_find_modules(&k, root);
		ck_assert_str_eq(k.modules, "");
	}
}
END_TEST

/* Parts of a path that are no release are directories below /lib/modules all the same. */
START_TEST(no_release_in_a_path)
{
	static const char *const paths[] = { "/k//image", "/k/./image", "/k/../image",
					     "/k/vmlinuz-" };

	make("/k/image", "nothing of the kind");
	make("/image", "nothing of the kind");
	make("/k/vmlinuz-", "nothing of the kind");
	make("/k/vmlinuz-.", "Linux version 10.0 (somebody@somewhere)");
	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(k.path, sizeof(k.path), "%s", at(paths[i]));
		kernel_find_modules(&k, root);
		ck_assert_msg(!*k.modules, "%s: %s", paths[i], k.modules);
	}
	/* It is looked for in the file then. */
	snprintf(k.path, sizeof(k.path), "%s", at("/k/vmlinuz-."));
	kernel_find_modules(&k, root);
	ck_assert_str_eq(k.modules, at("/lib/modules/10.0"));
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/kernel", setup, teardown, in_the_order_of_loading, too_many,
		   the_running_kernel_if_it_can, a_packaged_kernel, modules_of_a_file,
		   no_modules_of_what_is_no_file, no_release_in_a_path)
