/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP, IPv4 and Ethernet headers for what our own servers (DHCP, DNS) say to the guest.
 *
 * Thread: any.
 * Trust:  ends and message are the caller's.
 * Spec:   RFC 768, RFC 791
 */
#include "net/user/udp4.h"

#include "net/csum.h"
#include "net/user/ip_pkt.h"

size_t udp4_wrap(u8 *frame, const struct udp4_ends *e, size_t len)
{
	u8 *ip = frame + ETH_HDR, *udp = ip + IP4_HDR;
	u8 src[4], dst[4];
	size_t udp_len = UDP_HDR + len;
	u16 csum;
	u64 sum;

	assert(len <= UDP4_MAX);
	memcpy(frame + ETH_DST, e->dst_mac, 6);
	memcpy(frame + ETH_SRC, e->src_mac, 6);
	be16_put(frame + ETH_TYPE, ETHERTYPE_IP4);

	be32_put(src, e->src);
	be32_put(dst, e->dst);
	ip4_write(ip, src, dst, PROTO_UDP, udp_len, e->id, 0);

	be16_put(udp + UDP_SRC, e->src_port);
	be16_put(udp + UDP_DST, e->dst_port);
	be16_put(udp + UDP_LEN, (u16)udp_len);
	be16_put(udp + UDP_CSUM, 0);
	sum = csum_pseudo4(src, dst, PROTO_UDP, udp_len);
	csum = csum_finish(csum_add(sum, udp, udp_len));
	/* Zero would say that there is no checksum. */
	be16_put(udp + UDP_CSUM, csum ? csum : 0xffff);
	return UDP4_HEAD + len;
}
