/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other end of GDB's "target remote".
 *
 * Thread: the caller's.
 * Trust:  packets are whoever's who has connected, which may do all that the user of lkvm may do to
 *         the guest, and nothing to lkvm.
 * Spec:   GDB manual, appendix E.2 to E.5
 */
#include "lkvm/gdb/stub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/gdb/target_xml.h"

#define REG_SP 31u
#define REG_PC 32u
#define REG_PSTATE 33u
#define NR_REGS 34u
#define CHUNK 1024u /* of memory, in one answer */

/* ---- answers ---- */

static void send_out(struct gdb_stub *s)
{
	packet_end(&s->out);
	s->t->send(s->t->arg, s->out.buf, s->out.len);
}

static void answer(struct gdb_stub *s, const char *text)
{
	packet_begin(&s->out);
	packet_text(&s->out, text);
	send_out(s);
}

static void answer_error(struct gdb_stub *s, int err)
{
	char text[8];

	snprintf(text, sizeof(text), "E%02x", (unsigned)-err & 0xff);
	answer(s, text);
}

static void answer_done(struct gdb_stub *s, int err)
{
	if (err)
		answer_error(s, err);
	else
		answer(s, "OK");
}

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
		answer_error(s, err);
		return;
	}
	packet_begin(&s->out);
	for (unsigned i = 0; i < NR_REGS; i++)
		packet_hex(&s->out, reg_at(&r, i), reg_size(i));
	send_out(s);
}

static void write_all(struct gdb_stub *s, const char *p)
{
	struct view_regs r = { 0 };
	bool ok = true;

	for (unsigned i = 0; i < NR_REGS && ok; i++)
		ok = packet_bytes(&p, reg_at(&r, i), reg_size(i));
	answer_done(s, ok ? s->t->regs_set(s->t->arg, s->cpu, &r) : -EINVAL);
}

static void read_one(struct gdb_stub *s, const char *p)
{
	struct view_regs r;
	u64 n;
	int err = packet_number(&p, &n) && n < NR_REGS ? s->t->regs_get(s->t->arg, s->cpu, &r)
						       : -EINVAL;

	if (err) {
		answer_error(s, err);
		return;
	}
	packet_begin(&s->out);
	packet_hex(&s->out, reg_at(&r, n), reg_size(n));
	send_out(s);
}

static void write_one(struct gdb_stub *s, const char *p)
{
	struct view_regs r;
	u64 n;
	bool ok = packet_number(&p, &n) && n < NR_REGS && *p++ == '=';
	int err = ok ? s->t->regs_get(s->t->arg, s->cpu, &r) : -EINVAL;

	if (!err && !packet_bytes(&p, reg_at(&r, n), reg_size(n)))
		err = -EINVAL;
	answer_done(s, err ? err : s->t->regs_set(s->t->arg, s->cpu, &r));
}

/* ---- memory ---- */

static bool range(const char **p, u64 *va, u64 *len)
{
	return packet_number(p, va) && *(*p)++ == ',' && packet_number(p, len);
}

static void read_memory(struct gdb_stub *s, const char *p)
{
	u8 buf[CHUNK];
	u64 va, len;

	if (!range(&p, &va, &len)) {
		answer_error(s, -EINVAL);
		return;
	}
	/* Fewer than were asked for are an answer, too; none is not. */
	len = s->t->read(s->t->arg, s->cpu, va, buf, MIN(len, (u64)CHUNK));
	if (!len) {
		answer_error(s, -EFAULT);
		return;
	}
	packet_begin(&s->out);
	packet_hex(&s->out, buf, len);
	send_out(s);
}

static void write_memory(struct gdb_stub *s, const char *p)
{
	u8 buf[PACKET_MAX / 2];
	u64 va, len;
	bool ok = range(&p, &va, &len) && len <= sizeof(buf) && *p++ == ':' &&
		  packet_bytes(&p, buf, len);

	if (!ok)
		answer_error(s, -EINVAL);
	else
		answer_done(s, s->t->write(s->t->arg, s->cpu, va, buf, len) == len ? 0 : -EFAULT);
}

/* The same with raw bytes; GDB tries it with none. */
static void write_binary(struct gdb_stub *s, const char *p)
{
	const char *end = s->in.data + s->in.len;
	u64 va, len;
	bool ok = range(&p, &va, &len) && p < end && *p++ == ':' && len == (u64)(end - p);

	if (!ok)
		answer_error(s, -EINVAL);
	else
		answer_done(s, s->t->write(s->t->arg, s->cpu, va, p, len) == len ? 0 : -EFAULT);
}

/* ---- points ---- */

static void change_point(struct gdb_stub *s, const char *p, bool set)
{
	u64 kind, va, len;

	if (!packet_number(&p, &kind) || *p++ != ',' || !range(&p, &va, &len))
		answer_error(s, -EINVAL);
	else if (kind > GDB_WATCH_ACCESS)
		answer(s, "");
	else
		answer_done(s, s->t->point(s->t->arg, s->cpu, (enum gdb_point)kind, va, len, set));
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

/* A thread: 1 is vCPU 0; 0 and -1 are any, which is the one asked about last. */
static bool thread(const struct gdb_stub *s, const char **p, unsigned *cpu)
{
	u64 n;

	*cpu = s->cpu;
	if (!strncmp(*p, "-1", 2)) {
		*p += 2;
		return true;
	}
	if (!packet_number(p, &n) || n > s->t->nr_cpus)
		return false;
	if (n)
		*cpu = (unsigned)n - 1;
	return true;
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
		if (*p == ':' && (p++, !thread(s, &p, &which)))
			break;
		going = true;
		if ((action == 's' || action == 'S') && !stepping) {
			stepping = true;
			cpu = which;
		}
	}
	if (!going)
		answer_error(s, -EINVAL);
	else
		run(s, stepping, cpu);
}

static void why(struct gdb_stub *s, const char *p)
{
	answer(s, s->stopped);
}

static void detach(struct gdb_stub *s, const char *p)
{
	s->running = true;
	s->t->detach(s->t->arg);
	answer(s, "OK");
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
	if ((*p != 'g' && *p != 'c') || (p++, !thread(s, &p, &cpu))) {
		answer_error(s, -EINVAL);
		return;
	}
	s->cpu = cpu;
	answer(s, "OK");
}

static void is_there(struct gdb_stub *s, const char *p)
{
	unsigned cpu;

	answer_done(s, thread(s, &p, &cpu) ? 0 : -ESRCH);
}

static void list_threads(struct gdb_stub *s)
{
	char text[8];

	packet_begin(&s->out);
	for (unsigned i = 1; i <= s->t->nr_cpus; i++) {
		snprintf(text, sizeof(text), "%c%x", i == 1 ? 'm' : ',', i);
		packet_text(&s->out, text);
	}
	send_out(s);
}

static void describe_thread(struct gdb_stub *s, const char *p)
{
	char text[24];
	unsigned cpu;

	if (!thread(s, &p, &cpu)) {
		answer_error(s, -ESRCH);
		return;
	}
	snprintf(text, sizeof(text), "vCPU %u", cpu);
	packet_begin(&s->out);
	packet_hex(&s->out, text, strlen(text));
	send_out(s);
}

/* ---- what it is ---- */

static void features(struct gdb_stub *s, const char *p)
{
	char xml[PACKET_MAX];
	u64 off, len, all = gdb_target_xml(xml, sizeof(xml));

	if (!range(&p, &off, &len)) {
		answer_error(s, -EINVAL);
		return;
	}
	off = MIN(off, all);
	len = MIN(len, all - off);
	len = MIN(len, (u64)CHUNK);
	packet_begin(&s->out);
	packet_text(&s->out, off + len < all ? "m" : "l");
	packet_raw(&s->out, xml + off, len);
	send_out(s);
}

static bool starts(const char *s, const char *with, const char **rest)
{
	size_t len = strlen(with);

	*rest = s + len;
	return !strncmp(s, with, len);
}

static void query(struct gdb_stub *s, const char *p)
{
	const char *rest;
	char text[16];

	if (starts(p, "Supported", &rest)) {
		answer(s, "PacketSize=1000;qXfer:features:read+;vContSupported+;"
			  "QStartNoAckMode+;hwbreak+;swbreak+");
	} else if (starts(p, "Xfer:features:read:target.xml:", &rest)) {
		features(s, rest);
	} else if (!strcmp(p, "fThreadInfo")) {
		list_threads(s);
	} else if (!strcmp(p, "sThreadInfo")) {
		answer(s, "l");
	} else if (starts(p, "ThreadExtraInfo,", &rest)) {
		describe_thread(s, rest);
	} else if (!strcmp(p, "C")) {
		snprintf(text, sizeof(text), "QC%x", s->cpu + 1);
		answer(s, text);
	} else if (starts(p, "Attached", &rest)) {
		answer(s, "1");
	} else {
		answer(s, "");
	}
}

static void set(struct gdb_stub *s, const char *p)
{
	bool known = !strcmp(p, "StartNoAckMode");

	answer(s, known ? "OK" : "");
	s->no_acks = s->no_acks || known;
}

static void verbose(struct gdb_stub *s, const char *p)
{
	const char *rest;

	if (!strcmp(p, "Cont?"))
		answer(s, "vCont;c;C;s;S");
	else if (starts(p, "Cont", &rest))
		vcont(s, rest);
	else if (starts(p, "Kill", &rest))
		kill_guest(s, rest);
	else
		answer(s, "");
}

/* ---- packets ---- */

static const struct {
	char letter;
	void (*serve)(struct gdb_stub *s, const char *p);
} commands[] = {
	{ '?', why },	    { 'g', read_all },	  { 'G', write_all },	 { 'p', read_one },
	{ 'P', write_one }, { 'm', read_memory }, { 'M', write_memory }, { 'X', write_binary },
	{ 'Z', set_point }, { 'z', clear_point }, { 'c', resume },	 { 's', step },
	{ 'H', choose },    { 'T', is_there },	  { 'q', query },	 { 'Q', set },
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
	answer(s, "");
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

void gdb_stopped(struct gdb_stub *s, unsigned cpu, enum gdb_why reason, u64 va)
{
	bool first = !strcmp(s->stopped, "S05");

	/* Another vCPU that was stopped as well will be again. */
	if (!s->running)
		return;
	s->running = false;
	s->cpu = cpu;
	if (reason == GDB_WATCHED)
		snprintf(s->stopped, sizeof(s->stopped), "T05thread:%x;watch:%llx;", cpu + 1,
			 (unsigned long long)va);
	else
		snprintf(s->stopped, sizeof(s->stopped), "T%02xthread:%x;",
			 reason == GDB_HALTED && !first ? 2 : 5, cpu + 1);
	/* The halt at the beginning is what "?" asks for. */
	if (!first)
		answer(s, s->stopped);
}
