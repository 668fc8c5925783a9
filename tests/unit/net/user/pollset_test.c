/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Poll lists on epoll: what is wanted is watched, what is not is not, and numbers are used again.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/user/pollset.h"
#include "tests/unit/suite.h"

struct rig {
	struct loop *l;
	struct pollset *p;
	int a[2], b[2]; /* socket pairs; [0] is watched */
	unsigned calls;
};

static void on_ready(void *arg)
{
	((struct rig *)arg)->calls++;
}

static void up(struct rig *x)
{
	*x = (struct rig){ .calls = 0 };
	ck_assert_int_eq(loop_create(&x->l, "io"), 0);
	ck_assert_int_eq(pollset_create(&x->p, x->l, on_ready, x), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, x->a), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, x->b), 0);
}

static void down(struct rig *x)
{
	pollset_destroy(x->p);
	loop_destroy(x->l);
	close(x->a[0]);
	close(x->a[1]);
	close(x->b[0]);
	close(x->b[1]);
}

/* A list of up to two descriptors (-1: none). */
static void list(struct rig *x, int fd, u32 events, int fd2, u32 events2)
{
	pollset_begin(x->p);
	if (fd >= 0)
		ck_assert_int_eq(pollset_want(x->p, fd, events), 0);
	if (fd2 >= 0)
		ck_assert_int_eq(pollset_want(x->p, fd2, events2), 0);
	pollset_commit(x->p);
}

static unsigned steps(struct rig *x, int n)
{
	unsigned before = x->calls;

	while (n--)
		loop_step(x->l, 0);
	return x->calls - before;
}

START_TEST(what_is_wanted_is_reported)
{
	struct rig x;

	up(&x);
	list(&x, x.a[0], EPOLLIN, x.b[0], EPOLLIN);
	ck_assert_uint_eq(steps(&x, 3), 0);
	ck_assert_int_eq(write(x.a[1], "x", 1), 1);
	ck_assert_uint_eq(steps(&x, 1), 1);
	ck_assert_uint_eq(pollset_ready(x.p, x.a[0]), EPOLLIN);
	ck_assert_uint_eq(pollset_ready(x.p, x.b[0]), 0);
	ck_assert_uint_eq(pollset_ready(x.p, 12345), 0);
	ck_assert_uint_eq(pollset_ready(x.p, -1), 0);
	pollset_clear(x.p);
	ck_assert_uint_eq(pollset_ready(x.p, x.a[0]), 0);
	list(&x, x.a[0], EPOLLIN | EPOLLOUT, -1, 0);
	ck_assert_uint_eq(steps(&x, 1), 1);
	ck_assert_uint_eq(pollset_ready(x.p, x.a[0]), EPOLLIN | EPOLLOUT);
	down(&x);
}
END_TEST

START_TEST(what_is_left_out_is_not_watched)
{
	struct rig x;

	up(&x);
	list(&x, x.a[0], EPOLLIN, -1, 0);
	list(&x, -1, 0, -1, 0);
	ck_assert_int_eq(write(x.a[1], "x", 1), 1);
	ck_assert_uint_eq(steps(&x, 3), 0);
	/* A hang-up is always reported by epoll: it may not make the loop spin. */
	close(x.a[1]);
	ck_assert_uint_eq(steps(&x, 3), 0);
	x.a[1] = dup(0);
	/* And it is watched again when it is wanted again. */
	list(&x, x.a[0], EPOLLIN, -1, 0);
	ck_assert_uint_eq(steps(&x, 1), 1);
	ck_assert_uint_eq(pollset_ready(x.p, x.a[0]), EPOLLIN | EPOLLHUP);
	down(&x);
}
END_TEST

/* libslirp asserts that it has room to read when it is told of an error beside a wanted write. */
START_TEST(errors_of_a_writer_are_writability)
{
	struct rig x;

	up(&x);
	list(&x, x.a[0], EPOLLOUT, -1, 0);
	close(x.a[1]);
	ck_assert_uint_eq(steps(&x, 1), 1);
	ck_assert_uint_eq(pollset_ready(x.p, x.a[0]), EPOLLOUT);
	x.a[1] = dup(0);
	down(&x);
}
END_TEST

START_TEST(numbers_are_used_again)
{
	struct rig x;
	int p[2];

	up(&x);
	list(&x, x.a[0], EPOLLIN, -1, 0);
	ck_assert_uint_eq(pollset_count(x.p), 1);
	pollset_forget(x.p, x.a[0]);
	ck_assert_uint_eq(pollset_count(x.p), 0);
	pollset_forget(x.p, x.a[0]);
	ck_assert_int_eq(pipe(p), 0);
	dup3(p[0], x.a[0], O_CLOEXEC); /* closes the old one */
	list(&x, x.a[0], EPOLLIN, -1, 0);
	ck_assert_int_eq(write(p[1], "x", 1), 1);
	ck_assert_uint_eq(steps(&x, 1), 1);
	close(p[0]);
	close(p[1]);
	down(&x);
}
END_TEST

/* Closed behind our back and opened again: the next list finds out. */
START_TEST(a_registration_that_the_kernel_dropped)
{
	struct rig x;
	int p[2];

	up(&x);
	list(&x, x.a[0], EPOLLIN, -1, 0);
	ck_assert_int_eq(pipe(p), 0);
	dup3(p[0], x.a[0], O_CLOEXEC);
	list(&x, x.a[0], EPOLLIN | EPOLLPRI, -1, 0);
	ck_assert_int_eq(write(p[1], "x", 1), 1);
	ck_assert_uint_eq(steps(&x, 1), 1);
	close(p[0]);
	close(p[1]);
	down(&x);
}
END_TEST

static void forget_both(void *arg)
{
	struct rig *x = arg;

	x->calls++;
	pollset_forget(x->p, x->a[0]);
	pollset_forget(x->p, x->b[0]);
}

START_TEST(forgetting_from_inside_a_callback)
{
	struct rig x;

	up(&x);
	pollset_destroy(x.p);
	ck_assert_int_eq(pollset_create(&x.p, x.l, forget_both, &x), 0);
	list(&x, x.a[0], EPOLLIN, x.b[0], EPOLLIN);
	ck_assert_int_eq(write(x.a[1], "x", 1), 1);
	ck_assert_int_eq(write(x.b[1], "x", 1), 1);
	ck_assert_uint_eq(steps(&x, 3), 1);
	ck_assert_uint_eq(pollset_count(x.p), 0);
	down(&x);
}
END_TEST

START_TEST(many_descriptors)
{
	struct rig x;
	int fds[200];

	up(&x);
	for (unsigned i = 0; i < 200; i++)
		ck_assert_int_ge(fds[i] = dup(x.a[0]), 0);
	pollset_begin(x.p);
	for (unsigned i = 0; i < 200; i++)
		ck_assert_int_eq(pollset_want(x.p, fds[i], EPOLLIN), 0);
	pollset_commit(x.p);
	ck_assert_uint_eq(pollset_count(x.p), 200);
	ck_assert_int_ne(pollset_want(x.p, -1, EPOLLIN), 0);
	ck_assert_int_eq(write(x.a[1], "x", 1), 1);
	ck_assert_uint_eq(steps(&x, 1), 16); /* one batch of the loop */
	for (unsigned i = 0; i < 200; i++) {
		pollset_forget(x.p, fds[i]);
		close(fds[i]);
	}
	ck_assert_uint_eq(pollset_count(x.p), 0);
	down(&x);
}
END_TEST

START_TEST(announced_ones_are_known)
{
	struct rig x;

	up(&x);
	ck_assert_int_eq(pollset_announce(x.p, x.a[0]), 0);
	ck_assert_int_eq(pollset_announce(x.p, x.a[0]), 0);
	ck_assert_int_eq(pollset_announce(x.p, x.a[1]), 0);
	ck_assert_uint_eq(pollset_count(x.p), 2);
	ck_assert(pollset_knows(x.p, x.a[0]));
	ck_assert(!pollset_knows(x.p, -1));
	/* A list without it changes nothing, nor does one with it. */
	pollset_begin(x.p);
	pollset_commit(x.p);
	ck_assert_uint_eq(pollset_count(x.p), 2);
	pollset_begin(x.p);
	ck_assert_int_eq(pollset_want(x.p, x.a[0], EPOLLIN), 0);
	pollset_commit(x.p);
	ck_assert_int_eq(pollset_announce(x.p, x.a[0]), 0);
	ck_assert_uint_eq(pollset_count(x.p), 2);
	pollset_forget(x.p, x.a[1]);
	ck_assert_uint_eq(pollset_count(x.p), 1);
	ck_assert(!pollset_knows(x.p, x.a[1]));
	down(&x);
}
END_TEST

SUITE_MAIN("net/pollset", what_is_wanted_is_reported, what_is_left_out_is_not_watched,
	   errors_of_a_writer_are_writability, numbers_are_used_again,
	   a_registration_that_the_kernel_dropped, forgetting_from_inside_a_callback,
	   many_descriptors, announced_ones_are_known)
