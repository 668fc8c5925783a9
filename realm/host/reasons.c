/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a Realm cannot go on, for people: what the errno values of KVM_RUN mean for a vCPU of an RMM.
 *
 * Thread: vCPU threads.
 * Trust:  the kernel's answers.
 * Spec:   [uapi reference 3.5; its update 2: 10, 11, 25, 26]
 */
#include "realm/host/reasons.h"

#include <errno.h>
#include <stddef.h>

const char *reason_of_run(const struct realm *r, int err)
{
	switch (-err) {
	case EFAULT:
		return "the guest has touched, at its shared address, memory that it has not "
		       "shared, or the host has no memory left for it";
	case EINVAL:
		return "KVM could not complete it, or cannot map what the host has behind its "
		       "memory; the host's kernel log (dmesg) says more";
	case ENXIO:
		return "the RMM has refused what KVM asked for; the host's kernel log (dmesg) and "
		       "the firmware's console say what it was";
	case EIO:
		return "the RMM has answered what KVM does not expect, and KVM does no more for "
		       "the Realm; the host's kernel log (dmesg) says why";
	case EHWPOISON:
		return "a page of its memory is broken: it may run on another host";
	case EBUSY: /* v14 */
	case ENODEV:
	case EOPNOTSUPP:
		return "KVM finds no initialised interrupt controller (GICv3), and lkvm gives one "
		       "to every Realm: please report this";
	case EPERM:
		return "KVM says that it is not complete, and lkvm completes every Realm: please "
		       "report this";
	case ENOMEM:
		return "the host has no memory left for it: end something else, or make --mem "
		       "smaller";
	default:
		return NULL;
	}
}
