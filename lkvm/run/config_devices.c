/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of a config that are about devices, and what a guest that bounces cannot have.
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 */
#include <errno.h>

#include "lkvm/base/log.h"
#include "lkvm/run/config.h"

static int refuse(const char *why)
{
	log_error("%s", why);
	return -EINVAL;
}

/* Network cards that a guest cannot have which shares only what it bounces. */
static int check_bounced_nics(const struct config *c)
{
	for (unsigned i = 0; i < c->nr_nics; i++) {
		if (c->nics[i].vhost)
			return refuse("vhost=1 is not possible with --realm, --protected or "
				      "--bounce: the host's kernel follows the guest's rings and "
				      "does not ask what the guest has shared");
		if (c->nics[i].nr_pairs > 1)
			return refuse("mq above 1 is not possible with --realm, --protected or "
				      "--bounce: each pair of queues would take a part of the "
				      "pool that the guest bounces through");
	}
	return 0;
}

/* Also for an ordinary guest under a Realm's rules. */
static int check_bounced(const struct config *c)
{
	bool confidential = c->realm != REALM_OFF || c->protected_vm;

	if (c->bounce && confidential)
		return refuse("--bounce is for ordinary guests: a Realm bounces anyway, through a "
			      "pool that --swiotlb can make larger");
	if (c->balloon && c->nr_vfio)
		return refuse("--balloon is not possible with --vfio-pci: the guest's memory is "
			      "pinned for the device, which may write to any of it");
	if (c->balloon && (c->bounce || confidential))
		return refuse(
			"--balloon is not possible with --realm, --protected or --bounce: the host "
			"cannot take back what it may not touch, and must not decide what is lost");
	return c->bounce || confidential ? check_bounced_nics(c) : 0;
}

int config_check_devices(const struct config *c)
{
	if (c->rng_conf.max_bytes && !c->rng)
		return refuse("--rng-limit is for guests with --rng");
	return check_bounced(c);
}
