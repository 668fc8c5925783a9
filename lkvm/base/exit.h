/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exit statuses beside 0, all of them: the manual's section EXIT STATUS says the same, which
 * tests/lint/man checks. Those of `lkvm run` are kvmtool's.
 */
#ifndef LKVM_EXIT_H
#define LKVM_EXIT_H

#define EXIT_GUEST 1	   /* the guest could not be run any further */
#define EXIT_CANNOT 1	   /* lkvm doctor: this host cannot run what was asked about */
#define EXIT_UNVERIFIED 1  /* lkvm token: what the token says is not, or not wholly, proved */
#define EXIT_TORN_DOWN 3   /* lkvm run: the guest was to end, and did not */
#define EXIT_NO_COMMAND 22 /* lkvm WHAT? */
#define EXIT_UNSEEN 120	   /* lkvm run: the guest ended, and what was waited for was not seen */
#define EXIT_RESETS 121	   /* lkvm run: it has reset itself too often */
#define EXIT_TIMEOUT 124   /* lkvm run: --timeout */
#define EXIT_FAILED 125	   /* lkvm run: the guest has panicked, or --fail-on was seen */
#define EXIT_NOT_RUN 126   /* lkvm exec: the command is there, and cannot be run */
#define EXIT_NOT_FOUND 127 /* lkvm exec: there is no such command */
#define EXIT_SIGNAL 128	   /* lkvm run: a signal has ended the guest; its number is added */
#define EXIT_DIE 128	   /* what was asked for cannot be done */
#define EXIT_USAGE 129	   /* bad option, or -h */
#define EXIT_UNREAD 141	   /* nobody reads the guest's output: as of a program that SIGPIPE ends */
#define EXIT_VIOLATION 159 /* a system call that no room needs; what a shell says of SIGSYS */

#endif
