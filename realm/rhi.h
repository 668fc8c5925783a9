/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Realm Host Interface's host sessions [RHI 1.0, DEN 0148]: firmware of a Realm talks to one
 * server, which the user has named (--service-ip, --service-port), through host calls. What the two
 * say is their affair; here it is a stream of bytes over TCP, to and from pages that the guest
 * shares.
 */
#ifndef REALM_RHI_H
#define REALM_RHI_H

#include "lkvm/base/calls.h"

struct mem;
struct rhi;

#define RHI_NR_REGS 5u /* x0..x4 of a call; results are x0..x3 */

#define RHI_FID_BASE 0xc5000040u
#define RHI_NR_FIDS 6u
#define RHI_SESSION_VERSION 0xc5000040u
#define RHI_SESSION_FEATURES 0xc5000041u
#define RHI_SESSION_OPEN 0xc5000042u
#define RHI_SESSION_CLOSE 0xc5000043u
#define RHI_SESSION_SEND 0xc5000044u
#define RHI_SESSION_RECEIVE 0xc5000045u

#define RHI_VERSION 0x10000u

/* x0. EDK2's order of the last two; Arm's RMM test suite has them the other way round. */
enum rhi_status {
	RHI_SUCCESS = 0,
	RHI_PEER_NOT_AVAILABLE = 1,
	RHI_INVALID_STATE = 2,
	RHI_INVALID_SESSION_ID = 3,
	RHI_CONNECTION_TYPE_NOT_SUPPORTED = 4,
	RHI_ACCESS_FAILED = 5,
};

/* x2 */
enum rhi_state {
	RHI_UNCONNECTED = 0,
	RHI_CONNECTING = 1,
	RHI_ESTABLISHED = 2,
	RHI_IO_IN_PROGRESS = 3,
	RHI_IO_COMPLETE = 4,
	RHI_SIZE_DETERMINED = 5,
};

#define RHI_BLOCKING 1u
#define RHI_NON_BLOCKING 2u

/* What sessions ask of the kernel. */
extern const struct calls rhi_calls;

/*
 * Sessions with `host` (a name, which is looked up now, or an address) and `port`. Nothing is
 * connected before the guest asks for it. `m` outlives the sessions. Main thread. 0, or -errno
 * after one log_error() line: nobody has that name.
 */
int rhi_create(struct rhi **out, const char *host, u16 port, struct mem *m);

/* Close what is connected. No vCPU runs any more. Takes NULL. */
void rhi_destroy(struct rhi *r);

/*
 * Answer one call: x[0] is the function, x[1..4] are its arguments, and results replace x[0..3].
 * `r` NULL: there are no sessions, and no function is known. 0; -EAGAIN: the server has to do
 * something first, and x is as before; the call is to be made again after rhi_wait(). vCPU threads,
 * without a hold of the memory; one call at a time, under a lock of its own.
 */
int rhi_call(struct rhi *r, u64 x[RHI_NR_REGS]);

/*
 * Sleep until the session's socket has something to do, for 50 ms at most. A vCPU thread, without
 * any lock.
 */
void rhi_wait(struct rhi *r);

#endif
