/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all answers to GDB are made of, and the threads that its packets name.
 *
 * Thread: the caller's.
 * Trust:  packets are whoever's who has connected.
 * Spec:   GDB manual, appendix E.1 and E.2
 */
#include "lkvm/gdb/answer.h"

#include <stdio.h>
#include <string.h>

void gdb_send(struct gdb_stub *s)
{
	packet_end(&s->out);
	s->t->send(s->t->arg, s->out.buf, s->out.len);
}

void gdb_answer(struct gdb_stub *s, const char *text)
{
	packet_begin(&s->out);
	packet_text(&s->out, text);
	gdb_send(s);
}

void gdb_answer_error(struct gdb_stub *s, int err)
{
	char text[8];

	snprintf(text, sizeof(text), "E%02x", (unsigned)-err & 0xff);
	gdb_answer(s, text);
}

void gdb_answer_done(struct gdb_stub *s, int err)
{
	if (err)
		gdb_answer_error(s, err);
	else
		gdb_answer(s, "OK");
}

bool gdb_thread(const struct gdb_stub *s, const char **p, unsigned *cpu)
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

bool gdb_starts(const char *s, const char *with, const char **rest)
{
	size_t len = strlen(with);

	*rest = s + len;
	return !strncmp(s, with, len);
}
