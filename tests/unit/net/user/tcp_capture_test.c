/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Wireshark thinks of a capture: a conversation in good order, through the whole of
 * mode=user,tcp=direct,pcap=FILE, in which its expert finds nothing to complain of.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/net/user/talk.h"

static char path[] = "/tmp/lkvm-tcp-XXXXXX";

/* The guest takes what comes until `total` bytes have, and acknowledges all of it. */
static void take(struct conn *c, size_t total)
{
	size_t len = 0, got = 0;
	const u8 *data;

	while (got < total) {
		ck_assert(!(tcp_next(c, &data, &len) & TCP_RST));
		got += len;
		c->ack += (u32)len;
		if (len)
			tcp_send(c, TCP_ACK, NULL, 0);
	}
}

static void converse(void)
{
	static char block[20000];
	struct world w;
	struct conn c;
	const u8 *data;
	char arg[128];
	size_t len;
	u16 port;
	int sk = listen_on_loopback(SOCK_STREAM, &port);

	snprintf(arg, sizeof(arg), "mode=user,tcp=direct,pcap=%s", path);
	world_up(&w, arg, ALL_OFFLOADS);
	tcp_open(&c, &w, sk, port);
	for (unsigned i = 0; i < 20; i++) {
		tcp_send(&c, TCP_ACK | TCP_PSH, block, 1000);
		ck_assert_int_eq(recv(c.server, block, 1000, MSG_WAITALL), 1000);
		ck_assert_int_eq(write(c.server, block, sizeof(block)), sizeof(block));
		take(&c, sizeof(block));
	}
	/* Each half ends by itself. */
	shutdown(c.server, SHUT_WR);
	while (!(tcp_next(&c, &data, &len) & TCP_FIN))
		;
	c.ack++;
	tcp_send(&c, TCP_ACK | TCP_PSH, block, 500);
	tcp_send(&c, TCP_ACK | TCP_FIN, NULL, 0);
	for (unsigned i = 0; i < 20; i++)
		loop_step(w.loop, 1);
	ck_assert_int_eq(recv(c.server, block, 1000, MSG_WAITALL), 500);
	close(c.server);
	close(sk);
	world_close(&w);
}

/* Its sections of what is wrong, and the notes that a lossless link gives no reason for. */
static bool is_bad(const char *line)
{
	static const char *const words[] = { "Errors",	  "Warns",	  "etransmission",
					     "Duplicate", "Out-Of-Order", "eep-Alive",
					     "unseen",	  "alformed" };

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

START_TEST(the_expert_is_content)
{
	char line[512], command[128];
	bool seen = false;
	unsigned bad = 0;
	int fd = mkstemp(path);
	FILE *f;

	ck_assert_int_ge(fd, 0);
	close(fd);
	converse();
	if (system("command -v tshark >/dev/null 2>&1")) {
		fprintf(stderr, "skip: there is no tshark\n");
		unlink(path);
		return;
	}
	/* Checksums that were left to virtio are not whole, and are not looked at. */
	snprintf(command, sizeof(command), "tshark -r %s -q -z expert 2>/dev/null; echo done",
		 path);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		seen |= !strcmp(line, "done\n");
		bad += is_bad(line);
		if (bad)
			fprintf(stderr, "%s", line);
	}
	pclose(f);
	snprintf(command, sizeof(command), "tshark -r %s -Y tcp.len 2>/dev/null | wc -l", path);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_int_gt(atoi(line), 50); /* it has read it */
	pclose(f);
	unlink(path);
	ck_assert(seen && !bad);
}
END_TEST

SUITE_MAIN("net/user/tcp_capture", the_expert_is_content)
