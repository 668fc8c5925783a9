/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm run from its command line to its exit status, on a model of a host kernel: start-up, and the
 * way down again.
 *
 * Thread: main.
 * Trust:  none needed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"
#include "tests/fake/kvm.h"
#include "tests/fake/qcow2.h"
#include "tests/faults/faults.h"

#define DISK_SIZE (1 * MiB)

static const struct fake_op off[] = { { GUEST_END, 0, 0, NULL } };

static bool file(const char *name, const char *text, u64 size)
{
	int fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	size_t len = strlen(text);
	bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len &&
		    !ftruncate(fd, (off_t)MAX(size, len));

	close(fd);
	return good;
}

static bool prepare(void)
{
	struct fake_qcow2 q;
	static u8 data[64 * KiB];
	int fd = open("q.qcow2", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	fake_qcow2_create(&q, fd, 3, 16, DISK_SIZE);
	fake_qcow2_plain(&q, 1, data);
	close(fd);
	return file("kernel", "not zeros", 5000) && file("initrd", "nor these", 5000) &&
	       file("a.raw", "", DISK_SIZE) && file("b.raw", "", DISK_SIZE) &&
	       !mkdir("share", 0700) && file("share/file", "in it", 5);
}

#define ALWAYS                                                                                     \
	"--dev", "/dev/null", "--confine", "off", "-k", "kernel", "--flat", "-c", "2", "-m", "32"

static int run(enum fake_host host, const char *const *args)
{
	char *argv[40] = { NULL };
	int argc = 0;

	for (; args[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)args[argc];
	fake_kvm_init(host, off);
	return cmd_run(argc, argv);
}

static int plain(void)
{
	static const char *const args[] = {
		"run", ALWAYS, "--name", "g", "-n", "mode=none", NULL,
	};

	return run(HOST_PLAIN, args);
}

static int disks(void)
{
	static const char *const args[] = {
		"run",
		ALWAYS,
		"-i",
		"initrd",
		"--add-file",
		"share/file",
		"-n",
		"mode=none",
		"--rng",
		"-d",
		"a.raw",
		"-d",
		"b.raw,io=threads",
		"-d",
		"q.qcow2,format=qcow2,ephemeral",
		"--9p",
		"share,tag",
		NULL,
	};

	return run(HOST_PLAIN, args);
}

static int network(void)
{
	char net[80];
	const char *const args[] = {
		"run",		 ALWAYS,	"-n",	     net,
		"--tty",	 "1",		"--console", "virtio",
		"--console-log", "console.log", "--events",  "events",
		"--report",	 "report.xml",	NULL,
	};

	snprintf(net, sizeof(net), "mode=user,hostfwd=tcp::%d-:22,pcap=net.pcap",
		 20000 + getpid() % 10000);

	return run(HOST_PLAIN, args);
}

static int mmio(void)
{
	static const char *const args[] = {
		"run",	    ALWAYS, "--virtio-transport", "mmio", "-d",
		"a.raw,ro", "-n",   "mode=none",	  NULL,
	};

	return run(HOST_PLAIN, args);
}

static int tree(void)
{
	static const char *const args[] = {
		"run", ALWAYS, "--dump-dtb", "dtb", "-i", "initrd", "--9p", "share", "--rng", NULL,
	};

	return run(HOST_PLAIN, args);
}

static int realm(void)
{
	static const char *const args[] = {
		"run", ALWAYS,	    "--realm", "--measurement-log", "-d", "a.raw",
		"-n",  "mode=none", NULL,
	};

	return run(HOST_C5, args);
}

static int realm_rme(void)
{
	static const char *const args[] = {
		"run", ALWAYS, "--realm", "-n", "mode=none", NULL,
	};

	return run(HOST_B6, args);
}

static int simulated(void)
{
	static const char *const args[] = {
		"run", ALWAYS, "--realm=sim", "-n", "mode=none", "--sim-log=calls", NULL,
	};

	return run(HOST_PLAIN, args);
}

const struct scenario scenarios_start[] = {
	{ "a VM starts", prepare, plain, false },
	{ "a VM with disks and a share starts", prepare, disks, false },
	{ "a VM with a network and consoles starts", prepare, network, false },
	{ "a VM with virtio-mmio starts", prepare, mmio, false },
	{ "a device tree is written", prepare, tree, false },
	{ "a Realm starts", prepare, realm, false },
	{ "a Realm on an older kernel starts", prepare, realm_rme, false },
	{ "a simulated Realm starts", prepare, simulated, true }, /* without tokens */
};
const unsigned nr_scenarios_start = ARRAY_SIZE(scenarios_start);
