/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that a room makes while the guest runs: a table beside its code.
 * lkvm/run/confine.h allows those of the rooms that are in use, and no others.
 *
 *	static const struct sys_call list[] = { CALL(writev), CALL_IOCTL(TUNSETOFFLOAD) };
 *	const struct calls tap_calls = CALLS("tap", list);
 *
 * What set-up alone needs is in no table. Part of running are: the C library below the room, what
 * errors lead to, and the end of the guest, from a reset of the devices to the exit.
 */
#ifndef LKVM_CALLS_H
#define LKVM_CALLS_H

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lkvm/base/util.h"

struct sys_call {
	u16 nr; /* __NR_* */
	/*
	 * Allowed where (argument `arg` & mask) == value; a mask of 0 is no condition. Of an
	 * argument its lower 32 bits count: all that is compared here are ints and flags.
	 */
	u8 arg;
	u32 mask, value;
	u16 error; /* not 0: the answer is this errno, and neither the call nor the end */
	/*
	 * Why a run may do without it, for instance because it belongs to an error. The others have
	 * to be seen in tests/boot/group-confine. NULL: it is always made.
	 */
	const char *rare;
};

struct calls {
	const char *room;
	const struct sys_call *list;
	unsigned nr;
};

#define CALLS(name, array)                                                                         \
	{                                                                                          \
		.room = name, .list = array, .nr = ARRAY_SIZE(array)                               \
	}

#define CALL(name)                                                                                 \
	{                                                                                          \
		.nr = __NR_##name                                                                  \
	}
#define CALL_RARE(name, why)                                                                       \
	{                                                                                          \
		.nr = __NR_##name, .rare = why                                                     \
	}
/*
 * Refused as by a kernel that does not know it, for callers that have another way. What another
 * room's table allows stays allowed.
 */
#define CALL_REFUSED(name) CALL_ANSWERED(name, ENOSYS)
/* Not made, but answered with this error, as the kernel itself might. */
#define CALL_ANSWERED(name, err)                                                                   \
	{                                                                                          \
		.nr = __NR_##name, .error = (err), .rare = "answered"                              \
	}
/* Argument `n` of the call, counted from 0, has the bits of `bits` as in `is`. */
#define CALL_IF(name, n, bits, is)                                                                 \
	{                                                                                          \
		.nr = __NR_##name, .arg = n, .mask = (u32)(bits), .value = (u32)(is)               \
	}
#define CALL_IF_RARE(name, n, bits, is, why)                                                       \
	{                                                                                          \
		.nr = __NR_##name, .arg = n, .mask = (u32)(bits), .value = (u32)(is), .rare = why  \
	}
/* The same, where it is so: not made, but answered with this error. */
#define CALL_IF_ANSWERED(name, n, bits, is, err)                                                   \
	{                                                                                          \
		.nr = __NR_##name, .arg = n, .mask = (u32)(bits), .value = (u32)(is),              \
		.error = (err), .rare = "answered"                                                 \
	}
/* mmap(2) and mprotect(2): no memory becomes code. */
#define CALL_NO_EXEC(name) CALL_IF(name, 2, PROT_EXEC, 0)
#define CALL_IOCTL(request) CALL_IF(ioctl, 1, UINT32_MAX, request)
#define CALL_IOCTL_RARE(request, why) CALL_IF_RARE(ioctl, 1, UINT32_MAX, request, why)

#endif
