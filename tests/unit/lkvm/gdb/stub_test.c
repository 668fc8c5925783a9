/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What GDB asks and is answered, packet by packet, against a guest of two vCPUs and a page. */
#include "lkvm/gdb/stub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/suite.h"

#define VA UINT64_C(0xffff800080000000)

static struct gdb_stub stub;
static struct {
	struct view_regs regs[2];
	u8 page[4096];
	unsigned nr_halts, nr_runs, nr_detached, nr_killed;
	int stepped; /* the vCPU, or -1 */
	struct {
		unsigned cpu;
		enum gdb_point kind;
		u64 va, len;
		bool set;
	} point;
	int point_err;
	char sent[8192];
} guest;

static int regs_get(void *arg, unsigned cpu, struct view_regs *r)
{
	*r = guest.regs[cpu];
	return 0;
}

static int regs_set(void *arg, unsigned cpu, const struct view_regs *r)
{
	guest.regs[cpu] = *r;
	return 0;
}

static u64 in_page(u64 va, u64 len)
{
	return va - VA < sizeof(guest.page) ? MIN(len, VA + sizeof(guest.page) - va) : 0;
}

static u64 read_memory(void *arg, unsigned cpu, u64 va, void *buf, u64 len)
{
	len = in_page(va, len);
	memcpy(buf, guest.page + (len ? va - VA : 0), len);
	return len;
}

static u64 write_memory(void *arg, unsigned cpu, u64 va, const void *buf, u64 len)
{
	len = in_page(va, len);
	memcpy(guest.page + (len ? va - VA : 0), buf, len);
	return len;
}

static int point(void *arg, unsigned cpu, enum gdb_point kind, u64 va, u64 len, bool set)
{
	guest.point.cpu = cpu;
	guest.point.kind = kind;
	guest.point.va = va;
	guest.point.len = len;
	guest.point.set = set;
	return guest.point_err;
}

static void run(void *arg)
{
	guest.nr_runs++;
}

static void step(void *arg, unsigned cpu)
{
	guest.stepped = (int)cpu;
}

static void halt(void *arg)
{
	guest.nr_halts++;
}

static void detach(void *arg)
{
	guest.nr_detached++;
}

static void kill_guest(void *arg)
{
	guest.nr_killed++;
}

static void send_bytes(void *arg, const char *bytes, unsigned len)
{
	strncat(guest.sent, bytes, len);
}

static const struct gdb_target target = {
	.nr_cpus = 2,
	.regs_get = regs_get,
	.regs_set = regs_set,
	.read = read_memory,
	.write = write_memory,
	.point = point,
	.run = run,
	.step = step,
	.halt = halt,
	.detach = detach,
	.kill = kill_guest,
	.send = send_bytes,
};

static void setup(void)
{
	memset(&guest, 0, sizeof(guest));
	guest.stepped = -1;
	gdb_begin(&stub, &target);
	ck_assert_uint_eq(guest.nr_halts, 1);
	gdb_stopped(&stub, 0, GDB_HALTED, 0);
	ck_assert_str_eq(guest.sent, "");
}

static void raw(const char *bytes)
{
	gdb_bytes(&stub, (const u8 *)bytes, strlen(bytes));
}

/* The data of the answer to a packet, which was acknowledged. */
static const char *ask_bytes(const char *packet, u64 len)
{
	static char data[8192];
	char end[8];
	u8 sum = 0;

	for (u64 i = 0; i < len; i++)
		sum = (u8)(sum + (u8)packet[i]);
	guest.sent[0] = 0;
	raw("$");
	gdb_bytes(&stub, (const u8 *)packet, len);
	snprintf(end, sizeof(end), "#%02x", sum);
	raw(end);
	if (!strcmp(guest.sent, "+"))
		return NULL;
	ck_assert(!strncmp(guest.sent, "+$", 2));
	memcpy(data, guest.sent + 2, strlen(guest.sent + 2) + 1);
	ck_assert_ptr_nonnull(strrchr(data, '#'));
	*strrchr(data, '#') = 0;
	raw("+");
	return data;
}

static const char *ask(const char *packet)
{
	return ask_bytes(packet, strlen(packet));
}

START_TEST(the_beginning)
{
	setup();
	ck_assert_ptr_nonnull(strstr(ask("qSupported:multiprocess+"), "PacketSize=1000;"));
	ck_assert_str_eq(ask("?"), "T05thread:1;");
	ck_assert_str_eq(ask("qAttached"), "1");
	ck_assert_str_eq(ask("vMustReplyEmpty"), "");
	ck_assert_str_eq(ask("!"), "");
	ck_assert_str_eq(ask("qfThreadInfo"), "m1,2");
	ck_assert_str_eq(ask("qsThreadInfo"), "l");
	ck_assert_str_eq(ask("qC"), "QC1");
	ck_assert_str_eq(ask("T2"), "OK");
	ck_assert_str_eq(ask("T3"), "E03");
	ck_assert_str_eq(ask("qThreadExtraInfo,2"), "764350552031");
}
END_TEST

START_TEST(the_description_comes_in_pieces)
{
	char packet[64], whole[8192] = "";
	const char *piece;

	setup();
	do {
		snprintf(packet, sizeof(packet), "qXfer:features:read:target.xml:%zx,200",
			 strlen(whole));
		piece = ask(packet);
		ck_assert(*piece == 'm' || *piece == 'l');
		strcat(whole, piece + 1);
	} while (*piece == 'm');
	ck_assert_ptr_nonnull(strstr(whole, "<reg name=\"x30\" bitsize=\"64\"/><reg name=\"sp\""));
	ck_assert_str_eq(whole + strlen(whole) - 9, "</target>");
	ck_assert_str_eq(ask("qXfer:features:read:target.xml:fffff,200"), "l");
	ck_assert_str_eq(ask("qXfer:features:read:target.xml:"), "E16");
}
END_TEST

START_TEST(registers)
{
	char all[1024];

	setup();
	guest.regs[0].x[0] = 0x1122334455667788;
	guest.regs[0].sp = 1;
	guest.regs[0].pc = VA;
	guest.regs[0].pstate = 0x3c5;
	guest.regs[0].vbar = 0xffff008000000800;
	guest.regs[1].x[30] = 7;
	snprintf(all, sizeof(all), "%s", ask("g"));
	ck_assert_uint_eq(strlen(all), 34 * 16 + 8);
	ck_assert(!strncmp(all, "8877665544332211", 16));
	ck_assert_str_eq(all + 31 * 16, "0100000000000000"
					"0000008000"
					"80ffff"
					"c5030000"
					"000800008000ffff");
	ck_assert_str_eq(ask("p21"), "c5030000");
	ck_assert_str_eq(ask("p22"), "000800008000ffff");
	ck_assert_str_eq(ask("p23"), "E16");
	ck_assert_str_eq(ask("p"), "E16");
	ck_assert_str_eq(ask("P1f=0807060504030201"), "OK");
	ck_assert_uint_eq(guest.regs[0].sp, 0x0102030405060708);
	ck_assert_str_eq(ask("P1f=08"), "E16");
	/* The other vCPU's. */
	ck_assert_str_eq(ask("Hg2"), "OK");
	ck_assert_str_eq(ask("p1e"), "0700000000000000");
	ck_assert_str_eq(ask("Hg3"), "E16");
	memmove(all + 1, all, strlen(all) + 1);
	all[0] = 'G';
	ck_assert_str_eq(ask(all), "OK");
	ck_assert_uint_eq(guest.regs[1].x[0], 0x1122334455667788);
	ck_assert_uint_eq(guest.regs[1].pstate, 0x3c5);
	all[40] = 0;
	ck_assert_str_eq(ask(all), "E16");
}
END_TEST

START_TEST(memory)
{
	static const char binary[] = "Xffff800080000010,4:a}\x03}\x5d}\x0a";

	setup();
	ck_assert_str_eq(ask("Mffff800080000000,3:010203"), "OK");
	ck_assert_str_eq(ask("mffff800080000000,4"), "01020300");
	ck_assert_str_eq(ask_bytes(binary, sizeof(binary) - 1), "OK");
	ck_assert_int_eq(memcmp(guest.page + 0x10, "a#}*", 4), 0);
	/* What is there of it; nothing of it is. */
	ck_assert_str_eq(ask("mffff800080000ffe,8"), "0000");
	ck_assert_str_eq(ask("m0,8"), "E0e");
	ck_assert_str_eq(ask("M0,1:00"), "E0e");
	ck_assert_str_eq(ask("Mffff800080000000,3:0102"), "E16");
	ck_assert_str_eq(ask("m"), "E16");
	ck_assert_str_eq(ask("mffff800080000000"), "E16");
	ck_assert_str_eq(ask("mffff80008000000000,1"), "E16");
	ck_assert_uint_eq(strlen(ask("mffff800080000000,fffff")), 2 * 1024);
}
END_TEST

START_TEST(points)
{
	setup();
	ck_assert_str_eq(ask("Z0,ffff800080000004,4"), "OK");
	ck_assert(guest.point.set && guest.point.kind == GDB_SW_BREAK && guest.point.va == VA + 4 &&
		  guest.point.len == 4);
	ck_assert_str_eq(ask("z4,10,8"), "OK");
	ck_assert(!guest.point.set && guest.point.kind == GDB_WATCH_ACCESS);
	guest.point_err = -ENOSPC;
	ck_assert_str_eq(ask("Z1,0,4"), "E1c");
	ck_assert_str_eq(ask("Z5,0,4"), "");
	ck_assert_str_eq(ask("Z0"), "E16");
}
END_TEST

START_TEST(running_and_stopping)
{
	setup();
	ck_assert_str_eq(ask("vCont?"), "vCont;c;C;s;S");
	ck_assert_ptr_null(ask("vCont;c"));
	ck_assert_uint_eq(guest.nr_runs, 1);
	/* It runs: nothing is answered, until Ctrl-C. */
	ck_assert_ptr_null(ask("g"));
	raw("\x03");
	ck_assert_uint_eq(guest.nr_halts, 2);
	guest.sent[0] = 0;
	gdb_stopped(&stub, 1, GDB_HALTED, 0);
	ck_assert(!strncmp(guest.sent, "$T02thread:2;#", 14));
	raw("+");
	raw("\x03");
	ck_assert_uint_eq(guest.nr_halts, 2);
	ck_assert_ptr_null(ask("vCont;s:2;c"));
	ck_assert_int_eq(guest.stepped, 1);
	guest.sent[0] = 0;
	gdb_stopped(&stub, 1, GDB_TRAPPED, 0);
	ck_assert(!strncmp(guest.sent, "$T05thread:2;#", 14));
	ck_assert_ptr_null(ask("c"));
	guest.sent[0] = 0;
	gdb_stopped(&stub, 0, GDB_WATCHED, VA);
	ck_assert(!strncmp(guest.sent, "$T05thread:1;watch:ffff800080000000;#", 37));
	/* The other one has met something in the same moment. */
	guest.sent[0] = 0;
	gdb_stopped(&stub, 1, GDB_TRAPPED, 0);
	ck_assert_str_eq(guest.sent, "");
	ck_assert_ptr_null(ask("s"));
	ck_assert_int_eq(guest.stepped, 0);
	gdb_stopped(&stub, 0, GDB_TRAPPED, 0);
	ck_assert_str_eq(ask("vCont"), "E16");
	ck_assert_str_eq(ask("vCont;c:9"), "E16");
	ck_assert_str_eq(ask("D"), "OK");
	ck_assert_uint_eq(guest.nr_detached, 1);
}
END_TEST

/* Why it has stopped, to a GDB that has said what it understands. */
START_TEST(reasons)
{
	static const struct {
		const char *offers, *answer[2];
	} cases[] = {
		{ "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+",
		  { "$T05thread:1;swbreak:;#", "$T05thread:2;hwbreak:;#" } },
		{ "qSupported:swbreak+", { "$T05thread:1;swbreak:;#", "$T05thread:2;#" } },
		{ "qSupported:swbreak-;hwbreak+", { "$T05thread:1;#", "$T05thread:2;hwbreak:;#" } },
		{ "qSupported", { "$T05thread:1;#", "$T05thread:2;#" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *said;

		setup();
		said = ask(cases[i].offers);
		ck_assert_int_eq(!!strstr(said, ";swbreak+"),
				 !!strstr(cases[i].offers, "swbreak+"));
		ck_assert_int_eq(!!strstr(said, ";hwbreak+"),
				 !!strstr(cases[i].offers, "hwbreak+"));
		for (unsigned k = 0; k < 2; k++) {
			ck_assert_ptr_null(ask("c"));
			guest.sent[0] = 0;
			gdb_stopped(&stub, k, k ? GDB_MET_HW : GDB_MET_SW, 0);
			ck_assert(!strncmp(guest.sent, cases[i].answer[k],
					   strlen(cases[i].answer[k])));
			raw("+");
		}
	}
}
END_TEST

START_TEST(the_end_of_the_guest)
{
	setup();
	ck_assert_ptr_null(ask("k"));
	ck_assert_ptr_null(ask("vKill;1"));
	ck_assert_uint_eq(guest.nr_killed, 2);
}
END_TEST

START_TEST(sums_and_resends)
{
	setup();
	guest.sent[0] = 0;
	raw("$?#00");
	ck_assert_str_eq(guest.sent, "-");
	raw("$?#3");
	raw("x");
	ck_assert_str_eq(guest.sent, "--");
	/* A packet that is begun anew, and one that comes in pieces. */
	guest.sent[0] = 0;
	raw("$gg");
	raw("$?#3f");
	ck_assert_str_eq(guest.sent, "+$T05thread:1;#d7");
	guest.sent[0] = 0;
	raw("-");
	ck_assert_str_eq(guest.sent, "$T05thread:1;#d7");
	ck_assert_str_eq(ask("QStartNoAckMode"), "OK");
	guest.sent[0] = 0;
	raw("$?#3f");
	ck_assert_str_eq(guest.sent, "$T05thread:1;#d7");
}
END_TEST

START_TEST(a_packet_that_is_too_long)
{
	setup();
	guest.sent[0] = 0;
	raw("$");
	for (unsigned i = 0; i < PACKET_MAX + 10; i++)
		raw("0");
	raw("#e0");
	ck_assert_str_eq(guest.sent, "-");
	ck_assert_str_eq(ask("qC"), "QC1");
}
END_TEST

SUITE_MAIN("lkvm/gdb/stub", the_beginning, the_description_comes_in_pieces, registers, memory,
	   points, running_and_stopping, reasons, the_end_of_the_guest, sums_and_resends,
	   a_packet_that_is_too_long)
