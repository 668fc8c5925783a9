/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to try when a guest prints nothing.
 *
 * Thread: any.
 * Trust:  the user's own command line.
 */
#include "lkvm/run/hint.h"

#include <stdio.h>
#include <string.h>

#include "arm64/memmap.h"

/* Is `word` one of the kernel parameters? */
static bool has_word(const char *params, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = params; (at = strstr(at, word)); at += len) {
		if ((at == params || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	}
	return false;
}

const char *hint_silent(char *buf, const struct config *c, u64 alias)
{
	const char *misses = "--debug-mmio shows what it looks for and does not find";

	if (has_word(c->params, "quiet"))
		return NULL;
	if (c->firmware || c->flat)
		snprintf(buf, HINT_SIZE,
			 "is it made for this board (serial port 16550A at %#llx)? %s",
			 (unsigned long long)(MEMMAP_UART | alias), misses);
	else if (c->earlycon || strstr(c->params, "earlycon="))
		snprintf(buf, HINT_SIZE, "not even early. Is it a kernel for this CPU? %s", misses);
	else
		snprintf(buf, HINT_SIZE,
			 "--earlycon shows what a kernel says before its console works, it adds "
			 "earlycon=uart8250,mmio,%#llx%s",
			 (unsigned long long)(MEMMAP_UART | alias),
			 c->realm == REALM_OFF ? "" : " (which a Realm's measurement covers)");
	return buf;
}
