/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --network: kvmtool's keys, defaults and refusals, and our own. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/netopt.h"
#include "tests/unit/arm64/capture.h"

static struct net_conf conf;

static const char *addr(struct in_addr a)
{
	static char buf[INET_ADDRSTRLEN];

	return inet_ntop(AF_INET, &a, buf, sizeof(buf));
}

static void parse_ok(const char *arg)
{
	ck_assert_msg(!netopt_parse(&conf, arg, 0), "%s", arg);
}

/* Refused, and the line on stderr contains `why`. */
static void parse_bad(const char *arg, const char *why)
{
	char line[2048] = "";
	int saved = dup(2), p[2], err;
	ssize_t n;

	ck_assert_int_eq(pipe(p), 0);
	dup2(p[1], 2);
	err = netopt_parse(&conf, arg, 0);
	dup2(saved, 2);
	close(saved);
	close(p[1]);
	n = read(p[0], line, sizeof(line) - 1);
	close(p[0]);
	ck_assert_msg(err == -EINVAL, "%s was accepted", arg);
	ck_assert_int_gt(n, 0);
	ck_assert_msg(strstr(line, why) != NULL, "%s: \"%s\" is not in \"%s\"", arg, why, line);
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1); /* one line */
}

START_TEST(without_options_there_is_one_user_nic)
{
	static const u8 mac[6] = { 2, 0x15, 0x15, 0x15, 0x15, 0x15 };

	parse_ok(NULL);
	ck_assert_int_eq(conf.mode, NET_MODE_USER);
	ck_assert_mem_eq(conf.mac, mac, 6);
	ck_assert_str_eq(addr(conf.guest_ip), "192.168.33.15");
	ck_assert_str_eq(addr(conf.host_ip), "192.168.33.1");
	ck_assert_int_eq(conf.fd, -1);
	ck_assert(conf.dhcp && !conf.ipv6 && !conf.restricted);
	ck_assert_int_eq(conf.tcp, NET_PATH_LIBSLIRP);
	ck_assert_int_eq(conf.udp, NET_PATH_LIBSLIRP);
	ck_assert_uint_eq(conf.mtu, 0);
}
END_TEST

START_TEST(an_option_without_mode_is_a_tap)
{
	parse_ok("guest_mac=02:00:00:00:00:09");
	ck_assert_int_eq(conf.mode, NET_MODE_TAP);
	ck_assert_uint_eq(conf.mac[5], 9);
}
END_TEST

START_TEST(macs_count_up)
{
	ck_assert_int_eq(netopt_parse(&conf, "mode=tap", 2), 0);
	ck_assert_uint_eq(conf.mac[5], 0x17);
}
END_TEST

START_TEST(every_key_of_kvmtool)
{
	parse_ok(
		"mode=user,guest_mac=aA:bB:cc:dd:ee:0f,guest_ip=10.1.2.3,host_ip=10.1.2.1,trans=mmio,"
		"vhost=0,mq=1");
	ck_assert_int_eq(conf.mode, NET_MODE_USER);
	ck_assert_int_eq(conf.trans, NET_TRANS_MMIO);
	ck_assert_uint_eq(conf.mac[1], 0xbb);
	ck_assert_str_eq(addr(conf.guest_ip), "10.1.2.3");
	parse_ok("mode=tap,script=/bin/a,downscript=/bin/b,tapif=tap7,trans=pci");
	ck_assert_str_eq(conf.script, "/bin/a");
	ck_assert_str_eq(conf.downscript, "/bin/b");
	ck_assert_str_eq(conf.tapif, "tap7");
	parse_ok("mode=tap,fd=5,script=none");
	ck_assert_int_eq(conf.fd, 5);
	ck_assert_str_eq(conf.script, "");
	parse_ok("mode=none");
	ck_assert_int_eq(conf.mode, NET_MODE_NONE);
}
END_TEST

START_TEST(keys_of_our_own)
{
	parse_ok(
		"mode=user,mtu=9000,dns=1.1.1.1,dns=8.8.8.8,domain=lab.example,ipv6=on,restrict=on,"
		"dhcp=off,tcp=direct,udp=direct,pcap=/tmp/x,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp::53-10.0.0.1:5353");
	ck_assert_uint_eq(conf.mtu, 9000);
	ck_assert_uint_eq(conf.nr_dns, 2);
	ck_assert_str_eq(addr(conf.dns[1]), "8.8.8.8");
	ck_assert_str_eq(conf.domain, "lab.example");
	ck_assert(conf.ipv6 && conf.restricted && !conf.dhcp);
	ck_assert_int_eq(conf.tcp, NET_PATH_DIRECT);
	ck_assert_int_eq(conf.udp, NET_PATH_DIRECT);
	ck_assert_str_eq(conf.pcap, "/tmp/x");
	ck_assert_uint_eq(conf.nr_hostfwd, 2);
	ck_assert(!conf.hostfwd[0].udp && conf.hostfwd[1].udp);
	ck_assert_uint_eq(conf.hostfwd[0].host.port, 2222);
	ck_assert_uint_eq(conf.hostfwd[1].guest.port, 5353);
}
END_TEST

START_TEST(kvmtools_messages)
{
	parse_bad("mode=users", "Unknown network mode users, please use user, tap or none");
	parse_bad("mode=user,colour=red", "Unknown network parameter colour");
	parse_bad("", "Unknown network parameter ");
	parse_bad("mode=user,", "Unknown network parameter ");
	parse_bad("user", "Unknown network parameter user: did you mean mode=user?");
	parse_bad("none,mac=02:00:00:00:00:01", "did you mean mode=none?");
	parse_bad("uses", "Unknown network parameter uses ('lkvm help network' lists them)");
}
END_TEST

/* "--network virtio", as its README has it. */
START_TEST(kvmtools_readme)
{
	struct net_conf c;

	ck_assert_int_eq(netopt_parse(&c, "virtio", 0), 0);
	ck_assert_int_eq(c.mode, NET_MODE_TAP);
	parse_bad("virtio=1", "Unknown network parameter virtio");
	ck_assert(conf.nr_pairs == 1 && !conf.vhost);
	parse_ok("mode=tap,mq=8");
	ck_assert(conf.nr_pairs == 8 && !conf.vhost);
	parse_ok("tapif=tap7,vhost=1");
	ck_assert(conf.nr_pairs == 1 && conf.vhost);
}
END_TEST

START_TEST(values_are_checked)
{
	static const char *const bad[] = {
		"mode",
		"guest_mac=1:2:3",
		"guest_mac=03:00:00:00:00:01",
		"guest_mac=00:00:00:00:00:00",
		"guest_mac=02:00:00:00:00:01:02",
		"guest_mac= 2:0:0:0:0:1",
		"guest_ip=1.2.3",
		"host_ip=x",
		"trans=usb",
		"fd=-1",
		"fd=",
		"fd=4x",
		"vhost=2",
		"mq=0",
		"mq=x",
		"mq=9",
		"mtu=1279",
		"mtu=65522",
		"mtu=abc",
		"mode=user,dns=0x1",
		"mode=user,dns=1.1.1.1,dns=1.1.1.1,dns=1.1.1.1,dns=1.1.1.1",
		"mode=user,domain=",
		"mode=user,domain=a b",
		"mode=user,ipv6=yes",
		"mode=user,restrict=1",
		"mode=user,tcp=passt",
		"tcp=direct",
		"udp=direct",
		"mode=user,dhcp=maybe",
		"script=",
		"mode=user,hostfwd=tcp:1-2",
		"mode=user,hostfwd=sctp::1-:2",
		"mode=user,hostfwd=tcp::0-:22",
		"mode=user,hostfwd=tcp::1-:65536",
		"mode=user,hostfwd=tcp:127.0.0.1:99",
		"mode=user,hostfwd=tcp:localhost:99-:22",
		"mode=user,hostfwd=tcp::99-:22:33",
		"mode=user,hostfwd=tcp:123.123.123.123.123.123.123:80-:80",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		parse_bad(bad[i], "network parameter ");
}
END_TEST

/* microvm.nix names an interface whatever the mode is, and kvmtool does not look at it. */
START_TEST(what_names_a_tap_is_told_of_in_user_mode)
{
	static const char *const args[] = { "mode=user,tapif=vm1,guest_mac=02:00:00:00:00:01",
					    "mode=user,script=/bin/a",
					    "downscript=/bin/a,mode=user" };

	for (unsigned i = 0; i < ARRAY_SIZE(args); i++) {
		capture_start();
		parse_ok(args[i]);
		ck_assert_int_eq(conf.mode, NET_MODE_USER);
		ck_assert_ptr_nonnull(strstr(captured(), "does nothing with mode=user"));
	}
}
END_TEST

START_TEST(nothing_is_accepted_and_ignored)
{
	parse_bad("mode=user,hostfwd=tcp:[::1]:1-:2", "needs ipv6=on");
	parse_ok("mode=user,hostfwd=tcp:[::1]:1-:2,ipv6=on");
	parse_bad("mode=tap,hostfwd=tcp::1-:2", "hostfwd works with mode=user only");
	parse_bad("dns=1.1.1.1,mode=tap", "dns works with mode=user only");
	parse_bad("tapif=tap0,mode=dgram,socket=s,peer=p", "tapif works with mode=tap only");
	parse_bad("mode=tap,fd=3,tapif=tap0", "fd and tapif exclude each other");
	parse_bad("mode=user,vhost=1", "vhost=1 works with mode=tap only");
	parse_bad("mode=user,mq=2", "mq above 1 works with mode=tap only");
	parse_bad("mode=stream,socket=s,mq=2", "mq above 1 works with mode=tap only");
	parse_bad("fd=3,mq=2", "fd= is one queue");
	parse_bad("vhost=1,mq=2", "multiqueue is not supported with vhost yet");
	parse_bad("pcap=f,mq=2", "capture the tap on the host");
	parse_bad("pcap=f,vhost=1", "capture the tap on the host");
	parse_ok("mode=none,tapif=x,dns=1.1.1.1"); /* nothing at all is asked for */
}
END_TEST

START_TEST(user_addresses_share_a_network)
{
	parse_bad("mode=user,guest_ip=10.0.0.5", "not two addresses of one /24");
	parse_bad("mode=user,guest_ip=192.168.33.1", "not two addresses of one /24");
	parse_bad("mode=user,guest_ip=192.168.33.255", "not two addresses of one /24");
	parse_bad("mode=user,guest_ip=192.168.33.0", "not two addresses of one /24");
	parse_bad("mode=user,guest_ip=127.0.0.5,host_ip=127.0.0.1", "not an address of a host");
}
END_TEST

START_TEST(names_that_are_too_long)
{
	static char arg[PATH_MAX + 64];

	memset(arg, 'a', sizeof(arg) - 1);
	memcpy(arg, "tapif=", 6);
	parse_bad(arg, "network parameter tapif=");
	memset(arg, 'a', sizeof(arg) - 1);
	memcpy(arg, "mode=user,domain=", 17);
	arg[17 + 256] = '\0';
	parse_bad(arg, "network parameter domain=");
	arg[17 + 255] = '\0';
	parse_ok(arg);
}
END_TEST

START_TEST(too_many_forwards)
{
	char arg[2048];
	size_t n = (size_t)snprintf(arg, sizeof(arg), "mode=user");

	for (int i = 0; i < 16; i++)
		n += (size_t)snprintf(arg + n, sizeof(arg) - n, ",hostfwd=tcp::%d-:1", i + 1);
	parse_ok(arg);
	snprintf(arg + n, sizeof(arg) - n, ",hostfwd=tcp::99-:1");
	parse_bad(arg, "at most 16");
}
END_TEST

START_TEST(several_nics)
{
	struct net_conf c[3];

	netopt_parse(&c[0], "mode=user", 0);
	netopt_parse(&c[1], "mode=tap", 1);
	netopt_parse(&c[2], "mode=user,guest_ip=10.0.0.2,host_ip=10.0.0.1", 2);
	ck_assert_int_eq(netopt_check(c, 3), 0);
	netopt_parse(&c[2], "mode=user", 2);
	ck_assert_int_eq(netopt_check(c, 3), -EINVAL); /* Only one usermode network device ... */
	netopt_parse(&c[2], "mode=tap,guest_mac=02:15:15:15:15:16", 2);
	ck_assert_int_eq(netopt_check(c, 3), -EINVAL); /* the MAC of the second */
	netopt_parse(&c[2], "mode=none,guest_mac=02:15:15:15:15:16", 2);
	ck_assert_int_eq(netopt_check(c, 3), 0);
}
END_TEST

static void count_key(void *arg, const char *key, const char *help)
{
	ck_assert_uint_gt(strlen(key), 0);
	ck_assert_uint_gt(strlen(help), 0);
	(*(unsigned *)arg)++;
}

START_TEST(every_key_has_help)
{
	unsigned nr = 0;

	netopt_help(count_key, &nr);
	ck_assert_uint_eq(nr, 25);
}
END_TEST

/* kvmtool's README has it: a network card with all defaults, which are those of a tap. */
START_TEST(virtio_alone)
{
	struct net_conf c;

	ck_assert_int_eq(netopt_parse(&c, "virtio", 0), 0);
	ck_assert_int_eq(c.mode, NET_MODE_TAP);
	ck_assert_str_eq(c.tapif, "");
	ck_assert_int_eq(netopt_parse(&c, "virtio,mode=user", 0), 0);
	ck_assert_int_eq(c.mode, NET_MODE_USER);
	ck_assert_int_eq(netopt_parse(&c, "virtio=1", 0), -EINVAL);
}
END_TEST

START_TEST(the_hosts_loopback)
{
	struct net_conf c;

	for (unsigned confidential = 0; confidential < 2; confidential++) {
		ck_assert_int_eq(netopt_parse(&c, NULL, 0), 0);
		ck_assert_int_eq(c.host_loopback, NET_UNSAID);
		netopt_settle(&c, confidential);
		netopt_settle(&c, !confidential);
		ck_assert_int_eq(c.host_loopback, confidential ? NET_OFF : NET_ON);
		ck_assert_int_eq(netopt_parse(&c, "mode=user,host-loopback=on", 0), 0);
		netopt_settle(&c, confidential);
		ck_assert_int_eq(c.host_loopback, NET_ON);
		ck_assert_int_eq(netopt_parse(&c, "mode=user,host-loopback=off", 0), 0);
		netopt_settle(&c, confidential);
		ck_assert_int_eq(c.host_loopback, NET_OFF);
	}
	ck_assert_int_eq(netopt_parse(&c, "mode=user,host-loopback=maybe", 0), -EINVAL);
	ck_assert_int_eq(netopt_parse(&c, "mode=tap,host-loopback=on", 0), -EINVAL);
}
END_TEST

SUITE_MAIN("net/netopt", without_options_there_is_one_user_nic, an_option_without_mode_is_a_tap,
	   macs_count_up, every_key_of_kvmtool, keys_of_our_own, kvmtools_messages, kvmtools_readme,
	   values_are_checked, what_names_a_tap_is_told_of_in_user_mode,
	   nothing_is_accepted_and_ignored, user_addresses_share_a_network, names_that_are_too_long,
	   too_many_forwards, several_nics, every_key_has_help, the_hosts_loopback, virtio_alone)
