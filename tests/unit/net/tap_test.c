/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A real tap device in a network namespace of the test's own. Skipped where that is not permitted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/unit/net/guest.h"
#include "tests/unit/net/world.h"

static bool is_full; /* the queue of the kernel */

ssize_t writev(int fd, const struct iovec *iov, int nr)
{
	if (!is_full)
		return syscall(SYS_writev, fd, iov, nr);
	errno = EAGAIN;
	return -1;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

/* Each test is a process of its own, so the namespace is, too. */
static bool own_network(void)
{
	char map[64];
	int fd;

	if (geteuid()) {
		snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
			return false;
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/uid_map", map);
	} else if (unshare(CLONE_NEWNET)) {
		return false;
	}
	fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

#define OWN_NETWORK_OR_SKIP()                                                                      \
	do {                                                                                       \
		if (!own_network()) {                                                              \
			fprintf(stderr, "SKIP: no network namespace or no /dev/net/tun here\n");   \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* The first frame of this type (and protocol) that comes within a second. */
static struct fake_frame *wait_for(struct world *w, u16 type, u8 proto)
{
	for (int i = 0; i < 100; i++) {
		for (unsigned k = 0; k < w->client.got.nr; k++) {
			struct fake_frame *f = &w->client.got.f[k];

			if (be16_at(f->data + ETH_TYPE) == type &&
			    (type == ETHERTYPE_ARP4 || f->data[ETH_HDR + IP4_PROTO] == proto))
				return f;
		}
		loop_step(w->loop, 10);
	}
	return NULL;
}

static int udp_socket(u16 port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int sk = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(sk, (struct sockaddr *)&a, sizeof(a)), 0);
	return sk;
}

START_TEST(the_host_answers)
{
	struct world w;
	u8 f[2048];
	struct fake_frame *r;

	OWN_NETWORK_OR_SKIP();
	world_open(&w, "mode=tap");
	ck_assert_uint_eq(w.n->offloads, ALL_OFFLOADS);
	w.n->ops->up(w.n, 0);
	ck_assert_int_eq(send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP)), 0);
	r = wait_for(&w, ETHERTYPE_ARP4, 0);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(be32_at(r->data + ETH_HDR + ARP_SPA), HOST_IP);
	ck_assert_uint_ge(w.client.nr_flush, 1);

	size_t n = put_echo(f, GUEST_IP, HOST_IP, 1, 1, 32);

	memcpy(f, r->data + ETH_SRC, 6);
	ck_assert_int_eq(send_frame(&w, f, n), 0);
	r = wait_for(&w, ETHERTYPE_IP4, PROTO_ICMP);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->data[34], 0);
	world_close(&w);
}
END_TEST

/* The kernel completes checksums that the guest left out, and leaves its own to the guest. */
START_TEST(offloads_both_ways)
{
	struct netif_offload o = { .needs_csum = true, .csum_start = 34, .csum_offset = 6 };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(1234),
				  .sin_addr.s_addr = htonl(GUEST_IP) };
	struct world w;
	char buf[64];
	u8 f[2048];
	struct fake_frame *r;
	int sk;

	OWN_NETWORK_OR_SKIP();
	world_open(&w, "mode=tap");
	w.n->ops->up(w.n, ALL_OFFLOADS);
	sk = udp_socket(5000);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	r = wait_for(&w, ETHERTYPE_ARP4, 0);
	ck_assert_ptr_nonnull(r);

	size_t n = put_udp(f, GUEST_IP, HOST_IP, 1234, 5000, "hello", 5);
	u64 sum = csum_pseudo4(f + 26, f + 30, PROTO_UDP, 13);

	memcpy(f, r->data + ETH_SRC, 6);
	be16_put(f + 40, (u16)~csum_finish(sum));
	ck_assert_int_eq(send_with(&w, &o, f, n), 0);
	ck_assert_int_eq(recv(sk, buf, sizeof(buf), 0), 5);
	ck_assert_mem_eq(buf, "hello", 5);

	ck_assert_int_eq(sendto(sk, "world", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	r = wait_for(&w, ETHERTYPE_IP4, PROTO_UDP);
	ck_assert_ptr_nonnull(r);
	ck_assert(r->o.needs_csum);
	ck_assert_uint_eq(r->o.csum_start, 34);
	ck_assert_uint_eq(r->o.csum_offset, 6);
	ck_assert_mem_eq(r->data + 42, "world", 5);

	/* A driver that took no offloads gets whole checksums. */
	w.n->ops->down(w.n);
	w.n->ops->up(w.n, 0);
	fake_frames_clear(&w.client.got);
	ck_assert_int_eq(sendto(sk, "world", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	r = wait_for(&w, ETHERTYPE_IP4, PROTO_UDP);
	ck_assert_ptr_nonnull(r);
	ck_assert(!r->o.needs_csum);
	ck_assert_uint_eq(l4_csum(r->data, r->data + 34, 13, PROTO_UDP), 0);
	world_close(&w);
	close(sk);
}
END_TEST

/* The queue is the kernel's: what the guest has no room for comes later, in order, all of it. */
START_TEST(back_pressure_loses_nothing)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(1234),
				  .sin_addr.s_addr = htonl(GUEST_IP) };
	struct world w;
	u8 f[64];
	unsigned again, nr = 0;
	int sk;

	OWN_NETWORK_OR_SKIP();
	world_open(&w, "mode=tap");
	w.n->ops->up(w.n, 0);
	sk = udp_socket(5000);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	ck_assert_ptr_nonnull(wait_for(&w, ETHERTYPE_ARP4, 0));
	w.client.room = 0;
	for (u8 i = 0; i < 20; i++)
		ck_assert_int_eq(sendto(sk, &i, 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	for (int i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	again = w.client.nr_again;
	ck_assert_uint_eq(again, 1); /* and no spinning */
	w.client.room = 5;
	w.n->ops->rx_ready(w.n);
	for (int i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	w.client.room = UINT32_MAX;
	w.n->ops->rx_ready(w.n);
	for (int i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	for (unsigned i = 0; i < w.client.got.nr; i++) {
		const u8 *d = w.client.got.f[i].data;

		if (be16_at(d + ETH_TYPE) == ETHERTYPE_IP4 && d[23] == PROTO_UDP &&
		    be16_at(d + 36) == 1234)
			ck_assert_uint_eq(d[42], nr++);
	}
	ck_assert_uint_eq(nr, 20);
	world_close(&w);
	close(sk);
}
END_TEST

START_TEST(frames_that_the_kernel_refuses)
{
	struct netif_offload o = { .needs_csum = true, .csum_start = 60000, .csum_offset = 6 };
	struct world w;
	u8 f[2048];

	OWN_NETWORK_OR_SKIP();
	world_open(&w, "mode=tap");
	w.n->ops->up(w.n, ALL_OFFLOADS);
	ck_assert_int_lt(send_with(&w, &o, f, put_arp(f, 1, GUEST_IP, HOST_IP)), 0);
	ck_assert_int_eq(send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP)), 0);
	world_close(&w);
}
END_TEST

/* One interface, whose queues all take frames; what the kernel answers comes in any of them. */
START_TEST(several_queues)
{
	struct fake_client others[2];
	struct netif *n[3];
	struct world w;
	u8 f[64];

	OWN_NETWORK_OR_SKIP();
	world_open(&w, "mode=tap,mq=3");
	n[0] = w.n;
	for (unsigned i = 1; i < 3; i++) {
		n[i] = n[i - 1]->next;
		ck_assert_ptr_nonnull(n[i]);
		ck_assert_uint_eq(n[i]->offloads, n[0]->offloads);
		fake_client_attach(&others[i - 1], n[i]);
	}
	ck_assert_ptr_null(n[2]->next);
	for (unsigned i = 0; i < 3; i++)
		n[i]->ops->up(n[i], 0);
	for (unsigned i = 0; i < 3; i++) {
		struct iovec iov = { f, put_arp(f, 1, GUEST_IP, HOST_IP) };
		const struct netif_offload none = { .gso = NETIF_GSO_NONE };

		ck_assert_int_eq(n[i]->ops->send(n[i], &none, iov_cur(&iov, 1)), 0);
	}
	for (int i = 0; i < 100 && w.client.got.nr + others[0].got.nr + others[1].got.nr < 3; i++)
		loop_step(w.loop, 10);
	ck_assert_uint_ge(w.client.got.nr + others[0].got.nr + others[1].got.nr, 3);
	world_close(&w);
	for (unsigned i = 0; i < 2; i++)
		fake_frames_clear(&others[i].got);
}
END_TEST

/* Made by the user, for one queue or for several. */
START_TEST(queues_of_an_interface_that_is_there)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct net_conf c;
	struct loop *l;
	struct netif *n;
	int fd;

	OWN_NETWORK_OR_SKIP();
	ck_assert_int_eq(loop_create(&l, "io"), 0);
	for (int several = 0; several < 2; several++) {
		fd = open("/dev/net/tun", O_RDWR);
		snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "mine%d", several);
		ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
					(several ? IFF_MULTI_QUEUE : 0));
		ck_assert_int_eq(ioctl(fd, TUNSETIFF, &ifr), 0);
		ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1), 0);
		close(fd);
		ck_assert_int_eq(netopt_parse(&c, "mq=4", 0), 0);
		snprintf(c.tapif, sizeof(c.tapif), "mine%d", several);
		ck_assert_int_eq(netif_create(&n, &c, l), several ? 0 : -EINVAL);
		if (several)
			netif_destroy_all(n);
	}
	loop_destroy(l);
}
END_TEST

/* What a user who opens a tap does with it. */
static void set_up(const char *name)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(HOST_IP) };
	struct ifreq ifr = { .ifr_flags = 0 };
	int sk = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	memcpy(&ifr.ifr_addr, &a, sizeof(a));
	ck_assert_int_eq(ioctl(sk, SIOCSIFADDR, &ifr), 0);
	ifr.ifr_flags = IFF_UP;
	ck_assert_int_eq(ioctl(sk, SIOCSIFFLAGS, &ifr), 0);
	close(sk);
}

/* What "ip link delete" does. */
static void delete_interface(const char *name)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} m = { .h = { .nlmsg_len = sizeof(m),
		       .nlmsg_type = RTM_DELLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.i = { .ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name) } };
	int sk = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} answer;

	ck_assert_int_eq(send(sk, &m, sizeof(m), 0), sizeof(m));
	ck_assert_int_ge(recv(sk, &answer, sizeof(answer), MSG_TRUNC), sizeof(answer.h));
	ck_assert_int_eq(answer.e.error, 0);
	close(sk);
}

/* A guest that waits for room in a queue that is no more goes on: its frames lead nowhere now. */
START_TEST(an_interface_that_is_deleted)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct world w;
	char arg[32];
	u8 f[64];
	int fd;

	OWN_NETWORK_OR_SKIP();
	fd = open("/dev/net/tun", O_RDWR);
	ck_assert_int_eq(ioctl(fd, TUNSETIFF, &ifr), 0);
	snprintf(arg, sizeof(arg), "mode=tap,fd=%d", fd);
	world_open(&w, arg);
	w.n->ops->up(w.n, 0);
	set_up("tap0");
	is_full = true;
	ck_assert_int_eq(send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP)), -EAGAIN);
	delete_interface("tap0");
	for (int i = 0; i < 10 && !w.client.nr_writable; i++)
		loop_step(w.loop, scaled(100));
	ck_assert_uint_eq(w.client.nr_writable, 1);
	is_full = false;
	ck_assert_int_eq(send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP)), -EBADFD);
	world_close(&w);
}
END_TEST

START_TEST(an_open_descriptor)
{
	u8 f[64];
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct net_conf c;
	struct world w;
	char arg[32];
	struct netif *n;
	int fd;

	OWN_NETWORK_OR_SKIP();
	fd = open("/dev/net/tun", O_RDWR);
	ck_assert_int_eq(ioctl(fd, TUNSETIFF, &ifr), 0);
	snprintf(arg, sizeof(arg), "mode=tap,fd=%d", fd);
	world_open(&w, arg);
	/* Opened without the header: no offloads, frames as they are. */
	ck_assert_uint_eq(w.n->offloads, 0);
	w.n->ops->up(w.n, 0);
	set_up("tap0");
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	ck_assert_ptr_nonnull(wait_for(&w, ETHERTYPE_ARP4, 0));
	world_close(&w);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* it was handed over */

	/* Not a tap at all. */
	ck_assert_int_eq(netopt_parse(&c, "mode=tap,fd=0", 0), 0);
	ck_assert_int_eq(loop_create(&w.loop, "io"), 0);
	ck_assert_int_eq(netif_create(&n, &c, w.loop), -EINVAL);
	ck_assert_int_eq(netopt_parse(&c, "mode=tap,fd=999", 0), 0);
	ck_assert_int_eq(netif_create(&n, &c, w.loop), -EINVAL);
	loop_destroy(w.loop);
}
END_TEST

START_TEST(scripts_get_the_name)
{
	char script[] = "/tmp/lkvm-tap-XXXXXX", log[64], arg[256], line[64] = "";
	struct world w;
	int fd;

	OWN_NETWORK_OR_SKIP();
	fd = mkstemp(script);
	snprintf(log, sizeof(log), "%s.log", script);
	dprintf(fd, "#!/bin/sh\necho \"$1\" >>%s\n", log);
	fchmod(fd, 0700);
	close(fd);
	snprintf(arg, sizeof(arg), "mode=tap,tapif=wire7,script=%s,downscript=%s", script, script);
	world_open(&w, arg);
	fd = open(log, O_RDONLY);
	ck_assert_int_eq(read(fd, line, sizeof(line)), 6);
	ck_assert_str_eq(line, "wire7\n");
	world_close(&w);
	ck_assert_int_eq(read(fd, line, sizeof(line)), 6);
	close(fd);
	unlink(log);
	unlink(script);
}
END_TEST

START_TEST(what_goes_wrong_is_said)
{
	static const struct {
		const char *arg, *why;
		int err;
	} bad[] = {
		{ "mode=tap,tapif=a-name-that-is-too-long",
		  "TAP device, but creation of one has failed", -ENAMETOOLONG },
		{ "mode=tap,tapif=/dev/null", "TAP device, but creation of one has failed",
		  -ENOTTY },
		{ "mode=tap,tapif=/nowhere/tap3", "TAP device, but creation of one has failed",
		  -ENOENT },
		{ "mode=tap,script=/nowhere/script", "network script /nowhere/script", -ENOENT },
		{ "mode=tap,script=/bin/false", "network script /bin/false tap0 failed", -EIO },
		{ "mode=tap,pcap=/nowhere/x", "pcap: cannot write /nowhere/x", -ENOENT },
	};
	struct loop *l;

	OWN_NETWORK_OR_SKIP();
	ck_assert_int_eq(loop_create(&l, "io"), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char line[1024] = "";
		struct net_conf c;
		struct netif *n = NULL;
		int saved = dup(2), p[2], err;

		ck_assert_int_eq(netopt_parse(&c, bad[i].arg, 0), 0);
		ck_assert_int_eq(pipe(p), 0);
		dup2(p[1], 2);
		err = netif_create(&n, &c, l);
		dup2(saved, 2);
		close(saved);
		close(p[1]);
		ck_assert_int_gt(read(p[0], line, sizeof(line) - 1), 0);
		close(p[0]);
		ck_assert_msg(err == bad[i].err, "%s: %d", bad[i].arg, err);
		ck_assert_msg(strstr(line, bad[i].why) != NULL, "%s", line);
		ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	}
	loop_destroy(l);
}
END_TEST

/* ---- capture; here because a tap is the simplest netif that answers ---- */

START_TEST(frames_are_captured)
{
	char path[] = "/tmp/lkvm-pcap-XXXXXX", arg[128];
	struct world w;
	u8 f[64], file[512];
	u32 word;
	ssize_t n;
	int fd;

	OWN_NETWORK_OR_SKIP();
	fd = mkstemp(path);
	snprintf(arg, sizeof(arg), "mode=tap,pcap=%s", path);
	world_open(&w, arg);
	ck_assert_uint_eq(w.n->offloads, ALL_OFFLOADS);
	w.n->ops->up(w.n, 0);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	ck_assert_ptr_nonnull(wait_for(&w, ETHERTYPE_ARP4, 0));
	world_close(&w); /* and the capture is complete */
	n = read(fd, file, sizeof(file));
	ck_assert_int_ge(n, 24 + 2 * (16 + 42));
	memcpy(&word, file, 4);
	ck_assert_uint_eq(word, 0xa1b2c3d4);
	memcpy(&word, file + 20, 4);
	ck_assert_uint_eq(word, 1);
	/* The request comes before what it led to. */
	memcpy(&word, file + 24 + 8, 4);
	ck_assert_uint_eq(word, 42);
	ck_assert_mem_eq(file + 40, f, 42);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(a_full_disk_ends_the_capture_only)
{
	struct world w;
	u8 f[64];

	OWN_NETWORK_OR_SKIP();
	if (access("/dev/full", W_OK)) {
		fprintf(stderr, "SKIP: no /dev/full here\n");
		return;
	}

	struct net_conf c;
	struct netif *n = NULL;
	struct loop *l;

	/* Full at once: a user error. */
	ck_assert_int_eq(netopt_parse(&c, "mode=tap,pcap=/dev/full", 0), 0);
	ck_assert_int_eq(loop_create(&l, "io"), 0);
	ck_assert_int_eq(netif_create(&n, &c, l), -ENOSPC);
	loop_destroy(l);

	/* Later (a pipe whose reader is gone): the network goes on. */
	int p[2];
	char arg[64];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(p), 0);
	snprintf(arg, sizeof(arg), "mode=tap,pcap=/proc/self/fd/%d", p[1]);
	world_open(&w, arg);
	w.n->ops->up(w.n, 0);
	close(p[0]);
	send_frame(&w, f, put_arp(f, 1, GUEST_IP, HOST_IP));
	ck_assert_ptr_nonnull(wait_for(&w, ETHERTYPE_ARP4, 0));
	world_close(&w);
	close(p[1]);
}
END_TEST

SUITE_MAIN("net/tap", the_host_answers, offloads_both_ways, back_pressure_loses_nothing,
	   several_queues, queues_of_an_interface_that_is_there, frames_that_the_kernel_refuses,
	   an_interface_that_is_deleted, an_open_descriptor, scripts_get_the_name,
	   what_goes_wrong_is_said, frames_are_captured, a_full_disk_ends_the_capture_only)
