/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The questions about a guest that runs: how KVM_RUN begins and ends, and what happens to pages. */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/fake/asks_rig.h"

static const struct fake_op ends[] = { { GUEST_END, 0, 0, NULL } };

/* ---- the first KVM_RUN, and the last ---- */

static void wake(int sig)
{
}

/* Of a KVM_RUN that may have nothing to return. */
static void run_for_a_moment(const char *question, unsigned vcpu)
{
	const struct itimerval moment = { .it_interval.tv_usec = 200000,
					  .it_value.tv_usec = 200000 };
	const struct itimerval none = { .it_value.tv_usec = 0 };
	const struct sigaction sa = { .sa_handler = wake };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &moment, NULL);
	run(question, vcpu);
	setitimer(ITIMER_REAL, &none, NULL);
}

static void ask_first_run(void)
{
	up(ends, NO_GIC);
	run("first run: no GIC", 0);
	make_gic(RAW_GIC);
	run("first run: a GIC that is not initialised", 0);
	answer("first run: initialise it",
	       attr_set(m.gic, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL));
	run("first run: then", 0);
	down();
	if (asks_host->posting < 12)
		return;
	up(ends, BARE | NO_PSCI);
	run("first run: no PSCI", 0);
	run("first run: no PSCI, again", 0);
	left("load: the Realm could not be made", pages(0, 1));
	down();
	up(ends, BARE | WITH_SVE);
	run("first run: SVE is not final", 0);
	down();
}

static void ask_the_end(void)
{
	struct kvm_vcpu_events none = { 0 }, abort = { .exception.ext_dabt_pending = 1 };
	u64 pc;

	up(ends, 0);
	m.run[1]->immediate_exit = 1;
	run("a vCPU that is off, at once", 1);
	m.run[1]->immediate_exit = 0;
	answer("events: none", kvm_ioctl(m.vcpu[0], KVM_SET_VCPU_EVENTS, &none));
	answer("events: an abort for nothing", kvm_ioctl(m.vcpu[0], KVM_SET_VCPU_EVENTS, &abort));
	run("the guest powers off", 0);
	run_for_a_moment("the other vCPU then", 1);
	run_for_a_moment("the same vCPU then", 0);
	answer("get PC then", get_reg(KVM_REG_PC, &pc));
	answer("set PC then", set_reg(KVM_REG_PC, RAM));
	if (asks_host->posting >= 12)
		left("load: once it runs", pages(4, 1));
	down();
}

/* ---- pages that change sides ---- */

#define AT(page) (RAM + (page)*PAGE)

static const struct fake_op gives[] = { { GUEST_EMPTY, AT(4), 2 * PAGE, NULL },
					{ GUEST_END, 0, 0, NULL } };
static const struct fake_op takes[] = { { GUEST_EMPTY, AT(4), 2 * PAGE, NULL },
					{ GUEST_RAM, AT(4), 2 * PAGE, NULL },
					{ GUEST_WRITE_PRIVATE, AT(4), PAGE, NULL },
					{ GUEST_END, 0, 0, NULL } };
static const struct fake_op over_the_end[] = {
	{ GUEST_EMPTY, AT(PAGES - 1), 2 * PAGE, NULL },
	{ GUEST_RAM, AT(PAGES - 1), 2 * PAGE, NULL },
	{ GUEST_END, 0, 0, NULL },
};

static void ask_changes(void)
{
	up(gives, 0);
	run("empty: the exit", 0);
	run("empty: if nothing is done", 0);
	down();
	up(gives, 0);
	run("empty: the exit", 0);
	answer("empty: free", free_pages(4, 2));
	answer("empty: share", set_private(4, 2, false));
	run("empty: then", 0);
	down();
	up(takes, 0);
	run("taken back: empty", 0);
	free_pages(4, 2);
	set_private(4, 2, false);
	run("taken back: RAM", 0);
	answer("taken back: private", set_private(4, 2, true));
	run("taken back: then", 0);
	down();
	up(over_the_end, 0);
	run("over the end: empty", 0);
	set_private(PAGES - 1, 1, false);
	run("over the end: RAM", 0);
	set_private(PAGES - 1, 1, true);
	run("over the end: then", 0);
	down();
}

/* ---- the VMM's memory behind shared pages ---- */

static const struct fake_op reads[] = { { GUEST_EMPTY, AT(4), PAGE, NULL },
					{ GUEST_ZERO_SHARED, AT(4), PAGE, NULL },
					{ GUEST_END, 0, 0, NULL } };
static const struct fake_op writes[] = { { GUEST_EMPTY, AT(4), PAGE, NULL },
					 { GUEST_WRITE_SHARED, AT(4), PAGE, NULL },
					 { GUEST_END, 0, 0, NULL } };
static const struct fake_op alias[] = { { GUEST_WRITE_ALIAS, AT(4), PAGE, NULL },
					{ GUEST_END, 0, 0, NULL } };

enum before { NOTHING, READ, WRITTEN };

static void shared_page(const char *question, const struct fake_op *ops, unsigned how,
			enum before before)
{
	volatile u8 *p;

	up(ops, how);
	p = m.hva + 4 * PAGE;
	if (before == READ)
		(void)*p;
	if (before == WRITTEN)
		*p = 0;
	kvm_ioctl_val(m.vcpu[0], KVM_RUN, 0);
	free_pages(4, 1);
	set_private(4, 1, false);
	run(question, 0);
	down();
}

static void ask_shared_pages(void)
{
	shared_page("memfd: read", reads, 0, NOTHING);
	shared_page("memfd: write", writes, 0, NOTHING);
	shared_page("private memory: read", reads, ANONYMOUS, NOTHING);
	shared_page("private memory: read, the VMM has read it", reads, ANONYMOUS, READ);
	shared_page("private memory: read, the VMM has written it", reads, ANONYMOUS, WRITTEN);
	shared_page("private memory: write", writes, ANONYMOUS, NOTHING);
	shared_page("huge page: read", reads, ANONYMOUS | HUGE, WRITTEN);
	shared_page("huge page: write", writes, ANONYMOUS | HUGE, WRITTEN);
	up(alias, 0);
	run("the shared address of a private page", 0);
	run_for_a_moment("the shared address of a private page, again", 0);
	say("the shared address of a private page: the VMM sees %#x", m.hva[4 * PAGE]);
	down();
}

/* ---- devices ---- */

static const struct fake_op loads[] = { { GUEST_LOAD, 0x20000000, 4, NULL },
					{ GUEST_END, 0, 0, NULL } };

static void ask_devices(void)
{
	struct kvm_vcpu_events serror = { .exception.serror_pending = 1 };
	struct kvm_vcpu_events abort = { .exception.ext_dabt_pending = 1 };

	up(loads, 0);
	run("device: the access", 0);
	answer("device: an SError", kvm_ioctl(m.vcpu[0], KVM_SET_VCPU_EVENTS, &serror));
	answer("device: an abort, before it is completed",
	       kvm_ioctl(m.vcpu[0], KVM_SET_VCPU_EVENTS, &abort));
	m.run[0]->immediate_exit = 1;
	run("device: completed", 0);
	m.run[0]->immediate_exit = 0;
	answer("device: an abort, once it is completed",
	       kvm_ioctl(m.vcpu[0], KVM_SET_VCPU_EVENTS, &abort));
	down();
}

void asks_of_a_guest(void)
{
	ask_first_run();
	ask_the_end();
	ask_changes();
	ask_shared_pages();
	ask_devices();
}
