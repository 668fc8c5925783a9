/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the Realms of both kinds of CCA host kernels have in common; for realm/host only. */
#ifndef REALM_HOST_REASONS_H
#define REALM_HOST_REASONS_H

struct realm;

/* For realm_ops.run_error of a Realm with an RMM, which says the rest. Any thread. */
const char *reason_of_run(const struct realm *r, int err);

#endif
