/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: the architected timers and inter-processor interrupts arrive, on the interrupts that the
 * device tree says, not early.
 *
 * Thread: CPU 0 and its interrupts.
 * Trust:  interrupt controller and timer of the VMM are under test.
 * Spec:   Arm ARM D12 (generic timer)
 */
#include "guest/guest.h"

#define PPI(n) (16u + (n))
#define SGI 5u

static volatile unsigned nr_virt, nr_phys, nr_sgi, nr_other;
static volatile u64 came_at;

static void on_irq(u32 intid)
{
	came_at = now_ns();
	if (intid == PPI(MEMMAP_PPI_TIMER_VIRT)) {
		write_sysreg(cntv_ctl_el0, 0);
		nr_virt++;
	} else if (intid == PPI(MEMMAP_PPI_TIMER_PHYS)) {
		write_sysreg(cntp_ctl_el0, 0);
		nr_phys++;
	} else if (intid == SGI) {
		nr_sgi++;
	} else {
		nr_other++;
	}
}

void payload_main(void)
{
	u64 ticks_10ms = read_sysreg(cntfrq_el0) / 100, start;

	checkf("counter frequency", ticks_10ms > 1000, "%lu", ticks_10ms * 100);
	if (!check("there is a GIC", gic_init()))
		goto out;
	print("gic: %u\n", gic_version());
	gic_set_handler(on_irq);
	gic_enable(PPI(MEMMAP_PPI_TIMER_VIRT), false);
	gic_enable(PPI(MEMMAP_PPI_TIMER_PHYS), false);
	gic_enable(SGI, true);
	irq_on();

	gic_send_sgi(SGI, read_sysreg(mpidr_el1));
	checkf("SGI to oneself", wait_for(nr_sgi == 1, 1000), "%u", nr_sgi);

	start = now_ns();
	write_sysreg(cntv_tval_el0, ticks_10ms);
	write_sysreg(cntv_ctl_el0, 1);
	checkf("virtual timer", wait_for(nr_virt == 1, 2000), "%u", nr_virt);
	checkf("not early", came_at - start >= 9900000, "%lu ns", came_at - start);

	start = now_ns();
	write_sysreg(cntp_tval_el0, ticks_10ms);
	write_sysreg(cntp_ctl_el0, 1);
	checkf("physical timer", wait_for(nr_phys == 1, 2000), "%u", nr_phys);
	checkf("not early", came_at - start >= 9900000, "%lu ns", came_at - start);

	/* WFI must wake up for it: on an idle guest nothing else happens. */
	irq_off();
	write_sysreg(cntv_tval_el0, ticks_10ms);
	write_sysreg(cntv_ctl_el0, 1);
	__asm__ volatile("wfi");
	irq_on();
	isb();
	checkf("wfi wakes up", wait_for(nr_virt == 2, 2000), "%u", nr_virt);
	checkf("no other interrupt", nr_other == 0, "%u", nr_other);
out:
	check_summary();
}
