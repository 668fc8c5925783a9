/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of a guest kernel's addresses.
 *
 * Thread: main.
 * Trust:  the file is the user's, and may be damaged: each offset in it is checked.
 * Spec:   ELF-64 Object File Format 1.5; System.map is nm(1)'s output
 */
#include "lkvm/cli/symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

#define FARTHEST MiB
#define FILE_MAX (4 * GiB)

struct symbol {
	u64 addr;
	const char *name;
};

struct symbols {
	char *text; /* the file, with a NUL behind it */
	u64 len;
	struct symbol *list; /* ascending */
	size_t nr, room;
	u64 shift;
};

static int add(struct symbols *s, u64 addr, const char *name)
{
	if (s->nr == s->room) {
		size_t room = s->room ? 2 * s->room : 4096;
		struct symbol *list = realloc(s->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		s->list = list;
		s->room = room;
	}
	s->list[s->nr++] = (struct symbol){ addr, name };
	return 0;
}

/* ---- vmlinux ---- */

static int add_table(struct symbols *s, const Elf64_Shdr *syms, const Elf64_Shdr *strs)
{
	int err = 0;

	if (!range_within(syms->sh_offset, syms->sh_size, s->len) ||
	    !range_within(strs->sh_offset, strs->sh_size, s->len) || !strs->sh_size ||
	    s->text[strs->sh_offset + strs->sh_size - 1])
		return -EBADMSG;
	for (u64 at = 0; at + sizeof(Elf64_Sym) <= syms->sh_size && !err; at += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;

		memcpy(&sym, s->text + syms->sh_offset + at, sizeof(sym));
		if (sym.st_shndx != SHN_UNDEF && sym.st_name && sym.st_name < strs->sh_size &&
		    ELF64_ST_TYPE(sym.st_info) <= STT_FUNC &&
		    s->text[strs->sh_offset + sym.st_name] != '$')
			err = add(s, sym.st_value, s->text + strs->sh_offset + sym.st_name);
	}
	return err;
}

static int section(const struct symbols *s, const Elf64_Ehdr *h, unsigned i, Elf64_Shdr *out)
{
	if (i >= h->e_shnum || !range_within(h->e_shoff, (u64)h->e_shnum * sizeof(*out), s->len))
		return -EBADMSG;
	memcpy(out, s->text + h->e_shoff + (u64)i * sizeof(*out), sizeof(*out));
	return 0;
}

static int read_elf(struct symbols *s)
{
	Elf64_Shdr syms, strs;
	Elf64_Ehdr h;
	int err = -ENOENT;

	if (s->len < sizeof(h))
		return -EBADMSG;
	memcpy(&h, s->text, sizeof(h));
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_shentsize != sizeof(syms))
		return -EBADMSG;
	for (unsigned i = 0; i < h.e_shnum && err == -ENOENT; i++) {
		if (section(s, &h, i, &syms))
			return -EBADMSG;
		if (syms.sh_type == SHT_SYMTAB)
			err = section(s, &h, syms.sh_link, &strs) ? -EBADMSG
								  : add_table(s, &syms, &strs);
	}
	return err;
}

/* ---- System.map: "ffff800080000000 T _text" ---- */

static int read_map(struct symbols *s)
{
	char *line, *rest = s->text;
	int err = 0;

	while (!err && (line = strsep(&rest, "\n"))) {
		u64 addr;
		int n = decode_number_prefix(&addr, UINT64_MAX, NUMBER_HEX, line, strlen(line));

		if (n > 0 && line[n] == ' ' && line[n + 1] && line[n + 2] == ' ' && line[n + 3] &&
		    line[n + 3] != '$')
			err = add(s, addr, line + n + 3);
	}
	return err;
}

/* ---- both ---- */

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

/* To its end, which nobody knows before: it may be a pipe, or a file of /proc. */
static int read_all(struct symbols *s, int fd, size_t size)
{
	ssize_t n = 1;

	while (n > 0) {
		char *text = s->len < FILE_MAX ? realloc(s->text, s->len + size + 1) : NULL;

		if (!text)
			return s->len < FILE_MAX ? -ENOMEM : -EFBIG;
		s->text = text;
		for (size_t end = s->len + size; s->len < end && n > 0; s->len += (u64)MAX(n, 0)) {
			do
				n = read(fd, s->text + s->len, end - s->len);
			while (n < 0 && errno == EINTR);
		}
		size = MAX(s->len, (u64)MiB);
	}
	if (n < 0)
		return -errno;
	s->text[s->len] = 0;
	return 0;
}

static int read_file(struct symbols *s, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), err;
	struct stat st;

	if (fd < 0)
		return -errno;
	/* One more than there is, so that the end is seen. */
	err = fstat(fd, &st) < 0 ? -errno
				 : read_all(s, fd, (size_t)MIN((u64)st.st_size, FILE_MAX) + 1);
	close(fd);
	return err;
}

int symbols_open(struct symbols **out, const char *file)
{
	struct symbols *s = calloc(1, sizeof(*s));
	int err = s ? read_file(s, file) : -ENOMEM;

	if (!err)
		err = s->len > SELFMAG && !memcmp(s->text, ELFMAG, SELFMAG) ? read_elf(s)
									    : read_map(s);
	if (!err && !s->nr)
		err = -ENOENT;
	if (err == -ENOENT || err == -EBADMSG)
		log_error("--symbols %s: there are no symbols in it; a System.map or a vmlinux has "
			  "them",
			  file);
	else if (err)
		log_errno(err, "--symbols %s", file);
	if (err) {
		symbols_close(s);
		return err;
	}
	qsort(s->list, s->nr, sizeof(s->list[0]), by_addr);
	*out = s;
	return 0;
}

void symbols_close(struct symbols *s)
{
	if (!s)
		return;
	free(s->list);
	free(s->text);
	free(s);
}

void symbols_shift(struct symbols *s, u64 vbar)
{
	for (size_t i = 0; i < s->nr; i++) {
		if (!strcmp(s->list[i].name, "vectors"))
			s->shift = vbar - s->list[i].addr;
	}
}

const char *symbols_name(const struct symbols *s, u64 addr, char *buf, size_t size)
{
	size_t low = 0, high = s->nr;

	addr -= s->shift;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->list[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	*buf = 0;
	if (low && addr - s->list[low - 1].addr < FARTHEST)
		snprintf(buf, size, "%s+0x%llx", s->list[low - 1].name,
			 (unsigned long long)(addr - s->list[low - 1].addr));
	/* It goes to a terminal, and a vmlinux is whoever's built it. */
	encode_safe(buf, strlen(buf), "");
	return buf;
}
