/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of virtio-net's control queue, and the filter that they set.
 *
 * Thread: the device's loop.
 * Trust:  commands are the guest's: each field is copied once. A table may say that it has four
 *         billion entries; what is not there is an error, and what is too many means all addresses.
 * Spec:   virtio 1.3 §5.1.6.5
 */
#include "virtio/dev/net_ctrl.h"

#include <stdatomic.h>
#include <string.h>

enum { CLASS_RX, CLASS_MAC, CLASS_MQ = 4 };
enum { MAC_TABLE_SET, MAC_ADDR_SET };
enum { MQ_VQ_PAIRS_SET };

void net_ctrl_reset(struct net_ctrl *c, const u8 *mac, u16 max_pairs)
{
	c->max_pairs = max_pairs;
	c->pairs = 1;
	c->filters = false;
	c->promisc = c->allmulti = c->alluni = false;
	c->nomulti = c->nouni = c->nobcast = false;
	memcpy(c->mac, mac, sizeof(c->mac));
	c->uni.nr = c->multi.nr = 0;
}

/* ---- commands; each returns whether it was carried out ---- */

/* [§5.1.6.5.1] One byte, on or off; the four last ones are those of CTRL_RX_EXTRA. */
static bool run_rx(struct net_ctrl *c, u64 features, u8 cmd, struct iov_cur *data)
{
	bool *const modes[] = { &c->promisc, &c->allmulti, &c->alluni,
				&c->nomulti, &c->nouni,	   &c->nobcast };
	u64 needs = cmd < 2 ? VIRTIO_NET_F_CTRL_RX : VIRTIO_NET_F_CTRL_RX_EXTRA;
	u8 on;

	if (cmd >= ARRAY_SIZE(modes) || !(features & needs) || data->left != sizeof(on))
		return false;
	iov_read(data, &on, sizeof(on));
	*modes[cmd] = on;
	c->filters = true;
	return true;
}

static bool read_table(struct net_macs *t, struct iov_cur *data)
{
	le32 entries;
	u32 nr;

	if (iov_read(data, &entries, sizeof(entries)) != sizeof(entries))
		return false;
	nr = le32_get(entries);
	if (nr > data->left / NETIF_MAC_LEN)
		return false;
	t->nr = MIN(nr, NET_CTRL_MACS + 1);
	if (nr > NET_CTRL_MACS)
		iov_skip(data, (size_t)nr * NETIF_MAC_LEN);
	else
		iov_read(data, t->mac, (size_t)nr * NETIF_MAC_LEN);
	return true;
}

/* [§5.1.6.5.2] */
static bool run_mac(struct net_ctrl *c, u64 features, u8 cmd, struct iov_cur *data)
{
	struct net_macs uni, multi;
	u8 mac[NETIF_MAC_LEN];

	if (cmd == MAC_TABLE_SET) {
		if (!(features & VIRTIO_NET_F_CTRL_RX) || !read_table(&uni, data) ||
		    !read_table(&multi, data) || data->left)
			return false;
		c->uni = uni;
		c->multi = multi;
		c->filters = true;
		return true;
	}
	if (cmd != MAC_ADDR_SET || !(features & VIRTIO_NET_F_CTRL_MAC_ADDR) ||
	    data->left != sizeof(mac))
		return false;
	iov_read(data, mac, sizeof(mac));
	if (mac_is_multicast(mac) || mac_is_zero(mac))
		return false;
	memcpy(c->mac, mac, sizeof(mac));
	return true;
}

/* [§5.1.6.5.5] */
static bool run_mq(struct net_ctrl *c, u64 features, u8 cmd, struct iov_cur *data)
{
	le16 pairs;

	if (cmd != MQ_VQ_PAIRS_SET || !(features & VIRTIO_NET_F_MQ) || data->left != sizeof(pairs))
		return false;
	iov_read(data, &pairs, sizeof(pairs));
	if (!le16_get(pairs) || le16_get(pairs) > c->max_pairs)
		return false;
	c->pairs = le16_get(pairs);
	return true;
}

u8 net_ctrl_run(struct net_ctrl *c, u64 features, struct iov_cur cmd)
{
	u8 head[2];
	bool done = false;

	if (iov_read(&cmd, head, sizeof(head)) != sizeof(head))
		return NET_CTRL_ERR;
	/* The compiler does not go back to the guest's memory for them. */
	atomic_signal_fence(memory_order_seq_cst);
	if (head[0] == CLASS_RX)
		done = run_rx(c, features, head[1], &cmd);
	else if (head[0] == CLASS_MAC)
		done = run_mac(c, features, head[1], &cmd);
	else if (head[0] == CLASS_MQ)
		done = run_mq(c, features, head[1], &cmd);
	return (u8)(done ? NET_CTRL_OK : NET_CTRL_ERR);
}

/* ---- the filter ---- */

static bool has(const struct net_macs *t, const u8 *mac)
{
	if (t->nr > NET_CTRL_MACS)
		return true;
	for (unsigned i = 0; i < t->nr; i++)
		if (!memcmp(t->mac[i], mac, NETIF_MAC_LEN))
			return true;
	return false;
}

bool net_ctrl_wants(const struct net_ctrl *c, const u8 *dst)
{
	static const u8 everybody[NETIF_MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (!c->filters || c->promisc)
		return true;
	if (!memcmp(dst, everybody, sizeof(everybody)))
		return !c->nobcast;
	if (mac_is_multicast(dst))
		return !c->nomulti && (c->allmulti || has(&c->multi, dst));
	if (c->nouni)
		return false;
	return c->alluni || !memcmp(dst, c->mac, NETIF_MAC_LEN) || has(&c->uni, dst);
}
