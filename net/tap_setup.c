/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening and configuring tap devices.
 *
 * Thread: main, before loops run and after they have ended.
 * Trust:  the user's configuration; the user's scripts run with lkvm's rights.
 * Spec:   Documentation/networking/tuntap.rst
 */
#include "net/tap_setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "net/netif.h"

extern char **environ;

static int fail_create(int err)
{
	return log_errno(-err,
			 "You have requested a TAP device, but creation of one has failed because");
}

/* ---- opening ---- */

static int fail_attach(const struct net_conf *c, int err)
{
	if (err != EINVAL || c->nr_pairs == 1 || !c->tapif[0])
		return fail_create(err);
	log_error("network parameter mq=%u: %s has a single queue; it is to be made with "
		  "'multi_queue' (ip tuntap)",
		  c->nr_pairs, c->tapif);
	return -err;
}

/*
 * A new interface, or an existing one by name; macvtap devices are opened by path. `name`: of the
 * interface whose first queue is open already; NULL: this is the first.
 */
static int open_dev(struct tap *t, const struct net_conf *c, const char *name)
{
	bool macvtap = c->tapif[0] == '/';
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (c->nr_pairs > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	if (!macvtap && strlen(c->tapif) >= sizeof(ifr.ifr_name))
		return fail_create(ENAMETOOLONG);
	t->fd = open(macvtap ? c->tapif : "/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0)
		return fail_create(errno);
	t->open = true;
	if (!macvtap)
		snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%.*s", IFNAMSIZ - 1,
			 name	       ? name
			 : c->tapif[0] ? c->tapif
				       : "tap%d");
	if (ioctl(t->fd, TUNSETIFF, &ifr) < 0)
		return fail_attach(c, errno);
	memcpy(t->name, ifr.ifr_name, sizeof(t->name));
	t->vnet_hdr = true;
	return 0;
}

/* Whoever opened it chose its flags; see that we can live with them. */
static int adopt_fd(struct tap *t, int fd)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || ioctl(fd, TUNGETIFF, &ifr) < 0 || !(ifr.ifr_flags & IFF_TAP) ||
	    !(ifr.ifr_flags & IFF_NO_PI)) {
		log_error("network parameter fd=%d: not an open tap device (IFF_TAP | IFF_NO_PI)",
			  fd);
		return -EINVAL;
	}
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return fail_create(errno);
	t->fd = fd;
	t->open = true;
	memcpy(t->name, ifr.ifr_name, sizeof(t->name));
	t->vnet_hdr = ifr.ifr_flags & IFF_VNET_HDR;
	return 0;
}

static unsigned tun_offloads(u32 offloads)
{
	/* The kernel demands the checksum bit beside the others. */
	if (!(offloads & NETIF_RX_CSUM))
		return 0;
	return TUN_F_CSUM | (offloads & NETIF_RX_TSO4 ? TUN_F_TSO4 : 0) |
	       (offloads & NETIF_RX_TSO6 ? TUN_F_TSO6 : 0);
}

void tap_set_offloads(struct tap *t, u32 offloads)
{
	if (t->vnet_hdr && ioctl(t->fd, TUNSETOFFLOAD, tun_offloads(offloads)) < 0)
		log_warn("tap %s: cannot change offloads: %s", t->name, strerror(errno));
}

static int set_up_header(struct tap *t)
{
	const u32 rx = NETIF_RX_CSUM | NETIF_RX_TSO4 | NETIF_RX_TSO6;
	int len = TAP_HDR_LEN, one = 1;

	if (!t->vnet_hdr)
		return 0;
	if (ioctl(t->fd, TUNSETVNETHDRSZ, &len) < 0)
		return fail_create(errno);
	/* Only big-endian hosts need to be told, and old kernels do not know the call. */
	if (ioctl(t->fd, TUNSETVNETLE, &one) < 0 && htonl(1) == 1)
		return fail_create(errno);
	t->offloads = NETIF_TX_CSUM | NETIF_TX_TSO4 | NETIF_TX_TSO6;
	if (!ioctl(t->fd, TUNSETOFFLOAD, tun_offloads(rx)))
		t->offloads |= rx;
	ioctl(t->fd, TUNSETOFFLOAD, 0); /* until a driver asks */
	return 0;
}

/* ---- configuring ---- */

static int wait_for_script(const char *script, const char *ifname, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		log_error("network script %s %s failed", script, ifname);
		return -EIO;
	}
	return 0;
}

/* `stdin_fd`: -1: ours. 0 or -errno after a line. */
static int spawn(pid_t *pid, char *const argv[], int stdin_fd)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int err;

	/* Loop threads block all signals; a script is to have them as usual. */
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&files);
	if (stdin_fd >= 0)
		posix_spawn_file_actions_adddup2(&files, stdin_fd, STDIN_FILENO);
	err = posix_spawn(pid, argv[0], &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return err ? log_errno(-err, "network script %s", argv[0]) : 0;
}

static int run_script(const char *script, const char *ifname)
{
	char *argv[] = { (char *)(uintptr_t)script, (char *)(uintptr_t)ifname, NULL };
	pid_t pid;
	int err = spawn(&pid, argv, -1);

	return err ? err : wait_for_script(script, ifname, pid);
}

/*
 * The script of the end: while the guest runs lkvm starts no program [lkvm/run/confine.h], so a
 * shell that waits for it is started now. It goes on when its input ends, however lkvm does.
 */
static int prepare_down(struct tap *t, const char *script)
{
	static const char wait_and_run[] = "trap '' HUP INT TERM; read -r x; trap - HUP INT TERM; "
					   "exec \"$0\" \"$1\" </dev/null";
	char *argv[] = { (char *)"/bin/sh",	    (char *)"-c", (char *)(uintptr_t)wait_and_run,
			 (char *)(uintptr_t)script, t->name,	  NULL };
	int p[2], err;

	if (pipe2(p, O_CLOEXEC) < 0)
		return fail_create(errno);
	err = spawn(&t->down_pid, argv, p[0]);
	close(p[0]);
	if (err) {
		close(p[1]);
		return err;
	}
	t->down_fd = p[1];
	snprintf(t->downscript, sizeof(t->downscript), "%s", script);
	return 0;
}

static void set_addr(struct ifreq *ifr, struct in_addr a)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = a };

	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
}

/* Address, mask, MTU, up: what a user without a script would do. */
static int configure(const struct tap *t, const struct net_conf *c)
{
	struct in_addr mask = { htonl(0xffffff00) };
	int sk = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_flags = 0 };
	int err = 0;

	memcpy(ifr.ifr_name, t->name, sizeof(t->name));
	set_addr(&ifr, c->host_ip);
	if (sk < 0 || ioctl(sk, SIOCSIFADDR, &ifr) < 0)
		err = errno;
	set_addr(&ifr, mask);
	if (!err && ioctl(sk, SIOCSIFNETMASK, &ifr) < 0)
		err = errno;
	ifr.ifr_mtu = c->mtu;
	if (!err && c->mtu && ioctl(sk, SIOCSIFMTU, &ifr) < 0)
		err = errno;
	if (!err && ioctl(sk, SIOCGIFFLAGS, &ifr) < 0)
		err = errno;
	ifr.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (!err && ioctl(sk, SIOCSIFFLAGS, &ifr) < 0)
		err = errno;
	if (sk >= 0)
		close(sk);
	if (err)
		log_error("Config tap device error. Are you root? (%s: %s)", t->name,
			  strerror(err));
	return -err;
}

int tap_open(struct tap *t, const struct net_conf *c)
{
	int err;

	*t = (struct tap){ .fd = -1, .down_fd = -1 };
	err = c->fd >= 0 ? adopt_fd(t, c->fd) : open_dev(t, c, NULL);
	if (!err)
		err = set_up_header(t);
	if (!err && c->script[0])
		err = run_script(c->script, t->name);
	else if (!err && !c->tapif[0] && c->fd < 0)
		err = configure(t, c);
	if (!err && c->downscript[0])
		err = prepare_down(t, c->downscript);
	if (err)
		tap_close(t);
	return err;
}

int tap_open_queue(struct tap *t, const struct net_conf *c, const struct tap *first)
{
	int err;

	*t = (struct tap){ .fd = -1, .down_fd = -1 };
	err = open_dev(t, c, first->name);
	if (!err)
		err = set_up_header(t);
	if (err)
		tap_close(t);
	return err;
}

void tap_close(struct tap *t)
{
	if (!t->open)
		return;
	if (t->down_fd >= 0) {
		close(t->down_fd);
		wait_for_script(t->downscript, t->name, t->down_pid);
	}
	close(t->fd);
	t->open = false;
}
