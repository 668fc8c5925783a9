/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsers of options about Realms, as struct opt has them: `conf` is a struct config that gets the
 * value `val` of the option `name`. 0, or -EINVAL after one log_error() line that names the option.
 * Main thread.
 */
#ifndef LKVM_OPTIONS_REALM_H
#define LKVM_OPTIONS_REALM_H

int options_realm(void *conf, const char *name, const char *val); /* val NULL: any kind */
int options_measurement_algo(void *conf, const char *name, const char *val);
int options_realm_pv(void *conf, const char *name, const char *val);
int options_realm_pv_hex(void *conf, const char *name, const char *val);
int options_sve_vl(void *conf, const char *name, const char *val);
int options_sim_token_form(void *conf, const char *name, const char *val);
int options_sim_fault(void *conf, const char *name, const char *val);
int options_sim_log(void *conf, const char *name, const char *val); /* val NULL: stderr */
int options_service_port(void *conf, const char *name, const char *val);

/* --bounce[=MIB]. */
int options_bounce(void *conf, const char *name, const char *val);

#endif
