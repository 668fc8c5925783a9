/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user asked for: plain data, no file descriptors, printable. options_run.c fills it,
 * config.c completes and checks it, machine.c reads it. Strings point into argv or into the config
 * itself, so a config that is completed stays where it is. Main thread.
 */
#ifndef LKVM_CONFIG_H
#define LKVM_CONFIG_H

#include <limits.h>
#include <sched.h>

#include "lkvm/base/log.h"
#include "lkvm/console/port_conf.h"
#include "lkvm/control/control_dir.h"
#include "lkvm/vfio/find.h"
#include "lkvm/watch/watch_conf.h"
#include "net/netopt.h"
#include "realm/sim/fault.h"
#include "virtio/dev/rng_conf.h"
#include "virtio/dev/singles.h"
#include "virtio/dev/vsock_conf.h"
#include "virtio/disk/disk_conf.h"
#include "virtio/share/share_conf.h"
#include "virtio/vhost/fs_conf.h"

struct cpio;
struct session;

#define CONFIG_MAX_DISKS 24u /* beside them a PCI bus has place for eight other devices */
#define CONFIG_MAX_NICS 4u
#define CONFIG_MAX_SHARES 8u
#define CONFIG_MAX_FS 4u
#define CONFIG_MAX_VFIO 8u
#define CONFIG_MAX_PORTS 14u
#define CONFIG_MAX_CPUS 512u /* more than KVM on arm64 takes */
#define CONFIG_NR_TTYS 4u
#define CONFIG_CMDLINE_SIZE 2048u /* bytes, with the final NUL [Linux arm64 COMMAND_LINE_SIZE] */

enum config_console { CONSOLE_SERIAL, CONSOLE_VIRTIO };
enum config_transport { TRANSPORT_PCI, TRANSPORT_MMIO };
enum config_hash { HASH_SHA256, HASH_SHA384, HASH_SHA512 };
enum config_realm { REALM_OFF, REALM_ANY, REALM_RME, REALM_RMI, REALM_SIM };
enum config_rtc { RTC_AUTO, RTC_MC146818, RTC_PL031 };
enum config_pvpanic { PVPANIC_AUTO, PVPANIC_OFF, PVPANIC_ON };
enum config_confine { CONFINE_OFF, CONFINE_ON, CONFINE_STRICT };
enum config_irqchip {
	IRQCHIP_AUTO,
	IRQCHIP_GICV2,
	IRQCHIP_GICV2M,
	IRQCHIP_GICV3,
	IRQCHIP_GICV3_ITS
};

struct config {
	/*
	 * lkvm measure: nothing of this machine may count, so what has a default that depends on it
	 * has to be given.
	 */
	bool measure;

	/* basic; what is 0 or NULL is filled in by config_complete() */
	const char *name;    /* guest-<pid> */
	u32 cpus;	     /* number of online host CPUs */
	u64 ram_size;	     /* bytes; 64 MiB x (cpus + 3), at most 80 % of host RAM */
	u64 ram_base;	     /* 0x80000000 unless -m SIZE@ADDR */
	const char *kvm_dev; /* "/dev/kvm" */
	const char *hugetlbfs;
	unsigned nr_shares, nr_fs, nr_ports;
	unsigned nr_vfio;
	unsigned nr_disks, nr_nics; /* see below; no NIC becomes one in user mode */
#define SINGLE_MEMBER(kind, ...) bool kind;
	VIRTIO_SINGLES(SINGLE_MEMBER) /* balloon, ... */
	bool rng;
	struct rng_conf rng_conf; /* --rng-limit */
	enum config_console console;
	bool tty[CONFIG_NR_TTYS];
	enum config_transport transport;
	bool nodefaults;
	enum config_confine confine; /* default on */
	bool reboot;		     /* a guest reset restarts the guest instead of ending lkvm */

	/* what to boot */
	const char *kernel;  /* NULL with --firmware */
	bool kernel_is_word; /* it was given without an option */
	bool flat;	     /* the kernel is started as it is, whatever it looks like */
	const char *initrd;
	const char *sandbox; /* script for a root of lkvm setup, until it is in `files`; NULL */
	struct cpio *files;  /* appended to it; NULL: none */
	const char *params;  /* the user's part of the command line */
	const char *firmware;
	u64 firmware_addr;
	bool firmware_addr_set;
	const char *flash;    /* file of the board's flash, or NULL */
	const char *dtb;      /* a device tree of the user's; NULL: that of the options */
	const char *dump_dtb; /* write the blob here too */

	/* arm64 */
	enum config_irqchip irqchip;
	enum config_rtc rtc;	     /* the PL031 comes beside the MC146818; AUTO: not in a Realm */
	enum config_pvpanic pvpanic; /* AUTO: devices_have_pvpanic() */
	bool pmu;
	u32 pmu_counters; /* 0: host's */
	bool pvtime;	  /* default true */
	bool sve;	  /* default true: if the host has it */
	u32 sve_max_vl;	  /* bits; 0: host's */
	u64 kaslr_seed;	  /* 0: none */
	u32 cntfrq;	  /* --override-bad-firmware-cntfrq; 0: not */
	const char *vcpu_affinity;
	bool nested, e2h0; /* the guest starts in EL2; without VHE */
	bool psci;	   /* PSCI is answered here, not by KVM */
	bool aarch32;
	bool mte; /* default true: if the host has it */
	bool guest_memfd;
	bool counter_offset_set;
	u64 counter_offset;
	bool earlycon;

	/* Realm, or protected VM */
	enum config_realm realm;
	bool protected_vm; /* pKVM; not together with realm */
	bool sim_strict;
	const char *sim_keys;	      /* directory; NULL: the user's default */
	struct keeper *sim_keeper;    /* [lkvm/run/backend.h] */
	struct fault_plan sim_faults; /* --sim-fault */
	bool sim_faulty;	      /* ... was given */
	bool sim_log;		      /* --sim-log ... */
	const char *sim_log_file;     /* ... with a file; NULL: stderr */
	bool sim_token_form, sim_cmw; /* form given; 907, otherwise 399 */
	bool measurement_algo; /* given, which is an error without --realm; so the next three */
	enum config_hash realm_hash;
	bool has_realm_pv, realm_only_sve_vl, restricted_mem;
	const char *service_ip; /* also an error without --realm */
	u16 service_port;	/* 0: 1080 */
	bool measurement_log;	/* for the guest, in its memory; also an error without --realm */
	u8 realm_pv[64];	/* --realm-pv, zero-padded */
	u32 bounce;		/* MiB of --bounce, a multiple of 2; 0: not given */
	u32 swiotlb;		/* MiB of the guest's bounce pool; 0: the guest's own choice */

	/* debug */
	enum log_level loglevel;
	bool debug_mmio, single_step;
	const char *gdb; /* port or socket for GDB, or NULL */
	u32 disk_delay_ms;

	/* what `name` and `kernel` point to when they are defaults */
	char name_buf[CONTROL_NAME_MAX];

	/* Large: config_init() leaves them alone, and they are filled as far as they are used. */
	char kernel_buf[PATH_MAX];
	struct share_conf shares[CONFIG_MAX_SHARES]; /* --9p */
	struct fs_conf fs[CONFIG_MAX_FS];
	struct vfio_conf vfio[CONFIG_MAX_VFIO]; /* --vfio-pci */
	struct vsock_conf vsock;
	struct port_conf ports[CONFIG_MAX_PORTS]; /* --console-port */
	struct disk_conf disks[CONFIG_MAX_DISKS];
	struct net_conf nics[CONFIG_MAX_NICS];

	struct session *session; /* of lkvm exec, which it belongs to; NULL: another command */

	struct watch_conf watch; /* boot tests */
};

/* Set the defaults, before options are parsed. */
void config_init(struct config *c);

/* Release what options have put in it; also after options that were refused. */
void config_fini(struct config *c);

/*
 * Complete the defaults that depend on the host or on other options (CPUs, RAM size, kernel image,
 * name, NIC), and refuse options that contradict each other, before anything is opened. 0, or
 * -EINVAL or -ENOENT after one log_error() line. With --dump-dtb a missing kernel or root file
 * system is no error.
 */
int config_complete(struct config *c);

/*
 * A part of that: what contradicts each other among the options about CPUs. 0, or -EINVAL after one
 * log_error() line.
 */
int config_check_cpu(const struct config *c);

/* The same among those about devices. */
int config_check_devices(const struct config *c);

/* The same among those that name files: none is written that is another one's. */
int config_check_files(const struct config *c);

/*
 * A file that is two disks of one guest (writable and read-only, as somebody's scripts have it) is
 * the guest's business; the lock against other guests is the first writer's, or else the first's.
 */
void config_share_disks(struct config *c);

/* Does it say what the root file system is, or that there is none? */
bool config_has_root(const struct config *c);

/* The kernel of the tree that lkvm is started in, as kvmtool finds it. False: there is none. */
bool config_kernel_of_tree(struct config *c);

/*
 * Does the config, which is complete, have a kernel (or firmware) and something that it can boot
 * into? False with --dump-dtb only.
 */
bool config_bootable(const struct config *c);

/* Is there a virtio-console device? For the console, or for ports with a name. */
static inline bool config_has_virtio_console(const struct config *c)
{
	return c->console == CONSOLE_VIRTIO || c->nr_ports || c->session;
}

/*
 * Compose the kernel command line in buf[0..size): console=, root= and the user's --params as
 * kvmtool has them; with nodefaults or firmware, the user's string alone. --earlycon and --swiotlb
 * add their arguments in each case. `alias` is what the guest adds to the address of a device (a
 * Realm's shared half), or 0; a bare `earlycon` gets that address. 0, or -E2BIG without a message:
 * `size` is too small, and `buf` has the beginning.
 */
int config_cmdline(const struct config *c, u64 alias, char *buf, size_t size);

/* Say what config_cmdline() adds to --params, or may not add, that a user does not expect. */
void config_tell_of_params(const struct config *c);

/*
 * A list of host CPUs like "0-3,6" (--vcpu-affinity) as a set. 0; -EINVAL, without a message: it is
 * not such a list, or an empty one.
 */
int config_cpulist(const char *list, cpu_set_t *set);

/*
 * The CPUs of --vcpu-affinity, which is given. The calling thread goes there and back again, so
 * this host lets it run on one of them. 0, or -errno after one log_error() line.
 */
int config_affinity(const struct config *c, cpu_set_t *set);

#endif
