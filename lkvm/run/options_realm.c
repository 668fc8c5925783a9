/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of the options about Realms.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 */
#include "lkvm/run/options_realm.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "lkvm/run/config.h"

int options_realm(void *conf, const char *name, const char *val)
{
	static const char *const names[] = {
		[REALM_ANY] = "", [REALM_RME] = "rme", [REALM_RMI] = "rmi", [REALM_SIM] = "sim"
	};
	struct config *c = conf;

	for (unsigned i = REALM_ANY; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(val ? val : "", names[i])) {
			c->realm = (enum config_realm)i;
			return 0;
		}
	}
	log_error("--%s=%s: unknown kind of Realm, known are rme, rmi and sim", name, val);
	return -EINVAL;
}

int options_measurement_algo(void *conf, const char *name, const char *val)
{
	static const char *const names[] = {
		[HASH_SHA256] = "sha256", [HASH_SHA384] = "sha384", [HASH_SHA512] = "sha512"
	};
	struct config *c = conf;

	c->measurement_algo = true;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(val, names[i])) {
			c->realm_hash = (enum config_hash)i;
			return 0;
		}
	}
	log_error("unknown realm measurement algorithm: --%s takes sha256 or sha512, not '%s'",
		  name, val);
	return -EINVAL;
}

static int pv_size(const char *name)
{
	log_error("Invalid size for Realm Personalization Value: --%s takes at most %zu bytes",
		  name, sizeof(((struct config *)NULL)->realm_pv));
	return -EINVAL;
}

/* The bytes of the string, zeros behind. */
int options_realm_pv(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	size_t len = strlen(val);

	if (len > sizeof(c->realm_pv))
		return pv_size(name);
	memset(c->realm_pv, 0, sizeof(c->realm_pv));
	memcpy(c->realm_pv, val, len);
	c->has_realm_pv = true;
	return 0;
}

int options_realm_pv_hex(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	size_t len = strlen(val);
	u8 pv[sizeof(c->realm_pv)] = { 0 };

	if (len > 2 * sizeof(pv))
		return pv_size(name);
	if (decode_hex(pv, sizeof(pv), val, len) < 0) {
		log_error("--%s wants pairs of hexadecimal digits, not '%s'", name, val);
		return -EINVAL;
	}
	memcpy(c->realm_pv, pv, sizeof(pv));
	c->has_realm_pv = true;
	return 0;
}

/* The older CCA branches' name of --sve-max-vl. */
int options_sve_vl(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	u64 bits;

	if (options_number(val, 2048, &bits) || !bits) {
		log_error("--%s wants a vector length in bits up to 2048, not '%s'", name, val);
		return -EINVAL;
	}
	if (bits % 128) {
		log_error("SVE VL is not aligned to 128bit: --%s %s", name, val);
		return -EINVAL;
	}
	c->sve_max_vl = (u32)bits;
	c->realm_only_sve_vl = true;
	return 0;
}

/* The tag around the token [realm/token/token.h]. */
int options_sim_token_form(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	c->sim_token_form = true;
	c->sim_cmw = !strcmp(val, "907");
	if (!strcmp(val, "399") || c->sim_cmw)
		return 0;
	log_error("--%s takes 399 or 907, not '%s'", name, val);
	return -EINVAL;
}

int options_sim_fault(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	c->sim_faulty = true;
	return fault_parse(&c->sim_faults, name, val);
}

int options_sim_log(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	c->sim_log = true;
	c->sim_log_file = val;
	return 0;
}

int options_service_port(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	u64 port;

	if (options_number(val, 65535, &port) || !port) {
		log_error("--%s wants a number from 1 to 65535, not '%s'", name, val);
		return -EINVAL;
	}
	c->service_port = (u16)port;
	return 0;
}

/* What kvmtool gives a protected VM; and 2 MiB are the pages that a pool consists of. */
#define BOUNCE_MIB 32u
#define BOUNCE_MAX_MIB 4096u

int options_bounce(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	u64 mib = BOUNCE_MIB;

	if (val && (options_number(val, BOUNCE_MAX_MIB, &mib) || !mib)) {
		log_error("--%s wants the size of the pool in MiB, from 2 to %u, not '%s'", name,
			  BOUNCE_MAX_MIB, val);
		return -EINVAL;
	}
	c->bounce = (u32)align_up(mib, 2);
	return 0;
}
