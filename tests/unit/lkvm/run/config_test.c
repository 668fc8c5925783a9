/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion and checks of a config, and the kernel command line byte by byte. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lkvm/run/config.h"
#include "tests/unit/arm64/capture.h"

static struct config c;
static char buf[CONFIG_CMDLINE_SIZE];

/* In place of the C library's: a host with other pages; 0: this one. */
static long page_size;

/* NOLINTBEGIN: the C library's name */
long __sysconf(int name);
long sysconf(int name)
{
	return name == _SC_PAGESIZE && page_size ? page_size : __sysconf(name);
}
/* NOLINTEND */

/* A config that is complete but for what a test takes away. */
static struct config *conf(void)
{
	config_init(&c);
	c.kernel = "Image";
	c.initrd = "initrd";
	return &c;
}

/* ---- completion ---- */

START_TEST(what_is_given_stays)
{
	conf();
	c.cpus = 3;
	c.ram_size = 6 * MiB;
	c.name = "me";
	capture_start();
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert(c.cpus == 3 && c.ram_size == 6 * MiB && c.ram_base == 0x80000000);
	ck_assert(!strcmp(c.name, "me") && !strcmp(c.kernel, "Image"));
	ck_assert_str_eq(captured(), "");
}
END_TEST

START_TEST(defaults_come_from_the_host)
{
	u64 host = (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);
	char name[32];

	conf();
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert_uint_eq(c.cpus, (u32)sysconf(_SC_NPROCESSORS_ONLN));
	snprintf(name, sizeof(name), "guest-%d", (int)getpid());
	ck_assert_str_eq(c.name, name);
	ck_assert_uint_le(c.ram_size, 64 * MiB * (c.cpus + 3));
	ck_assert_uint_le(c.ram_size, host / 10 * 8);
	ck_assert(c.ram_size && is_aligned(c.ram_size, 2 * MiB));

	conf();
	c.cpus = 1;
	ck_assert_int_eq(config_complete(&c), 0);
	if (host > GiB)
		ck_assert_uint_eq(c.ram_size, 256 * MiB);

	/* Many CPUs do not make a guest larger than its host. */
	conf();
	c.cpus = CONFIG_MAX_CPUS;
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert_uint_eq(
		c.ram_size,
		align_down(MIN(64 * MiB * (CONFIG_MAX_CPUS + 3), host / 100 * 80), 2 * MiB));
}
END_TEST

START_TEST(too_much_is_warned_about)
{
	conf();
	capture_start();
	c.cpus = 100000;
	c.ram_size = UINT64_C(1) << 46;
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert_uint_eq(c.cpus, CONFIG_MAX_CPUS);
	ck_assert_ptr_nonnull(
		strstr(captured(), "  Warning: Limiting the number of CPUs to 512\n"));
	ck_assert_ptr_nonnull(
		strstr(captured(), "  Warning: Guest memory size 67108864MB exceeds"));
	ck_assert_uint_eq(c.ram_size, UINT64_C(1) << 46);
}
END_TEST

/* In an empty directory, so that nothing is found by chance. */
static void empty_dir(void)
{
	char dir[] = "/tmp/lkvm-config-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* A PCI bus has 32 places; a device of virtio-mmio takes none. */
START_TEST(more_devices_than_places)
{
	for (unsigned nr = 2; nr <= 3; nr++) {
		conf();
		c.nr_disks = 20;
		for (unsigned i = 0; i < c.nr_disks; i++)
			snprintf(c.disks[i].path, sizeof(c.disks[i].path), "/no/such/%u", i);
		c.nr_shares = 8;
		for (unsigned i = 0; i < c.nr_shares; i++)
			snprintf(c.shares[i].tag, sizeof(c.shares[i].tag), "%u", i);
		c.rng = true;
		c.nr_nics = nr;
		for (unsigned i = 0; i < nr; i++)
			ck_assert_int_eq(netopt_parse(&c.nics[i], "mode=tap", i), 0);
		capture_start();
		c.console = CONSOLE_VIRTIO;
		ck_assert_int_eq(config_complete(&c), nr == 2 ? 0 : -EINVAL);
		if (nr == 3)
			ck_assert(strstr(captured(), "33 devices are more than the 32"));
		c.transport = TRANSPORT_MMIO;
		ck_assert_int_eq(config_complete(&c), 0);
	}
}
END_TEST

START_TEST(a_missing_kernel)
{
	struct utsname u;

	uname(&u);
	empty_dir();
	conf();
	c.kernel = NULL;
	capture_start();
	if (!strcmp(u.machine, "aarch64")) {
		printf("skip: this host may have an arm64 kernel of its own in /boot\n");
		return;
	}
	ck_assert_int_eq(config_complete(&c), -ENOENT);
	captured_one_error(
		"Could not find default kernel image in: ./bzImage arch/arm64/boot/bzImage "
		"../../arch/arm64/boot/bzImage /boot/vmlinuz-",
		u.release);
}
END_TEST

START_TEST(the_kernel_of_a_build_tree)
{
	char dir[] = "/tmp/lkvm-config-XXXXXX";
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert(!mkdir("arch", 0755) && !mkdir("arch/arm64", 0755) &&
		  !mkdir("arch/arm64/boot", 0755));
	f = fopen("arch/arm64/boot/bzImage", "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	conf();
	c.kernel = NULL;
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert_str_eq(c.kernel, "arch/arm64/boot/bzImage");
	ck_assert(config_bootable(&c));
	/* A device tree can be had without: nobody has asked for a guest. */
	conf();
	c.kernel = NULL;
	c.dump_dtb = "x.dtb";
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert(!c.kernel && !config_bootable(&c));
	ck_assert(!unlink("arch/arm64/boot/bzImage") && !rmdir("arch/arm64/boot") &&
		  !rmdir("arch/arm64") && !rmdir("arch") && !rmdir(dir));
}
END_TEST

/* ---- contradictions ---- */

static void refused(const char *text)
{
	ck_assert_int_eq(config_complete(&c), -EINVAL);
	captured_one_error(text, "");
}

static void warned(const char *text)
{
	capture_start();
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert_msg(!strncmp(captured(), "  Warning: ", 11) && strstr(captured(), text), "'%s'",
		      captured());
}

static void not_warned(void)
{
	capture_start();
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert_str_eq(captured(), "");
}

START_TEST(contradictions)
{
	capture_start();
	conf();
	c.firmware = "fw";
	refused("Only one of --kernel or --firmware can be specified");
	conf();
	c.firmware_addr_set = true;
	refused("--firmware-address is of no use without --firmware");
	conf();
	c.kernel = NULL;
	c.firmware = "fw";
	c.flat = true;
	refused("--flat is about --kernel");
	conf();
	c.watch.max_resets = 3;
	refused("--max-resets is of no use without --reboot");
	c.reboot = true;
	ck_assert_int_eq(config_complete(&c), 0);
	conf();
	c.sve_max_vl = 256;
	c.sve = false;
	refused("SVE VL requested when SVE is disabled");
	conf();
	c.pmu_counters = 6;
	refused("--pmu-counters is of no use without --pmu");
	conf();
	c.ram_size = 64 * MiB + 512;
	refused("--mem: size and start have to be multiples of this host's pages of");
	conf();
	c.realm = REALM_SIM;
	c.ram_size = 64 * MiB;
	c.swiotlb = 64;
	refused("--swiotlb 64: there is no room for that in a memory of 64 MiB");
	c.swiotlb = 62;
	ck_assert_int_eq(config_complete(&c), 0);
	/* -m 8196K */
	page_size = 16384;
	conf();
	c.ram_size = 8196 * KiB;
	refused("--mem: size and start have to be multiples of this host's pages of 16 KiB");
	page_size = 0;
	conf();
	ck_assert_int_eq(disk_conf_parse("/tmp,ro", &c.disks[c.nr_disks++]), 0);
	refused("--disk /tmp: a directory is a root file system for lkvm run only");
	conf();
	c.nr_shares = 2;
	ck_assert(!share_conf_parse("/a", &c.shares[0]) && !share_conf_parse("/b", &c.shares[1]));
	refused("--9p: two have the tag kvm_9p");
}
END_TEST

/* Whatever it is called; files that are not there yet, and streams, which may have two writers. */
START_TEST(one_file_for_two_outputs)
{
	static char file[] = "/tmp/lkvm-config-XXXXXX", other[64];

	close(mkstemp(file));
	snprintf(other, sizeof(other), "%s.link", file);
	ck_assert_int_eq(link(file, other), 0);
	capture_start();
	conf();
	c.watch.log = file;
	c.watch.report = other;
	refused(".link: that is the file of --console-log, give it one of its own");
	unlink(other);
	ck_assert_int_eq(config_complete(&c), 0);
	c.watch.log = "/dev/null";
	c.watch.events = "/dev/null";
	ck_assert_int_eq(config_complete(&c), 0);
	c.watch.events = other;
	refused(".link: that is the file of --report");
	c.watch.report = c.watch.events = "fd:1";
	ck_assert_int_eq(config_complete(&c), 0);
	c.watch.report = "-";
	refused("--report -: the standard output is /dev/stdout");
	c.watch.report = NULL;
	c.watch.events = "-";
	refused("--events -: ");
	c.watch.events = NULL;
	c.watch.log = "-";
	refused("--console-log -: ");
	unlink(file);
}
END_TEST

/* An output is emptied: not the guest's own kernel or disk. */
START_TEST(an_output_that_is_an_input)
{
	static char file[] = "/tmp/lkvm-config-XXXXXX", other[64];
	const char **const ins[] = { &c.firmware, &c.initrd, &c.dtb, &c.flash };
	const char **const outs[] = { &c.watch.log, &c.watch.report, &c.watch.events, &c.dump_dtb };

	close(mkstemp(file));
	snprintf(other, sizeof(other), "%s.link", file);
	ck_assert_int_eq(symlink(file, other), 0);
	capture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(ins) * ARRAY_SIZE(outs); i++) {
		conf();
		if (ins[i / ARRAY_SIZE(outs)] == &c.firmware)
			c.kernel = NULL;
		*ins[i / ARRAY_SIZE(outs)] = file;
		*outs[i % ARRAY_SIZE(outs)] = other;
		refused(".link: that is the file of --");
	}
	conf();
	c.kernel = c.watch.log = file;
	refused("that is the file of --kernel");
	conf();
	ck_assert_int_eq(disk_conf_parse(file, &c.disks[c.nr_disks++]), 0);
	c.realm = REALM_SIM;
	c.sim_log_file = other;
	refused("--sim-log");
	conf();
	ck_assert_int_eq(disk_conf_parse(file, &c.disks[c.nr_disks++]), 0);
	c.ports[0] = (struct port_conf){ .name = "p", .kind = PORT_FILE };
	snprintf(c.ports[0].path, sizeof(c.ports[0].path), "%s", other);
	c.nr_ports = 1;
	refused("--console-port");
	unlink(other);
	unlink(file);
}
END_TEST

/* What may well be meant is done, with a word about what is likely to go wrong. */
START_TEST(warnings)
{
	static const char *const clear[] = { "earlycon=uart8250,mmio,0x101000000",
					     "noearlycon quiet", "earlyconx",
					     "earlycon=uart8250,io x=1,0x10", "" };
	conf();
	c.initrd = NULL;
	warned("the guest has no root file system: give one with --disk or --initrd");
	conf();
	c.params = "quiet earlycon panic=-1";
	not_warned();
	c.realm = REALM_SIM;
	c.ram_size = 64 * MiB;
	c.nodefaults = true;
	warned("--params earlycon: in a Realm the kernel stops there without a word");
	c.params = "earlycon";
	warned("use --earlycon");
	c.params = "quiet earlycon=uart8250,mmio,0x1000000,115200";
	warned("a Realm's devices are not at 0x1000000");
	c.realm = REALM_OFF;
	not_warned();
	c.realm = REALM_SIM;
	c.params = "earlycon";
	c.nodefaults = false;
	capture_start();
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert_ptr_nonnull(strstr(captured(), "  Info: --params earlycon: the address in the "));
	for (unsigned i = 0; i < ARRAY_SIZE(clear); i++) {
		c.params = clear[i];
		not_warned();
	}
}
END_TEST

/* One of two disks that are one file holds its lock: the writer. */
START_TEST(one_file_as_two_disks)
{
	static const struct {
		const char *first, *second;
		bool first_shared;
	} t[] = {
		{ "/dev/zero", "/dev/../dev/zero,ro", false },
		{ "/dev/zero,ro", "/dev/zero", true },
		{ "/dev/zero", "/dev/zero", false },
		{ "/dev/zero,ephemeral", "/dev/zero", true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		conf();
		ck_assert_int_eq(disk_conf_parse(t[i].first, &c.disks[c.nr_disks++]), 0);
		ck_assert_int_eq(disk_conf_parse("/dev/null", &c.disks[c.nr_disks++]), 0);
		ck_assert_int_eq(disk_conf_parse(t[i].second, &c.disks[c.nr_disks++]), 0);
		warned("zero is given twice");
		ck_assert_uint_eq(c.disks[0].shared, t[i].first_shared);
		ck_assert(!c.disks[1].shared);
		ck_assert_uint_eq(c.disks[2].shared, !t[i].first_shared);
	}
	/* Neither writes to the file. */
	conf();
	ck_assert_int_eq(disk_conf_parse("/dev/zero,ro", &c.disks[c.nr_disks++]), 0);
	ck_assert_int_eq(disk_conf_parse("/dev/zero,ephemeral", &c.disks[c.nr_disks++]), 0);
	not_warned();
}
END_TEST

START_TEST(names)
{
	static const char *const bad[] = {
		"",	    "a/b",
		"../x",	    ".hidden",
		"..",	    "0123456789012345678901234567890123456789012345678901234567890123",
		"a\tb",	    "a\nb",
		"\033[2J",  "a\177",
		"\xc2\x9b", "\xff"
	};

	capture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		conf();
		c.name = bad[i];
		refused("is no name for a guest");
	}
	conf();
	c.name = bad[5] + 1; /* one character less */
	ck_assert_int_eq(config_complete(&c), 0);
	conf();
	c.name = "kör per"; /* what a terminal shows is a name */
	ck_assert_int_eq(config_complete(&c), 0);
}
END_TEST

/* A guest that is started beside its device tree has a place for its sockets, too. */
START_TEST(a_device_tree_and_sockets)
{
	char home[] = "/tmp/lkvm-config-XXXXXX", dir[64];

	ck_assert_ptr_nonnull(mkdtemp(home));
	setenv("HOME", home, 1);
	conf();
	c.vsock = (struct vsock_conf){ .cid = 3 };
	c.dump_dtb = "x.dtb";
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert(strstr(c.vsock.uds, home) == c.vsock.uds);
	snprintf(dir, sizeof(dir), "%s/.lkvm", home);
	ck_assert(!rmdir(dir) && !rmdir(home));
	/* The tree alone needs none. */
	conf();
	setenv("HOME", "", 1);
	c.vsock = (struct vsock_conf){ .cid = 3 };
	c.dump_dtb = "x.dtb";
	c.kernel = NULL;
	ck_assert_int_eq(config_complete(&c), 0);
	ck_assert_str_eq(c.vsock.uds, "");
}
END_TEST

START_TEST(what_can_be_booted)
{
	conf();
	ck_assert(config_bootable(&c));
	c.initrd = NULL;
	ck_assert(!config_bootable(&c));
	c.nodefaults = true;
	ck_assert(config_bootable(&c) && !config_complete(&c));
	conf();
	c.initrd = NULL;
	ck_assert_int_eq(disk_conf_parse("/dev/null", &c.disks[c.nr_disks++]), 0);
	ck_assert(config_bootable(&c) && !config_complete(&c));
	conf();
	c.kernel = c.initrd = NULL;
	c.firmware = "fw";
	ck_assert(config_bootable(&c) && !config_complete(&c));
	ck_assert_ptr_null(c.kernel);
}
END_TEST

/* ---- Realms ---- */

static void not_in_a_realm(const char *a, const char *b)
{
	ck_assert_int_eq(config_complete(&c), -EINVAL);
	captured_one_error(a, b);
}

/* Fail closed: an option that would mean nothing is an error. */
START_TEST(options_of_realms_want_a_realm)
{
	static const struct {
		size_t field;
		const char *name;
	} only[] = {
		{ offsetof(struct config, measurement_algo), "--measurement-algo" },
		{ offsetof(struct config, has_realm_pv), "--realm-pv" },
		{ offsetof(struct config, realm_only_sve_vl), "--sve-vl" },
		{ offsetof(struct config, restricted_mem), "--restricted_mem" },
		{ offsetof(struct config, measurement_log), "--measurement-log" },
		{ offsetof(struct config, sim_strict), "--sim-strict" },
		{ offsetof(struct config, sim_token_form), "--sim-token-form" },
		{ offsetof(struct config, sim_faulty), "--sim-fault" },
		{ offsetof(struct config, sim_log), "--sim-log" },
	};

	capture_start();
	for (size_t i = 0; i < ARRAY_SIZE(only); i++) {
		*((bool *)conf() + only[i].field) = true;
		not_in_a_realm(only[i].name, "valid only with --realm");
		c.realm = REALM_SIM;
		ck_assert_int_eq(config_complete(&c), 0);
	}
	conf()->swiotlb = 64;
	not_in_a_realm("--swiotlb", "valid only with --realm");
	conf()->sim_keys = "/keys";
	not_in_a_realm("--sim-attest-keys", "valid only with --realm");
	conf()->service_ip = "host";
	not_in_a_realm("--service-ip", "valid only with --realm");
	conf()->realm = REALM_ANY;
	c.service_port = 1080;
	not_in_a_realm("--service-port", "without --service-ip");
}
END_TEST

/* The name server is out of reach by then. */
START_TEST(the_next_boot_looks_for_no_host)
{
	static const char *const addresses[] = { "192.0.2.1", "2001:db8::1", "fe80::1%eth0" };

	capture_start();
	conf()->realm = REALM_SIM;
	c.reboot = true;
	c.service_ip = "host1.test";
	ck_assert_int_eq(config_complete(&c), -EINVAL);
	captured_one_error("--service-ip", "its address");
	c.confine = CONFINE_OFF;
	ck_assert_int_eq(config_complete(&c), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		conf()->realm = REALM_SIM;
		c.reboot = true;
		c.service_ip = addresses[i];
		ck_assert_int_eq(config_complete(&c), 0);
	}
}
END_TEST

START_TEST(what_no_realm_can_have)
{
	capture_start();
	conf()->realm = REALM_ANY;
	c.protected_vm = true;
	not_in_a_realm("--realm", "--protected");
	conf()->realm = REALM_ANY;
	c.hugetlbfs = "/dev/hugepages";
	not_in_a_realm("--hugetlbfs", "--realm");
	conf()->protected_vm = true;
	c.hugetlbfs = "/dev/hugepages";
	not_in_a_realm("--hugetlbfs", "--protected");
	conf()->realm = REALM_ANY;
	c.irqchip = IRQCHIP_GICV2M;
	not_in_a_realm("GICv3", "--irqchip");
	conf()->realm = REALM_ANY;
	c.ram_size = 5 * MiB;
	not_in_a_realm("--mem", "5242880 bytes are not");
	conf()->realm = REALM_ANY;
	c.ram_base += MiB;
	not_in_a_realm("--mem", "starts at a multiple of 2 MiB, 0x80100000 is none");
	conf()->realm = REALM_RME;
	c.sim_strict = true;
	not_in_a_realm("--sim-strict", "--realm=sim");
	conf()->realm = REALM_RME;
	c.sim_keys = "/keys";
	not_in_a_realm("--sim-attest-keys", "--realm=sim");
	conf()->realm = REALM_ANY;
	c.sim_token_form = true;
	not_in_a_realm("--sim-token-form", "--realm=sim");
	conf()->realm = REALM_RMI;
	c.sim_faulty = true;
	not_in_a_realm("--sim-fault", "--realm=sim");
	conf()->realm = REALM_ANY;
	c.sim_log = true;
	not_in_a_realm("--sim-log", "--realm=sim");
	conf()->realm = REALM_SIM;
	c.sim_strict = true;
	c.irqchip = IRQCHIP_GICV3_ITS;
	not_in_a_realm("--sim-strict", "--irqchip gicv3");
	conf()->realm = REALM_SIM;
	c.sim_strict = true;
	ck_assert(!config_complete(&c) && c.irqchip == IRQCHIP_GICV3);
	/* Without an ITS nothing needs the pages that --sim-strict takes away. */
	conf()->realm = REALM_SIM;
	c.irqchip = IRQCHIP_GICV3;
	ck_assert(!config_complete(&c) && c.sim_strict);
	conf()->realm = REALM_SIM;
	ck_assert(!config_complete(&c) && !c.sim_strict);
	conf()->realm = REALM_ANY;
	c.irqchip = IRQCHIP_GICV3;
	ck_assert(!config_complete(&c) && !c.sim_strict);
}
END_TEST

/* ---- kernel command line ---- */

static const char *cmdline(const char *params)
{
	if (params)
		c.params = params;
	ck_assert_int_eq(config_cmdline(&c, 0, buf, sizeof(buf)), 0);
	return buf;
}

/* kvmtool-compat 1.5: blanks in front and twice are part of it. */
START_TEST(the_command_line_is_kvmtools)
{
	conf();
	ck_assert_str_eq(cmdline(NULL), " console=ttyS0 root=/dev/vda rw ");
	ck_assert_str_eq(cmdline("quiet x=y"), " console=ttyS0 root=/dev/vda rw  quiet x=y");
	ck_assert_str_eq(cmdline("root=/dev/sda"), " console=ttyS0 root=/dev/sda");
	c.console = CONSOLE_VIRTIO;
	ck_assert_str_eq(cmdline("quiet"), " console=hvc0 root=/dev/vda rw  quiet");
}
END_TEST

START_TEST(earlycon_knows_the_board)
{
	conf();
	c.earlycon = true;
	ck_assert_str_eq(cmdline("quiet"),
			 " console=ttyS0 earlycon=uart8250,mmio,0x1000000 root=/dev/vda rw  quiet");
	c.nodefaults = true;
	ck_assert_str_eq(cmdline("quiet"), "earlycon=uart8250,mmio,0x1000000 quiet");
	ck_assert_str_eq(cmdline(""), "earlycon=uart8250,mmio,0x1000000");
}
END_TEST

START_TEST(nodefaults_and_firmware_get_it_as_is)
{
	conf();
	c.nodefaults = true;
	ck_assert_str_eq(cmdline(""), "");
	ck_assert_str_eq(cmdline(" a  b "), " a  b ");
	conf();
	c.kernel = NULL;
	c.firmware = "fw";
	ck_assert_str_eq(cmdline("a"), "a");
}
END_TEST

/* [uapi reference 6] a Realm's devices are in the shared half; slabs are of 2 KiB */
START_TEST(realms_get_their_own_arguments)
{
	conf()->earlycon = true;
	c.swiotlb = 8;
	ck_assert_int_eq(config_cmdline(&c, BIT(32), buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, " console=ttyS0 earlycon=uart8250,mmio,0x101000000 swiotlb=4096"
			      " root=/dev/vda rw ");
	c.nodefaults = true;
	c.params = "quiet";
	ck_assert_int_eq(config_cmdline(&c, BIT(32), buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "earlycon=uart8250,mmio,0x101000000 swiotlb=4096 quiet");
	/* Arm's own documented line. */
	conf()->params = "quiet noearlycon earlycon=x earlycon panic=-1";
	ck_assert_int_eq(config_cmdline(&c, BIT(32), buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, " console=ttyS0 root=/dev/vda rw  quiet noearlycon earlycon=x "
			      "earlycon=uart8250,mmio,0x101000000 panic=-1");
	ck_assert_int_eq(config_cmdline(&c, 0, buf, sizeof(buf)), 0); /* no Realm */
	ck_assert_str_eq(buf, " console=ttyS0 root=/dev/vda rw  quiet noearlycon earlycon=x "
			      "earlycon panic=-1");
	c.nodefaults = true;
	ck_assert_int_eq(config_cmdline(&c, BIT(32), buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, c.params);
}
END_TEST

START_TEST(command_lines_have_an_end)
{
	static char params[CONFIG_CMDLINE_SIZE + 1];

	conf();
	c.nodefaults = true;
	memset(params, 'x', CONFIG_CMDLINE_SIZE - 1);
	ck_assert_uint_eq(strlen(cmdline(params)), CONFIG_CMDLINE_SIZE - 1);
	c.nodefaults = false;
	ck_assert_int_eq(config_cmdline(&c, 0, buf, sizeof(buf)), -E2BIG);
	c.nodefaults = true;
	params[CONFIG_CMDLINE_SIZE - 1] = 'x';
	ck_assert_int_eq(config_cmdline(&c, 0, buf, sizeof(buf)), -E2BIG);
	/* However small: the last part must not be written behind the end. */
	conf();
	for (size_t size = 1; size < 20; size++)
		ck_assert_int_eq(config_cmdline(&c, 0, buf, size), -E2BIG);
}
END_TEST

/* ---- lists of CPUs ---- */

START_TEST(cpu_lists)
{
	static const char *const bad[] = {
		"",	 ",", "-",  "1-",  "-1", "3-1", "1,",	",1",	  "1,,2",
		"1-2-3", "a", "1a", "0x1", " 1", "1 ",	"1024", "0-1024", "99999999999999999999"
	};
	cpu_set_t set;

	ck_assert_int_eq(config_cpulist("0-3,6,1023", &set), 0);
	ck_assert_int_eq(CPU_COUNT(&set), 6);
	ck_assert(CPU_ISSET(0, &set) && CPU_ISSET(3, &set) && !CPU_ISSET(4, &set) &&
		  CPU_ISSET(6, &set));
	ck_assert(CPU_ISSET(1023, &set));
	ck_assert_int_eq(config_cpulist("5", &set), 0);
	ck_assert(CPU_COUNT(&set) == 1 && CPU_ISSET(5, &set));
	ck_assert_int_eq(config_cpulist("2-2,2", &set), 0);
	ck_assert_int_eq(CPU_COUNT(&set), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(config_cpulist(bad[i], &set) == -EINVAL, "'%s'", bad[i]);
}
END_TEST

SUITE_MAIN("lkvm/config", what_is_given_stays, defaults_come_from_the_host,
	   too_much_is_warned_about, more_devices_than_places, a_missing_kernel,
	   the_kernel_of_a_build_tree, contradictions, one_file_for_two_outputs,
	   an_output_that_is_an_input, warnings, one_file_as_two_disks, names, what_can_be_booted,
	   a_device_tree_and_sockets, the_command_line_is_kvmtools, earlycon_knows_the_board,
	   nodefaults_and_firmware_get_it_as_is, command_lines_have_an_end, cpu_lists,
	   options_of_realms_want_a_realm, the_next_boot_looks_for_no_host, what_no_realm_can_have,
	   realms_get_their_own_arguments)
