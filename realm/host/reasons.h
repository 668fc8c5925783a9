/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the Realms of both kinds of CCA host kernels have in common; for realm/host only. */
#ifndef REALM_HOST_REASONS_H
#define REALM_HOST_REASONS_H

struct realm;

/* realm_ops.no_assign: what VFIO maps for a guest has no place in a Realm of these kernels. */
#define REASON_NO_ASSIGN                                                                           \
	"this host's kernel assigns no devices to Realms, which takes an RMM with device "         \
	"assignment (RMM 2.0 DA) and patches that v2 to v15 do not have"

/* For realm_ops.run_error of a Realm with an RMM, which says the rest. Any thread. */
const char *reason_of_run(const struct realm *r, int err);

#endif
