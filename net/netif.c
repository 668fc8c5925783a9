/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what the user asked for to the netif that does it.
 *
 * Thread: main, before loops run.
 * Trust:  the user's configuration.
 */
#include "net/netif.h"

#include <errno.h>

#include "net/kinds.h"

static int create_inner(struct netif **out, const struct net_conf *c, struct loop *loop)
{
	switch (c->mode) {
	case NET_MODE_NONE:
		*out = NULL;
		return 0;
	case NET_MODE_USER:
		return user_if_create(out, c, loop);
	case NET_MODE_TAP:
		return tap_if_create(out, c, loop);
	case NET_MODE_STREAM:
		return stream_if_create(out, c, loop);
	case NET_MODE_DGRAM:
		return dgram_if_create(out, c, loop);
	case NET_MODE_VHOST_USER: /* frames never come here: virtio_vhost_net_create() */
		break;
	}
	return -EINVAL;
}

int netif_create(struct netif **out, const struct net_conf *c, struct loop *loop)
{
	int err = create_inner(out, c, loop);

	if (err || !*out || (!c->pcap[0] && !c->capture))
		return err;
	return pcap_if_create(out, c, *out, loop);
}
