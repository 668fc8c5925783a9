/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The --vsock option: CID[,uds=PATH][,vhost=on|off].
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 * Spec:   virtio 1.3 §5.10.4 (0, 1, 2, 2^32 - 1 and what has more than 32 bits is reserved)
 */
#include "virtio/dev/vsock_conf.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/fields.h"
#include "lkvm/base/log.h"
#include "lkvm/base/options.h"

#define FIRST_CID 3u

static bool parse_flag(const char *field, struct vsock_conf *conf)
{
	const char *v;

	if ((v = field_value(field, "uds")) && *v) {
		memcpy(conf->uds, v, strlen(v) + 1);
		return true;
	}
	v = field_value(field, "vhost");
	if (!v || (strcmp(v, "on") != 0 && strcmp(v, "off") != 0))
		return false;
	conf->vhost = !strcmp(v, "on");
	return true;
}

int vsock_conf_parse(const char *arg, struct vsock_conf *conf)
{
	char field[PATH_MAX];
	u64 cid;
	int more = field_next(&arg, field, sizeof(field));

	*conf = (struct vsock_conf){ .cid = 0 };
	if (more < 0 || options_number(field, UINT32_MAX - 1, &cid) || cid < FIRST_CID) {
		log_error("--vsock wants the guest's number (CID), from 3 to 4294967294, not '%s'",
			  more < 0 ? arg : field);
		return -EINVAL;
	}
	while (more) {
		more = field_next(&arg, field, sizeof(field));
		if (more < 0 || !parse_flag(field, conf)) {
			log_error("--vsock: unknown flag '%s', known are uds=PATH (a comma in a "
				  "name is written ',,') and vhost=on|off",
				  more < 0 ? arg : field);
			return -EINVAL;
		}
	}
	if (conf->vhost && conf->uds[0]) {
		log_error("--vsock: uds= is of no use with vhost=on: the host's programs have "
			  "sockets of AF_VSOCK then");
		return -EINVAL;
	}
	conf->cid = (u32)cid;
	return 0;
}
