/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forwards of a running guest, for the control socket.
 *
 * Thread: the warden's, on the loop of the control socket; what is asked of a network runs on the
 *         loop of the devices, which is not waited for long.
 * Trust:  requests of the user's own processes.
 */
#include "lkvm/run/service_net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/run/devices.h"
#include "net/hostfwd.h"

static const char *reason(int err)
{
	switch (err) {
	case -EOPNOTSUPP:
		return "it has no network in user mode";
	case -ENOENT:
		return "it has no such forward";
	case -ENOSPC:
		return "it has as many forwards as there can be";
	case -EAFNOSUPPORT:
		return "a forward of IPv6 needs ipv6=on";
	case -EINVAL:
		return "what came with it is no socket for this";
	case -ETIMEDOUT:
		return "its devices do not answer";
	default:
		return strerror(-err);
	}
}

static void list(struct devices *d, struct control_client *c)
{
	char text[HOSTFWD_TEXT];
	struct net_hostfwd f;

	for (unsigned nic = 0; nic < devices_nr_nics(d); nic++) {
		int err = 0;

		for (unsigned i = 0; !(err = devices_forwarded(d, nic, i, &f)); i++)
			control_record(c, "forward\t%u\t%s", nic, hostfwd_text(&f, text));
		if (err != -ENOENT) {
			control_refuse(c, reason(err));
			return;
		}
	}
	control_end(c);
}

/* To the first network that forwards; away from the one that has it. */
static int change(struct devices *d, const struct net_hostfwd *f, int fd)
{
	int err = -EOPNOTSUPP;

	for (unsigned nic = 0; nic < devices_nr_nics(d); nic++) {
		int e = devices_forward(d, nic, f, fd);

		if (e != -EOPNOTSUPP)
			err = e;
		if (e != -EOPNOTSUPP && (fd >= 0 || e != -ENOENT))
			break;
	}
	return err;
}

void service_net(struct devices *d, struct control_client *c, const struct control_request *r)
{
	bool add = r->nr == 3 && !strcmp(r->words[1], "add");
	struct net_hostfwd f;
	int err, fd;

	if (r->nr == 1) {
		list(d, c);
		return;
	}
	if (!add && (r->nr != 3 || strcmp(r->words[1], "remove"))) {
		control_refuse(c, "a network's forwards can be listed, added and removed");
		return;
	}
	if (!hostfwd_parse(&f, r->words[2])) {
		control_refuse(c, "a forward is " HOSTFWD_FORM);
		return;
	}
	fd = add ? control_take_fd(c) : -1;
	if (add && fd < 0) {
		control_refuse(c, "no socket came with it: use the lkvm it was started by");
		return;
	}
	err = change(d, &f, fd);
	if (err && fd >= 0)
		close(fd);
	if (err)
		control_refuse(c, reason(err));
	else
		control_end(c);
}
