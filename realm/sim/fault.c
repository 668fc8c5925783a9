/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults that a simulated RMM and its host are asked to have.
 *
 * Thread: fault_parse() on main; fault_call() and fault_change() on vCPU threads.
 * Trust:  the plan is the user's; registers are the guest's, and are checked by rsi.c afterwards.
 * Spec:   [RMM 1.0 B5]: all of it is what an RMM may do
 */
#include "realm/sim/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"

#define MAX_DELAY_MS 3600000u

/* ---- the option ---- */

/* A piece of the option's text. */
struct word {
	const char *s;
	size_t len;
};

/* What is in front of `sep`, which goes too; all that there is without one. */
static struct word take(struct word *rest, char sep)
{
	const char *end = memchr(rest->s, sep, rest->len);
	struct word w = { rest->s, end ? (size_t)(end - rest->s) : rest->len };
	size_t gone = end ? w.len + 1 : w.len;

	rest->s += gone;
	rest->len -= gone;
	return w;
}

static bool word_is(struct word w, const char *s)
{
	return w.len == strlen(s) && !memcmp(w.s, s, w.len);
}

static bool number(struct word w, u64 max, u64 *out)
{
	*out = 0;
	return !decode_number(out, max, NUMBER_DEC, w.s, w.len);
}

/* Bytes, K or M behind them. */
static bool size(struct word w, u64 max, u64 *out)
{
	unsigned shift = 0;

	if (w.len && w.s[w.len - 1] == 'K')
		shift = 10;
	if (w.len && w.s[w.len - 1] == 'M')
		shift = 20;
	w.len -= shift ? 1 : 0;
	if (!number(w, max >> shift, out))
		return false;
	*out <<= shift;
	return *out;
}

/* "N": the first N; "A-B"; "A-": from the A-th on. */
static bool span(struct word w, struct fault_span *out)
{
	struct word first = take(&w, '-');
	bool range = first.s + first.len != w.s;
	u64 a, b = UINT32_MAX;

	if (!number(first, UINT32_MAX, &a) || !a || (range && w.len && !number(w, b, &b)) || b < a)
		return false;
	*out = range ? (struct fault_span){ (u32)a, (u32)b } : (struct fault_span){ 1, (u32)a };
	return true;
}

static bool status(struct word w, u64 *out)
{
	static const struct {
		const char *name;
		u64 status;
	} names[] = {
		{ "input", RSI_ERROR_INPUT },		{ "state", RSI_ERROR_STATE },
		{ "incomplete", RSI_INCOMPLETE },	{ "unknown", RSI_ERROR_UNKNOWN },
		{ "not-supported", RSI_NOT_SUPPORTED },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (word_is(w, names[i].name)) {
			*out = names[i].status;
			return true;
		}
	}
	return false;
}

/* "MAJOR.MINOR" */
static bool version(struct word w, u32 *out)
{
	struct word major = take(&w, '.');
	u64 a, b;

	if (!number(major, 0x7fff, &a) || !number(w, 0xffff, &b))
		return false;
	*out = (u32)(a << 16 | b);
	return true;
}

static bool set_token_incomplete(struct fault_plan *p, struct word w)
{
	u64 n;
	bool ok = number(w, UINT32_MAX, &n);

	p->token_incomplete = (u32)n;
	return ok;
}

static bool set_token_piece(struct fault_plan *p, struct word w)
{
	u64 n;
	bool ok = size(w, UINT32_MAX, &n);

	p->token_piece = (u32)n;
	return ok;
}

static bool set_ripas_piece(struct fault_plan *p, struct word w)
{
	return size(w, UINT64_MAX >> 1, &p->ripas_piece) && is_aligned(p->ripas_piece, RSI_GRANULE);
}

static bool set_ripas_reject(struct fault_plan *p, struct word w)
{
	return span(w, &p->ripas_reject);
}

static bool set_ripas_stall(struct fault_plan *p, struct word w)
{
	return span(w, &p->ripas_stall);
}

/* FUNCTION:STATUS[:WHICH] */
static bool set_fail(struct fault_plan *p, struct word w)
{
	struct word name = take(&w, ':'), s = take(&w, ':');
	int f = calltext_function(name.s, name.len);

	if (f < 0 || !status(s, &p->fail[f].status))
		return false;
	p->fail[f].calls = (struct fault_span){ 1, UINT32_MAX };
	return !w.len || span(w, &p->fail[f].calls);
}

/* [FUNCTION:]MS */
static bool set_delay(struct fault_plan *p, struct word w)
{
	struct word name = take(&w, ':');
	u64 ms;
	int f;

	if (!w.len) {
		if (!number(name, MAX_DELAY_MS, &ms))
			return false;
		for (unsigned i = 0; i < CALLTEXT_NR_RSI; i++)
			p->delay_ms[i] = (u32)ms;
		return true;
	}
	f = calltext_function(name.s, name.len);
	if (f < 0 || !number(w, MAX_DELAY_MS, &ms))
		return false;
	p->delay_ms[f] = (u32)ms;
	return true;
}

/* VERSION[-VERSION] */
static bool set_rsi(struct fault_plan *p, struct word w)
{
	struct word low = take(&w, '-');
	bool range = low.s + low.len != w.s;

	if (!version(low, &p->version_low))
		return false;
	p->version_high = p->version_low;
	return !range || (version(w, &p->version_high) && p->version_high >= p->version_low);
}

static const struct {
	const char *name, *value;
	bool (*set)(struct fault_plan *p, struct word value);
} keys[] = {
	{ "token-incomplete", "<n>", set_token_incomplete },
	{ "token-piece", "<bytes>", set_token_piece },
	{ "ripas-piece", "<size>, in whole granules of 4K", set_ripas_piece },
	{ "ripas-reject", "<n>, <a>-<b> or <a>-", set_ripas_reject },
	{ "ripas-stall", "<n>, <a>-<b> or <a>-", set_ripas_stall },
	{ "fail", "<function>:<status>[:<which>]", set_fail },
	{ "delay", "[<function>:]<ms>", set_delay },
	{ "rsi", "<version>[-<version>], like 1.0-1.1", set_rsi },
};

static int parse_one(struct fault_plan *plan, const char *option, struct word item)
{
	struct word value = item, key = take(&value, '=');

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!word_is(key, keys[i].name))
			continue;
		if (keys[i].set(plan, value))
			return 0;
		log_error("--%s %.*s: %s wants %s", option, (int)item.len, item.s, keys[i].name,
			  keys[i].value);
		return -EINVAL;
	}
	log_error("--%s: there is no fault '%.*s'; the manual lists them (THE SIMULATED REALM)",
		  option, (int)key.len, key.s);
	return -EINVAL;
}

int fault_parse(struct fault_plan *plan, const char *option, const char *list)
{
	struct word rest = { list, strlen(list) }, item;
	const char *end = list + rest.len;
	int err;

	do {
		item = take(&rest, ',');
		err = parse_one(plan, option, item);
	} while (!err && item.s + item.len != end);
	return err;
}

/* ---- calls ---- */

void fault_init(struct fault *f, const struct fault_plan *plan)
{
	static const struct fault_plan none;

	*f = (struct fault){ .plan = plan ? plan : &none };
	pthread_mutex_init(&f->lock, NULL);
}

void fault_fini(struct fault *f)
{
	pthread_mutex_destroy(&f->lock);
}

static bool in(struct fault_span s, u32 nth)
{
	return nth >= s.first && nth <= s.last;
}

static void limit(u64 *v, u64 max)
{
	if (max)
		*v = MIN(*v, max);
}

/* An interrupted RMM gives no bytes, like one that is asked for none. */
static void token_continue(struct fault *f, unsigned cpu, u64 x[])
{
	limit(&x[3], f->plan->token_piece);
	if (f->idle[cpu]) {
		f->idle[cpu]--;
		x[3] = 0;
	}
}

static void ipa_state_set(const struct fault *f, u64 x[])
{
	u64 piece = f->plan->ripas_piece;

	if (piece && x[2] > x[1] && x[2] - x[1] > piece)
		x[2] = x[1] + piece;
}

static bool call(struct fault *f, unsigned cpu, unsigned function, u64 x[])
{
	if (in(f->plan->fail[function].calls, ++f->calls[function])) {
		x[0] = f->plan->fail[function].status;
		x[1] = x[2] = x[3] = 0;
		return true;
	}
	switch (x[0]) {
	case RSI_ATTESTATION_TOKEN_INIT:
		f->idle[cpu] = f->plan->token_incomplete;
		break;
	case RSI_ATTESTATION_TOKEN_CONTINUE:
		token_continue(f, cpu, x);
		break;
	case RSI_IPA_STATE_SET:
		ipa_state_set(f, x);
		break;
	default:
		break;
	}
	return false;
}

bool fault_call(struct fault *f, unsigned cpu, u64 x[RSI_NR_REGS])
{
	u64 function = x[0] - RSI_FID_BASE;
	bool answered;

	if (function >= CALLTEXT_NR_RSI)
		return false;
	pthread_mutex_lock(&f->lock);
	answered = call(f, cpu, (unsigned)function, x);
	pthread_mutex_unlock(&f->lock);
	return answered;
}

enum fault_host fault_change(struct fault *f, enum rsi_ripas to)
{
	enum fault_host host = FAULT_HOST_OBEYS;

	pthread_mutex_lock(&f->lock);
	if (in(f->plan->ripas_stall, ++f->changes))
		host = FAULT_HOST_STALLS;
	if (to == RSI_RIPAS_RAM && in(f->plan->ripas_reject, ++f->ram_changes))
		host = FAULT_HOST_REJECTS;
	pthread_mutex_unlock(&f->lock);
	return host;
}

void fault_change_later(struct fault *f, enum rsi_ripas to)
{
	pthread_mutex_lock(&f->lock);
	f->changes--;
	f->ram_changes -= to == RSI_RIPAS_RAM;
	pthread_mutex_unlock(&f->lock);
}

u32 fault_delay_ms(const struct fault_plan *plan, u64 function)
{
	return function - RSI_FID_BASE < CALLTEXT_NR_RSI ? plan->delay_ms[function - RSI_FID_BASE]
							 : 0;
}
