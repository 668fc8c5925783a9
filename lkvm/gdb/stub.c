/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other end of GDB's "target remote".
 *
 * Thread: the caller's.
 * Trust:  packets are whoever's who has connected, which may do all that the user of lkvm may do to
 *         the guest, and nothing to lkvm.
 * Spec:   GDB manual, appendix E.2, E.3 and E.5
 */
#include "lkvm/gdb/stub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/gdb/answer.h"
#include "lkvm/gdb/query.h"

#define REG_SP 31u
#define REG_PC 32u
#define REG_PSTATE 33u
#define REG_VBAR 34u
#define NR_REGS 35u
#define CHUNK 1024u /* of memory, in one answer */

/* ---- registers ---- */

static u64 *reg_at(struct view_regs *r, u64 n)
{
	switch (n) {
	case REG_SP:
		return &r->sp;
	case REG_PC:
		return &r->pc;
	case REG_PSTATE:
		return &r->pstate;
	case REG_VBAR:
		return &r->vbar;
	default:
		return &r->x[n];
	}
}

/* PSTATE has 32 bits there. */
static unsigned reg_size(u64 n)
{
	return n == REG_PSTATE ? 4 : 8;
}

static void read_all(struct gdb_stub *s, const char *p)
{
	struct view_regs r;
	int err = s->t->regs_get(s->t->arg, s->cpu, &r);

	if (err) {
		gdb_answer_error(s, err);
		return;
	}
	packet_begin(&s->out);
	for (unsigned i = 0; i < NR_REGS; i++)
		packet_hex(&s->out, reg_at(&r, i), reg_size(i));
	gdb_send(s);
}

static void write_all(struct gdb_stub *s, const char *p)
{
	struct view_regs r = { 0 };
	bool ok = true;

	for (unsigned i = 0; i < NR_REGS && ok; i++)
		ok = packet_bytes(&p, reg_at(&r, i), reg_size(i));
	gdb_answer_done(s, ok ? s->t->regs_set(s->t->arg, s->cpu, &r) : -EINVAL);
}

static void read_one(struct gdb_stub *s, const char *p)
{
	struct view_regs r;
	u64 n;
	int err = packet_number(&p, &n) && n < NR_REGS ? s->t->regs_get(s->t->arg, s->cpu, &r)
						       : -EINVAL;

	if (err) {
		gdb_answer_error(s, err);
		return;
	}
	packet_begin(&s->out);
	packet_hex(&s->out, reg_at(&r, n), reg_size(n));
	gdb_send(s);
}

static void write_one(struct gdb_stub *s, const char *p)
{
	struct view_regs r;
	u64 n;
	bool ok = packet_number(&p, &n) && n < NR_REGS && *p++ == '=';
	int err = ok ? s->t->regs_get(s->t->arg, s->cpu, &r) : -EINVAL;

	if (!err && !packet_bytes(&p, reg_at(&r, n), reg_size(n)))
		err = -EINVAL;
	gdb_answer_done(s, err ? err : s->t->regs_set(s->t->arg, s->cpu, &r));
}

/* ---- memory ---- */

static void read_memory(struct gdb_stub *s, const char *p)
{
	u8 buf[CHUNK];
	u64 va, len;

	if (!packet_range(&p, &va, &len)) {
		gdb_answer_error(s, -EINVAL);
		return;
	}
	/* Fewer than were asked for are an answer, too; none is not. */
	len = s->t->read(s->t->arg, s->cpu, va, buf, MIN(len, (u64)CHUNK));
	if (!len) {
		gdb_answer_error(s, -EFAULT);
		return;
	}
	packet_begin(&s->out);
	packet_hex(&s->out, buf, len);
	gdb_send(s);
}

static void write_memory(struct gdb_stub *s, const char *p)
{
	u8 buf[PACKET_MAX / 2];
	u64 va, len;
	bool ok = packet_range(&p, &va, &len) && len <= sizeof(buf) && *p++ == ':' &&
		  packet_bytes(&p, buf, len);

	if (!ok)
		gdb_answer_error(s, -EINVAL);
	else
		gdb_answer_done(s,
				s->t->write(s->t->arg, s->cpu, va, buf, len) == len ? 0 : -EFAULT);
}

/* The same with raw bytes; GDB tries it with none. */
static void write_binary(struct gdb_stub *s, const char *p)
{
	const char *end = s->in.data + s->in.len;
	u64 va, len;
	bool ok = packet_range(&p, &va, &len) && p < end && *p++ == ':' && len == (u64)(end - p);

	if (!ok)
		gdb_answer_error(s, -EINVAL);
	else
		gdb_answer_done(s, s->t->write(s->t->arg, s->cpu, va, p, len) == len ? 0 : -EFAULT);
}

/* ---- points ---- */

static void change_point(struct gdb_stub *s, const char *p, bool set)
{
	u64 kind, va, len;

	if (!packet_number(&p, &kind) || *p++ != ',' || !packet_range(&p, &va, &len))
		gdb_answer_error(s, -EINVAL);
	else if (kind > GDB_WATCH_ACCESS)
		gdb_answer(s, "");
	else
		gdb_answer_done(s,
				s->t->point(s->t->arg, s->cpu, (enum gdb_point)kind, va, len, set));
}

static void set_point(struct gdb_stub *s, const char *p)
{
	change_point(s, p, true);
}

static void clear_point(struct gdb_stub *s, const char *p)
{
	change_point(s, p, false);
}

/* ---- running ---- */

static void run(struct gdb_stub *s, bool step, unsigned cpu)
{
	s->running = true;
	if (step)
		s->t->step(s->t->arg, cpu);
	else
		s->t->run(s->t->arg);
}

static void resume(struct gdb_stub *s, const char *p)
{
	run(s, false, s->cpu);
}

static void step(struct gdb_stub *s, const char *p)
{
	run(s, true, s->cpu);
}

/* "vCont;ACTION[:THREAD]...": a step of one goes before all that goes on. */
static void vcont(struct gdb_stub *s, const char *p)
{
	bool stepping = false, going = false;
	unsigned cpu = s->cpu, which = s->cpu;

	while (*p == ';') {
		char action = p[1];

		p += 1 + (action != 0);
		/* With a signal, which no guest takes. */
		if (action == 'C' || action == 'S')
			for (int i = 0; i < 2 && *p; i++)
				p++;
		if (*p == ':' && (p++, !gdb_thread(s, &p, &which)))
			break;
		going = true;
		if ((action == 's' || action == 'S') && !stepping) {
			stepping = true;
			cpu = which;
		}
	}
	if (!going)
		gdb_answer_error(s, -EINVAL);
	else
		run(s, stepping, cpu);
}

static void why(struct gdb_stub *s, const char *p)
{
	gdb_answer(s, s->stopped);
}

static void detach(struct gdb_stub *s, const char *p)
{
	s->running = true;
	s->t->detach(s->t->arg);
	gdb_answer(s, "OK");
}

static void kill_guest(struct gdb_stub *s, const char *p)
{
	s->t->kill(s->t->arg);
}

/* ---- threads ---- */

static void choose(struct gdb_stub *s, const char *p)
{
	unsigned cpu;

	/* g: for registers and memory; c: for s and c, which are the same vCPU's here. */
	if ((*p != 'g' && *p != 'c') || (p++, !gdb_thread(s, &p, &cpu))) {
		gdb_answer_error(s, -EINVAL);
		return;
	}
	s->cpu = cpu;
	gdb_answer(s, "OK");
}

static void is_there(struct gdb_stub *s, const char *p)
{
	unsigned cpu;

	gdb_answer_done(s, gdb_thread(s, &p, &cpu) ? 0 : -ESRCH);
}

static void verbose(struct gdb_stub *s, const char *p)
{
	const char *rest;

	if (!strcmp(p, "Cont?"))
		gdb_answer(s, "vCont;c;C;s;S");
	else if (gdb_starts(p, "Cont", &rest))
		vcont(s, rest);
	else if (gdb_starts(p, "Kill", &rest))
		kill_guest(s, rest);
	else
		gdb_answer(s, "");
}

/* ---- packets ---- */

static const struct {
	char letter;
	void (*serve)(struct gdb_stub *s, const char *p);
} commands[] = {
	{ '?', why },	    { 'g', read_all },	  { 'G', write_all },	 { 'p', read_one },
	{ 'P', write_one }, { 'm', read_memory }, { 'M', write_memory }, { 'X', write_binary },
	{ 'Z', set_point }, { 'z', clear_point }, { 'c', resume },	 { 's', step },
	{ 'H', choose },    { 'T', is_there },	  { 'q', gdb_query },	 { 'Q', gdb_set },
	{ 'v', verbose },   { 'D', detach },	  { 'k', kill_guest },
};

static void serve(struct gdb_stub *s)
{
	/* While the guest runs there is nothing to ask but Ctrl-C. */
	if (s->running)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].letter == s->in.data[0]) {
			commands[i].serve(s, s->in.data + 1);
			return;
		}
	}
	gdb_answer(s, "");
}

static void acknowledge(struct gdb_stub *s, const char *sign)
{
	if (!s->no_acks)
		s->t->send(s->t->arg, sign, 1);
}

void gdb_bytes(struct gdb_stub *s, const u8 *bytes, u64 len)
{
	for (u64 i = 0; i < len; i++) {
		switch (packet_byte(&s->in, bytes[i])) {
		case PACKET_NOTHING:
			break;
		case PACKET_DATA:
			acknowledge(s, "+");
			serve(s);
			break;
		case PACKET_BAD:
			acknowledge(s, "-");
			break;
		case PACKET_RESEND:
			if (s->out.len && !s->no_acks)
				s->t->send(s->t->arg, s->out.buf, s->out.len);
			break;
		case PACKET_BREAK:
			if (s->running)
				s->t->halt(s->t->arg);
			break;
		}
	}
}

void gdb_begin(struct gdb_stub *s, const struct gdb_target *t)
{
	memset(s, 0, sizeof(*s));
	s->t = t;
	s->running = true;
	snprintf(s->stopped, sizeof(s->stopped), "S05");
	t->halt(t->arg);
}

/* What else GDB is told of why all stand, in text[0..size). */
static void reason_text(const struct gdb_stub *s, enum gdb_why why, u64 va, char *text, size_t size)
{
	text[0] = 0;
	if (why == GDB_WATCHED)
		snprintf(text, size, "watch:%llx;", (unsigned long long)va);
	else if (why == GDB_MET_SW && s->says_swbreak)
		snprintf(text, size, "swbreak:;");
	else if (why == GDB_MET_HW && s->says_hwbreak)
		snprintf(text, size, "hwbreak:;");
}

void gdb_stopped(struct gdb_stub *s, unsigned cpu, enum gdb_why reason, u64 va)
{
	bool first = !strcmp(s->stopped, "S05");
	char text[32];

	/* Another vCPU that was stopped as well will be again. */
	if (!s->running)
		return;
	s->running = false;
	s->cpu = cpu;
	reason_text(s, reason, va, text, sizeof(text));
	snprintf(s->stopped, sizeof(s->stopped), "T%02xthread:%x;%s",
		 reason == GDB_HALTED && !first ? 2 : 5, cpu + 1, text);
	/* The halt at the beginning is what "?" asks for. */
	if (!first)
		gdb_answer(s, s->stopped);
}
