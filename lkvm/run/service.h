/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the control socket of a guest answers while there is a machine; status and stop are the
 * warden's (warden.h). The words of protocol version 1 (control.h), and the records that each is
 * answered with:
 *
 *	pause, resume	was running|paused
 *	bounce		time SECONDS, then per device
 *			device N NAME BUS
 *			sums N NR_OUT OUT_LEN NR_IN IN_LEN NR_TABLES TABLE_LEN WRITTEN PAGES REFUSED
 *			(virtio/core/account.h)
 *	trace		device records, then until one of both sides ends it
 *			transfer SECONDS N QUEUE out|in|refused ADDRESS LEN
 *			lost NR		the client was too slow for so many
 *			With a descriptor of a regular file: frames of the network go there.
 *	disk, net, balloon, memory: see the headers service_*.h; disk resize [N]:
 *			disk N OLD NEW, problem N WHY
 *	map		guest NAME BACKEND RAM_BYTES, loaded BASE LEN WHAT (three at most), then
 *			range BASE LEN device|window|memory|shared|protected NAME
 *			ascending, a window before what lies in it; after MAP_MAX_RANGES of them
 *			more NR NR_BYTES_SHARED NR_BYTES_PROTECTED
 *
 * Numbers are decimal, addresses hexadecimal with 0x. The warden's thread.
 */
#ifndef LKVM_SERVICE_H
#define LKVM_SERVICE_H

#include "arm64/board.h"
#include "lkvm/control/control.h"

struct board;
struct bus;
struct devices;
struct mem;
struct service;
struct vcpu;

#define MAP_MAX_RANGES 10000u

/* What a guest consists of, as far as requests are about it. All of it outlives the service. */
struct service_env {
	const char *name, *backend;
	bool confidential;
	struct devices *devices;
	struct mem *mem;
	struct bus *bus;
	const struct board_layout *layout;
	struct board *board;
	struct vcpu *const *vcpus;
	unsigned nr_vcpus;
	bool registers; /* they are the host's to see */
	bool has_pvtime;
	struct {
		const char *what;
		u64 base, len; /* 0: none */
	} loaded[3];
	/* Hold or let go the vCPUs. */
	void (*pause)(void *arg, bool on);
	void *arg;
};

/*
 * A service without clients yet. `env` is copied; `loop` is that of the control socket. 0, or
 * -errno without a message.
 */
int service_create(struct service **out, const struct service_env *env, struct loop *loop);

/*
 * End the service: clients that follow a trace get the end of their answer, which control_destroy()
 * then sends. Devices no longer trace. To be called while the devices exist, and before
 * control_destroy(). Takes NULL.
 */
void service_destroy(struct service *s);

/* For control_ops [control.h]. */
void service_request(struct service *s, struct control_client *c, const struct control_request *r);
void service_gone(struct service *s, struct control_client *c);

bool service_paused(const struct service *s);

/* What answers ask of the kernel, whatever devices there are. */
extern const struct calls service_calls;

#endif
