/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Landlock: rules from a configuration.
 *
 * Thread: main; landlock_enter() on any.
 * Trust:  the user's configuration.
 * Spec:   Linux Documentation/userspace-api/landlock.rst
 *
 * A rule is about a file or a directory, not about its name: what takes its place later has none.
 */
#include "lkvm/run/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lkvm/gdb/listen.h"
#include "lkvm/watch/outfile.h"
#include "virtio/disk/layer.h"
#include "virtio/vhost/kernel.h"

/* ---- the kernel's interface; headers of older systems have a part of it ---- */

struct ruleset_attr {
	u64 fs, net, scoped; /* what is forbidden unless a rule allows it */
};

struct path_beneath_attr {
	u64 allowed;
	s32 parent_fd;
} __attribute__((packed));

struct net_port_attr {
	u64 allowed, port;
};

enum { RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2 };
enum { CREATE_VERSION = BIT(0), CREATE_ERRATA = BIT(1) };

#define FS_EXECUTE BIT(0)
#define FS_WRITE_FILE BIT(1)
#define FS_READ_FILE BIT(2)
#define FS_READ_DIR BIT(3)
#define FS_REMOVE_DIR BIT(4)
#define FS_REMOVE_FILE BIT(5)
#define FS_MAKE_REG BIT(8)
#define FS_MAKE_SOCK BIT(9)
#define FS_FIRST_13 (BIT(13) - 1)
#define FS_MAKE (FS_FIRST_13 & ~(BIT(6) - 1)) /* things of all kinds, from FS_MAKE_CHAR on */
#define FS_REFER BIT(13)		      /* ABI 2 */
#define FS_TRUNCATE BIT(14)		      /* ABI 3 */
#define FS_IOCTL_DEV BIT(15)		      /* ABI 5 */
#define FS_RESOLVE_UNIX BIT(16)		      /* ABI 9 */
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)

#define NET_BIND_TCP BIT(0)	      /* ABI 4 */
#define NET_CONNECT_TCP BIT(1)	      /* ABI 4 */
#define NET_BIND_UDP BIT(2)	      /* ABI 10 */
#define NET_CONNECT_SEND_UDP BIT(3)   /* ABI 10 */
#define SCOPE_ABSTRACT_SOCKETS BIT(0) /* ABI 6 */
#define SCOPE_SIGNALS BIT(1)	      /* ABI 6 */
#define ERRATUM_SIGNALS BIT(1)

#define ABI_REFER 2 /* before it nothing could be moved from a directory to another one */
#define ABI_TCP 4
#define ABI_SCOPES 6

/* The ABI's version, or -errno. */
static int abi(void)
{
	long n = syscall(__NR_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return n < 0 ? -errno : (int)n;
}

/*
 * Each thread enters by itself, and some kernels let no thread of one process send another one of
 * it a signal then. With those that have mended it vCPUs can be kicked.
 */
static bool signals_can_be_scoped(void)
{
	long errata = syscall(__NR_landlock_create_ruleset, NULL, 0, CREATE_ERRATA);

	return errata > 0 && errata & (long)ERRATUM_SIGNALS;
}

const char *landlock_lacks(void)
{
	int n = abi();

	if (n == -EOPNOTSUPP)
		return "Landlock, which is built and not enabled (lsm= on the kernel's command line)";
	if (n < 0)
		return "Landlock (CONFIG_SECURITY_LANDLOCK)";
	if (n < ABI_REFER)
		return "a newer Landlock (Linux 5.19)";
	if (n < ABI_TCP)
		return "Landlock for TCP, signals and abstract sockets (Linux 6.12)";
	if (n < ABI_SCOPES)
		return "Landlock for signals and abstract sockets (Linux 6.12)";
	return signals_can_be_scoped() ? "" : "Landlock for signals of threads (Linux 6.15)";
}

/* ---- rules ---- */

struct rules {
	int fd, err;
	u64 fs;
};

static void allow_fd(struct rules *r, int fd, u64 allowed)
{
	struct path_beneath_attr a = { .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return;
	a.allowed = allowed & r->fs & (S_ISDIR(st.st_mode) ? UINT64_MAX : FS_OF_FILES);
	/* EBADFD: what has no place in a file system needs no rule. */
	if (a.allowed && syscall(__NR_landlock_add_rule, r->fd, RULE_PATH_BENEATH, &a, 0) < 0 &&
	    errno != EBADFD && !r->err)
		r->err = -errno;
}

/* Nothing, if nothing is there. */
static void allow(struct rules *r, const char *path, u64 allowed)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	allow_fd(r, fd, allowed);
	close(fd);
}

/* Its socket is removed at the end. */
static void allow_control(struct rules *r)
{
	NOT_ZEROED char why[PATH_MAX];
	int fd = control_dir_open(why, sizeof(why));

	if (fd < 0)
		return;
	allow_fd(r, fd, FS_REMOVE_FILE);
	close(fd);
}

/* The directory of a file that gets its name at the end. */
static void allow_outfile(struct rules *r, const char *name)
{
	NOT_ZEROED char dir[PATH_MAX];

	if (name && outfile_directory(name, dir))
		allow(r, dir, FS_MAKE_REG | FS_REMOVE_FILE | FS_REFER);
}

static void allow_directory_of(struct rules *r, const char *name, u64 allowed)
{
	const char *slash = strrchr(name, '/');
	char dir[PATH_MAX] = ".";

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - name), name);
	allow(r, dir, allowed);
}

/* Names of sockets are removed at the end. */
static void allow_sockets(struct rules *r, const struct config *c)
{
	u64 allowed = FS_REMOVE_FILE | FS_RESOLVE_UNIX | (c->reboot ? FS_MAKE_SOCK : 0);

	for (unsigned i = 0; i < c->nr_ports; i++) {
		if (c->ports[i].kind == PORT_SOCKET)
			allow_directory_of(r, c->ports[i].path, allowed);
	}
	if (c->vsock.cid)
		allow_directory_of(r, c->vsock.uds, allowed);
	if (c->gdb && !gdb_listen_port(c->gdb))
		allow_directory_of(r, c->gdb, allowed);
}

static void allow_shares(struct rules *r, const struct config *c)
{
	for (unsigned i = 0; i < c->nr_shares; i++) {
		u64 allowed = FS_READ_FILE | FS_READ_DIR;

		if (!c->shares[i].read_only)
			allowed |= FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE | FS_REFER |
				   FS_REMOVE_FILE | FS_REMOVE_DIR;
		allow(r, c->shares[i].path, allowed);
	}
}

/* The other end of a wire is looked for, too. */
static void allow_wires(struct rules *r, const struct config *c)
{
	for (unsigned i = 0; i < c->nr_nics; i++) {
		const struct net_conf *n = &c->nics[i];
		bool own = n->mode == NET_MODE_DGRAM || (n->mode == NET_MODE_STREAM && n->listens);

		if (own)
			allow_directory_of(r, n->socket,
					   FS_REMOVE_FILE | (c->reboot ? FS_MAKE_SOCK : 0));
		else if (c->reboot && n->socket[0])
			allow_directory_of(r, n->socket, FS_RESOLVE_UNIX);
		if (n->mode == NET_MODE_DGRAM)
			allow_directory_of(r, n->peer, FS_RESOLVE_UNIX);
	}
}

/*
 * libslirp looks at it now and then, and whoever changes it puts another file in its place. Where
 * it is a link to a folder of its own, that is read; /etc is only where everybody may read all that
 * there is for us.
 */
static void allow_resolv_conf(struct rules *r)
{
	char path[PATH_MAX], *slash;

	allow(r, "/etc/resolv.conf", FS_READ_FILE);
	if (!realpath("/etc/resolv.conf", path))
		return;
	slash = strrchr(path, '/');
	*slash = 0;
	if (slash != path && (strcmp(path, "/etc") != 0 || geteuid()))
		allow(r, path, FS_READ_FILE);
}

/* What is written while the next boot is set up: devices of the host, and what is configured. */
static void allow_setup(struct rules *r, const struct config *c)
{
	u64 rw = FS_WRITE_FILE | FS_TRUNCATE, files = rw | FS_MAKE_REG | FS_REMOVE_FILE;

	allow(r, c->kvm_dev, rw);
	if (c->vsock.vhost)
		allow(r, VSOCK_KERNEL_PATH, rw);
	allow(r, "/dev/null", rw);
	allow(r, "/dev/ptmx", rw);
	allow(r, "/dev/pts", rw);
	allow_fd(r, STDIN_FILENO, rw);
	allow_fd(r, STDOUT_FILENO, rw);
	for (unsigned i = 0; i < c->nr_disks; i++) {
		if (!disk_conf_only_reads(&c->disks[i]))
			allow(r, c->disks[i].path, rw);
		if (c->disks[i].ephemeral)
			allow(r, layer_overlay_folder(), files);
	}
	for (unsigned i = 0; i < c->nr_nics; i++) {
		if (c->nics[i].mode == NET_MODE_TAP)
			allow(r, "/dev/net/tun", rw);
		if (c->nics[i].vhost)
			allow(r, KVHOST_NET_PATH, rw);
		allow(r, c->nics[i].tapif, rw);
		allow(r, c->nics[i].pcap, rw);
	}
	for (unsigned i = 0; i < c->nr_ports; i++) {
		if (c->ports[i].kind == PORT_FILE)
			allow(r, c->ports[i].path, rw);
	}
	/* A daemon that is started again makes a new socket. */
	for (unsigned i = 0; i < c->nr_fs; i++) {
		if (c->fs[i].socket[0])
			allow_directory_of(r, c->fs[i].socket, FS_RESOLVE_UNIX);
	}
	if (c->nr_vfio) {
		allow(r, "/dev/vfio", rw);
		allow(r, "/dev/iommu", rw);
	}
	if (c->flash)
		allow(r, c->flash, rw);
	if (c->hugetlbfs)
		allow(r, c->hugetlbfs, files);
	if (c->dump_dtb)
		allow(r, c->dump_dtb, rw);
	if (c->sim_log_file)
		allow(r, c->sim_log_file, rw);
}

static bool has_user_network(const struct config *c)
{
	for (unsigned i = 0; i < c->nr_nics; i++) {
		if (c->nics[i].mode == NET_MODE_USER)
			return true;
	}
	return false;
}

static void allow_port(struct rules *r, u64 allowed, u16 port)
{
	struct net_port_attr a = { .allowed = allowed, .port = port };

	if (syscall(__NR_landlock_add_rule, r->fd, RULE_NET_PORT, &a, 0) < 0 && !r->err)
		r->err = -errno;
}

/* What this kernel can forbid and this guest has no use for. */
static struct ruleset_attr forbidden(int version, const struct config *c)
{
	struct ruleset_attr a = { .fs = FS_FIRST_13 | FS_REFER };

	if (version >= 3)
		a.fs |= FS_TRUNCATE;
	if (version >= 5)
		a.fs |= FS_IOCTL_DEV;
	if (version >= 9)
		a.fs |= FS_RESOLVE_UNIX;
	/* Libraries, /proc, /sys, kernels: what is read is not looked after then. */
	if (c->reboot)
		a.fs &= ~(FS_READ_FILE | FS_READ_DIR | FS_IOCTL_DEV);
	if (version >= ABI_TCP && !has_user_network(c))
		a.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (version >= 10 && a.net)
		a.net |= NET_BIND_UDP | NET_CONNECT_SEND_UDP;
	/* Forwards are bound before, or come with a request (lkvm/run/service_net.h). */
	if (version >= ABI_TCP && !a.net && !c->reboot)
		a.net = NET_BIND_TCP;
	if (version >= ABI_SCOPES)
		a.scoped = SCOPE_ABSTRACT_SOCKETS | (signals_can_be_scoped() ? SCOPE_SIGNALS : 0);
	return a;
}

int landlock_rules(int *fd, const struct config *c)
{
	int version = abi();
	struct ruleset_attr a = forbidden(version, c);
	struct rules r = { .fs = a.fs };

	*fd = -1;
	if (version < ABI_REFER)
		return 0;
	/* A kernel that knows a shorter form of it takes zeros behind that. */
	r.fd = (int)syscall(__NR_landlock_create_ruleset, &a, sizeof(a), 0);
	if (r.fd < 0)
		return -errno;
	allow_control(&r);
	allow_outfile(&r, c->watch.report);
	allow_outfile(&r, c->watch.events);
	allow_sockets(&r, c);
	allow_shares(&r, c);
	allow_wires(&r, c);
	if (has_user_network(c))
		allow_resolv_conf(&r);
	if (c->service_ip && (a.net & NET_CONNECT_TCP))
		allow_port(&r, NET_CONNECT_TCP, c->service_port);
	if (c->gdb && gdb_listen_port(c->gdb) && c->reboot && a.net)
		allow_port(&r, NET_BIND_TCP, gdb_listen_port(c->gdb));
	if (c->reboot)
		allow_setup(&r, c);
	*fd = r.fd;
	return r.err;
}

int landlock_enter(int fd)
{
	return fd >= 0 && syscall(__NR_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
