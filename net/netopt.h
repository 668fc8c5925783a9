/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `--network key=value[,key=value...]` as plain data: kvmtool's keys with kvmtool's spelling,
 * defaults and messages, and a few of our own. Nothing is opened here. Any thread.
 */
#ifndef NET_NETOPT_H
#define NET_NETOPT_H

#include <limits.h>
#include <netinet/in.h>

#include "net/hostfwd.h"

#define NET_MAX_DNS 3u
#define NET_MAX_HOSTFWD 16u
#define NET_MAX_DOMAIN 255u
#define NET_MAX_PAIRS 8u

enum net_mode {
	NET_MODE_NONE,
	NET_MODE_USER,
	NET_MODE_TAP,
	NET_MODE_STREAM,
	NET_MODE_DGRAM,
	NET_MODE_VHOST_USER,
};
enum net_switch { NET_UNSAID, NET_OFF, NET_ON };
enum net_path { NET_PATH_LIBSLIRP, NET_PATH_DIRECT };
enum net_trans { NET_TRANS_DEFAULT, NET_TRANS_PCI, NET_TRANS_MMIO };

struct net_conf {
	enum net_mode mode;
	enum net_trans trans;	 /* trans=: overrides --virtio-transport for this NIC */
	u8 mac[6];		 /* guest_mac=; 02:15:15:15:15:15 + index */
	struct in_addr guest_ip; /* 192.168.33.15 */
	struct in_addr host_ip;	 /* 192.168.33.1; the network is its /24 */
	u16 mtu;		 /* 0: default (1500) */

	/* mode=tap */
	char script[PATH_MAX];	   /* run with the interface's name before start; "": none */
	char downscript[PATH_MAX]; /* the same after the end */
	char tapif[PATH_MAX];	   /* interface name, or /dev/tapN; "": a new interface */
	int fd;			   /* already open tap; -1: none */
	unsigned nr_pairs;	   /* mq=: pairs of queues, 1..NET_MAX_PAIRS */
	bool vhost;		   /* vhost=1: the host's kernel serves the queues */

	/* mode=stream, dgram, vhost-user */
	char socket[PATH_MAX]; /* of the peer; or, if it is listened at and with dgram, our own */
	char peer[PATH_MAX];   /* mode=dgram: the other end's */
	bool listens;	       /* mode=stream: listen=on */

	/* mode=user */
	struct in_addr dns[NET_MAX_DNS]; /* announced instead of the virtual server */
	unsigned nr_dns;
	char domain[NET_MAX_DOMAIN + 1]; /* "": the host's, from /etc/resolv.conf */
	bool ipv6;
	bool restricted;   /* restrict=on: the guest reaches nothing but its forwards */
	bool dhcp;	   /* default true */
	enum net_path tcp; /* tcp=: who ends the guest's connections */
	enum net_path udp; /* udp=: who has the sockets for its datagrams */
	/*
	 * host-loopback=: addresses of the network but the name server's are the host's loopback.
	 * netopt_settle() decides what was left unsaid.
	 */
	enum net_switch host_loopback;
	struct net_hostfwd hostfwd[NET_MAX_HOSTFWD];
	unsigned nr_hostfwd;

	char pcap[PATH_MAX]; /* capture all frames to this file; "": none */

	/* ---- no keys ---- */
	struct pcap_writer *capture; /* of netif_capture(); NULL: it is not asked for */
	/* Is the guest paused, on any thread? NULL: it never is. */
	bool (*held)(void *arg);
	void *held_arg;
};

/*
 * Read the option of NIC number `index` (from 0) to *c, all of which is set. `arg` NULL: the one
 * NIC of a run without any --network, in user mode. With `arg` the mode is tap unless it says
 * otherwise. 0, or -EINVAL after one log_error() line.
 */
int netopt_parse(struct net_conf *c, const char *arg, unsigned index);

/*
 * What depends on the kind of guest: the host's loopback is open to an ordinary one, to a
 * confidential one only where the user says so. Idempotent.
 */
void netopt_settle(struct net_conf *c, bool confidential);

/*
 * mode=user: the address where the guest finds a name server that stands for the host's, host 3 of
 * the network or the next that is free.
 */
struct in_addr netopt_name_server(const struct net_conf *c);

/*
 * Can the NICs confs[0..nr) be in one guest? Not two with one MAC, nor two user-mode networks with
 * one subnet ("Only one usermode network device allowed at a time"). 0, or -EINVAL after one
 * log_error() line.
 */
int netopt_check(const struct net_conf *confs, unsigned nr);

/* Call fn(arg, ...) for each key, in order, for --help and the manual. */
typedef void (*netopt_help_fn)(void *arg, const char *key, const char *help);
void netopt_help(netopt_help_fn fn, void *arg);

#endif
