/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The composition root. Read build() aloud: it is the table of contents of a VM. machine_destroy()
 * is the same list backwards; what stands elsewhere there says why. machine_run.c runs it, and its
 * vCPUs are made in machine_vcpus.c.
 *
 * Thread: main.
 * Trust:  the user's configuration and files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arm64/board.h"
#include "arm64/cpu.h"
#include "arm64/flash.h"
#include "arm64/gic.h"
#include "arm64/power.h"
#include "arm64/pvpanic.h"
#include "arm64/pvtime.h"
#include "arm64/v2m.h"
#include "lkvm/base/log.h"
#include "lkvm/run/assign.h"
#include "lkvm/run/backend.h"
#include "lkvm/run/debugger.h"
#include "lkvm/run/lend.h"
#include "lkvm/run/machine_priv.h"
#include "lkvm/run/warden.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/loop.h"
#include "lkvm/vm/mem.h"
#include "lkvm/vm/pci.h"
#include "lkvm/watch/watch.h"
#include "realm/realm.h"

/* ---- board and VM ---- */

/* What only the host can tell: how many CPUs, which interrupt controller. */
static int settle_board(struct machine *m)
{
	unsigned max = (unsigned)kvm_vm_cap(&m->kvm, KVM_CAP_MAX_VCPUS);
	unsigned recommended = (unsigned)kvm_vm_cap(&m->kvm, KVM_CAP_NR_VCPUS);
	int err;

	if (max && m->launch.board.nr_cpus > max) {
		log_warn("Limiting the number of CPUs to %u", max);
		m->launch.board.nr_cpus = max;
	} else if (recommended && m->launch.board.nr_cpus > recommended) {
		log_debug("The maximum recommended amount of VCPUs is %u", recommended);
	}
	err = gic_choose(&m->kvm, m->launch.board.gic, &m->launch.board.gic);
	if (err)
		return err;
	return board_layout(&m->launch.layout, &m->launch.board);
}

static int map_ram(struct machine *m)
{
	u64 flags = m->realm_ops->mem_flags(&m->realm_conf);
	int err = lend_flags(&flags, m->c, m->realm_ops);

	return err ? err : launch_ram(&m->launch, flags);
}

/* ---- interrupts ---- */

static struct irq *device_irq(const struct machine *m)
{
	return m->v2m ? v2m_irq(m->v2m) : kvm_event_irq(m->event);
}

/* The GIC first: only then does KVM know whether messages must carry a device id. */
static int create_irqchip(struct machine *m)
{
	bool its = m->launch.layout.gic == BOARD_GIC_V3_ITS;
	int err = gic_create(&m->gic, &m->kvm, &m->launch.layout, realm_device_alias(m->realm));

	if (err)
		return err;
	err = kvm_event_create(&m->event, &m->kvm, its, realm_device_alias(m->realm));
	if (err)
		return log_errno(err, "cannot allocate memory");
	return m->launch.layout.gic == BOARD_GIC_V2M
		       ? v2m_create(&m->v2m, m->bus, kvm_event_irq(m->event))
		       : 0;
}

/* ---- devices ---- */

/*
 * Real Realms and protected VMs have no memory where devices are, and in a simulated Realm what is
 * beside the registers aborts; --debug-mmio is to see what goes there. With --nested KVM walks, for
 * each slot that comes or goes, all that the guest's own tables can translate: seconds in which
 * neither the guest nor the loop does anything else.
 */
static bool may_use_pages(const struct machine *m)
{
	return !m->c->debug_mmio && !m->realm_ops->confidential && !m->c->nested;
}

static int create_pci(struct machine *m)
{
	const struct board_span *mem64 = &m->launch.layout.pci64;
	struct pci_map map = {
		.ecam = { MEMMAP_PCI_ECAM },
		.ecam_size = MEMMAP_PCI_ECAM_SIZE,
		.io = { MEMMAP_PCI_IO },
		.io_size = MEMMAP_PCI_IO_SIZE,
		.mem = { MEMMAP_PCI_MEM },
		.mem_size = MEMMAP_PCI_MEM_SIZE,
		.mem64 = { mem64->base },
		.mem64_size = mem64->size,
		.spi = MEMMAP_SPI_PCI,
		.show_arg = &m->pci_slots,
	};
	int err;

	if (may_use_pages(m) && pci_slots_init(&m->pci_slots, &m->kvm))
		map.show = pci_slots_show;
	err = pci_create(&m->pci, m->bus, &map);
	if (err)
		return log_errno(err, "cannot create the PCI bus");

	const struct assign_env env = { .kvm = &m->kvm,
					.mem = m->launch.mem,
					.pci = m->pci,
					.irq = device_irq(m),
					.loop = m->io_loop,
					.ops = m->realm_ops,
					.alias = realm_device_alias(m->realm) };

	return assign_create(&m->assign, m->c, &env);
}

static int create_debugger(struct machine *m)
{
	const struct debugger_env env = { .vcpus = m->vcpus,
					  .nr_vcpus = m->nr_vcpus,
					  .gate = &m->gate,
					  .mem = m->launch.mem,
					  .stop = m->stop,
					  .loop = m->io_loop,
					  .kvm = &m->kvm };
	int err = debugger_create(&m->debugger, m->c->gdb, &env);

	m->vcpu_env.debug_arg = m->debugger;
	m->vcpu_env.debug = err ? NULL : &debugger_vcpu;
	return err;
}

static void guest_said(void *arg, u64 said)
{
	struct machine *m = arg;

	if (said == PVPANIC_SHUTDOWN)
		stop_request(m->stop, STOP_POWEROFF);
	else if (m->watch)
		watch_said(m->watch,
			   said == PVPANIC_PANICKED ? WATCH_PANICKED : WATCH_CRASH_KERNEL);
}

static bool is_held(void *arg)
{
	struct machine *m = arg;

	return atomic_load(&m->gate.closed) || debugger_holds(m->debugger);
}

static int create_devices(struct machine *m)
{
	int err = loop_create(&m->io_loop, "lkvm-io");

	if (err)
		return log_errno(err, "cannot create an event loop");
	if (m->c->gdb)
		err = create_debugger(m);
	if (err)
		return err;
	err = consoles_init(&m->consoles, m->c, m->io_loop, m->stop, m->watch);
	if (err)
		return err;
	err = board_create(&m->board, &m->launch.board, m->bus, kvm_event_irq(m->event), m->io_loop,
			   m->consoles.uart);
	if (!err && may_use_pages(m))
		err = board_use_page(m->board, &m->kvm, m->vcpus[0], m->io_loop);
	if (err)
		return log_errno(err, "cannot create the board");
	if (m->c->flash)
		err = flash_create(&m->flash, m->c->flash, gpa(MEMMAP_FLASH),
				   m->launch.board.flash_size, &m->kvm, m->bus);
	if (err)
		return err;
	err = create_pci(m);
	if (err)
		return err;
	m->devices_env = (struct devices_env){
		.mem = m->launch.mem,
		.loop = m->io_loop,
		.bus = m->bus,
		.irq = device_irq(m),
		.pci = m->pci,
		.console = &m->consoles.virtio,
		.bounced = m->realm_ops->confidential || m->c->bounce,
		.said = guest_said,
		.said_arg = m,
		.held = is_held,
		.held_arg = m,
	};
	return devices_create(&m->devices, m->c, &m->devices_env);
}

/* ---- loading and launch ---- */

static int load(struct machine *m)
{
	return launch_load(&m->launch,
			   m->realm_ops->ripas_last ? PLAN_RIPAS_LAST : PLAN_RIPAS_FIRST,
			   (u64)sysconf(_SC_PAGESIZE));
}

static int check_kernel(const struct machine *m)
{
	const struct boot_info *b = &m->launch.boot;

	return m->c->kernel ? cpu_check_kernel(vcpu_fd(m->vcpus[0]), m->c->kernel, b->page_size,
					       b->big_endian)
			    : 0;
}

/* Everything that a Realm's descriptor is made from. */
static int define(struct machine *m)
{
	int err = 0;

	if (m->c->pvtime && !m->realm_ops->confidential)
		err = pvtime_create(&m->pvtime, &m->kvm);
	if (!err)
		err = machine_attach_vcpus(m);
	if (!err)
		err = launch_predict(&m->launch, m->realm_ops, &m->realm_conf,
				     vcpu_fd(m->vcpus[0]));
	return err ? err : realm_define(m->realm, vcpu_fd(m->vcpus[0]));
}

/* Entry state, and then no register is ours any more. */
static int finalize(struct machine *m)
{
	const struct plan *p = &m->launch.plan;
	int fd = vcpu_fd(m->vcpus[0]);
	int err = m->realm_ops->confidential ? 0 : cpu_clear_thread_regs(fd);

	if (!err)
		err = (m->cpu_model.aarch32 ? cpu_set_regs32 : cpu_set_regs)(fd, p->entry, p->dtb);
	for (unsigned i = 0; i < m->nr_vcpus && !err; i++)
		err = realm_finalize(m->realm, vcpu_fd(m->vcpus[i]));
	return err;
}

static int launch_step(struct machine *m, const struct plan_step *s)
{
	switch (s->kind) {
	case PLAN_CREATE:
		return define(m);
	case PLAN_RIPAS:
		return realm_init_ripas(m->realm, s->base, s->len);
	case PLAN_DATA:
	case PLAN_UNMEASURED:
		return launch_populate(&m->launch, m->realm, s);
	case PLAN_RECS:
		return finalize(m);
	}
	return -EINVAL;
}

/* All vCPUs and devices exist: build the guest as the plan says, and seal its memory. */
static int launch(struct machine *m)
{
	const struct plan *p = &m->launch.plan;
	int err = 0;

	for (unsigned i = 0; i < p->nr && !err; i++)
		err = launch_step(m, &p->steps[i]);
	if (!err)
		err = realm_activate(m->realm);
	if (!err)
		err = launch_check(&m->launch);
	mem_seal(m->launch.mem);
	return err;
}

/* ---- the machine ---- */

static int build(struct machine *m)
{
	int err;

	if ((err = launch_board(&m->launch, m->c, m->realm_ops->realm)))
		return err;
	if ((err = kvm_open(&m->kvm, m->c->kvm_dev)))
		return err;
	if ((err = backend_choose(&m->realm_ops, &m->realm_conf, &m->kvm, m->c)))
		return err;
	if ((err = backend_create_vm(&m->kvm, m->realm_ops, &m->realm_conf,
				     launch_ipa_bits(&m->launch))))
		return err;
	if ((err = settle_board(m)))
		return err;
	if ((err = backend_prepare_vm(&m->kvm, m->c, &m->launch)))
		return err;
	if ((err = map_ram(m)))
		return err;
	if (m->realm_ops->measures)
		m->realm_conf.draft = launch_draft(&m->launch);
	if (m->realm_ops->measures && !m->realm_conf.draft)
		return log_errno(-ENOMEM, "cannot allocate memory");
	if ((err = realm_new(&m->realm, m->realm_ops, &m->realm_conf, &m->kvm, m->launch.mem)))
		return err;
	realm_set_wake(m->realm, vcpu_gate_look, &m->gate);
	if (m->realm_ops->banner)
		log_info("%s", m->realm_ops->banner);
	if ((err = realm_create(m->realm)))
		return err;
	if ((err = realm_set_ram(m->realm)))
		return err;
	if ((err = bus_create(&m->bus)))
		return log_errno(err, "cannot allocate memory");
	if ((err = machine_create_vcpus(m)))
		return err;
	if ((err = create_irqchip(m)))
		return err;
	if ((err = gic_init(m->gic))) /* before the devices: KVM takes no irqfd until it is done */
		return err;
	if ((err = create_devices(m)))
		return err;
	if ((err = load(m)))
		return err;
	if ((err = check_kernel(m)))
		return err;
	if ((err = launch(m)))
		return err;
	/*
	 * KVM frees old lists of what is on its buses when no vCPU can have them any more, some
	 * milliseconds after each change; slots that are set meanwhile have to wait for that.
	 */
	pci_show(m->pci);
	return machine_serve(m);
}

static struct machine *machine_alloc(const struct config *c)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->c = c;
	m->realm_ops = backend_presume(&m->realm_conf, c);
	m->kvm.dev_fd = m->kvm.vm_fd = -1;
	ending_init(&m->ending);
	vcpu_gate_init(&m->gate);
	return m;
}

int machine_create(struct machine **out, const struct config *c, struct warden *warden,
		   struct watch *watch)
{
	struct machine *m = machine_alloc(c);
	int err = -ENOMEM;

	if (m) {
		m->warden = warden;
		m->watch = watch;
		m->began_ns = loop_now_ns();
		m->launch.stop = m->stop = warden_stop(warden);
		warden_watch(warden, ending_suspect, &m->ending);
		err = build(m);
	}
	if (err) {
		machine_destroy(m);
		return err;
	}
	*out = m;
	return 0;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	ending_at(&m->ending, ENDING_CLOSE);
	m->kvm.ending = true;
	warden_unserve(m->warden);
	debugger_destroy(m->debugger);
	devices_destroy(m->devices);
	assign_destroy(m->assign);
	pci_destroy(m->pci);
	board_destroy(m->board);
	flash_destroy(m->flash);
	consoles_fini(&m->consoles);
	loop_destroy(m->io_loop);
	v2m_destroy(m->v2m);
	kvm_event_destroy(m->event);
	gic_destroy(m->gic);
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_destroy(m->vcpus[i]);
	free(m->vcpus);
	power_destroy(m->power);
	bus_destroy(m->bus);
	realm_free(m->realm);
	kvm_close(&m->kvm);
	pvtime_destroy(m->pvtime); /* KVM has its pages, as it has those of RAM */
	launch_fini(&m->launch);
	vcpu_gate_fini(&m->gate);
	warden_unwatch(m->warden);
	ending_fini(&m->ending);
	free(m);
}

int machine_dump_dtb(const struct config *c)
{
	struct machine *m = machine_alloc(c);
	int err;

	if (!m)
		return -ENOMEM;
	err = launch_board(&m->launch, c, m->realm_ops->realm);
	if (!err)
		err = launch_ram(&m->launch, m->realm_ops->mem_flags(&m->realm_conf));
	if (!err)
		err = load(m);
	machine_destroy(m);
	return err;
}
