/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DHCP messages that mean harm. What is answered must be a well-formed reply of bounded size to the
 * sender, and no address leaves that is not ours to give.
 *
 * Thread: one.
 * Trust:  plays the guest.
 *
 * Input: one byte of set-up, then messages: 2 bytes of length (little-endian), bytes.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "net/csum.h"
#include "net/eth.h"
#include "net/user/dhcp.h"
#include "tests/fuzz/input.h"

static void check_reply(const u8 *f, size_t n, const u8 *msg)
{
	const u8 *ip = f + ETH_HDR, *udp = ip + IP4_HDR, *m = udp + UDP_HDR;
	size_t len = n - ETH_HDR - IP4_HDR - UDP_HDR, off = 240;
	u32 yiaddr = be32_at(m + 16);

	check(n >= 342 && n <= DHCP_REPLY_MAX);
	check(!csum_finish(csum_add(0, ip, IP4_HDR)) && be16_at(ip + IP4_TOTAL) == n - ETH_HDR);
	check(be16_at(udp + UDP_LEN) == n - ETH_HDR - IP4_HDR);
	check(m[0] == 2 && !memcmp(m + 28, msg + 28, 6) && !memcmp(m + 4, msg + 4, 4));
	check(!yiaddr || (yiaddr >> 8 == 0xc0a821 && (u8)yiaddr != 1 && (u8)yiaddr != 255));
	/* Options: each inside the message, ended. */
	while (m[off] != 255) {
		check(off + 1 < len && off + 2 + m[off + 1] < len);
		off += 2u + m[off + 1];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const u8 mac[6] = { 2, 0x15, 0x15, 0x15, 0x15, 0x15 };
	struct dhcp d = { .host = { htonl(0xc0a82101) },
			  .mask = { htonl(0xffffff00) },
			  .first = { htonl(0xc0a8210f) },
			  .dns = { { htonl(0xc0a82103) } },
			  .nr_dns = 1,
			  .lease_s = 14400 };
	u8 reply[DHCP_REPLY_MAX];

	if (!len)
		return 0;
	d.mtu = data[0] & 1 ? 9000 : 0;
	d.no_router = data[0] & 2;
	d.domain = data[0] & 4 ? "lab.example" : "";
	if (data[0] & 8)
		d.first.s_addr = htonl(0xc0a821f8);
	memcpy(d.lease[0], mac, 6);
	data++;
	len--;
	while (len >= 2) {
		size_t n = MIN((size_t)(data[0] | data[1] << 8), len - 2), r;
		struct in_addr src = { n & 1 ? htonl(0xc0a8210f) : 0 };
		u8 *msg = malloc(n ? n : 1);

		memcpy(msg, data + 2, n);
		r = dhcp_answer(&d, msg, n, src, reply);
		if (r)
			check_reply(reply, r, msg);
		check(!memcmp(d.lease[0], mac, 6));
		free(msg);
		data += 2 + n;
		len -= 2 + n;
	}
	return 0;
}
