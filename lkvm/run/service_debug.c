/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking into a running guest, for the control socket.
 *
 * Thread: the warden's, on the loop of the control socket. vCPUs are held while they are looked at;
 *         a timer looks whether they have left the guest, for a second at most.
 * Trust:  requests of the user's own processes. Registers and stacks are the guest's: what is
 *         followed is bounded.
 */
#include "lkvm/run/service_debug.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/board.h"
#include "lkvm/gdb/view.h"
#include "lkvm/kvm/vcpu.h"
#include "lkvm/run/service.h"
#include "lkvm/vm/loop.h"

#define LOOK_NS 1000000u
#define PATIENCE_NS 1000000000u
#define MAX_FRAMES 64u
#define NR_CODE 8u
#define X_PER_RECORD 8u
#define FP 29

typedef unsigned long long ull;

struct service_debug {
	const struct service_env *env;
	struct loop_timer *timer;
	const bool *paused;	     /* the user wants the guest to be so, look or not */
	struct control_client *asks; /* NULL: nobody does */
	u64 until_ns;
};

static void record_code(const struct service_debug *d, unsigned cpu, const struct view_map *m,
			u64 pc)
{
	u32 code[NR_CODE];
	u64 n = view_read(d->env->mem, m, pc, code, sizeof(code)) / sizeof(code[0]);

	if (n == NR_CODE)
		control_record(d->asks, "code\t%u\t%08x\t%08x\t%08x\t%08x\t%08x\t%08x\t%08x\t%08x",
			       cpu, le32toh(code[0]), le32toh(code[1]), le32toh(code[2]),
			       le32toh(code[3]), le32toh(code[4]), le32toh(code[5]),
			       le32toh(code[6]), le32toh(code[7]));
}

static void record_frames(const struct service_debug *d, unsigned cpu, const struct view_map *m,
			  const struct view_regs *r)
{
	u64 fp = r->x[FP], pc;

	for (unsigned i = 0; i < MAX_FRAMES && view_caller(d->env->mem, m, &fp, &pc); i++)
		control_record(d->asks, "frame\t%u\t0x%llx", cpu, (ull)pc);
}

static void record_vcpu(const struct service_debug *d, unsigned cpu)
{
	int fd = vcpu_fd(d->env->vcpus[cpu]);
	struct view_regs r;
	struct view_map m;

	if (view_regs_get(fd, &r) || view_map_get(fd, &m))
		return;
	control_record(d->asks, "vcpu\t%u\t0x%llx\t0x%llx\t0x%llx\t0x%llx", cpu, (ull)r.pc,
		       (ull)r.sp, (ull)r.pstate, (ull)m.vbar);
	for (unsigned i = 0; i < VIEW_NR_X; i++)
		control_record(d->asks, "x\t%u\t%u\t0x%llx", cpu, i, (ull)r.x[i]);
	record_code(d, cpu, &m, r.pc);
	record_frames(d, cpu, &m, &r);
}

static bool all_stand(const struct service_debug *d)
{
	for (unsigned i = 0; i < d->env->nr_vcpus; i++) {
		if (vcpu_place(d->env->vcpus[i]) == VCPU_IN_KVM_RUN)
			return false;
	}
	return true;
}

static void go_on(struct service_debug *d)
{
	d->asks = NULL;
	if (!*d->paused)
		d->env->pause(d->env->arg, false);
}

static void look(void *arg)
{
	struct service_debug *d = arg;
	bool stand = all_stand(d);

	if (!d->asks)
		return;
	if (!stand && loop_now_ns() < d->until_ns) {
		loop_timer_arm(d->timer, LOOK_NS);
		return;
	}
	if (stand) {
		for (unsigned i = 0; i < d->env->nr_vcpus; i++)
			record_vcpu(d, i);
		control_end(d->asks);
	} else {
		control_refuse(d->asks, "its CPUs do not come out of KVM");
	}
	go_on(d);
}

static void dump(struct service_debug *d, struct control_client *c)
{
	if (!d->env->registers) {
		control_refuse(c,
			       "what is in the registers of a Realm or a protected VM is not the "
			       "host's to see");
		return;
	}
	if (d->asks) {
		control_refuse(c, "somebody else is looking into it");
		return;
	}
	d->asks = c;
	d->env->pause(d->env->arg, true);
	d->until_ns = loop_now_ns() + PATIENCE_NS;
	loop_timer_arm(d->timer, LOOK_NS);
}

static void sysrq(struct service_debug *d, struct control_client *c, const char *key)
{
	if (strlen(key) != 1)
		control_refuse(c, "sysrq is one character, 'h' tells which there are");
	else if (board_sysrq(d->env->board, *key))
		control_refuse(c, "its serial port has no room, try again");
	else
		control_end(c);
}

void service_debug(struct service_debug *d, struct control_client *c,
		   const struct control_request *r)
{
	if (r->nr == 2 && !strcmp(r->words[1], "dump"))
		dump(d, c);
	else if (r->nr == 3 && !strcmp(r->words[1], "sysrq"))
		sysrq(d, c, r->words[2]);
	else
		control_refuse(c, "the lkvm that runs it does not know this request");
}

bool service_debug_looks(const struct service_debug *d)
{
	return d->asks;
}

void service_debug_gone(struct service_debug *d, const struct control_client *c)
{
	if (d->asks == c)
		go_on(d);
}

int service_debug_create(struct service_debug **out, const struct service_env *env,
			 const bool *paused, struct loop *loop)
{
	struct service_debug *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->env = env;
	d->paused = paused;
	err = loop_timer_add(loop, look, d, &d->timer);
	if (err) {
		free(d);
		return err;
	}
	*out = d;
	return 0;
}

void service_debug_destroy(struct service_debug *d)
{
	if (!d)
		return;
	if (d->asks) {
		control_refuse(d->asks, "the guest ends");
		go_on(d);
	}
	loop_timer_del(d->timer);
	free(d);
}
