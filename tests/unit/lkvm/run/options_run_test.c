/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of `lkvm run`: every spelling, every field, every value that is refused. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lkvm/base/cpio.h"
#include "lkvm/base/exit.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/run/options_mem.h"
#include "lkvm/run/options_run.h"
#include "lkvm/watch/ere.h"
#include "tests/unit/arm64/capture.h"

static struct config c;

static int parse(const char *const *argv, int argc)
{
	config_init(&c);
	return options_parse(&options_run, &c, argc, (char **)(uintptr_t)argv);
}

#define PARSE(...)                                                                                 \
	parse((const char *[]){ "run", __VA_ARGS__ },                                              \
	      (int)ARRAY_SIZE(((const char *[]){ "run", __VA_ARGS__ })))

static const struct opt *find(const char *name)
{
	for (unsigned i = 0; i < options_run.nr_opts; i++) {
		if (options_run.opts[i].name && !strcmp(options_run.opts[i].name, name))
			return &options_run.opts[i];
	}
	return NULL;
}

/* Everything that kvmtool and its CCA branches take on arm64, with the short form and the kind. */
static const struct {
	const char *name;
	char letter;
	bool has_arg;
} kvmtool[] = {
	{ "name", 0, true },
	{ "cpus", 'c', true },
	{ "mem", 'm', true },
	{ "disk", 'd', true },
	{ "balloon", 0, false },
	{ "vnc", 0, false },
	{ "gtk", 0, false },
	{ "sdl", 0, false },
	{ "rng", 0, false },
	{ "nodefaults", 0, false },
	{ "console", 0, true },
	{ "vsock", 0, true },
	{ "dev", 0, true },
	{ "tty", 0, true },
	{ "sandbox", 0, true },
	{ "hugetlbfs", 0, true },
	{ "virtio-transport", 0, true },
	{ "virtio-legacy", 0, false },
	{ "force-pci", 0, false },
	{ "loglevel", 0, true },
	{ "kernel", 'k', true },
	{ "initrd", 'i', true },
	{ "params", 'p', true },
	{ "firmware", 'f', true },
	{ "flash", 'F', true },
	{ "network", 'n', true },
	{ "no-dhcp", 0, false },
	{ "vfio-pci", 0, true },
	{ "debug", 0, false },
	{ "debug-single-step", 0, false },
	{ "debug-ioport", 0, false },
	{ "debug-mmio", 0, false },
	{ "debug-iodelay", 0, true },
	{ "aarch32", 0, false },
	{ "pmu", 0, false },
	{ "disable-mte", 0, false },
	{ "vcpu-affinity", 0, true },
	{ "kaslr-seed", 0, true },
	{ "no-pvtime", 0, false },
	{ "sve-max-vl", 0, true },
	{ "dump-dtb", 0, true },
	{ "override-bad-firmware-cntfrq", 0, true },
	{ "irqchip", 0, true },
	{ "firmware-address", 0, true },
	{ "psci", 0, false },
	{ "counter-offset", 0, true },
	{ "nested", 0, false },
	{ "e2h0", 0, false },
	{ "protected", 0, false },
	{ "guest-memfd", 0, false },
	{ "realm", 0, true }, /* the value, lkvm's own, is optional */
	{ "measurement-algo", 0, true },
	{ "realm-pv", 0, true },
	{ "sve-vl", 0, true },
	{ "disable-sve", 0, false },
	{ "pmu-counters", 0, true },
	{ "measurement-log", 0, false },
	{ "restricted_mem", 0, false },
	{ "restricted-mem", 0, false },
	{ "pkvm", 0, false },
};

START_TEST(kvmtools_options_have_kvmtools_spelling)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kvmtool); i++) {
		const struct opt *o = find(kvmtool[i].name);

		ck_assert_msg(o && !o->own, "no --%s", kvmtool[i].name);
		ck_assert_int_eq(o->letter, kvmtool[i].letter);
		ck_assert_msg(!!o->arg == kvmtool[i].has_arg, "--%s", o->name);
	}
	ck_assert(find("realm")->arg_optional && find("bounce")->arg_optional);
}
END_TEST

#define LAST_UPSTREAM "guest-memfd" /* in the table above; behind it are those of the branches */

/*
 * Scripts abbreviate: each beginning that means one option to kvmtool itself is not ambiguous here,
 * whatever its branches and lkvm have added.
 */
START_TEST(kvmtools_abbreviations_stay_clear)
{
	unsigned nr = 0, tried = 0;
	char word[64];

	while (strcmp(kvmtool[nr++].name, LAST_UPSTREAM))
		;
	for (unsigned i = 0; i < nr; i++) {
		for (int len = 1; len < (int)strlen(kvmtool[i].name); len++) {
			unsigned same = 0;

			for (unsigned j = 0; j < nr; j++)
				same += !strncmp(kvmtool[j].name, kvmtool[i].name, (size_t)len);
			/* "--no-d" may be a negation, to kvmtool, too. */
			if (same != 1 || !strncmp(kvmtool[i].name, "no-", 3))
				continue;
			snprintf(word, sizeof(word), "--%.*s", len, kvmtool[i].name);
			capture_start();
			PARSE(word, "1");
			ck_assert_msg(!strstr(captured(), "ambiguous"), "%s: %s", word, captured());
			tried++;
		}
	}
	ck_assert_uint_gt(tried, 100);
	ck_assert_int_eq(PARSE("--me", "256", "--ker", "Image", "--cp", "1", "--par", "quiet"), 0);
	ck_assert(c.ram_size == 256 * MiB && c.cpus == 1 && !strcmp(c.params, "quiet"));
	ck_assert_int_eq(PARSE("-k", "Image", "-p", ""), 0);
	ck_assert_str_eq(c.params, "");
	/* A branch's option comes before lkvm's, and is found where kvmtool has none. */
	ck_assert_int_eq(PARSE("--meas", "sha256"), EXIT_USAGE);
	ck_assert_int_eq(PARSE("--measurement-a", "sha256"), 0);
}
END_TEST

START_TEST(the_table_is_sound)
{
	for (unsigned i = 0; i < options_run.nr_opts; i++) {
		const struct opt *o = &options_run.opts[i];

		if (o->store == OPT_HEADING) {
			ck_assert(o->help && !o->name);
			continue;
		}
		ck_assert_msg(find(o->name) == o, "--%s twice", o->name);
		ck_assert_msg(!o->letter || o->arg || o->own, "-%c has no value", o->letter);
		ck_assert_msg((o->store == OPT_REFUSE) == !!o->why &&
				      (o->store == OPT_REFUSE) == !o->help,
			      "--%s", o->name);
		/* The text for people is one sentence that the manual ends with a full stop. */
		ck_assert_msg(
			(o->help ? o->help : o->why)[strlen(o->help ? o->help : o->why) - 1] != '.',
			"--%s", o->name);
		ck_assert_msg(o->store != OPT_CALL || o->parse, "--%s", o->name);
		for (unsigned j = 0; j < i; j++)
			ck_assert(!o->letter || o->letter != options_run.opts[j].letter);
	}
}
END_TEST

/* Never accepted and ignored: one line that names the option, and not zero. */
START_TEST(what_comes_later_says_so)
{
	unsigned nr = 0;

	capture_start();
	for (unsigned i = 0; i < options_run.nr_opts; i++) {
		const struct opt *o = &options_run.opts[i];
		char with[64], no[64];

		if (o->store != OPT_REFUSE)
			continue;
		snprintf(with, sizeof(with), "--%s%s", o->name, o->arg ? "=1" : "");
		ck_assert_int_eq(PARSE(with), EXIT_DIE);
		captured_one_error(o->name, o->why);
		nr++;
		if (o->arg)
			continue;
		snprintf(no, sizeof(no), "--no-%s", o->name);
		ck_assert_int_eq(PARSE(no), 0);
	}
	ck_assert_uint_gt(nr, 0);
}
END_TEST

START_TEST(defaults)
{
	ck_assert_int_eq(parse((const char *[]){ "run" }, 1), 0);
	ck_assert_str_eq(c.kvm_dev, "/dev/kvm");
	ck_assert(c.pvtime && c.sve && !c.pmu && !c.rng && !c.nodefaults && !c.reboot &&
		  !c.earlycon);
	ck_assert(!c.cpus && !c.ram_size && !c.nr_disks && !c.nr_nics && !c.kaslr_seed);
	ck_assert(c.ram_base == 0x80000000 && c.transport == TRANSPORT_PCI &&
		  c.console == CONSOLE_SERIAL);
	ck_assert(c.irqchip == IRQCHIP_AUTO && c.loglevel == LOG_INFO && !*c.params);
}
END_TEST

START_TEST(values_reach_their_fields)
{
	ck_assert_int_eq(PARSE("--name", "n", "-c4", "-m", "64", "-d", "a,ro", "--disk=b", "--rng",
			       "--nodefaults", "--console=virtio", "--dev", "/dev/kvm0", "--tty=0",
			       "--tty", "3", "--hugetlbfs", "/h", "--virtio-transport=mmio",
			       "--loglevel", "warning", "--reboot"),
			 0);
	ck_assert_str_eq(c.name, "n");
	ck_assert_str_eq(c.kvm_dev, "/dev/kvm0");
	ck_assert_str_eq(c.hugetlbfs, "/h");
	ck_assert(c.cpus == 4 && c.ram_size == 64 * MiB && c.nr_disks == 2 && c.rng &&
		  c.nodefaults);
	ck_assert(!strcmp(c.disks[0].path, "a") && c.disks[0].read_only);
	ck_assert(!strcmp(c.disks[1].path, "b") && !c.disks[1].read_only);
	ck_assert(c.console == CONSOLE_VIRTIO);
	ck_assert(c.tty[0] && !c.tty[1] && !c.tty[2] && c.tty[3] && c.transport == TRANSPORT_MMIO);
	ck_assert(c.loglevel == LOG_WARNING && c.reboot);

	ck_assert_int_eq(PARSE("-kK", "-iI", "-pa b", "-fF", "--earlycon", "-n", "mode=user",
			       "-nmode=none", "--no-dhcp", "--firmware-address", "0x81000000"),
			 0);
	ck_assert(!strcmp(c.kernel, "K") && !strcmp(c.initrd, "I") && !strcmp(c.params, "a b"));
	ck_assert(!strcmp(c.firmware, "F") && c.earlycon && c.nr_nics == 2);
	ck_assert(c.nics[0].mode == NET_MODE_USER && c.nics[1].mode == NET_MODE_NONE);
	ck_assert_uint_eq(c.nics[1].mac[5], c.nics[0].mac[5] + 1);
	ck_assert(c.firmware_addr_set && c.firmware_addr == 0x81000000);

	ck_assert_int_eq(PARSE("--pmu", "--pmu-counters=6", "--vcpu-affinity", "0-1",
			       "--kaslr-seed=0xfedcba9876543210", "--no-pvtime", "--disable-sve",
			       "--sve-max-vl=256", "--dump-dtb", "D",
			       "--override-bad-firmware-cntfrq", "24000000", "--irqchip=gicv3",
			       "--disable-mte", "--debug", "--debug-mmio", "--debug-iodelay", "20"),
			 0);
	ck_assert(c.pmu && c.pmu_counters == 6 && c.kaslr_seed == 0xfedcba9876543210 && !c.pvtime &&
		  !c.sve);
	ck_assert(c.sve_max_vl == 256 && !strcmp(c.dump_dtb, "D") && c.cntfrq == 24000000);
	ck_assert(c.irqchip == IRQCHIP_GICV3 && c.loglevel == LOG_DEBUG && c.debug_mmio);
	ck_assert(c.disk_delay_ms == 20 && !strcmp(c.vcpu_affinity, "0-1"));
	ck_assert_int_eq(PARSE("--sve-vl=512"), 0);
	ck_assert_uint_eq(c.sve_max_vl, 512);
}
END_TEST

START_TEST(words_out_of_a_list)
{
	static const struct {
		const char *word;
		enum config_irqchip chip;
	} chips[] = { { "--irqchip=gicv2", IRQCHIP_GICV2 },
		      { "--irqchip=gicv2m", IRQCHIP_GICV2M },
		      { "--irqchip=gicv3", IRQCHIP_GICV3 },
		      { "--irqchip=gicv3-its", IRQCHIP_GICV3_ITS } };
	static const char *const levels[] = { "error", "warning", "info", "debug" };

	for (unsigned i = 0; i < ARRAY_SIZE(chips); i++) {
		ck_assert_int_eq(PARSE(chips[i].word), 0);
		ck_assert_int_eq(c.irqchip, chips[i].chip);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
		ck_assert_int_eq(PARSE("--loglevel", levels[i]), 0);
		ck_assert_int_eq(c.loglevel, LOG_ERROR + (int)i);
	}
	/* kvmtool compares the beginning only. */
	ck_assert_int_eq(PARSE("--console=virtio,x"), 0);
	ck_assert_int_eq(c.console, CONSOLE_VIRTIO);
	ck_assert_int_eq(PARSE("--console=virtio", "--console=serial"), 0);
	ck_assert_int_eq(c.console, CONSOLE_SERIAL);
}
END_TEST

START_TEST(transports_old_and_new)
{
	static const struct {
		const char *word;
		enum config_transport t;
		const char *said;
	} words[] = { { "--virtio-transport=pci", TRANSPORT_PCI, "" },
		      { "--virtio-transport=mmio", TRANSPORT_MMIO, "" },
		      { "--virtio-transport=pci-legacy", TRANSPORT_PCI,
			"  Info: --virtio-transport pci-legacy: the devices are modern" },
		      { "--virtio-transport=mmio-legacy", TRANSPORT_MMIO,
			"  Info: --virtio-transport mmio-legacy: the devices are modern" },
		      { "--virtio-legacy", TRANSPORT_PCI,
			"  Info: --virtio-legacy: the devices are modern" },
		      { "--force-pci", TRANSPORT_PCI, "" } };

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		capture_start();
		ck_assert_int_eq(PARSE(i < 4 ? "--rng" : "--virtio-transport=mmio", words[i].word),
				 0);
		ck_assert_int_eq(c.transport, words[i].t);
		ck_assert_msg(!strncmp(captured(), words[i].said, strlen(words[i].said)) &&
				      !*captured() == !*words[i].said,
			      "%s", captured());
	}
}
END_TEST

START_TEST(bad_values)
{
	static const struct {
		const char *word, *text;
	} bad[] = {
		{ "--irqchip=gicv4", "irqchip: unknown type \"gicv4\"" },
		{ "--irqchip=", "irqchip: unknown type" },
		{ "--virtio-transport=ccw", "virtio-transport: unknown type \"ccw\"" },
		{ "--virtio-transport=pcie", "virtio-transport: unknown type" },
		{ "--loglevel=loud", "Unknown loglevel: loud" },
		{ "--console=hv", "No console!" },
		{ "--console=", "No console!" },
		{ "--tty=4", "--tty wants" },
		{ "--tty=x", "--tty wants" },
		{ "--firmware-address=here", "--firmware-address wants an address" },
		{ "--vcpu-affinity=3-1", "--vcpu-affinity wants a list" },
		{ "-m0", "Invalid RAM size" },
		{ "-mx", "Invalid memory specifier" },
		{ "--sve-max-vl=0", "--sve-max-vl takes 128" },
		{ "--sve-max-vl=64", "or out of range" },
		{ "--sve-max-vl=384", "SVE vector length isn't power of 2" },
		{ "--sve-max-vl=4096", "or out of range" },
		{ "--sve-max-vl=x", "not 'x'" },
		{ "--until=(", "--until '(': a ( is not closed" },
		{ "--fail-on=a*", "it matches what is empty" },
		{ "--status-from=x", "it has no group" },
		{ "--timeout=0", "--timeout wants a number of seconds" },
		{ "--timeout=1.5", "--timeout wants a number of seconds" },
		{ "--within=5", "there is none" },
		{ "--send=\\q", "the escapes are" },
	};

	capture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(PARSE(bad[i].word), EXIT_DIE);
		captured_one_error(bad[i].text, "");
		config_fini(&c);
	}
}
END_TEST

#define NIC "-nmode=none"

START_TEST(not_too_many)
{
	capture_start();
#define SIX "-da", "-db", "-dc", "-dd", "-de", "-df"
	ck_assert_int_eq(PARSE(SIX, SIX, SIX, SIX), 0);
	ck_assert_int_eq(PARSE(SIX, SIX, SIX, SIX, "-dg"), EXIT_DIE);
	captured_one_error("Currently only 24 images are supported", "");
	ck_assert_int_eq(PARSE(NIC, NIC, NIC, NIC), 0);
	ck_assert_int_eq(PARSE(NIC, NIC, NIC, NIC, NIC), EXIT_DIE);
	captured_one_error("Currently only 4 network devices", "");
	ck_assert_int_eq(PARSE("--pmu-counters=32"), EXIT_USAGE);
	ck_assert_int_eq(PARSE("--cpus=-1"), EXIT_USAGE);
	ck_assert_int_eq(PARSE("--cpus=100000"), 0); /* clamped later, with a warning */
}
END_TEST

START_TEST(the_first_word_is_the_kernel)
{
	capture_start();
	ck_assert_int_eq(PARSE("-m", "64", "Image", "-c", "1"), 0);
	ck_assert_str_eq(c.kernel, "Image");
	ck_assert_uint_eq(c.cpus, 1);
	ck_assert_int_eq(PARSE("-k", "A", "B"), EXIT_USAGE);
	ck_assert_ptr_nonnull(strstr(captured(), "'B': the kernel is already given as A"));
	ck_assert_int_eq(PARSE("C", "-k", "D"), EXIT_DIE);
	ck_assert_ptr_nonnull(strstr(captured(), "'D': the kernel is already given as C"));
	/* Scripts add options to a command. */
	ck_assert_int_eq(PARSE("-k", "A", "-k", "B"), 0);
	ck_assert_str_eq(c.kernel, "B");
}
END_TEST

/* Abbreviations people use; an option of our own must not break them. */
START_TEST(kvmtools_abbreviations)
{
	ck_assert_int_eq(PARSE("--init", "I", "--net", "mode=none", "--par", "p", "--ker", "K",
			       "--irq", "gicv3"),
			 0);
	ck_assert(!strcmp(c.initrd, "I") && !strcmp(c.kernel, "K") && c.irqchip == IRQCHIP_GICV3);
	ck_assert_int_eq(PARSE("--virtio-t", "mmio", "--nodef", "--mem", "8"), 0);
	ck_assert_int_eq(PARSE("--no-pv"), 0);
	ck_assert(!c.pvtime);
	/* The last one counts. */
	ck_assert(!PARSE("--debug", "--no-debug") && c.loglevel == LOG_INFO);
	ck_assert(!PARSE("--loglevel=error", "--no-debug") && c.loglevel == LOG_ERROR);
	ck_assert(!PARSE("--no-debug", "-v") && c.loglevel == LOG_DEBUG);
	/* Both spellings of one flag; and what lkvm adds makes nothing ambiguous. */
	ck_assert(!PARSE("--restricted") && c.restricted_mem);
	ck_assert(!PARSE("--realm-p", "x") && c.realm_pv[0] == 'x');
}
END_TEST

static int mem(const char *s, u64 *size, u64 *base)
{
	*size = 1;
	*base = 2;
	return options_mem(s, size, base);
}

START_TEST(memory_sizes)
{
	static const struct {
		const char *s;
		u64 size, base;
	} good[] = {
		{ "512", 512 * MiB, 2 },
		{ "6", 6 * MiB, 2 },
		{ "1B", 1, 2 },
		{ "4096b", 4096, 2 },
		{ "64k", 64 * KiB, 2 },
		{ "256m", 256 * MiB, 2 },
		{ "3G", 3 * GiB, 2 },
		{ "1T", 1024 * GiB, 2 },
		{ "1p", 1024 * 1024 * GiB, 2 },
		{ "0x200", 512 * MiB, 2 },
		{ "0X200M", 512 * MiB, 2 },
		{ "010", 8 * MiB, 2 },
		{ "0x1bB", 0x1bb * MiB, 2 }, /* the digit wins over the unit */
		{ "512@0x80000000", 512 * MiB, 0x80000000 },
		{ "512M@2G", 512 * MiB, 2 * GiB },
		{ "512M@2048", 512 * MiB, 2 * GiB },
		{ "512M@0x800", 512 * MiB, 2 * GiB },
		{ "1G@0x100000000", GiB, 4 * GiB },
		{ "1G@4294967296", GiB, 4 * GiB },
		{ "18446744073709551615B", UINT64_MAX, 2 },
		{ "16383P", 16383ull << 50, 2 },
	};
	u64 size, base;

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_msg(!mem(good[i].s, &size, &base), "%s", good[i].s);
		ck_assert_msg(size == good[i].size && base == good[i].base, "%s", good[i].s);
	}
}
END_TEST

START_TEST(bad_memory_sizes)
{
	static const struct {
		const char *s, *text;
	} bad[] = {
		{ "0", "Invalid RAM size" },
		{ "0G", "Invalid RAM size" },
		{ "", "Invalid memory specifier" },
		{ "M", "Invalid memory specifier" },
		{ "-1", "Invalid memory specifier" },
		{ "+1", "Invalid memory specifier" },
		{ " 1", "Invalid memory specifier" },
		{ "1 ", "Invalid memory specifier" },
		{ "1MB", "Invalid memory specifier" },
		{ "1X", "Invalid memory specifier" },
		{ "1.5G", "Invalid memory specifier" },
		{ "08", "Invalid memory specifier" },
		{ "1M@2G@3G", "Invalid memory specifier" },
		{ "1M@x", "Invalid memory specifier" },
		{ "1M@-2G", "Invalid memory specifier" },
		{ "1M@2GB", "Invalid memory specifier" },
		{ "1M@", "Missing memory address" },
		{ "16384P", "Memory too large" },
		{ "17592186044416", "Memory too large" },
		{ "18446744073709551616B", "Memory too large" },
		{ "1M@16384P", "Memory too large" },
		{ "1M@99999999999999999999", "Memory too large" },
	};
	u64 size, base;

	capture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(mem(bad[i].s, &size, &base), -EINVAL);
		captured_one_error(bad[i].text, bad[i].s);
		ck_assert(size == 1 && base == 2);
	}
}
END_TEST

/* ---- Realms ---- */

START_TEST(realms_and_their_options)
{
	ck_assert(!PARSE("--realm") && c.realm == REALM_ANY && !c.measurement_algo);
	ck_assert(!PARSE("--realm=sim", "--sim-strict") && c.realm == REALM_SIM && c.sim_strict);
	ck_assert(!PARSE("--realm=sim", "--sim-attest-keys=/k") && !strcmp(c.sim_keys, "/k"));
	ck_assert(!PARSE("--sim-token-form=907") && c.sim_token_form && c.sim_cmw);
	ck_assert(!PARSE("--sim-token-form", "399") && c.sim_token_form && !c.sim_cmw);
	/* Lists and repetitions add up. */
	ck_assert(!PARSE("--sim-fault", "token-piece=7,ripas-piece=4K", "--sim-fault=rsi=1.1"));
	ck_assert(c.sim_faulty && c.sim_faults.token_piece == 7);
	ck_assert_uint_eq(c.sim_faults.ripas_piece, 4096);
	ck_assert_uint_eq(c.sim_faults.version_high, 0x10001);
	ck_assert(!PARSE("--sim-log") && c.sim_log && !c.sim_log_file);
	ck_assert(!PARSE("--sim-log=/l") && c.sim_log && !strcmp(c.sim_log_file, "/l"));
	ck_assert(!PARSE("--realm=rme") && c.realm == REALM_RME);
	ck_assert(!PARSE("--realm=rmi") && c.realm == REALM_RMI);
	ck_assert(!PARSE("--protected") && c.protected_vm && c.realm == REALM_OFF);
	ck_assert(!PARSE("--pkvm") && c.protected_vm);
	ck_assert(!PARSE("--measurement-algo=sha512") && c.realm_hash == HASH_SHA512);
	ck_assert(!PARSE("--measurement-algo", "sha256") && c.realm_hash == HASH_SHA256);
	ck_assert(c.measurement_algo);
	ck_assert(!PARSE("--restricted_mem") && c.restricted_mem);
	ck_assert(!PARSE("--restricted-mem") && c.restricted_mem);
	ck_assert(!PARSE("--sve-vl", "384") && c.sve_max_vl == 384 && c.realm_only_sve_vl);
	ck_assert(!PARSE("--swiotlb", "64") && c.swiotlb == 64);

	/* raw bytes of the string, zeros behind [kvmtool-compat 1.2] */
	ck_assert(!PARSE("--realm-pv", "ARMCCA01") && c.has_realm_pv);
	ck_assert_mem_eq(c.realm_pv, "ARMCCA01\0\0\0", 12);
	ck_assert(!PARSE("--realm-pv-hex", "00fFa1") && c.has_realm_pv);
	ck_assert_mem_eq(c.realm_pv, "\x00\xff\xa1\0", 4);
}
END_TEST

#define TEXT_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(values_that_no_realm_has)
{
	capture_start();
	ck_assert_int_eq(PARSE("--realm=tdx"), EXIT_DIE);
	captured_one_error("--realm=tdx", "rme, rmi and sim");
	ck_assert_int_eq(PARSE("--measurement-algo", "md5"), EXIT_DIE);
	captured_one_error("unknown realm measurement algorithm", "md5");
	ck_assert_int_eq(PARSE("--realm-pv", TEXT_64), 0);
	ck_assert_int_eq(PARSE("--realm-pv", TEXT_64 "x"), EXIT_DIE);
	captured_one_error("Invalid size for Realm Personalization Value", "64 bytes");
	ck_assert_int_eq(PARSE("--realm-pv-hex", TEXT_64 TEXT_64), 0);
	ck_assert_int_eq(PARSE("--realm-pv-hex", TEXT_64 TEXT_64 "00"), EXIT_DIE);
	captured_one_error("Invalid size for Realm Personalization Value", "64 bytes");
	ck_assert_int_eq(PARSE("--realm-pv-hex", "123"), EXIT_DIE);
	captured_one_error("--realm-pv-hex", "pairs");
	ck_assert_int_eq(PARSE("--realm-pv-hex", "0g"), EXIT_DIE);
	captured_one_error("--realm-pv-hex", "0g");
	ck_assert_int_eq(PARSE("--sve-vl", "129"), EXIT_DIE);
	captured_one_error("SVE VL is not aligned to 128bit", "129");
	ck_assert_int_eq(PARSE("--sve-vl", "0"), EXIT_DIE);
	captured_one_error("--sve-vl", "'0'");
	ck_assert_int_eq(PARSE("--sim-token-form", "18"), EXIT_DIE);
	captured_one_error("--sim-token-form takes 399 or 907", "18");
}
END_TEST

/* Steps are put together from their options, in either order. */
START_TEST(steps)
{
	const struct watch_conf *w = &c.watch;

	PARSE("--send", "root\\n", "--after", "login:", "--within", "5", "--after", "# ", "--send",
	      "exit\\x04", "--after", "bye");
	ck_assert_uint_eq(w->nr_steps, 3);
	ck_assert(!strcmp(w->steps[0].after, "login:") && w->steps[0].within_s == 5);
	ck_assert(w->steps[0].len == 5 && !memcmp(w->steps[0].bytes, "root\n", 5));
	ck_assert(!strcmp(w->steps[1].after, "# ") && !w->steps[1].within_s);
	ck_assert(w->steps[1].len == 5 && !memcmp(w->steps[1].bytes, "exit\x04", 5));
	ck_assert(!strcmp(w->steps[2].after, "bye") && !w->steps[2].send);
	config_fini(&c);
}
END_TEST

START_TEST(boot_tests)
{
	PARSE("--until", "a|b", "--fail-on", "c", "--timeout", "7", "--status-from", "kut",
	      "--max-resets", "3", "--console-log", "log", "--no-panic-watch");
	ck_assert(c.watch.until_ere && c.watch.fail_on_ere && c.watch.timeout_s == 7);
	ck_assert(c.watch.status_ere->has_group && c.watch.status_kut);
	ck_assert(c.watch.max_resets == 3 && !strcmp(c.watch.log, "log"));
	ck_assert(c.watch.no_panic_watch);
	config_fini(&c);
}
END_TEST

/* kvmtool-compat 5: command lines in public use, and the one this project started from. */
START_TEST(command_lines_in_the_wild)
{
	ck_assert_int_eq(PARSE("--realm", "--disable-sve", "--irqchip=gicv3-its", "--firmware",
			       "KVMTOOL_EFI.fd", "-c", "1", "-m", "512", "--no-pvtime",
			       "--force-pci", "--disk", "guest-disk.img",
			       "--measurement-algo=sha256"),
			 0);
	ck_assert(c.realm == REALM_ANY && !config_complete(&c));
	ck_assert_int_eq(PARSE("--realm", "-c", "2", "-m", "256", "-k", "Image", "-d",
			       "realm-fs.ext4", "-p", "earlycon"),
			 0);
	ck_assert(c.realm == REALM_ANY && !config_complete(&c));
	ck_assert_int_eq(PARSE("--realm", "-m", "256m", "--restricted_mem", "--kernel", "Image",
			       "--disk", "guest.ext4", "--params", "root=/dev/vda rw init=/init"),
			 0);
	ck_assert(c.realm == REALM_ANY && !config_complete(&c));

	capture_start();
	ck_assert_int_eq(PARSE("--realm", "--disable-sve", "--irqchip=gicv3-its", "--firmware",
			       "KVMTOOL_EFI_SECUREBOOT.fd", "-c", "1", "-m", "512", "--no-pvtime",
			       "--pmu", "--disk", "guest-disk.img", "--virtio-transport", "pci",
			       "--service-ip", "user-context", "--service-port", "1080",
			       "--realm-pv", "ARMCCA01"),
			 0);
	ck_assert(c.realm == REALM_ANY && !config_complete(&c));
	ck_assert(!strcmp(c.service_ip, "user-context") && c.service_port == 1080);
	ck_assert_str_eq(captured(), "");
	ck_assert_int_eq(PARSE("--service-port", "0"), EXIT_DIE);
	captured_one_error("--service-port", "1 to 65535");

	ck_assert_int_eq(PARSE("--realm", "--disable-sve", "--irqchip=gicv3-its", "--firmware",
			       "KVMTOOL_EFI.fd", "-c", "1", "-m", "512", "--no-pvtime", "--disk",
			       "guest-disk.img", "--restricted_mem", "--virtio-transport", "pci",
			       "--pmu", "--network", "mode=user"),
			 0);
	ck_assert(c.realm == REALM_ANY && !config_complete(&c));
}
END_TEST

START_TEST(files_for_the_initrd)
{
	static const struct {
		const char *word, *text;
	} bad[] = {
		{ "--add-file=", "missing" },
		{ "--add-file=/dev/null:/x", "is not a regular file" },
		{ "--add-file=/proc/self/exe:/x:789", "'789' is no mode" },
		{ "--add-file=/proc/self/exe:/x:", "'' is no mode" },
		{ "--add-file=/proc/self/exe:/x:77777", "no mode" },
		{ "--add-file=/proc/self/exe:/x:755:", "more than 3 parts" },
		{ "--add-dir=/proc/self/exe", "is not a directory" },
		{ "--add-dir=/nothing::here", "/nothing:here: No such file" },
	};
	u64 size;

	ck_assert_int_eq(PARSE("--add-file", "/proc/self/exe"), 0);
	ck_assert_ptr_nonnull(c.files);
	size = cpio_size(c.files);
	config_fini(&c);
	ck_assert_ptr_null(c.files);
	/* The name is of another length, the directory is one entry more. */
	ck_assert_int_eq(PARSE("--add-file", "/proc/self/exe:/bin/x:4755"), 0);
	ck_assert_uint_gt(cpio_size(c.files), size);
	config_fini(&c);
	capture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(PARSE(bad[i].word), EXIT_DIE);
		captured_one_error(bad[i].text, "");
		config_fini(&c);
	}
}
END_TEST

SUITE_MAIN("lkvm/options_run", steps, boot_tests, kvmtools_options_have_kvmtools_spelling,
	   the_table_is_sound, kvmtools_abbreviations_stay_clear, what_comes_later_says_so,
	   defaults, values_reach_their_fields, words_out_of_a_list, transports_old_and_new,
	   bad_values, not_too_many, the_first_word_is_the_kernel, kvmtools_abbreviations,
	   memory_sizes, bad_memory_sizes, realms_and_their_options, values_that_no_realm_has,
	   command_lines_in_the_wild, files_for_the_initrd)
