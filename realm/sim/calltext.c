/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a call as text.
 *
 * Thread: any.
 * Trust:  all values are the guest's; they are printed, not believed.
 * Spec:   names are those of [RMM 1.0 B5] and [DEN 0022]
 */
#include "realm/sim/calltext.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "realm/sim/psci.h"

enum kind {
	KIND_NONE, /* end of a list */
	KIND_HEX,
	KIND_DECIMAL,
	KIND_VERSION,
	KIND_RIPAS,
	KIND_DESTROYED, /* the flag of IPA_STATE_SET */
	KIND_RESPONSE,
	KIND_BYTES, /* 64 of them in eight registers */
	KIND_DATA,  /* as many as the register before says */
};

/* One register, or the first of several; they follow each other from x1 on. */
struct field {
	const char *name;
	enum kind kind;
};

struct function {
	const char *name;
	struct field in[4], out[3];
};

static const struct function functions[CALLTEXT_NR_RSI] = {
	{ "VERSION",
	  { { "req", KIND_VERSION } },
	  { { "lower", KIND_VERSION }, { "higher", KIND_VERSION } } },
	{ "FEATURES", { { "index", KIND_DECIMAL } }, { { "value", KIND_HEX } } },
	{ "MEASUREMENT_READ", { { "index", KIND_DECIMAL } }, { { "value", KIND_BYTES } } },
	{ "MEASUREMENT_EXTEND",
	  { { "index", KIND_DECIMAL }, { "size", KIND_DECIMAL }, { "value", KIND_DATA } },
	  { { NULL, KIND_NONE } } },
	{ "ATTESTATION_TOKEN_INIT",
	  { { "challenge", KIND_BYTES } },
	  { { "max_size", KIND_DECIMAL } } },
	{ "ATTESTATION_TOKEN_CONTINUE",
	  { { "addr", KIND_HEX }, { "offset", KIND_DECIMAL }, { "size", KIND_DECIMAL } },
	  { { "len", KIND_DECIMAL } } },
	{ "REALM_CONFIG", { { "addr", KIND_HEX } }, { { NULL, KIND_NONE } } },
	{ "IPA_STATE_SET",
	  { { "base", KIND_HEX },
	    { "top", KIND_HEX },
	    { "ripas", KIND_RIPAS },
	    { "flags", KIND_DESTROYED } },
	  { { "new_base", KIND_HEX }, { "response", KIND_RESPONSE } } },
	{ "IPA_STATE_GET",
	  { { "start", KIND_HEX }, { "end", KIND_HEX } },
	  { { "out_top", KIND_HEX }, { "ripas", KIND_RIPAS } } },
	{ "HOST_CALL", { { "addr", KIND_HEX } }, { { NULL, KIND_NONE } } },
};

/* ---- values ---- */

struct text {
	char *at;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->room, fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < t->room); /* CALLTEXT_SIZE is the longest */
	t->at += n;
	t->room -= (size_t)n;
}

/* Bytes in registers, the first in the lowest bits. */
static void add_bytes(struct text *t, const u64 *regs, u64 nr)
{
	for (u64 i = 0; i < MIN(nr, 64u); i++)
		add(t, "%02x", (unsigned)(regs[i / 8] >> i % 8 * 8 & 0xff));
}

/* One of the names, or the number. */
static void add_name(struct text *t, const char *const *names, u64 nr, u64 v)
{
	if (v < nr)
		add(t, "%s", names[v]);
	else
		add(t, "%#llx", (unsigned long long)v);
}

static void add_value(struct text *t, enum kind kind, const u64 *reg)
{
	static const char *const ripas[] = { "EMPTY", "RAM", "DESTROYED", "DEV" };
	static const char *const flags[] = { "NO_CHANGE_DESTROYED", "CHANGE_DESTROYED" };
	static const char *const responses[] = { "ACCEPT", "REJECT" };
	unsigned long long v = *reg;

	switch (kind) {
	case KIND_HEX:
		add(t, "%#llx", v);
		return;
	case KIND_DECIMAL:
		add(t, "%llu", v);
		return;
	case KIND_VERSION:
		if (v >> 31)
			add(t, "%#llx", v);
		else
			add(t, "%llu.%llu", v >> 16, v & 0xffff);
		return;
	case KIND_RIPAS:
		add_name(t, ripas, ARRAY_SIZE(ripas), v);
		return;
	case KIND_DESTROYED:
		add_name(t, flags, ARRAY_SIZE(flags), v);
		return;
	case KIND_RESPONSE:
		add_name(t, responses, ARRAY_SIZE(responses), v);
		return;
	case KIND_BYTES:
		add_bytes(t, reg, 64);
		return;
	case KIND_DATA:
		add_bytes(t, reg, reg[-1]);
		return;
	case KIND_NONE:
		return;
	}
}

static void add_status(struct text *t, u64 status)
{
	static const char *const names[] = { "RSI_SUCCESS", "RSI_ERROR_INPUT", "RSI_ERROR_STATE",
					     "RSI_INCOMPLETE", "RSI_ERROR_UNKNOWN" };

	if (status == RSI_NOT_SUPPORTED)
		add(t, "NOT_SUPPORTED");
	else
		add_name(t, names, ARRAY_SIZE(names), status);
}

/* ---- calls ---- */

static const struct function *function_of(u64 fid)
{
	u64 n = fid - RSI_FID_BASE;

	return n < CALLTEXT_NR_RSI ? &functions[n] : NULL;
}

/* What a kernel looks for that might run elsewhere, and what has no name. */
static void add_other(struct text *t, const u64 in[])
{
	static const struct {
		u32 fid;
		const char *name;
	} others[] = {
		{ 0x84000050, "TRNG_VERSION" },
		{ 0xc5000020, "PV_TIME_FEATURES" },
		{ 0x86000000, "VENDOR_HYP_FEATURES" },
		{ 0x8600ff01, "VENDOR_HYP_UID" },
	};
	const char *name = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i].fid == in[0])
			name = others[i].name;
	if (name)
		add(t, "%s(", name);
	else
		add(t, "%#llx(", (unsigned long long)in[0]);
	add(t, "%#llx, %#llx, %#llx, %#llx) = ", (unsigned long long)in[1],
	    (unsigned long long)in[2], (unsigned long long)in[3], (unsigned long long)in[4]);
}

/* Results of a call that has failed are zeros, but for the versions that there are. */
static bool has_results(u64 fid, u64 status)
{
	return status == RSI_SUCCESS || status == RSI_INCOMPLETE ||
	       (fid == RSI_VERSION && status == RSI_ERROR_INPUT);
}

const char *calltext_rsi(char buf[CALLTEXT_SIZE], const u64 in[RSI_NR_REGS],
			 const u64 out[RSI_NR_REGS])
{
	const struct function *f = function_of(in[0]);
	struct text t = { buf, CALLTEXT_SIZE };

	if (!f) {
		add_other(&t, in);
		add_status(&t, out[0]);
		return buf;
	}
	add(&t, "RSI_%s(", f->name);
	for (unsigned i = 0; i < ARRAY_SIZE(f->in) && f->in[i].name; i++) {
		add(&t, "%s%s=", i ? ", " : "", f->in[i].name);
		add_value(&t, f->in[i].kind, &in[1 + i]);
	}
	add(&t, ") = ");
	add_status(&t, out[0]);
	for (unsigned i = 0; i < ARRAY_SIZE(f->out) && f->out[i].name; i++) {
		if (!has_results(in[0], out[0]))
			break;
		add(&t, ", %s=", f->out[i].name);
		add_value(&t, f->out[i].kind, &out[1 + i]);
	}
	return buf;
}

const char *calltext_psci(char buf[CALLTEXT_SIZE], const u64 in[4], u64 result)
{
	static const char *const names[] = {
		"VERSION",
		"CPU_SUSPEND",
		"CPU_OFF",
		"CPU_ON",
		"AFFINITY_INFO",
		"MIGRATE",
		"MIGRATE_INFO_TYPE",
		"MIGRATE_INFO_UP_CPU",
		"SYSTEM_OFF",
		"SYSTEM_RESET",
		"FEATURES",
		"CPU_FREEZE",
		"CPU_DEFAULT_SUSPEND",
		"NODE_HW_STATE",
		"SYSTEM_SUSPEND",
		"SET_SUSPEND_MODE",
		"STAT_RESIDENCY",
		"STAT_COUNT",
		"SYSTEM_RESET2",
		"MEM_PROTECT",
		"MEM_PROTECT_CHECK_RANGE",
		"SYSTEM_OFF2",
	};
	u64 n = in[0] & (PSCI_RANGE - 1);
	struct text t = { buf, CALLTEXT_SIZE };

	if (n < ARRAY_SIZE(names))
		add(&t, "PSCI_%s", names[n]);
	else
		add(&t, "%#llx", (unsigned long long)in[0]);
	add(&t, "(%#llx, %#llx, %#llx) = ", (unsigned long long)in[1], (unsigned long long)in[2],
	    (unsigned long long)in[3]);
	if ((u32)in[0] == PSCI_VERSION)
		add_value(&t, KIND_VERSION, &result);
	else
		add(&t, "%lld", (long long)result);
	return buf;
}

/* ---- names ---- */

static bool name_is(const char *name, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i] == '-' ? '_' : s[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (name[i] != c)
			return false;
	}
	return !name[len];
}

int calltext_function(const char *s, size_t len)
{
	for (unsigned i = 0; i < CALLTEXT_NR_RSI; i++)
		if (name_is(functions[i].name, s, len))
			return (int)i;
	return -EINVAL;
}
