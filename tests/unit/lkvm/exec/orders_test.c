/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The initrd of a command: what is in it, to the byte. */
#include "lkvm/exec/orders.h"

#include <errno.h>
#include <stdio.h>

#include "lkvm/base/cpio.h"
#include "lkvm/exec/wire.h"
#include "tests/unit/arm64/capture.h"

/* In the place of guest/init: programs for other machines have none. */
static size_t init_len = 4;

const void *orders_init(size_t *len)
{
	*len = init_len;
	return "INIT";
}

static struct cpio *c;
static u8 *bytes;

static void setup(void)
{
	c = cpio_create();
	capture_start();
}

static void teardown(void)
{
	cpio_destroy(c);
	free(bytes);
	bytes = NULL;
}

/* The content of file `name`. */
static const char *file(const char *name)
{
	const u8 *p;

	free(bytes);
	bytes = malloc(cpio_size(c));
	ck_assert_int_eq(cpio_write(c, bytes), 0);
	p = memmem(bytes, cpio_size(c), name, strlen(name) + 1);
	ck_assert_ptr_nonnull(p);
	return (const char *)bytes + align_up((u64)(p - bytes) + strlen(name) + 1, 4);
}

START_TEST(everything)
{
	static const char golden[] = "m/lkvm/modules/environ\0"
				     "fvirtiofs\0"
				     "ieth0 3232243983 3232243969\0"
				     "ieth1 0 0\0"
				     "snameserver 192.168.33.3\n\0"
				     "rlkvm.root\0"
				     "drw lkvm.0 /home/a b\0"
				     "dro lkvm.1 /data\0"
				     "g7\0"
				     "g8\0"
				     "u1000\0"
				     "nlkvm\0"
				     "te\0"
				     "eA=1\0"
				     "eB=\0"
				     "c/home/a b\0"
				     "als\0"
				     "a\0"
				     "a-l x";
	struct modules m = { 1, { (char[]){ "/proc/self/environ" } } };
	const struct orders o = {
		.modules = &m,
		.type = "virtiofs",
		.nr_nics = 2,
		.nics = { { "eth0", 0xc0a8210f, 0xc0a82101 }, { "eth1", 0, 0 } },
		.resolv = "nameserver 192.168.33.3\n",
		.root = "lkvm.root",
		.nr_shares = 2,
		.shares = { { "lkvm.0", "/home/a b", false }, { "lkvm.1", "/data", true } },
		.name = "lkvm",
		.cwd = "/home/a b",
		.mode = 'e',
		.uid = 1000,
		.nr_gids = 2,
		.gids = (gid_t[]){ 7, 8 },
		.nr_env = 2,
		.env = (const char *const[]){ "A=1", "B=" },
		.argv = (char *[]){ (char[]){ "ls" }, (char[]){ "" }, (char[]){ "-l x" }, NULL },
	};

	ck_assert_int_eq(orders_write(&o, c), 0);
	ck_assert_mem_eq(file("lkvm/exec"), golden, sizeof(golden));
	ck_assert_mem_eq(file("init"), "INIT", 4);
	file("lkvm/modules/environ");
	file("dev/console");
	ck_assert_str_eq(captured(), "");
}
END_TEST

/* Directory services give people hundreds: what a file is open for must not depend on how many. */
START_TEST(many_groups)
{
	static gid_t gids[500];
	const struct modules none = { .nr = 0 };
	const struct orders o = { .modules = &none,
				  .root = "r",
				  .cwd = "/",
				  .mode = '-',
				  .nr_gids = ARRAY_SIZE(gids),
				  .gids = gids,
				  .argv = (char *[]){ (char[]){ "x" }, NULL } };
	const char *text;
	char word[16];
	size_t at = strlen("rr") + 1;

	for (unsigned i = 0; i < ARRAY_SIZE(gids); i++)
		gids[i] = 1000 + i;
	ck_assert_int_eq(orders_write(&o, c), 0);
	text = file("lkvm/exec");
	for (unsigned i = 0; i < ARRAY_SIZE(gids); i++) {
		snprintf(word, sizeof(word), "g%u", 1000 + i);
		ck_assert_str_eq(text + at, word);
		at += strlen(word) + 1;
	}
}
END_TEST

/* A directory as --disk: modules, and where the root is. */
START_TEST(a_root)
{
	static const char golden[] = "m/lkvm/modules/environ\0b/dev/root";
	struct modules m = { 1, { (char[]){ "/proc/self/environ" } } };
	const struct orders o = { .modules = &m, .boot = "/dev/root" };

	ck_assert_int_eq(orders_write(&o, c), 0);
	ck_assert_mem_eq(file("lkvm/exec"), golden, sizeof(golden));
}
END_TEST

/* The same with --sandbox. */
START_TEST(a_root_and_a_script)
{
	static const char golden[] = "x/host/home/s.sh\0b/dev/root";
	const struct modules none = { .nr = 0 };
	const struct orders o = { .modules = &none,
				  .script = "/host/home/s.sh",
				  .boot = "/dev/root" };

	ck_assert_int_eq(orders_write(&o, c), 0);
	ck_assert_mem_eq(file("lkvm/exec"), golden, sizeof(golden));
}
END_TEST

START_TEST(what_cannot_be)
{
	static char big[EXEC_CONF_MAX];
	struct modules m = { .nr = 0 };
	struct orders o = {
		.modules = &m, .root = "r", .cwd = "/", .mode = '-', .argv = (char *[]){ big, NULL }
	};

	memset(big, 'x', sizeof(big) - 1);
	ck_assert_int_eq(orders_write(&o, c), -E2BIG);
	captured_one_error("lkvm exec", "Argument list too long");
	o.argv = (char *[]){ (char[]){ "x" }, NULL };
	init_len = 0;
	ck_assert_int_eq(orders_write(&o, c), -ENOSYS);
	captured_one_error("no init", "");
	init_len = 4;
	m = (struct modules){ 1, { (char[]){ "/nothing/here.ko" } } };
	ck_assert_int_eq(orders_write(&o, c), -ENOENT);
	captured_one_error("/nothing/here.ko", "No such file");
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/orders", setup, teardown, everything, a_root, a_root_and_a_script,
		   many_groups, what_cannot_be)
