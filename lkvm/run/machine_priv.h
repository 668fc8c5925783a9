/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine is, for machine.c, machine_run.c and machine_vcpus.c only. */
#ifndef LKVM_MACHINE_PRIV_H
#define LKVM_MACHINE_PRIV_H

#include "arm64/cpu.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/kvm/vcpu.h"
#include "lkvm/run/assign.h"
#include "lkvm/run/consoles.h"
#include "lkvm/run/devices.h"
#include "lkvm/run/ending.h"
#include "lkvm/run/launch.h"
#include "lkvm/run/machine.h"
#include "lkvm/run/pci_slots.h"

struct machine {
	const struct config *c;
	struct launch launch; /* board, memory, files, plan */

	const struct realm_ops *realm_ops;
	struct realm_conf realm_conf;
	struct kvm kvm;
	struct realm *realm;

	struct warden *warden; /* NULL: it will not run */
	struct watch *watch;   /* NULL: nobody watches */
	u64 began_ns;	       /* when its building did */
	struct stop *stop;     /* the warden's */
	struct ending ending;
	struct loop *io_loop;
	struct loop *spare_loop; /* of the measurement that can wait; NULL: there is none */
	struct loop_timer *spare;

	struct bus *bus;
	struct kvm_event *event;
	struct v2m *v2m;
	struct flash *flash; /* NULL: there is none */
	struct gic *gic;
	struct pvtime *pvtime;

	struct consoles consoles;
	struct board *board;
	struct pci *pci;
	struct pci_slots pci_slots;
	struct devices_env devices_env;
	struct assign *assign; /* NULL: no devices of the host */
	struct devices *devices;

	struct cpu_model cpu_model;
	struct vcpu_env vcpu_env;
	struct vcpu_gate gate;
	struct debugger *debugger; /* NULL: nobody debugs */
	struct power *power;	   /* NULL: KVM answers PSCI */
	cpu_set_t affinity;
	struct vcpu **vcpus;
	unsigned nr_vcpus;
};

/*
 * Create the vCPUs, initialised and with their features fixed; give them what needs the interrupt
 * controller. 0, or -errno after one log_error() line.
 */
int machine_create_vcpus(struct machine *m);
int machine_attach_vcpus(struct machine *m);

/* The machine is built: tell the warden what its control socket answers about it. 0 or -errno. */
int machine_serve(struct machine *m);

#endif
