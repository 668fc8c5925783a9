/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel command line: what kvmtool adds to the user's parameters, and what a Realm needs.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arm64/memmap.h"
#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/run/config.h"

#define EARLYCON "earlycon"

/* Where the parameter stands in `params` without a value of its own; NULL: nowhere. */
static const char *bare_earlycon(const char *params)
{
	for (const char *at = params; (at = strstr(at, EARLYCON)); at += strlen(EARLYCON)) {
		char behind = at[strlen(EARLYCON)];

		if ((at == params || at[-1] == ' ') && (!behind || behind == ' '))
			return at;
	}
	return NULL;
}

/*
 * An address below 4 GiB that `earlycon=NAME,[ACCESS,]ADDRESS` names in `params`, or 0. The shared
 * half of a Realm's addresses, where its devices are, begins beyond that.
 */
static u64 low_earlycon(const char *params)
{
	u64 address;

	for (const char *at = params; (at = strstr(at, EARLYCON "=")); at++) {
		const char *end = at + strcspn(at, " ");

		if (at != params && at[-1] != ' ')
			continue;
		for (const char *p = at; (p = memchr(p, ',', (size_t)(end - p)));) {
			size_t len = (size_t)(end - ++p);

			if (len > 2 && p[0] == '0' && (p[1] | 0x20) == 'x' &&
			    decode_number_prefix(&address, UINT32_MAX, NUMBER_DEC_0X, p, len) > 0)
				return address;
		}
	}
	return 0;
}

/*
 * Linux' own choice of an early console is the UART's plain address, which a Realm's kernel cannot
 * write to: it would be silent until it ends. config_cmdline() passes the one that works, where it
 * may add to the parameters.
 */
void config_tell_of_params(const struct config *c)
{
	u64 low = c->params ? low_earlycon(c->params) : 0;

	if (c->realm == REALM_OFF || !c->params)
		return;
	if (low)
		log_warn(
			"--params earlycon=: a Realm's devices are not at %#llx but in the shared half of its addresses, and the kernel stops there without a word; use --earlycon instead",
			(unsigned long long)low);
	if (!bare_earlycon(c->params))
		return;
	if (c->nodefaults || c->firmware)
		log_warn(
			"--params earlycon: in a Realm the kernel stops there without a word; use --earlycon instead");
	else
		log_info(
			"--params earlycon: the address in the Realm's shared half is added to it, as the kernel would take the other and stop without a word");
}

/* Append to the string in buf; false when it does not fit. */
static bool append(char *buf, size_t size, const char *text)
{
	size_t used = strlen(buf);

	return text_add(buf, size, used, text) - used == strlen(text);
}

static bool append_earlycon(char *buf, size_t size, u64 alias)
{
	char param[60];

	snprintf(param, sizeof(param), EARLYCON "=uart8250,mmio,0x%llx",
		 (unsigned long long)(MEMMAP_UART | alias));
	return append(buf, size, param);
}

/* The guest counts in slabs of 2 KiB [Linux kernel-parameters.txt, swiotlb=]. */
static bool append_swiotlb(char *buf, size_t size, u32 megabytes)
{
	char param[32];

	snprintf(param, sizeof(param), "%sswiotlb=%u", *buf ? " " : "", megabytes * 512);
	return append(buf, size, param);
}

/* The user's parameters. In a Realm a bare `earlycon`, once, gets the address that works there. */
static bool append_params(char *buf, size_t size, const char *params, u64 alias)
{
	const char *at = alias ? bare_earlycon(params) : NULL;
	size_t used = strlen(buf), before;

	if (!at)
		return append(buf, size, params);
	before = (size_t)(at - params);
	if (before >= size - used)
		return false;
	memcpy(buf + used, params, before);
	buf[used + before] = 0;
	return append_earlycon(buf, size, alias) && append(buf, size, at + strlen(EARLYCON));
}

/*
 * The bytes are part of the device tree, which a Realm's verifier computes on its own from the
 * options: blanks in front and twice are kvmtool's and stay.
 */
int config_cmdline(const struct config *c, u64 alias, char *buf, size_t size)
{
	bool ok = true, as_is = c->nodefaults || c->firmware;

	buf[0] = 0;
	if (!as_is)
		ok = append(buf, size,
			    c->console == CONSOLE_VIRTIO ? " console=hvc0" : " console=ttyS0");
	if (c->earlycon)
		ok = ok && append(buf, size, as_is ? "" : " ") && append_earlycon(buf, size, alias);
	if (c->swiotlb)
		ok = ok && append_swiotlb(buf, size, c->swiotlb);
	if (!as_is && !strstr(c->params, "root="))
		ok = ok && append(buf, size, " root=/dev/vda rw ");
	if (*c->params)
		ok = ok && append(buf, size, *buf ? " " : "") &&
		     append_params(buf, size, c->params, as_is ? 0 : alias);
	return ok ? 0 : -E2BIG;
}
