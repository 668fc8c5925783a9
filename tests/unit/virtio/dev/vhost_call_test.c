/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts of queues that somebody else serves: who is lent the eventfd, who hears it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "tests/fake/driver.h"
#include "tests/fake/echo.h"
#include "tests/fake/transport.h"
#include "tests/unit/suite.h"
#include "virtio/dev/vhost_call.h"

struct rig {
	struct mem *mem;
	struct loop *loop;
	struct fake_echo e;
	struct fake_transport t;
	struct vhost_call c;
};

static void up(struct rig *x)
{
	x->mem = fake_mem(0);
	ck_assert_int_eq(loop_create(&x->loop, "test"), 0);
	ck_assert_int_eq(fake_echo_init(&x->e, 0, x->mem, x->loop), 0);
	fake_transport_attach(&x->t, &x->e.dev);
	vhost_call_clear(&x->c);
	ck_assert_int_eq(vhost_call_init(&x->c, &x->e.dev, 1), 0);
}

static void down(struct rig *x)
{
	vhost_call_fini(&x->c);
	fake_echo_fini(&x->e);
	loop_destroy(x->loop);
	mem_destroy(x->mem);
}

static void signal_it(struct rig *x)
{
	ck_assert_int_eq(eventfd_write(x->c.fd, 1), 0);
	loop_step(x->loop, 0);
}

/* Lent while it runs; what the kernel does not take from it is an interrupt by the loop. */
START_TEST(lent_and_heard)
{
	struct rig x;
	eventfd_t n;

	up(&x);
	signal_it(&x);
	ck_assert_uint_eq(x.t.queue[1], 0);
	ck_assert_int_eq(x.t.from[1], -1);
	vhost_call_start(&x.c);
	ck_assert_int_eq(x.t.from[1], x.c.fd);
	signal_it(&x);
	ck_assert_uint_eq(x.t.queue[1], 1);
	/* Nothing stays there for a later binding to find. */
	ck_assert_int_eq(eventfd_read(x.c.fd, &n), -1);
	ck_assert_int_eq(errno, EAGAIN);
	signal_it(&x);
	ck_assert_uint_eq(x.t.queue[1], 2);
	ck_assert_uint_eq(x.t.queue[0], 0);
	vhost_call_stop(&x.c);
	down(&x);
}
END_TEST

/* The kernel has taken it: the loop wakes up, and there is nothing to do. */
START_TEST(taken_by_the_kernel)
{
	struct rig x;
	eventfd_t n;

	up(&x);
	/* Nor is there anything to wait for, if the other end has made the eventfd block. */
	ck_assert_int_eq(fcntl(x.c.fd, F_SETFL, 0), 0);
	vhost_call_start(&x.c);
	eventfd_write(x.c.fd, 1);
	ck_assert_int_eq(eventfd_read(x.c.fd, &n), 0);
	loop_step(x.loop, 0);
	ck_assert_uint_eq(x.t.queue[1], 0);
	vhost_call_stop(&x.c);
	down(&x);
}
END_TEST

/* Stopped: taken back, and what was not heard is of the driver before. */
START_TEST(stopped)
{
	struct rig x;

	up(&x);
	vhost_call_start(&x.c);
	eventfd_write(x.c.fd, 1);
	vhost_call_stop(&x.c);
	ck_assert_int_eq(x.t.from[1], -1);
	vhost_call_stop(&x.c);
	vhost_call_start(&x.c);
	loop_step(x.loop, 0);
	ck_assert_uint_eq(x.t.queue[1], 0);
	vhost_call_stop(&x.c);
	signal_it(&x);
	ck_assert_uint_eq(x.t.queue[1], 0);
	down(&x);
}
END_TEST

START_TEST(out_of_file_descriptors)
{
	struct rlimit old, few;
	struct rig x;

	up(&x);
	vhost_call_fini(&x.c);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ 3, old.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(vhost_call_init(&x.c, &x.e.dev, 0), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	down(&x);
}
END_TEST

SUITE_MAIN("virtio/vhost_call", lent_and_heard, taken_by_the_kernel, stopped,
	   out_of_file_descriptors)
