/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who keeps a machine from ending.
 *
 * Thread: main moves the step; suspect() is the warden's.
 * Trust:  none needed.
 *
 * suspect() looks at threads that main waits for. Main may come free just then and take away what
 * they are; so it moves on under the lock, which suspect() never gives back.
 */
#include "lkvm/run/ending.h"

#include <stdio.h>

#include "lkvm/kvm/vcpu.h"
#include "lkvm/run/devices.h"
#include "lkvm/vm/loop.h"

#define ANSWER_MS 500u /* of a loop that is not stuck, on a busy machine */

void ending_init(struct ending *e)
{
	pthread_mutex_init(&e->lock, NULL);
}

void ending_fini(struct ending *e)
{
	pthread_mutex_destroy(&e->lock);
}

void ending_at(struct ending *e, enum ending_step step)
{
	pthread_mutex_lock(&e->lock);
	e->step = step;
	pthread_mutex_unlock(&e->lock);
}

static void answer(void *arg)
{
}

/* A vCPU that waits for the loop is not the one to name. */
static bool io_hangs(struct ending *e, char *buf, size_t len)
{
	const char *at = devices_suspect(e->devices);

	if (loop_call_within(e->io_loop, answer, NULL, ANSWER_MS))
		return false;
	snprintf(buf, len, "lkvm-io does not answer%s%s", at ? ", it is at " : "", at ? at : "");
	return true;
}

static void name_vcpu(const struct ending *e, char *buf, size_t len)
{
	for (unsigned i = 0; i < e->nr_vcpus; i++) {
		enum vcpu_place place = vcpu_place(e->vcpus[i]);

		if (place == VCPU_NO_THREAD)
			continue;
		snprintf(buf, len, "vCPU %u does not come back from %s", i,
			 place == VCPU_IN_KVM_RUN ? "KVM_RUN" : "what its guest has asked for");
		return;
	}
	snprintf(buf, len, "its threads have ended, but not the wait for them");
}

void ending_suspect(void *ending, char *buf, size_t len)
{
	struct ending *e = ending;
	const char *at;

	pthread_mutex_lock(&e->lock);
	switch (e->step) {
	case ENDING_BUILD:
		snprintf(buf, len,
			 "it was still being built, and a call to the host's kernel does "
			 "not return");
		return;
	case ENDING_VCPUS:
		if (!io_hangs(e, buf, len))
			name_vcpu(e, buf, len);
		return;
	case ENDING_DEVICES:
		at = devices_suspect(e->devices);
		if (!io_hangs(e, buf, len))
			snprintf(buf, len, "%s does not come to rest", at ? at : "a device");
		return;
	case ENDING_IO:
		if (!io_hangs(e, buf, len))
			snprintf(buf, len, "lkvm-io does not end");
		return;
	case ENDING_CLOSE:
		snprintf(buf, len, "its files or its VM cannot be closed");
		return;
	}
}
