/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes through the connection of a debugger: whatever it is, answers are packets, and the
 * guest is only asked for what it has.
 *
 * Thread: one.
 * Trust:  the input is the stream of bytes; each byte 0xfe stops the guest, if it runs.
 */
#include <string.h>

#include "lkvm/gdb/stub.h"
#include "tests/fuzz/input.h"

#define NR_CPUS 3u

static int regs_get(void *arg, unsigned cpu, struct view_regs *r)
{
	check(cpu < NR_CPUS);
	memset(r, (int)cpu, sizeof(*r));
	return 0;
}

static int regs_set(void *arg, unsigned cpu, const struct view_regs *r)
{
	check(cpu < NR_CPUS);
	return 0;
}

static u64 read_memory(void *arg, unsigned cpu, u64 va, void *buf, u64 len)
{
	check(cpu < NR_CPUS);
	memset(buf, 0x5a, len);
	return va % 3 ? len : len / 2;
}

static u64 write_memory(void *arg, unsigned cpu, u64 va, const void *buf, u64 len)
{
	u8 sum = 0;

	check(cpu < NR_CPUS);
	for (u64 i = 0; i < len; i++)
		sum = (u8)(sum + ((const u8 *)buf)[i]);
	return sum == 1 ? 0 : len;
}

static int point(void *arg, unsigned cpu, enum gdb_point kind, u64 va, u64 len, bool set)
{
	check(cpu < NR_CPUS && kind <= GDB_WATCH_ACCESS);
	return 0;
}

static void nothing(void *arg)
{
}

static void step(void *arg, unsigned cpu)
{
	check(cpu < NR_CPUS);
}

static void send_bytes(void *arg, const char *bytes, unsigned len)
{
	check(len == 1 || (len >= 4 && bytes[0] == '$' && bytes[len - 3] == '#'));
}

static const struct gdb_target target = {
	.nr_cpus = NR_CPUS,
	.regs_get = regs_get,
	.regs_set = regs_set,
	.read = read_memory,
	.write = write_memory,
	.point = point,
	.run = nothing,
	.step = step,
	.halt = nothing,
	.detach = nothing,
	.kill = nothing,
	.send = send_bytes,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct gdb_stub stub;

	gdb_begin(&stub, &target);
	gdb_stopped(&stub, 0, GDB_HALTED, 0);
	for (size_t i = 0; i < len; i++) {
		if (data[i] == 0xfe && stub.running)
			gdb_stopped(&stub, (unsigned)(i % NR_CPUS), GDB_TRAPPED, i);
		else
			gdb_bytes(&stub, &data[i], 1);
	}
	return 0;
}
