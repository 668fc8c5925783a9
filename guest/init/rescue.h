/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Being init where nobody has asked for a command: a shell on the console. */
#ifndef GUEST_INIT_RESCUE_H
#define GUEST_INIT_RESCUE_H

/* On the console. */
void rescue_say(const char *line);

_Noreturn void rescue_power_off(void);

/*
 * As kvmtool's init, in a root file system of `lkvm setup` or a directory as --disk: the host's
 * files at /host, then `script`, or if that is NULL /virt/sandbox.sh, or without one a shell; then
 * the guest is switched off.
 */
_Noreturn void rescue_shell(const char *script);

#endif
