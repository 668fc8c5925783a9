/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the user asked for: plain data, no file descriptors, printable. Filled by options.c, completed
 * and checked by config.c, read by machine.c. Strings point into argv or into `pool` and live as long
 * as the config.
 */
#ifndef LKVM_CONFIG_H
#define LKVM_CONFIG_H

#include "lkvm/util.h"

#define CONFIG_MAX_DISKS 4u
#define CONFIG_MAX_NICS 4u
#define CONFIG_MAX_CPUS 512u
#define CONFIG_NR_TTYS 4u

enum config_console { CONSOLE_SERIAL, CONSOLE_VIRTIO };
enum config_transport { TRANSPORT_PCI, TRANSPORT_MMIO };
enum config_realm { REALM_OFF, REALM_SIM };
enum config_irqchip { IRQCHIP_AUTO, IRQCHIP_GICV2, IRQCHIP_GICV2M, IRQCHIP_GICV3, IRQCHIP_GICV3_ITS };

struct config {
	/* basic */
	const char *name;     /* NULL: guest-<pid> */
	unsigned cpus;	      /* 0: number of online host CPUs */
	u64 ram_size;	      /* bytes; 0: 64 MiB x (cpus + 3), at most 80 % of host RAM */
	u64 ram_base;	      /* 0x80000000 unless -m SIZE@ADDR */
	const char *kvm_dev;  /* "/dev/kvm" */
	const char *hugetlbfs;
	const char *disks[CONFIG_MAX_DISKS]; /* --disk arguments as given; virtio/disk.h parses */
	unsigned nr_disks;
	const char *nics[CONFIG_MAX_NICS]; /* --network arguments as given; net/netopt.h parses */
	unsigned nr_nics;		   /* 0: one user-mode NIC */
	bool rng;
	enum config_console console;
	bool tty[CONFIG_NR_TTYS];
	enum config_transport transport;
	bool nodefaults;
	bool reboot; /* a guest reset restarts the guest instead of ending lkvm */

	/* what to boot */
	const char *kernel; /* NULL with --firmware */
	const char *initrd;
	const char *params; /* the user's part of the command line */
	const char *firmware;
	u64 firmware_addr;
	bool firmware_addr_set;
	const char *dump_dtb; /* write the blob here; without KVM this is all that happens */

	/* arm64 */
	enum config_irqchip irqchip;
	bool pmu;
	unsigned pmu_counters; /* 0: host's */
	bool pvtime;	       /* default true */
	bool sve;	       /* default true: if the host has it */
	unsigned sve_max_vl;   /* bits; 0: host's */
	u64 kaslr_seed;	       /* 0: none */
	u32 cntfrq;	       /* --override-bad-firmware-cntfrq; 0: not */
	const char *vcpu_affinity;
	bool earlycon;

	/* Realm */
	enum config_realm realm;
	bool sim_strict;
	bool realm_sha512; /* --measurement-algo; otherwise sha256 */
	u8 realm_pv[64];   /* --realm-pv, zero-padded */

	/* debug */
	bool debug_mmio;
	unsigned disk_delay_ms;
};

/* Defaults, before options are parsed. */
void config_init(struct config *c);

/*
 * Complete the defaults that depend on the host or on other options (cpus, RAM size, default kernel
 * image, name) and refuse what contradicts, before anything is opened. 0, or -EINVAL/-ENOENT after one
 * log_error() line. `need_kernel`: the command boots something.
 */
int config_complete(struct config *c);

/*
 * The kernel command line: console=, root= and the user's --params as kvmtool composes them
 * (nodefaults and firmware: exactly the user's string). -E2BIG past `size` (2048 in all).
 */
int config_cmdline(const struct config *c, char *buf, size_t size);

#endif
