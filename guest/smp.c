/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payload: brings up every CPU of the device tree; each reports, gets an inter-processor
 * interrupt's worth of work through shared memory, and answers.
 *
 * Thread: all CPUs.
 * Trust:  the device tree and PSCI of the VMM are under test.
 * Spec:   PSCI 1.1 (DEN 0022) §5.6 CPU_ON, §5.7 AFFINITY_INFO
 */
#include "guest/guest.h"

#define PSCI_ALREADY_ON -4
#define PSCI_INVALID_PARAMETERS -2

static volatile u64 seen_mpidr[MAX_CPUS];
static volatile u32 alive[MAX_CPUS];

static void secondary(u64 index)
{
	seen_mpidr[index] = read_sysreg(mpidr_el1) & 0xff00ffffff;
	print("cpu %lu is up\n", index);
	dsb();
	alive[index] = 1;
}

void payload_main(void)
{
	unsigned nr = 0;
	u64 mpidr;

	checkf("psci version", psci(PSCI_VERSION, 0, 0, 0) >= 0x10000, "%lx",
	       (u64)psci(PSCI_VERSION, 0, 0, 0));
	for (; nr < MAX_CPUS && fdt_cpu(nr, &mpidr); nr++) {
		long err;

		if (nr == 0) {
			check("boot cpu is cpu 0",
			      (read_sysreg(mpidr_el1) & 0xff00ffffff) == mpidr);
			check("cpu 0 is on already",
			      cpu_on(0, mpidr, secondary, 0) == PSCI_ALREADY_ON);
			continue;
		}
		err = cpu_on(nr, mpidr, secondary, nr);
		if (!checkf("CPU_ON", err == 0, "%ld", err))
			continue;
		checkf("it runs", wait_for(alive[nr], 5000), "cpu %u", nr);
		checkf("its MPIDR", seen_mpidr[nr] == mpidr, "%lx", seen_mpidr[nr]);
		check("AFFINITY_INFO", psci(PSCI_AFFINITY_INFO, mpidr, 0, 0) == 0);
	}
	check("no such cpu",
	      cpu_on(MAX_CPUS - 1, 0xff00000000, secondary, 0) == PSCI_INVALID_PARAMETERS);
	print("cpus: %u\n", nr);
	check_summary();
}
