/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine that runs: its threads start, the sandbox closes around them, the guest is paused and
 * goes on, all of it ends.
 *
 * Thread: main; pauses on the warden's.
 * Trust:  the guest runs meanwhile; nothing of it is looked at here.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "arm64/board.h"
#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/run/confine.h"
#include "lkvm/run/hint.h"
#include "lkvm/run/machine_priv.h"
#include "lkvm/run/warden.h"
#include "lkvm/vm/loop.h"
#include "lkvm/watch/watch.h"
#include "realm/measure/draft.h"
#include "realm/realm.h"

static void kick_vcpus(struct machine *m)
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_kick(m->vcpus[i]);
}

static void pause_vcpus(void *arg, bool on)
{
	struct machine *m = arg;

	vcpu_gate_set(&m->gate, on);
	if (on)
		kick_vcpus(m);
}

int machine_serve(struct machine *m)
{
	const struct boot_info *b = &m->launch.boot;
	const struct service_env env = {
		.name = m->c->name,
		.backend = m->realm_ops->confidential ? m->realm_ops->name
			   : m->c->bounce	      ? "ordinary VM, bounced"
						      : "ordinary VM",
		.confidential = m->devices_env.bounced,
		.devices = m->devices,
		.mem = m->launch.mem,
		.bus = m->bus,
		.layout = &m->launch.layout,
		.board = m->board,
		.vcpus = m->vcpus,
		.nr_vcpus = m->nr_vcpus,
		.registers = !m->realm_ops->confidential || m->c->realm == REALM_SIM,
		.has_pvtime = m->pvtime,
		.loaded = { { m->c->firmware ? "firmware" : "kernel", b->image.base.a,
			      b->image.len },
			    { "initrd", b->initrd.base.a, b->initrd.len },
			    { "device tree", b->dtb.base.a, b->dtb.len } },
		.pause = pause_vcpus,
		.arg = m,
	};

	return warden_serve(m->warden, &env);
}

static void tell_watch(struct machine *m)
{
	char hint[HINT_SIZE], rim[HEX_SIZE(RSI_HASH_MAX)];
	const struct watch_start about = {
		.built_ns = loop_now_ns() - m->began_ns,
		.hint = hint_silent(hint, m->c, realm_device_alias(m->realm)),
		.realm = m->realm_ops->realm,
		.rim = launch_rim(&m->launch, rim, sizeof(rim)),
	};

	if (m->watch)
		watch_started(m->watch, &about);
}

/* ---- the measurement ---- */

static void on_spare(void *arg)
{
	struct machine *m = arg;

	if (draft_work(m->launch.draft))
		loop_timer_arm(m->spare, 0);
}

/* On its loop. If the priority is refused it is only sooner. */
static void begin_spare(void *arg)
{
	const struct sched_param none = { 0 };
	struct machine *m = arg;

	pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
	loop_timer_arm(m->spare, 0);
}

/*
 * Who asks for the measurement does what is left of it. Until then it is the business of a thread
 * that has a CPU when nobody else wants it, so that the copy goes away.
 */
static int start_spare(struct machine *m)
{
	int err;

	if (!m->launch.draft || m->launch.has_predicted)
		return 0;
	err = loop_create(&m->spare_loop, "lkvm-rim");
	if (!err)
		err = loop_timer_add(m->spare_loop, on_spare, m, &m->spare);
	if (!err)
		err = loop_start(m->spare_loop);
	if (!err)
		loop_call(m->spare_loop, begin_spare, m);
	return err;
}

static void end_spare(struct machine *m)
{
	if (!m->spare_loop)
		return;
	loop_stop(m->spare_loop);
	loop_destroy(m->spare_loop);
	m->spare_loop = NULL;
}

/* ---- start and end ---- */

/* All threads are there; then none may do more than the guest needs. No vCPU has run yet. */
static int start(struct machine *m)
{
	const struct confine_env env = { m->c,	    m->realm_ops, m->devices, m->assign,
					 m->warden, m->watch,	  m->io_loop };
	int err = confine_threads(&env);

	if (err)
		return err;
	err = loop_start(m->io_loop);
	if (!err)
		err = start_spare(m);
	for (unsigned i = 0; i < m->nr_vcpus && !err; i++)
		err = vcpu_start(m->vcpus[i]);
	if (err)
		return log_errno(err, "cannot start a thread");
	vcpu_gate_await(&m->gate, m->nr_vcpus);
	return confine_calls(&env);
}

enum stop_reason machine_run(struct machine *m)
{
	m->ending.vcpus = m->vcpus;
	m->ending.nr_vcpus = m->nr_vcpus;
	m->ending.io_loop = m->io_loop;
	m->ending.devices = m->devices;
	ending_at(&m->ending, ENDING_VCPUS);
	vcpu_gate_set(&m->gate, true);
	if (start(m))
		stop_request(m->stop, STOP_ERROR);
	tell_watch(m);
	vcpu_gate_set(&m->gate, false);
	warden_runs(m->warden);
	while (stop_why(m->stop) == STOP_NONE)
		stop_wait(m->stop, -1);
	warden_ends(m->warden);
	vcpu_gate_set(&m->gate, false);
	kick_vcpus(m);
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_join(m->vcpus[i]);
	board_settle(m->board);
	end_spare(m);
	ending_at(&m->ending, ENDING_DEVICES);
	assign_reset(m->assign);
	devices_reset(m->devices);
	ending_at(&m->ending, ENDING_IO);
	loop_stop(m->io_loop);
	return stop_why(m->stop);
}
