/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A config: defaults, completion, checks, and the kernel command line.
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line; the host, for its CPUs and memory.
 */
#include "lkvm/run/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arm64/board.h"
#include "lkvm/base/cpio.h"
#include "lkvm/base/encode.h"
#include "lkvm/run/devices.h"
#include "lkvm/run/options_watch.h"
#include "lkvm/vm/pci.h"

/* 64 MiB for the kernel and for each CPU 64 MiB more: kvmtool's rule, with its limit. */
#define SERVICE_PORT 1080u /* as the reference for EDK2's secure boot in Realms has it */
#define RAM_PER_CPU (64 * MiB)
#define RAM_EXTRA_CPUS 3u
#define RAM_HOST_PERCENT 80u

void config_init(struct config *c)
{
	memset(c, 0, offsetof(struct config, kernel_buf));
	c->ram_base = MEMMAP_RAM;
	c->kvm_dev = "/dev/kvm";
	c->vsock.cid = 0;
	c->watch = (struct watch_conf){ .until = NULL };
	c->params = "";
	c->session = NULL;
	c->pvtime = true;
	c->sve = true;
	c->mte = true;
	c->confine = CONFINE_ON;
	c->loglevel = LOG_INFO;
}

void config_fini(struct config *c)
{
	options_watch_free(&c->watch);
	cpio_destroy(c->files);
	c->files = NULL;
}

/* ---- defaults ---- */

static u64 host_ram(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (u64)pages * (u64)size : 0;
}

static void default_cpus(struct config *c)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (!c->cpus)
		c->cpus = (u32)MIN(MAX(online, 1L), (long)CONFIG_MAX_CPUS);
	if (c->cpus > CONFIG_MAX_CPUS) {
		log_warn("Limiting the number of CPUs to %u", CONFIG_MAX_CPUS);
		c->cpus = CONFIG_MAX_CPUS;
	}
}

static void default_ram(struct config *c)
{
	u64 host = host_ram();

	if (!c->ram_size) {
		c->ram_size = RAM_PER_CPU * (c->cpus + RAM_EXTRA_CPUS);
		if (host)
			c->ram_size = MIN(c->ram_size, host / 100 * RAM_HOST_PERCENT);
		/* Whole megabytes: the guest's huge pages, and a number people can read. */
		c->ram_size = align_down(c->ram_size, 2 * MiB);
	} else if (host && c->ram_size > host && !c->measure) {
		log_warn("Guest memory size %lluMB exceeds host physical RAM size %lluMB",
			 (unsigned long long)(c->ram_size / MiB), (unsigned long long)(host / MiB));
	}
}

static const char *const trees[] = { "./bzImage", "arch/arm64/boot/bzImage",
				     "../../arch/arm64/boot/bzImage" };

static bool take_kernel(struct config *c, const char *dir, const char *name)
{
	snprintf(c->kernel_buf, sizeof(c->kernel_buf), "%s%s", dir, name);
	if (access(c->kernel_buf, R_OK))
		return false;
	c->kernel = c->kernel_buf;
	return true;
}

bool config_kernel_of_tree(struct config *c)
{
	bool found = false;

	for (unsigned i = 0; i < ARRAY_SIZE(trees) && !found; i++)
		found = take_kernel(c, "", trees[i]);
	return found;
}

/*
 * kvmtool's list. The kernels of /boot are the host's own, so they are of use only where the host
 * is what the guest is.
 */
static int default_kernel(struct config *c)
{
	static const char *const boots[] = { "/boot/vmlinuz-", "/boot/bzImage-" };
	struct utsname u;

	/* Whoever wants the device tree alone has named no kernel. */
	if (c->kernel || c->firmware || c->dump_dtb || config_kernel_of_tree(c))
		return 0;
	if (uname(&u) < 0)
		u.machine[0] = u.release[0] = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(boots) && !strcmp(u.machine, "aarch64"); i++) {
		if (take_kernel(c, boots[i], u.release))
			return 0;
	}
	log_error(
		"Could not find default kernel image in: %s %s %s %s%s %s%s (name one: lkvm run --kernel Image --initrd initrd.img)",
		trees[0], trees[1], trees[2], boots[0], u.release, boots[1], u.release);
	return -ENOENT;
}

/* ---- checks ---- */

static int refuse(const char *why)
{
	log_error("%s", why);
	return -EINVAL;
}

static int default_name(struct config *c)
{
	char shown[CONTROL_NAME_MAX + 1];
	size_t n;

	if (!c->name) {
		n = text_add(c->name_buf, sizeof(c->name_buf), 0, "guest-");
		text_add_number(c->name_buf, sizeof(c->name_buf), n, (unsigned)getpid());
		c->name = c->name_buf;
	}
	/* 'lkvm list' shows what ls(1) does. */
	if (!control_name_ok(c->name)) {
		snprintf(shown, sizeof(shown), "%s", c->name);
		encode_safe(shown, strlen(shown), "");
		log_error(
			"--name: '%s' is no name for a guest, use 1 to %u printable characters other than '/', and no dot in front",
			shown, CONTROL_NAME_MAX - 1);
		return -EINVAL;
	}
	return 0;
}

/* Beside the guest's own socket, by whichever name the kernel has for the directory. */
static int default_vsock(struct config *c)
{
	char why[256], self[40];
	int dir, n;

	if (c->vsock.vhost && (c->realm != REALM_OFF || c->protected_vm || c->bounce))
		return refuse("--vsock: with vhost=on the host's kernel goes through the guest's "
			      "rings, and nobody keeps it to what the guest shares: leave it out "
			      "for a Realm, a protected VM and --bounce");
	if (!c->vsock.cid || c->vsock.uds[0] || c->vsock.vhost || c->measure)
		return 0;
	/* The device tree needs no place for it. */
	if (c->dump_dtb && !config_bootable(c))
		return 0;
	dir = control_dir_open(why, sizeof(why));
	if (dir < 0) {
		log_error("--vsock: %s; give uds=PATH", why);
		return -EINVAL;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", dir);
	n = (int)readlink(self, c->vsock.uds, sizeof(c->vsock.uds) - 1);
	close(dir);
	if (n < 0)
		return log_errno(-errno, "--vsock: give uds=PATH");
	snprintf(c->vsock.uds + n, sizeof(c->vsock.uds) - (size_t)n, "/%s.vsock", c->name);
	return 0;
}

static int default_nic(struct config *c)
{
	return c->nr_nics ? 0 : netopt_parse(&c->nics[c->nr_nics++], NULL, 0);
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* A directory as --disk is kvmtool's way to ask for a root file system shared by 9P. */
static int check_disks(const struct config *c)
{
	for (unsigned i = 0; i < c->nr_disks; i++) {
		if (!is_dir(c->disks[i].path))
			continue;
		log_error("--disk %s: a directory is a root file system for lkvm run only",
			  c->disks[i].path);
		return -EINVAL;
	}
	return 0;
}

bool config_has_root(const struct config *c)
{
	return c->nr_disks || c->nr_fs || c->initrd || c->files || c->firmware || c->nodefaults;
}

bool config_bootable(const struct config *c)
{
	return (c->kernel || c->firmware) && config_has_root(c);
}

/* Each device has a place of its own on the PCI bus. */
static int check_places(const struct config *c)
{
	unsigned nr = devices_count_pci(c);

	if (nr <= PCI_SLOTS)
		return 0;
	log_error("%u devices are more than the %u that a PCI bus has room for: leave some out, "
		  "or use --virtio-transport mmio",
		  nr, PCI_SLOTS);
	return -EINVAL;
}

static int check_boot(const struct config *c)
{
	if (c->kernel && c->firmware)
		return refuse("Only one of --kernel or --firmware can be specified");
	if (c->dtb && (c->earlycon || c->swiotlb || c->bounce || c->kaslr_seed || c->cntfrq))
		return refuse(
			"--dtb: --earlycon, --swiotlb, --bounce, --kaslr-seed and "
			"--override-bad-firmware-cntfrq are of no use, put them into that tree");
	if (c->firmware_addr_set && !c->firmware)
		return refuse("--firmware-address is of no use without --firmware");
	if (c->flat && c->firmware)
		return refuse("--flat is about --kernel: firmware is started as it is anyway");
	if (c->watch.max_resets && !c->reboot)
		return refuse("--max-resets is of no use without --reboot: the first reset is the "
			      "end of the run");
	return check_disks(c);
}

/* kvmtool makes a root file system of its own here; a kernel may have one built in. */
static void tell_of_root(const struct config *c)
{
	if (!config_has_root(c) && !c->dump_dtb && !c->measure)
		log_warn(
			"the guest has no root file system: give one with --disk or --initrd, or --nodefaults for a kernel that needs none");
}

/*
 * Options about Realms mean something in a Realm only, and in a simulated one. kvmtool's wording
 * where it has one.
 */
static int check_realm_options(const struct config *c)
{
	const struct {
		bool given;
		const char *name;
	} opts[] = {
		{ c->measurement_algo, "measurement-algo" },
		{ c->has_realm_pv, "realm-pv" },
		{ c->realm_only_sve_vl, "sve-vl" },
		{ c->restricted_mem, "restricted_mem" },
		{ c->service_ip, "service-ip" },
		{ c->measurement_log, "measurement-log" },
		{ c->sim_strict, "sim-strict" },
		{ c->sim_keys, "sim-attest-keys" },
		{ c->sim_token_form, "sim-token-form" },
		{ c->sim_faulty, "sim-fault" },
		{ c->sim_log, "sim-log" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(opts) && c->realm == REALM_OFF; i++) {
		if (!opts[i].given)
			continue;
		log_error("--%s valid only with --realm", opts[i].name);
		return -EINVAL;
	}
	if (c->service_port && !c->service_ip)
		return refuse("--service-port is of no use without --service-ip");
	if (c->swiotlb && c->realm == REALM_OFF && !c->protected_vm)
		return refuse("--swiotlb valid only with --realm or --protected");
	if (c->sim_strict && c->realm != REALM_SIM)
		return refuse("--sim-strict valid only with --realm=sim");
	if ((c->sim_keys || c->sim_token_form) && c->realm != REALM_SIM)
		return refuse("--sim-attest-keys and --sim-token-form valid only with --realm=sim: "
			      "other Realms have the keys of their platform");
	if ((c->sim_faulty || c->sim_log) && c->realm != REALM_SIM)
		return refuse("--sim-fault and --sim-log valid only with --realm=sim: nobody sees "
			      "what another Realm asks of its RMM");
	if (c->sim_strict && c->irqchip == IRQCHIP_GICV3_ITS)
		return refuse(
			"--sim-strict hides the guest's ITS tables from KVM: use --irqchip gicv3");
	return 0;
}

static int check_realm(const struct config *c)
{
	int err = check_realm_options(c);

	if (c->realm_hash == HASH_SHA384 && !c->measure)
		return refuse("--measurement-algo sha384: no kernel can ask its RMM for it yet, "
			      "use sha256 or sha512");
	if (err || (c->realm == REALM_OFF && !c->protected_vm))
		return err;
	if (c->realm != REALM_OFF && c->protected_vm)
		return refuse(
			"A guest is either a Realm (--realm) or a protected VM (--protected)");
	if (c->flash)
		return refuse(
			"--flash is not possible with --realm or --protected: the host could write "
			"into what the guest takes for its own. Firmware keeps its variables in "
			"memory there");
	if (c->hugetlbfs)
		return refuse(
			"--hugetlbfs is not possible with --realm or --protected: the guest's "
			"own memory is not the host's to choose");
	if (c->irqchip == IRQCHIP_GICV2 || c->irqchip == IRQCHIP_GICV2M)
		return refuse("A Realm has a GICv3: use --irqchip gicv3-its or gicv3");
	/* What the public layout of Realm VMs says, and what blocks of stage 2 want. */
	if (c->realm != REALM_OFF && !is_aligned(c->ram_size, 2 * MiB)) {
		log_error("--mem: the memory of a Realm is a multiple of 2 MiB, %llu bytes are not",
			  (unsigned long long)c->ram_size);
		return -EINVAL;
	}
	if (c->realm != REALM_OFF && !is_aligned(c->ram_base, 2 * MiB)) {
		log_error(
			"--mem: the memory of a Realm starts at a multiple of 2 MiB, %#llx is none",
			(unsigned long long)c->ram_base);
		return -EINVAL;
	}
	return 0;
}

/* KVM maps whole pages of the host, whose size differs from host to host. */
static int check_ram(const struct config *c)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE);

	if (c->measure || c->dump_dtb || is_aligned(c->ram_size | c->ram_base, page))
		return 0;
	log_error("--mem: size and start have to be multiples of this host's pages of %llu KiB",
		  (unsigned long long)(page / KiB));
	return -EINVAL;
}

/* A kernel without room for its pool has none, and a guest that bounces no devices then. */
static int check_pool(const struct config *c)
{
	if (!c->swiotlb || c->swiotlb < c->ram_size / MiB)
		return 0;
	log_error("--swiotlb %u: there is no room for that in a memory of %llu MiB, use a smaller "
		  "pool or a larger --mem",
		  c->swiotlb, (unsigned long long)(c->ram_size / MiB));
	return -EINVAL;
}

/* What a guest measures must not depend on the machine that predicts it. */
static int check_measure(const struct config *c)
{
	if (!c->measure)
		return 0;
	if (!c->cpus)
		return refuse("--cpus is missing: the number of vCPUs is measured, and its default "
			      "is another one on each host");
	if (!c->ram_size)
		return refuse("--mem is missing: the size of memory is measured, and its default "
			      "is another one on each host");
	if (!c->kernel && !c->firmware)
		return refuse("--kernel (or --firmware) is missing: it is what is measured");
	if (c->sandbox)
		return refuse(
			"--sandbox: the initrd that lkvm run makes for it cannot be predicted");
	return 0;
}

/* An address, for which nobody is asked. */
static bool is_address(const char *host)
{
	return strchr(host, ':') || !host[strspn(host, "0123456789.")];
}

/* At the second boot no program can be started, and root has no privileges. */
static int check_confine(const struct config *c)
{
	if (c->service_ip && c->reboot && c->confine != CONFINE_OFF && !is_address(c->service_ip))
		return refuse("--reboot looks for the host of --service-ip again, which a confined "
			      "lkvm cannot: give its address, or add --confine off");
	for (unsigned i = 0; i < c->nr_fs && c->reboot && c->confine != CONFINE_OFF; i++) {
		if (!c->fs[i].socket[0])
			return refuse("--reboot starts virtiofsd again, which a confined lkvm "
				      "cannot: add --confine off");
	}
	for (unsigned i = 0; i < c->nr_nics && c->reboot && c->confine != CONFINE_OFF; i++) {
		const struct net_conf *n = &c->nics[i];

		if (n->script[0] || n->downscript[0])
			return refuse(
				"--reboot starts network scripts again, which a confined lkvm "
				"cannot: add --confine off");
		if (n->mode == NET_MODE_TAP && n->fd < 0 && n->tapif[0] != '/' && !geteuid())
			return refuse("--reboot opens a tap interface again, for which root has no "
				      "privileges any more in a confined lkvm: run it as the owner "
				      "of the tap, or add --confine off");
	}
	return 0;
}

int config_complete(struct config *c)
{
	int err = check_boot(c);

	if (!err)
		err = options_watch_complete(&c->watch);
	if (!err)
		err = config_check_cpu(c);
	if (!err)
		err = check_realm(c);
	if (!err)
		err = config_check_devices(c);
	if (!err)
		err = check_measure(c);
	if (!err)
		err = default_kernel(c);
	if (!err)
		err = config_check_files(c);
	if (!err)
		err = default_name(c);
	if (!err)
		err = default_vsock(c);
	if (!err)
		err = default_nic(c);
	if (!err)
		err = netopt_check(c->nics, c->nr_nics);
	if (!err)
		err = fs_conf_check(c->fs, c->nr_fs);
	if (!err)
		err = share_conf_check(c->shares, c->nr_shares);
	if (!err)
		err = check_places(c);
	if (!err)
		err = port_conf_check(c->ports, c->nr_ports);
	if (!err)
		err = check_confine(c);
	if (err)
		return err;
	default_cpus(c);
	default_ram(c);
	tell_of_root(c);
	config_tell_of_params(c);
	config_share_disks(c);
	if (c->sim_strict)
		c->irqchip = IRQCHIP_GICV3;
	/* Leniency is for the ITS, and there is none. */
	if (c->realm == REALM_SIM && c->irqchip == IRQCHIP_GICV3)
		c->sim_strict = true;
	if (c->service_ip && !c->service_port)
		c->service_port = SERVICE_PORT;
	err = check_pool(c);
	return err ? err : check_ram(c);
}
