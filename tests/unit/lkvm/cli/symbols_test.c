/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of addresses, from a System.map and from an ELF file, where KASLR has put the kernel. */
#include "lkvm/cli/symbols.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/arm64/capture.h"

static char name[] = "/tmp/lkvm-symbols-XXXXXX";

static void write_file(const void *data, size_t len)
{
	int fd;

	memcpy(name + strlen(name) - 6, "XXXXXX", 6);
	fd = mkstemp(name);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static const char *named(const struct symbols *s, u64 addr)
{
	static char buf[64];

	return symbols_name(s, addr, buf, sizeof(buf));
}

static const char map[] = "ffff800080000000 T _text\n"
			  "ffff800080010000 T vectors\n"
			  "ffff800080000800 t $x\n"
			  "ffff800080000400 t first\n"
			  "nonsense\n"
			  "ffff800080000500 T second";

/* --symbols <(zcat System.map.gz), or what has no length before it is read: /proc/kallsyms */
START_TEST(a_map_in_a_pipe)
{
	struct symbols *s;
	char path[40];
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], map, sizeof(map) - 1), (ssize_t)sizeof(map) - 1);
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	ck_assert_int_eq(symbols_open(&s, path), 0);
	close(fds[0]);
	ck_assert_str_eq(named(s, 0xffff800080000900), "second+0x400");
	symbols_close(s);
}
END_TEST

static struct symbols *symbols_of(const void *data, size_t len)
{
	struct symbols *s;

	write_file(data, len);
	ck_assert_int_eq(symbols_open(&s, name), 0);
	unlink(name);
	return s;
}

START_TEST(a_map)
{
	struct symbols *s = symbols_of(map, sizeof(map) - 1);

	ck_assert_str_eq(named(s, 0xffff800080000000), "_text+0x0");
	ck_assert_str_eq(named(s, 0xffff8000800004ff), "first+0xff");
	ck_assert_str_eq(named(s, 0xffff800080000900), "second+0x400");
	ck_assert_str_eq(named(s, 0xffff80007fffffff), "");
	ck_assert_str_eq(named(s, 0xffff800090000000), "");
	/* The vectors are where the register says. */
	symbols_shift(s, 0xffff800080010000 + 0x1230000);
	ck_assert_str_eq(named(s, 0xffff800080000404 + 0x1230000), "first+0x4");
	ck_assert_str_eq(named(s, 0xffff800080000404), "");
	symbols_close(s);
}
END_TEST

/* What a terminal would act on does not get there. */
START_TEST(a_name_with_orders_in_it)
{
	static const char odd[] = "1000 T one\033[2J\a\n2000 T \x9b";
	struct symbols *s = symbols_of(odd, sizeof(odd) - 1);

	ck_assert_str_eq(named(s, 0x1004), "one?[2J?+0x4");
	ck_assert_str_eq(named(s, 0x2000), "?+0x0");
	symbols_close(s);
}
END_TEST

/* Header, names, two symbols, two section headers: each cut short, too. */
START_TEST(an_elf_file)
{
	struct {
		Elf64_Ehdr h;
		char names[16];
		Elf64_Sym syms[3];
		Elf64_Shdr sections[2];
	} f = { .h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 },
		       .e_shentsize = sizeof(Elf64_Shdr),
		       .e_shnum = 2,
		       .e_shoff = offsetof(__typeof__(f), sections) },
		.names = "\0start\0other",
		.syms = { { 0 },
			  { .st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 0x1000 },
			  { .st_name = 7, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 8192 } },
		.sections = { { .sh_type = SHT_SYMTAB,
				.sh_link = 1,
				.sh_offset = offsetof(__typeof__(f), syms),
				.sh_size = sizeof(f.syms) },
			      { .sh_type = SHT_STRTAB,
				.sh_offset = offsetof(__typeof__(f), names),
				.sh_size = sizeof(f.names) } } };
	struct symbols *s;

	write_file(&f, sizeof(f));
	ck_assert_int_eq(symbols_open(&s, name), 0);
	unlink(name);
	ck_assert_str_eq(named(s, 0x1004), "start+0x4");
	ck_assert_str_eq(named(s, 0x2000), "other+0x0");
	symbols_close(s);
	capture_start();
	for (size_t len = 0; len < sizeof(f); len += 8) {
		write_file(&f, len);
		ck_assert_int_lt(symbols_open(&s, name), 0);
		unlink(name);
	}
	f.sections[0].sh_offset = UINT64_MAX - 4;
	write_file(&f, sizeof(f));
	ck_assert_int_lt(symbols_open(&s, name), 0);
	unlink(name);
	ck_assert_int_eq(symbols_open(&s, "/nonexistent"), -ENOENT);
}
END_TEST

SUITE_MAIN("lkvm/cli/symbols", a_map, a_map_in_a_pipe, a_name_with_orders_in_it, an_elf_file)
