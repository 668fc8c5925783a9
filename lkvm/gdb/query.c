/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What GDB asks about the stub and its threads: packets q and Q.
 *
 * Thread: the caller's.
 * Trust:  packets are whoever's who has connected.
 * Spec:   GDB manual, appendix E.4
 */
#include "lkvm/gdb/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/gdb/answer.h"
#include "lkvm/gdb/target_xml.h"

#define PIECE 1024u /* of the description, in one answer */

static void list_threads(struct gdb_stub *s)
{
	char text[8];

	packet_begin(&s->out);
	for (unsigned i = 1; i <= s->t->nr_cpus; i++) {
		snprintf(text, sizeof(text), "%c%x", i == 1 ? 'm' : ',', i);
		packet_text(&s->out, text);
	}
	gdb_send(s);
}

static void describe_thread(struct gdb_stub *s, const char *p)
{
	char text[24];
	unsigned cpu;

	if (!gdb_thread(s, &p, &cpu)) {
		gdb_answer_error(s, -ESRCH);
		return;
	}
	snprintf(text, sizeof(text), "vCPU %u", cpu);
	packet_begin(&s->out);
	packet_hex(&s->out, text, strlen(text));
	gdb_send(s);
}

static void features(struct gdb_stub *s, const char *p)
{
	char xml[PACKET_MAX];
	u64 off, len, all = gdb_target_xml(xml, sizeof(xml));

	if (!packet_range(&p, &off, &len)) {
		gdb_answer_error(s, -EINVAL);
		return;
	}
	off = MIN(off, all);
	len = MIN(len, all - off);
	len = MIN(len, (u64)PIECE);
	packet_begin(&s->out);
	packet_text(&s->out, off + len < all ? "m" : "l");
	packet_raw(&s->out, xml + off, len);
	gdb_send(s);
}

/* What GDB can be told is only said to one that names it: an older one takes it for an error. */
static void supported(struct gdb_stub *s, const char *p)
{
	s->says_swbreak = strstr(p, "swbreak+") != NULL;
	s->says_hwbreak = strstr(p, "hwbreak+") != NULL;
	packet_begin(&s->out);
	packet_text(&s->out,
		    "PacketSize=1000;qXfer:features:read+;vContSupported+;QStartNoAckMode+");
	if (s->says_swbreak)
		packet_text(&s->out, ";swbreak+");
	if (s->says_hwbreak)
		packet_text(&s->out, ";hwbreak+");
	gdb_send(s);
}

void gdb_query(struct gdb_stub *s, const char *p)
{
	const char *rest;
	char text[16];

	if (gdb_starts(p, "Supported", &rest)) {
		supported(s, rest);
	} else if (gdb_starts(p, "Xfer:features:read:target.xml:", &rest)) {
		features(s, rest);
	} else if (!strcmp(p, "fThreadInfo")) {
		list_threads(s);
	} else if (!strcmp(p, "sThreadInfo")) {
		gdb_answer(s, "l");
	} else if (gdb_starts(p, "ThreadExtraInfo,", &rest)) {
		describe_thread(s, rest);
	} else if (!strcmp(p, "C")) {
		snprintf(text, sizeof(text), "QC%x", s->cpu + 1);
		gdb_answer(s, text);
	} else if (gdb_starts(p, "Attached", &rest)) {
		gdb_answer(s, "1");
	} else {
		gdb_answer(s, "");
	}
}

void gdb_set(struct gdb_stub *s, const char *p)
{
	bool known = !strcmp(p, "StartNoAckMode");

	gdb_answer(s, known ? "OK" : "");
	s->no_acks = s->no_acks || known;
}
