/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to realm/host: what the Realms of both kinds of CCA host kernels have in common here. */
#ifndef REALM_HOST_REASONS_H
#define REALM_HOST_REASONS_H

struct realm;

/* realm_ops.run_error of a Realm with an RMM [realm/realm.h]. */
const char *reason_of_run(const struct realm *r, int err);

#endif
