/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The --rng-limit option: max-bytes=N[,period=MS].
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 */
#include "virtio/dev/rng_conf.h"

#include <errno.h>

#include "lkvm/base/fields.h"
#include "lkvm/base/log.h"
#include "lkvm/base/options.h"

#define DEFAULT_PERIOD_MS 65536u

/* True if `field` is one of the flags, with a number that makes sense. */
static bool take_flag(const char *field, struct rng_conf *conf)
{
	const char *bytes = field_value(field, "max-bytes"), *ms = field_value(field, "period");
	u64 n;

	if (bytes)
		return !options_number(bytes, INT64_MAX, &conf->max_bytes) && conf->max_bytes;
	if (!ms || options_number(ms, UINT32_MAX, &n) || !n)
		return false;
	conf->period_ms = (u32)n;
	return true;
}

int rng_conf_parse(const char *arg, struct rng_conf *conf)
{
	char field[64];
	int more;

	*conf = (struct rng_conf){ .period_ms = DEFAULT_PERIOD_MS };
	do {
		more = field_next(&arg, field, sizeof(field));
		if (more < 0 || !take_flag(field, conf)) {
			log_error("--rng-limit wants max-bytes=N and perhaps period=MS, numbers "
				  "above 0, not '%s'",
				  more < 0 ? arg : field);
			return -EINVAL;
		}
	} while (more);
	if (conf->max_bytes)
		return 0;
	log_error("--rng-limit wants max-bytes=N: a period alone limits nothing");
	return -EINVAL;
}
