/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit statuses beside 0: the manual's section EXIT STATUS, and kvmtool's. */
#ifndef LKVM_EXIT_H
#define LKVM_EXIT_H

#define EXIT_GUEST 1	   /* the guest could not be run any further */
#define EXIT_NO_COMMAND 22 /* lkvm WHAT? */
#define EXIT_DIE 128	   /* what was asked for cannot be done */
#define EXIT_USAGE 129	   /* bad option, or -h */

#endif
