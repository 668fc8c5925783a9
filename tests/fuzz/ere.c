/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A regular expression from anywhere over a line from anywhere: it is refused with a reason, or it
 * matches what the C library's matches, in bounded steps.
 *
 * Thread: one.
 * Trust:  the input is the expression, a NUL byte, and the line. Escapes of --send and the texts of
 *         reports take the same bytes.
 */
#include <regex.h>
#include <string.h>

#include "lkvm/watch/ere.h"
#include "lkvm/watch/text.h"
#include "tests/fuzz/input.h"

#define MAX_LEN 400u

static bool run(const struct ere *e, const char *line)
{
	struct ere_run r;
	bool m = false;

	check(!ere_run_init(&r, e));
	for (; *line; line++) {
		m = ere_run_byte(&r, (u8)*line) || m;
		check(r.nr <= e->nr);
		check(!m || !e->has_group || r.begin == ERE_NOWHERE || r.begin <= r.at);
	}
	m = ere_run_eol(&r) || m;
	ere_run_fini(&r);
	return m;
}

/*
 * The library is slow where we are not, and it has a locale: it is asked about what is short and
 * ASCII, and has no { }, which it multiplies, and few +, each of which doubles what it is about.
 */
static bool is_for_library(const char *s)
{
	unsigned nr_plus = 0;

	for (size_t i = 0; s[i]; i++) {
		nr_plus += s[i] == '+';
		if ((u8)s[i] > 0x7e || (u8)s[i] < 0x20 || s[i] == '{' || s[i] == '\\' || i > 24)
			return false;
	}
	return nr_plus <= 8;
}

static void compare(const char *re, const char *line, bool own)
{
	regex_t x;

	if (!is_for_library(re) || !is_for_library(line) ||
	    regcomp(&x, re, REG_EXTENDED | REG_NOSUB))
		return;
	check(own == !regexec(&x, line, 0, NULL, 0));
	regfree(&x);
}

static void write_texts(const char *s)
{
	char *to = malloc(strlen(s) + 1), plain[64], *xml = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&xml, &size);

	check(to && f);
	check(text_unescape(to, s) <= (int)strlen(s));
	for (text_plain(plain, sizeof(plain), s); *plain && strlen(plain) >= sizeof(plain);)
		check(false);
	text_xml(f, s);
	fclose(f);
	for (size_t i = 0; i < size; i++)
		check((u8)xml[i] >= 0x20 || xml[i] == '\n' || xml[i] == '\t');
	check(!strpbrk(xml, "<>\""));
	free(xml);
	free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *re = malloc(len + 2);
	const char *line, *why = NULL;
	struct ere *e;

	if (len > MAX_LEN)
		len = MAX_LEN;
	memcpy(re, data, len);
	re[len] = re[len + 1] = 0;
	line = re + strlen(re) + 1;
	if (ere_compile(&e, re, &why)) {
		check(why);
	} else {
		compare(re, line, run(e, line));
		ere_free(e);
	}
	write_texts(re);
	free(re);
	return 0;
}
