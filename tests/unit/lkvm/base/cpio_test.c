/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpio archives: their bytes, the order of what is in them, and what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/cpio.h"
#include "tests/unit/arm64/capture.h"

static char dir[] = "/tmp/lkvm-cpio-XXXXXX";
static struct cpio *c;
static u8 *bytes;
static char listing[65536];

static const char *at(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % ARRAY_SIZE(path)];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void make(const char *name, const char *text, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	make("five", "12345", 0640);
	make("empty", "", 0755);
	c = cpio_create();
	ck_assert_ptr_nonnull(c);
	capture_start();
}

static void teardown(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
	cpio_destroy(c);
	free(bytes);
	bytes = NULL;
}

/* A number of the header at `p`. */
static unsigned number(const u8 *p, unsigned field)
{
	char digits[9] = "";

	memcpy(digits, p + 6 + 8 * field, 8);
	return (unsigned)strtoul(digits, NULL, 16);
}

/* Write the archive, read it as the format says, and list it: mode, name and content of each. */
static const char *list(void)
{
	u64 size = cpio_size(c), off = 0;
	size_t n = 0;

	free(bytes);
	bytes = malloc(size + 1);
	memset(bytes, 0xee, size + 1);
	ck_assert_int_eq(cpio_write(c, bytes), 0);
	ck_assert_uint_eq(bytes[size], 0xee);
	*listing = 0;
	while (off < size) {
		const u8 *h = bytes + off;
		unsigned mode = number(h, 1), len = number(h, 6), name_len = number(h, 11);
		u64 body = align_up(off + 110 + name_len, 4);

		ck_assert_mem_eq(h, "070701", 6);
		ck_assert_uint_le(body + len, size);
		ck_assert_uint_eq(strlen((const char *)h + 110) + 1, name_len);
		n += (size_t)snprintf(listing + n, sizeof(listing) - n, "%o %s [%.*s]\n", mode,
				      (const char *)h + 110, (int)len, (const char *)bytes + body);
		off = align_up(body + len, 4);
		for (u64 i = body + len; i < off; i++)
			ck_assert_uint_eq(bytes[i], 0);
	}
	ck_assert_uint_eq(off, size);
	return listing;
}

START_TEST(to_the_byte)
{
	static const char golden[] =
		"070701"
		"0000000100008180000000000000000000000001000000000000000300000000"
		"00000000000000000000000000000002"
		"00000000"
		"a\0"
		"xyz\0"
		"070701"
		"0000000000000000000000000000000000000001000000000000000000000000"
		"0000000000000000000000000000000B"
		"00000000"
		"TRAILER!!!\0\0\0";

	ck_assert(cpio_is_empty(c));
	ck_assert_int_eq(cpio_add_bytes(c, "t", "/a", "xyz", 3, 0600), 0);
	ck_assert(!cpio_is_empty(c));
	list();
	ck_assert_uint_eq(cpio_size(c), sizeof(golden));
	ck_assert_mem_eq(bytes, golden, sizeof(golden));
}
END_TEST

START_TEST(files_and_the_way_to_them)
{
	ck_assert_int_eq(cpio_add_file(c, "t", at("five"), "/usr/bin/five", CPIO_MODE_OF_FILE), 0);
	ck_assert_int_eq(cpio_add_file(c, "t", at("empty"), "usr//bin/./empty", 04711), 0);
	ck_assert_int_eq(cpio_add_file(c, "t", at("five"), "/tmp/x", 0600), 0);
	ck_assert_int_eq(cpio_add_file(c, "t", at("five"), "/usr/y", 0600), 0);
	ck_assert_int_eq(cpio_add_dir(c, "t", "/root/d", 0711), 0);
	ck_assert_int_eq(cpio_add_node(c, "t", "/dev/null", S_IFCHR | 0666, 1, 3), 0);
	ck_assert_str_eq(list(), "40755 usr/ []\n"
				 "40755 usr/bin/ []\n"
				 "100640 usr/bin/five [12345]\n"
				 "104711 usr/bin/empty []\n"
				 "41777 tmp/ []\n"
				 "100600 tmp/x [12345]\n"
				 "100600 usr/y [12345]\n"
				 "40700 root/ []\n"
				 "40711 root/d/ []\n"
				 "40755 dev/ []\n"
				 "20666 dev/null []\n"
				 "0 TRAILER!!! []\n");
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(trees)
{
	ck_assert_int_eq(mkdir(at("t"), 0700), 0);
	ck_assert_int_eq(mkdir(at("t/b"), 0755), 0);
	make("t/b/2", "two", 0644);
	make("t/b/10", "ten", 0644);
	make("t/a", "a", 0644);
	ck_assert_int_eq(symlink("../nowhere", at("t/c")), 0);
	ck_assert_int_eq(mkfifo(at("t/fifo"), 0600), 0);
	ck_assert_int_eq(cpio_add_tree(c, "--add-dir", at("t"), "/"), 0);
	ck_assert_ptr_nonnull(strstr(captured(), "t/fifo: is left out"));
	ck_assert_str_eq(list(), "100644 a [a]\n"
				 "40755 b/ []\n"
				 "100644 b/10 [ten]\n"
				 "100644 b/2 [two]\n"
				 "120777 c [../nowhere]\n"
				 "0 TRAILER!!! []\n");
	ck_assert_int_eq(unlink(at("t/fifo")), 0);
	ck_assert_int_eq(cpio_add_tree(c, "--add-dir", at("t/b"), "/opt"), 0);
	ck_assert_ptr_nonnull(strstr(list(), "40755 opt/ []\n"
					     "100644 opt/10 [ten]\n"
					     "100644 opt/2 [two]\n"));
}
END_TEST

START_TEST(bad)
{
	ck_assert_int_eq(cpio_add_file(c, "--add-file", at("none"), "/x", 0), -ENOENT);
	captured_one_error("--add-file ", "No such file");
	ck_assert_int_eq(cpio_add_file(c, "--add-file", dir, "/x", 0), -EISDIR);
	captured_one_error("--add-file ", "is not a regular file");
	ck_assert_int_eq(cpio_add_file(c, "--add-file", at("five"), "/x/../y", 0), -EINVAL);
	captured_one_error("--add-file: '/x/../y'", "without '..'");
	ck_assert_int_eq(cpio_add_file(c, "--add-file", at("five"), "//", 0), -EINVAL);
	captured_one_error("--add-file: '//'", "no place");
	/* The kernel would read no further. */
	ck_assert_int_eq(cpio_add_file(c, "--add-file", at("five"), "/TRAILER!!!", 0), -EINVAL);
	captured_one_error("--add-file: '/TRAILER!!!'", "ends an initrd");
	ck_assert_int_eq(cpio_add_tree(c, "--add-dir", at("five"), "/"), -ENOTDIR);
	captured_one_error("--add-dir ", "is not a directory");
	ck_assert(cpio_is_empty(c));
	/* A file that is shorter when it is read. */
	ck_assert_int_eq(cpio_add_file(c, "t", at("five"), "/five", 0600), 0);
	make("five", "123", 0600);
	bytes = malloc(cpio_size(c));
	ck_assert_int_eq(cpio_write(c, bytes), -EIO);
	captured_one_error("became shorter", "");
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/cpio", setup, teardown, to_the_byte, files_and_the_way_to_them, trees, bad)
