/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of `lkvm run`: kvmtool's and its CCA branches' names, and a few of our own.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 *
 * An option is never accepted and ignored. What cannot be is in the table with its full syntax and
 * the reason why it is refused.
 */
#include "lkvm/run/options_run.h"

#include <errno.h>
#include <string.h>

#include "arm64/board.h"
#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/run/options_board.h"
#include "lkvm/run/options_devices.h"
#include "lkvm/run/options_files.h"
#include "lkvm/run/options_mem.h"
#include "lkvm/run/options_realm.h"
#include "lkvm/run/options_watch.h"

static int parse_mem(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	return options_mem(val, &c->ram_size, &c->ram_base);
}

static int parse_network(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	int err;

	if (c->nr_nics == CONFIG_MAX_NICS) {
		log_error("Currently only %u network devices are supported", CONFIG_MAX_NICS);
		return -EINVAL;
	}
	err = netopt_parse(&c->nics[c->nr_nics], val, c->nr_nics);
	c->nr_nics++;
	return err;
}

/* By prefix, as kvmtool compares. */
static int parse_console(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (!strncmp(val, "serial", 6)) {
		c->console = CONSOLE_SERIAL;
	} else if (!strncmp(val, "virtio", 6)) {
		c->console = CONSOLE_VIRTIO;
	} else {
		log_error("No console! --console takes serial or virtio, not '%s'", val);
		return -EINVAL;
	}
	return 0;
}

static int parse_tty(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	u64 n;

	if (options_number(val, CONFIG_NR_TTYS - 1, &n)) {
		log_error("--%s wants the number of a terminal from 0 to %u, not '%s'", name,
			  CONFIG_NR_TTYS - 1, val);
		return -EINVAL;
	}
	c->tty[n] = true;
	return 0;
}

/* Whoever asks for legacy devices gets others: `val` is the option's value, "" where it has none. */
static void say_modern(const char *name, const char *val)
{
	log_info("--%s%s%s: the devices are modern ones, as any guest since Linux 4.0 knows them",
		 name, *val ? " " : "", val);
}

static int parse_transport(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	bool pci = !strncmp(val, "pci", 3);

	if (strcmp(val, "pci") && strcmp(val, "mmio") && strcmp(val, "pci-legacy") &&
	    strcmp(val, "mmio-legacy")) {
		log_error("%s: unknown type \"%s\", known are pci and mmio", name, val);
		return -EINVAL;
	}
	c->transport = pci ? TRANSPORT_PCI : TRANSPORT_MMIO;
	if (strstr(val, "-legacy"))
		say_modern(name, val);
	return 0;
}

static int parse_virtio_legacy(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	c->transport = TRANSPORT_PCI;
	say_modern(name, "");
	return 0;
}

static int parse_confine(void *conf, const char *name, const char *val)
{
	static const char *const names[] = {
		[CONFINE_OFF] = "off",
		[CONFINE_ON] = "on",
		[CONFINE_STRICT] = "strict",
	};
	struct config *c = conf;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(val, names[i])) {
			c->confine = (enum config_confine)i;
			return 0;
		}
	}
	log_error("--%s takes on, off or strict, not '%s'", name, val);
	return -EINVAL;
}

static int parse_loglevel(void *conf, const char *name, const char *val)
{
	static const char *const names[] = {
		[LOG_ERROR] = "error",
		[LOG_WARNING] = "warning",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};
	struct config *c = conf;

	for (unsigned i = LOG_ERROR; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(val, names[i])) {
			c->loglevel = (enum log_level)i;
			return 0;
		}
	}
	log_error("Unknown loglevel: %s, known are error, warning, info and debug", val);
	return -EINVAL;
}

static int another_kernel(const struct config *c, const char *file)
{
	log_error("'%s': the kernel is already given as %s", file, c->kernel);
	return -EINVAL;
}

/* The first free word is the kernel. */
static int kernel_word(void *conf, const char *word)
{
	struct config *c = conf;

	if (c->kernel)
		return another_kernel(c, word);
	c->kernel = word;
	c->kernel_is_word = true;
	return 0;
}

/* Of two options the last one counts, as of others: scripts add theirs to a command. */
static int parse_kernel(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (c->kernel_is_word)
		return another_kernel(c, val);
	c->kernel = val;
	return 0;
}

/* The offset of a member, which has to be of that type. */
#define FIELD(type, member)                                                                        \
	(offsetof(struct config, member) +                                                         \
	 0 * sizeof((type *)NULL == &((struct config *)NULL)->member))

#define HEADING(title)                                                                             \
	{                                                                                          \
		.store = OPT_HEADING, .help = title                                                \
	}
#define TRUE(n, member, h)                                                                         \
	{                                                                                          \
		.name = n, .store = OPT_TRUE, .offset = FIELD(bool, member), .help = h             \
	}
#define SINGLE_OPTION(kind, h) TRUE(#kind, kind, h),
#define FALSE(n, member, h)                                                                        \
	{                                                                                          \
		.name = n, .store = OPT_FALSE, .offset = FIELD(bool, member), .help = h            \
	}
/* Options of kvmtool's branches for Realms. */
#define BRANCH_TRUE(n, member, h)                                                                  \
	{                                                                                          \
		.name = n, .branch = true, .store = OPT_TRUE, .offset = FIELD(bool, member),       \
		.help = h                                                                          \
	}
#define BRANCH_FALSE(n, member, h)                                                                 \
	{                                                                                          \
		.name = n, .branch = true, .store = OPT_FALSE, .offset = FIELD(bool, member),      \
		.help = h                                                                          \
	}
#define BRANCH_CALL(n, a, fn, h)                                                                   \
	{                                                                                          \
		.name = n, .branch = true, .arg = a, .store = OPT_CALL, .parse = fn, .help = h     \
	}
#define STRING(l, n, a, member, h)                                                                 \
	{                                                                                          \
		.letter = l, .name = n, .arg = a, .store = OPT_STRING,                             \
		.offset = FIELD(const char *, member), .help = h                                   \
	}
#define NUMBER(l, n, a, member, top, h)                                                            \
	{                                                                                          \
		.letter = l, .name = n, .arg = a, .store = OPT_U32, .offset = FIELD(u32, member),  \
		.max = top, .help = h                                                              \
	}
#define CALL(l, n, a, fn, h)                                                                       \
	{                                                                                          \
		.letter = l, .name = n, .arg = a, .store = OPT_CALL, .parse = fn, .help = h        \
	}
#define REFUSE(n, a, reason)                                                                       \
	{                                                                                          \
		.name = n, .arg = a, .store = OPT_REFUSE, .why = reason                            \
	}
#define OWN_REFUSE(n, a, reason)                                                                   \
	{                                                                                          \
		.name = n, .arg = a, .own = true, .store = OPT_REFUSE, .why = reason               \
	}

#define NO_GRAPHICS "arm64 guests have no graphics, use --console serial or virtio"

/* clang-format off */
static const struct opt opts[] = {
	HEADING("Basic options"),
	STRING(0, "name", "guest", name, "Name of the guest; default guest-<pid>"),
	NUMBER('c', "cpus", "n", cpus, INT32_MAX,
	       "Number of CPUs; default (and 0): as many as the host has online"),
	CALL('m', "mem", "size[@addr]", parse_mem,
	     "Size of the guest's memory, and where it starts (0x80000000 or higher). Units B, K, M, G, "
	     "T, P; without one MiB are meant. Default 64 MiB x (CPUs + 3), at most 80 % of the host's"),
	BRANCH_CALL("memory", "size[@addr]", parse_mem, "The same as --mem"),
	CALL('d', "disk", "file[,flag...]", options_add_disk,
	     "Disk image or block device, at most 24. Flags: ro, ephemeral (what is written is gone at the "
	     "end), direct, format=raw|qcow2, backing=on|off, blocksize=512|4096, serial=<text>, queues=<n>, "
	     "io=uring|threads; a comma in a file name is written twice. See DISKS"),
	STRING(0, "sandbox", "script", sandbox,
	       "Run this script in the root file system of lkvm setup that --disk names (default ~/.lkvm/default), which has "
	       "the host's files at /host, and switch the guest off; to have a command's own streams and status see lkvm exec"),
	CALL(0, "9p", "dir[,tag][,flag...]", options_add_9p,
	     "Directory that the guest mounts as <tag> by 9P (default kvm_9p), at most 8. Flags: ro, map=host|root "
	     "(who owns files), tag=<text>; a comma in a name is written twice"),
	{ .name = "fs", .own = true, .arg = "dir[,flag...]", .store = OPT_CALL, .parse = options_add_fs,
	  .help = "Directory that the guest mounts by virtio-fs, at most 4; virtiofsd serves it. Flags: tag=<text> "
		  "(default virtiofs), ro, socket=<path> (of a daemon that runs; none is started then), "
		  "sandbox=namespace|chroot|none (of the daemon; default namespace); a comma in a name is written "
		  "twice. See SHARED DIRECTORIES" },
	VIRTIO_SINGLES(SINGLE_OPTION)
	TRUE("rng", rng, "Give the guest a source of entropy (virtio-rng)"),
	{ .name = "rng-limit", .own = true, .arg = "max-bytes=n[,period=ms]", .store = OPT_CALL,
	  .parse = options_rng_limit,
	  .help = "With --rng: at most <n> bytes of entropy in each <ms> milliseconds (default 65536); what the guest "
		  "asks for beyond that waits" },
	TRUE("nodefaults", nodefaults, "Pass --params exactly as given and add nothing to it"),
	CALL(0, "console", "serial|virtio", parse_console, "What the terminal is for the guest; default serial"),
	{ .name = "console-port", .own = true, .arg = "name,file=path|socket=path|pty", .store = OPT_CALL,
	  .parse = options_add_port,
	  .help = "A port of virtio-console, which the guest finds by its name (/dev/virtio-ports/<name>), at most 14. "
		  "What the guest writes goes behind what is in the file; a socket takes one client at a time; a comma "
		  "in a name is written twice. See CONSOLES" },
	CALL(0, "vsock", "cid[,uds=path][,vhost=on]", options_add_vsock,
	     "Sockets between the guest, whose number is <cid>, and the host, where they are Unix sockets: to connect to a "
	     "port of the guest, connect to <path> and say CONNECT <port>; connections of the guest to port 52 of the host "
	     "(number 2) go to <path>_52. Default path ~/.lkvm/<name>.vsock. With vhost=on the host's kernel serves it. See "
	     "SOCKETS"),
	CALL(0, "vfio-pci", "[domain:]bus:dev.fn", options_add_vfio,
	     "Give the guest this PCI device of the host, at most 8; vfio-pci has to be its driver. In a simulated "
	     "Realm it reaches shared pages only. See ASSIGNED DEVICES"),
	STRING(0, "dev", "file", kvm_dev, "KVM's device node; default /dev/kvm"),
	CALL(0, "tty", "n", parse_tty, "Connect serial port 0..3 of the guest to a new pty"),
	STRING(0, "hugetlbfs", "path", hugetlbfs, "Take the guest's memory from this mounted hugetlbfs"),
	CALL(0, "virtio-transport", "pci|mmio", parse_transport,
	     "How the guest finds its devices; default pci. pci-legacy and mmio-legacy are taken for pci and mmio"),
	CALL(0, "virtio-legacy", NULL, parse_virtio_legacy, "The same as --virtio-transport pci"),
	{ .name = "force-pci", .store = OPT_SET, .max = TRANSPORT_PCI, .unset = TRANSPORT_PCI,
	  .offset = FIELD(enum config_transport, transport), .help = "The same as --virtio-transport pci" },
	CALL(0, "loglevel", "error|warning|info|debug", parse_loglevel, "Print messages up to these; default info"),
	{ .name = "confine", .own = true, .arg = "on|off|strict", .store = OPT_CALL, .parse = parse_confine,
	  .help = "What lkvm itself may do while the guest runs: only what the guest's devices need (on, the "
		  "default; as far as the host's kernel can see to it), that or nothing (strict), or all that its user "
		  "may (off)" },
	{ .name = "reboot", .own = true, .store = OPT_TRUE, .offset = FIELD(bool, reboot),
	  .help = "Start the guest again when it resets itself, instead of ending" },

	HEADING("Kernel options"),
	CALL('k', "kernel", "file", parse_kernel,
	     "Image (also compressed), EFI zboot or flat binary to start; default: the host's own kernel"),
	STRING('i', "initrd", "file", initrd, "Initial RAM disk"),
	{ .name = "add-file", .own = true, .arg = "file[:dst[:mode]]", .store = OPT_CALL, .parse = options_add_file,
	  .help = "Append this file to the initial RAM disk, as <dst> (default: its name, below /), with these permissions. A "
		  "colon in a name is written twice. It is measured with the rest" },
	{ .name = "add-dir", .own = true, .arg = "dir[:dst]", .store = OPT_CALL, .parse = options_add_dir,
	  .help = "Append all that is in this directory, below <dst> (default /)" },
	{ .letter = 'p', .name = "params", .arg = "string", .store = OPT_STRING, .may_be_empty = true,
	  .offset = FIELD(const char *, params), .help = "Kernel parameters, behind those that lkvm adds" },
	STRING('f', "firmware", "file", firmware, "Firmware image to start instead of a kernel"),
	STRING('F', "flash", "file", flash,
	       "NOR flash that the guest can program, where firmware keeps its variables; the file's size, rounded "
	       "down to a power of two from 64 KiB to 16 MiB, is the flash's"),
	{ .name = "flat", .own = true, .store = OPT_TRUE, .offset = FIELD(bool, flat),
	  .help = "Start the kernel file as it is, 512 KiB into RAM, whatever it looks like" },
	{ .name = "earlycon", .own = true, .store = OPT_TRUE, .offset = FIELD(bool, earlycon),
	  .help = "Add the earlycon= parameter for this board's serial port" },

	HEADING("Network options"),
	CALL('n', "network", "key=value[,...]", parse_network,
	     "A network device, at most 4; mode=user, tap (default with -n), stream, dgram, vhost-user or none; 'lkvm help network' lists "
	     "the keys. Without any -n the guest has one in user mode"),
	{ .name = "no-dhcp", .store = OPT_NOTHING, .help = "Add no ip=dhcp parameter; lkvm never does" },

	HEADING("arm64 options"),
	TRUE("pmu", pmu, "Give the guest a performance monitoring unit. Where the host's CPUs are of several kinds it "
	     "counts on one of them: name those with --vcpu-affinity"),
	{ .name = "pmu-counters", .branch = true, .arg = "n", .store = OPT_U32, .max = 31,
	  .offset = FIELD(u32, pmu_counters),
	  .help = "Number of event counters of the PMU; default: the host's" },
	FALSE("disable-mte", mte, "No memory tagging for the guest, which otherwise has it where the host has"),
	TRUE("nested", nested, "Start the guest in EL2, so that it can be a hypervisor; for hosts whose KVM is booted "
	     "with kvm-arm.mode=nested"),
	TRUE("e2h0", e2h0, "With --nested: an EL2 without Virtualization Host Extensions"),
	TRUE("aarch32", aarch32, "The kernel is a 32-bit one; the host's CPUs have to have AArch32 in EL1"),
	TRUE("psci", psci, "Answer PSCI in lkvm instead of in KVM"),
	TRUE("guest-memfd", guest_memfd, "Take the guest's memory from a guest_memfd"),
	CALL(0, "counter-offset", "number", options_counter_offset,
	     "What the guest's counters are behind the host's physical one; default: they start at 0"),
	CALL(0, "vcpu-affinity", "cpulist", options_affinity, "Host CPUs on which the guest's run"),
	{ .name = "kaslr-seed", .arg = "number", .store = OPT_U64, .max = UINT64_MAX,
	  .offset = FIELD(u64, kaslr_seed), .help = "Entropy for the guest's KASLR; default none" },
	FALSE("no-pvtime", pvtime, "Do not tell the guest about stolen time"),
	BRANCH_FALSE("disable-sve", sve, "No Scalable Vector Extension for the guest"),
	CALL(0, "sve-max-vl", "bits", options_sve_max_vl,
	     "Longest SVE vectors the guest may use, a power of two from 128 to 2048"),
	STRING(0, "dump-dtb", "file", dump_dtb,
	       "Write the guest's device tree to this file. Without a named kernel or firmware, a root file system for it "
	       "(or --nodefaults) and KVM that is all, and no guest is started"),
	{ .name = "dtb", .own = true, .arg = "file", .store = OPT_STRING, .offset = FIELD(const char *, dtb),
	  .help = "Give the guest this device tree, with the kernel parameters that are in it, instead of the one that "
		  "the options make. It is measured as it is" },
	NUMBER(0, "override-bad-firmware-cntfrq", "hz", cntfrq, UINT32_MAX,
	       "Frequency of the guest's timer, where the host's firmware has left CNTFRQ_EL0 wrong"),
	CALL(0, "irqchip", "gicv2|gicv2m|gicv3|gicv3-its", options_irqchip,
	     "The interrupt controller; default: the best that the host has"),
	{ .name = "rtc", .own = true, .arg = "mc146818|pl031", .store = OPT_CALL, .parse = options_rtc,
	  .help = "The guest's clock. pl031, which stock kernels can read, is added to the other, which firmware "
		  "wants. Default pl031, and in a Realm, where it is measured, mc146818" },
	{ .name = "pvpanic", .own = true, .arg = "on|off", .store = OPT_CALL, .parse = options_pvpanic,
	  .help = "A PCI device by which the guest says that it has crashed, where its kernel has a driver (Linux's "
		  "CONFIG_PVPANIC_PCI). Default on, and off in a Realm and a protected VM" },
	CALL(0, "firmware-address", "addr", options_firmware_address,
	     "Where --firmware is loaded; default: the start of RAM"),

	HEADING("Realm options"),
	{ .name = "realm", .branch = true, .arg = "rme|rmi|sim", .arg_optional = true, .store = OPT_CALL, .parse = options_realm,
	  .help = "Start a Realm of the Arm Confidential Compute Architecture, of the kind that the host's kernel "
		  "has (rme: up to v11 of the KVM patches, rmi: v12 and later). --realm=sim is a simulated one on "
		  "any arm64 host: a Realm for its guest, without isolation from the host. 'lkvm doctor' tells what "
		  "this host can do" },
	BRANCH_CALL("measurement-algo", "sha256|sha512", options_measurement_algo,
	     "Hash of the Realm's measurements; default sha256"),
	BRANCH_CALL("realm-pv", "string", options_realm_pv, "Realm Personalization Value, at most 64 bytes"),
	{ .name = "realm-pv-hex", .own = true, .arg = "digits", .store = OPT_CALL, .parse = options_realm_pv_hex,
	  .help = "The same in hexadecimal" },
	BRANCH_TRUE("measurement-log", measurement_log,
	     "Leave the guest a log of how it was measured (TCG2 format), which is not measured itself"),
	BRANCH_CALL("sve-vl", "bits", options_sve_vl, "The same as --sve-max-vl"),
	BRANCH_TRUE("restricted_mem", restricted_mem, "Guest memory that the host cannot map; a Realm always has it"),
	BRANCH_TRUE("restricted-mem", restricted_mem, "The same as --restricted_mem"),
	{ .name = "service-ip", .branch = true, .arg = "host", .store = OPT_STRING, .offset = FIELD(const char *, service_ip),
	  .help = "Server for the sessions that the Realm's firmware may open with its host (RHI)" },
	BRANCH_CALL("service-port", "port", options_service_port, "Port of that server; default 1080"),
	{ .name = "swiotlb", .own = true, .arg = "mib", .store = OPT_U32, .max = 4096, .offset = FIELD(u32, swiotlb),
	  .help = "Add the swiotlb= parameter: size of the pool through which a Realm or a protected VM does its "
		  "I/O. Small ones make themselves a small one. It is part of what is measured" },
	{ .name = "bounce", .arg = "mib", .arg_optional = true, .own = true, .store = OPT_CALL, .parse = options_bounce,
	  .help = "An ordinary guest under a Realm's rules: devices reach nothing but a pool at the end of its memory "
		  "(default 32 MiB), which the device tree tells its kernel to bounce all I/O through. So an image can be "
		  "tried before it is ever a Realm" },
	{ .name = "sim-strict", .own = true, .store = OPT_TRUE, .offset = FIELD(bool, sim_strict),
	  .help = "With --realm=sim: a shared page is gone from its protected address, which KVM's ITS cannot bear: "
		  "the same as --irqchip gicv3, interrupts without messages" },
	{ .name = "sim-attest-keys", .own = true, .arg = "dir", .store = OPT_STRING,
	  .offset = FIELD(const char *, sim_keys),
	  .help = "With --realm=sim: directory of the keys that sign the guest's attestation tokens; see 'lkvm help "
		  "attest-keys'" },
	{ .name = "sim-token-form", .own = true, .arg = "399|907", .store = OPT_CALL, .parse = options_sim_token_form,
	  .help = "With --realm=sim: tokens as EAT collection (399, as of RMM 1.0; default) or as CMW (907)" },
	{ .name = "sim-fault", .own = true, .arg = "key=value[,...]", .store = OPT_CALL, .parse = options_sim_fault,
	  .help = "With --realm=sim: faults that an RMM or its host may have, to test the guest with. Keys: "
		  "token-incomplete, token-piece, ripas-piece, ripas-reject, ripas-stall, fail, delay, rsi" },
	{ .name = "sim-log", .own = true, .arg = "file", .arg_optional = true, .store = OPT_CALL,
	  .parse = options_sim_log,
	  .help = "With --realm=sim: print each call of the guest to the RMM, with its arguments and its result, on "
		  "stderr or to this file" },
	TRUE("protected", protected_vm, "Start a protected VM of pKVM: devices reach what the guest shares"),
	BRANCH_TRUE("pkvm", protected_vm, "The same as --protected"),

	HEADING("Debug options"),
	{ .letter = 'v', .name = "verbose", .own = true, .store = OPT_SET, .max = LOG_DEBUG, .unset = LOG_INFO,
	  .offset = FIELD(enum log_level, loglevel),
	  .help = "The same as --loglevel debug. Prints how a Realm should be measured, too" },
	{ .name = "debug", .store = OPT_SET, .max = LOG_DEBUG, .unset = LOG_INFO, .offset = FIELD(enum log_level, loglevel),
	  .help = "The same as --loglevel debug" },
	TRUE("debug-single-step", single_step, "Print where each CPU of the guest is after each instruction; very slow"),
	{ .name = "gdb", .own = true, .arg = "port|socket[,wait]", .store = OPT_STRING, .offset = FIELD(const char *, gdb),
	  .help = "Let GDB connect there ('target remote') to an ordinary guest or a simulated Realm: a port of "
		  "127.0.0.1, which everybody on this host can reach, or the path of a socket; with wait the guest "
		  "does not begin before" },
	TRUE("debug-mmio", debug_mmio, "Warn when the guest touches an address where nothing is"),
	TRUE("debug-ioport", debug_mmio, "The same as --debug-mmio: on arm64 I/O ports are addresses, too"),
	NUMBER(0, "debug-iodelay", "ms", disk_delay_ms, 3600000, "Delay each disk request"),

	REFUSE("vnc", NULL, NO_GRAPHICS),
	REFUSE("gtk", NULL, NO_GRAPHICS),
	REFUSE("sdl", NULL, NO_GRAPHICS),
};
/* clang-format on */

const struct opt_spec options_run = {
	.usage = "lkvm run [<options>] [<kernel image>]",
	.base = &options_watch,
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = kernel_word,
};
