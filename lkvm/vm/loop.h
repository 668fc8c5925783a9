/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An epoll loop: file descriptors, timers, calls from other threads. Each loop is run by exactly
 * one thread; all callbacks run on it. The only file with epoll, timerfd and (with vcpu.c)
 * pthread_create.
 */
#ifndef LKVM_LOOP_H
#define LKVM_LOOP_H

#include <sys/epoll.h>

#include "lkvm/base/calls.h"

struct loop;
struct loop_fd;
struct loop_timer;

/* `name` is that of its thread, at most 15 bytes [pthread_setname_np(3)]. 0 or -errno. */
int loop_create(struct loop **out, const char *name);

/*
 * The loop is stopped (or never started). What is still registered is dropped; the fds stay open.
 * Takes NULL.
 */
void loop_destroy(struct loop *l);

/*
 * Run on a new thread with all signals blocked. 0: it runs, and has done all that makes a thread;
 * or -errno of pthread_create(3).
 */
int loop_start(struct loop *l);

/* Run on the calling thread until loop_quit(). */
void loop_run(struct loop *l);

/* Ask the loop to end; any thread, async-signal-safe. */
void loop_quit(struct loop *l);

/* loop_quit() and wait for the thread of loop_start(). */
void loop_stop(struct loop *l);

/*
 * Handle everything that is ready, waiting up to timeout_ms for the first (-1: for ever, 0: poll).
 * For tests and for loops that no thread runs: the caller becomes the loop's thread meanwhile.
 */
void loop_step(struct loop *l, int timeout_ms);

/* What loops ask of the kernel. */
extern const struct calls loop_calls;

/* True on the thread that runs `l`, and when nobody runs it. For assert(). */
bool loop_here(const struct loop *l);

/* ---- file descriptors: on the loop's thread, or before it runs ---- */

/* `events`: EPOLLIN, EPOLLOUT, EPOLLET as in epoll_ctl(2); 0 leaves only errors. */
typedef void (*loop_fd_fn)(void *arg, u32 events);

/*
 * Call fn(arg, events) when `fd` is ready. The fd stays the caller's and must be removed before it
 * is closed. EPOLLET for eventfds that are only ever written: no read is needed then. 0 or -errno
 * (-ENOMEM, of epoll_ctl(2)).
 */
int loop_fd_add(struct loop *l, int fd, u32 events, loop_fd_fn fn, void *arg, struct loop_fd **out);
int loop_fd_mod(struct loop_fd *f, u32 events);

/*
 * Be deaf to it for LOOP_REST_MS; then, or with the next loop_fd_mod(), it is asked again. For what
 * is ready and cannot be handled now: for accept(2) without a free descriptor, on which the loop
 * would spin.
 */
#define LOOP_REST_MS 500u
void loop_fd_rest(struct loop_fd *f);

/* Takes NULL. After this returns fn is not called again, even when called from a callback. */
void loop_fd_del(struct loop_fd *f);

/* ---- one-shot timers, CLOCK_MONOTONIC: on the loop's thread, or before it runs ---- */
typedef void (*loop_timer_fn)(void *arg);

/* Not armed yet. 0 or -ENOMEM. */
int loop_timer_add(struct loop *l, loop_timer_fn fn, void *arg, struct loop_timer **out);

/* (Re)arm for `ns` nanoseconds from now. 0 fires at once (from the loop). */
void loop_timer_arm(struct loop_timer *t, u64 ns);
void loop_timer_disarm(struct loop_timer *t);
/* Takes NULL. After this returns fn is not called again. */
void loop_timer_del(struct loop_timer *t);
/* CLOCK_MONOTONIC in nanoseconds. Any thread. */
u64 loop_now_ns(void);

/* ---- calls from other threads ---- */
typedef void (*loop_call_fn)(void *arg);

/*
 * Run fn(arg) on the loop's thread and wait for it; on that thread, or when nobody runs the loop,
 * it is called directly. The caller must hold no lock that a callback of the loop takes.
 */
void loop_call(struct loop *l, loop_call_fn fn, void *arg);

/*
 * The same for who must not hang with the loop: false if it has not come to the call after `ms`
 * milliseconds, for it is in a callback that does not return. Then fn() is never called. Once fn()
 * has begun it is waited for, so it must not block.
 */
bool loop_call_within(struct loop *l, loop_call_fn fn, void *arg, unsigned ms);

/* ---- a loop that has nothing to do, for a moment ---- */

/*
 * Become the loop's thread, if it waits for events: what belongs on the loop is done here until
 * loop_give_back(), and the loop goes on afterwards. So it has to be short, and must not wait for
 * what the loop would do. False: the loop is at work, or has no thread of loop_start(). Never
 * waits, so the caller may have locks that callbacks do not take. Any thread but the loop's own.
 */
bool loop_borrow(struct loop *l);
void loop_give_back(struct loop *l);

/*
 * As loop_call(), for what is short and any thread's to do: the caller does it itself while the
 * loop waits for events, and two changes of threads are saved.
 */
void loop_do(struct loop *l, loop_call_fn fn, void *arg);

/*
 * Does a thread run this that has borrowed the loop? What only the loop's own thread can do (what
 * the kernel ties to a thread) is left to a timer then. On the loop.
 */
bool loop_is_borrowed(const struct loop *l);

/*
 * Write `by` to the eventfd `event`, which lives as long as the loop: at once, or when a borrowed
 * loop is given back, as whoever wakes up may want it. On the loop.
 */
void loop_event(struct loop *l, int event, u64 by);

/*
 * Who has borrowed the loop offers to do one thing more when it has given it back, which may wait
 * for the host and keeps nobody else. On the loop, whoever has such a thing accepts. True: fn(arg)
 * is called once, by the borrower's thread, without the loop.
 */
void loop_offer(struct loop *l);
bool loop_accept(struct loop *l, loop_call_fn fn, void *arg);

/* ---- helpers: before `l` runs, but for loop_destroy(helper), which may come after it, too ---- */

/*
 * `helper` is a loop whose thread does work for `l`, which outlives it. `privileges`: what that
 * thread keeps of root's, as bits of CAP_* [capabilities(7)].
 */
void loop_help(struct loop *l, struct loop *helper, u64 privileges);

/* Call fn(arg, privileges) on the thread of each helper of `l`, one after the other. */
typedef void (*loop_helper_fn)(void *arg, u64 privileges);
void loop_call_helpers(struct loop *l, loop_helper_fn fn, void *arg);

#endif
