/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switch over exit reasons: what a vCPU does when it has left the guest.
 *
 * Thread: each vCPU's own.
 * Trust:  what an exit carries is the guest's.
 * Spec:   [KVM api 5 kvm_run]
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/kvm/vcpu_priv.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/stop.h"
#include "realm/realm.h"

/* Registers, for the user who has to find out what the guest did. A Realm's are not ours to see. */
static void dump_registers(const struct vcpu *v)
{
	char line[160];
	u64 pc = 0, pstate = 0, x;
	int n = 0;

	if (realm_confidential(v->env->realm))
		return;
	kvm_reg_get64(v->fd, KVM_REG_PC, &pc);
	kvm_reg_get64(v->fd, KVM_REG_PSTATE, &pstate);
	log_error("vCPU %u: pc %016llx pstate %llx", v->index, (unsigned long long)pc,
		  (unsigned long long)pstate);
	for (unsigned i = 0; i < 31; i++) {
		if (kvm_reg_get64(v->fd, KVM_REG_X(i), &x))
			return;
		n += snprintf(line + n, sizeof(line) - (size_t)n, " x%u %llx", i,
			      (unsigned long long)x);
		if (i % 4 == 3 || i == 30) {
			log_error("%s", line);
			n = 0;
		}
	}
}

void vcpu_fatal(struct vcpu *v, const char *fmt, ...)
{
	char what[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	log_error("vCPU %u: %s; the guest cannot go on", v->index, what);
	dump_registers(v);
	stop_request(v->env->stop, STOP_ERROR);
}

/*
 * KVM takes what the exit has left behind, and does not enter the guest. A kick that comes in here
 * is not lost: its reason was there before, and the thread looks for one next.
 */
static void complete_access(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELEASE);
	kvm_ioctl_val(v->fd, KVM_RUN, 0);
	__atomic_exchange_n(&v->run->immediate_exit, 0, __ATOMIC_ACQ_REL);
}

/*
 * The architected answer to an access that nothing can respond to: a synchronous external abort
 * [Arm ARM D8.16]. A kernel too old to inject one leaves a read as zero.
 */
static void inject_abort(struct vcpu *v)
{
	int err;

	if (realm_abort_completed(v->env->realm))
		complete_access(v);
	err = kvm_inject_abort(v->fd);

	if (err)
		log_debug("vCPU %u: cannot inject an abort: %s", v->index, strerror(-err));
}

/*
 * A device at its protected address is what a guest touches that takes itself for an ordinary one.
 * Whatever it has to say about its abort goes to such a device, so nobody hears of it.
 */
static void tell_if_lost(const struct vcpu *v, gpa_t g, bool is_write)
{
	const char *name;

	if (!realm_is_lost(v->env->realm))
		return;
	name = bus_name(v->env->bus, g);
	log_warn("the guest %s %s%s%#llx%s at its protected address: it does not know that it is a "
		 "Realm, as it has not asked for the RMM. EDK2 looks at ID_AA64PFR0_EL1.RME "
		 "first, kvm-unit-tests at EL3, which are KVM's to answer (manual: THE SIMULATED "
		 "REALM)",
		 is_write ? "writes" : "reads", name ? name : "", name ? " (" : "",
		 (unsigned long long)g.a, name ? ")" : "");
}

static void exit_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	u64 raw = 0, alias = realm_device_alias(v->env->realm);
	unsigned len = run->mmio.len;
	bool is_write = run->mmio.is_write;
	gpa_t g = gpa(run->mmio.phys_addr & ~alias);
	enum bus_result res = BUS_UNMAPPED;

	if (len > sizeof(raw)) {
		vcpu_fatal(v, "access of %u bytes to %#llx", len, (unsigned long long)g.a);
		return;
	}
	/* All of the field, whose size the compiler knows: the bus looks at `len` bytes of it. */
	if (is_write)
		memcpy(&raw, run->mmio.data, sizeof(raw));
	/*
	 * A Realm's devices are in the shared half only [RMM 1.0 A5.2]. Where KVM knows Realms, it
	 * hides the bit and lets through what came with it.
	 */
	if ((run->mmio.phys_addr & alias) == alias)
		res = bus_access_near(v->env->bus, &v->near, g, len, is_write, &raw);
	else
		tell_if_lost(v, g, is_write);
	if (res != BUS_OK && v->env->log_mmio)
		guest_err("debug-mmio", "vCPU %u: %s of %u bytes at %#llx: %s", v->index,
			  is_write ? "write" : "read", len, (unsigned long long)g.a,
			  res == BUS_BAD ? "not an access this device knows" : "nothing is there");
	/* Where nothing is, an ordinary guest reads the zeros that `raw` has. */
	if (res == BUS_UNMAPPED && realm_holes_abort(v->env->realm))
		inject_abort(v);
	else if (!is_write)
		memcpy(run->mmio.data, &raw, sizeof(raw));
}

/* KVM says that it was SYSTEM_RESET2; of which type stands in the guest's X1 still. */
static void exit_reset(struct vcpu *v)
{
	const struct kvm_run *run = v->run;
	s64 type = STOP_RESET_PLAIN;
	u64 x1;

	if (run->system_event.ndata &&
	    run->system_event.data[0] & KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2)
		type = STOP_RESET_UNKNOWN;
	if (type == STOP_RESET_UNKNOWN && !realm_confidential(v->env->realm) &&
	    !kvm_reg_get64(v->fd, KVM_REG_X(1), &x1))
		type = (u32)x1;
	stop_request_reset(v->env->stop, type);
}

static void exit_system_event(struct vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		stop_request(v->env->stop, STOP_POWEROFF);
		return;
	case KVM_SYSTEM_EVENT_RESET:
		exit_reset(v);
		return;
	case KVM_SYSTEM_EVENT_CRASH:
		stop_request(v->env->stop, STOP_CRASH);
		return;
	default:
		vcpu_fatal(v, "unknown system event %u", v->run->system_event.type);
	}
}

/*
 * Another vCPU is about to say why, at least one always is: if none is left, the RMM has ended the
 * guest, and nobody else will.
 */
static void turn_off(struct vcpu *v)
{
	v->off = true;
	if (atomic_fetch_sub(&v->env->gate->nr_on, 1) > 1 || stop_why(v->env->stop) != STOP_NONE)
		return;
	log_warn("the guest has been switched off, and no vCPU has said that it asked for it; the "
		 "host's kernel log (dmesg) may say why");
	stop_request(v->env->stop, STOP_POWEROFF);
}

void vcpu_exit_realm(struct vcpu *v)
{
	int err = realm_exit(v->env->realm, v->index, v->fd, v->run);

	v->unfinished = err == -EAGAIN;
	if (err == -ESHUTDOWN)
		turn_off(v);
	else if (err && !v->unfinished)
		vcpu_fatal(v, "exit %u is not handled by backend '%s'", v->run->exit_reason,
			   realm_name(v->env->realm));
}

static void exit_hypercall(struct vcpu *v)
{
	const struct vcpu_hooks *h = v->env->hooks;
	int err = h ? h->hypercall(v->env->hooks_arg, v->index, v->fd, v->run) : -ENOENT;

	if (err == -ENOENT)
		vcpu_exit_realm(v);
	else if (err)
		vcpu_fatal(v, "a call of the guest cannot be answered: %s", strerror(-err));
}

/* What a debugger has set; or --debug-single-step: after each instruction. */
static void exit_debug(struct vcpu *v)
{
	u64 pc = 0, sp = 0;

	if (v->env->debug) {
		v->env->debug->exit(v->env->debug_arg, v->index, v->run);
		return;
	}
	if (!v->env->single_step) {
		vcpu_fatal(v, "KVM stops the guest for a debugger that nobody has asked for");
		return;
	}
	kvm_reg_get64(v->fd, KVM_REG_PC, &pc);
	kvm_reg_get64(v->fd, KVM_REG_SP, &sp);
	log_info("vCPU %u: pc %016llx sp %016llx", v->index, (unsigned long long)pc,
		 (unsigned long long)sp);
}

void vcpu_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	const char *why;

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		exit_mmio(v);
		return;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(v);
		return;
	case KVM_EXIT_ARM_NISV:
	case KVM_EXIT_ARM_LDST64B:
		/*
		 * A load or store whose syndrome says nothing (pair, write-back), or of 64 bytes
		 * (FEAT_LS64): no device decodes it.
		 */
		if (v->env->log_mmio)
			guest_err("debug-mmio", "vCPU %u: undecodable access at %#llx", v->index,
				  (unsigned long long)run->arm_nisv.fault_ipa);
		inject_abort(v);
		return;
	case KVM_EXIT_HYPERCALL:
		exit_hypercall(v);
		return;
	case KVM_EXIT_DEBUG:
		exit_debug(v);
		return;
	case KVM_EXIT_MEMORY_FAULT:
	case KVM_EXIT_UNKNOWN:
	case KVM_EXIT_SHUTDOWN:
		vcpu_exit_realm(v);
		return;
	case KVM_EXIT_INTR:
		return;
	case KVM_EXIT_FAIL_ENTRY:
		vcpu_fatal(v, "the CPU refused to enter the guest, reason %#llx",
			   (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		return;
	case KVM_EXIT_INTERNAL_ERROR:
		why = realm_run_error(v->env->realm, -EIO);
		vcpu_fatal(v, "KVM reports internal error %u%s%s", run->internal.suberror,
			   why ? ": " : "", why ? why : "");
		return;
	default:
		vcpu_fatal(v, "KVM exit %u is unknown", run->exit_reason);
	}
}
