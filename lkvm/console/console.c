/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's consoles: the terminal, pipe or file that lkvm was started on, and ptys.
 *
 * Thread: create and destroy on main; input on the loop; write, rx_ready and size on any.
 * Trust:  the user's own input. Output is the guest's: outbuf.c.
 *
 * epoll does not know regular files (EPERM): they are read a piece per round of the loop instead
 * (`pump`).
 *
 * A guest that was full and asks for more has to wait a moment. Input of a pipe has no pace of its
 * own, and a UART that is full again at once would keep the guest's only CPU in the interrupt
 * handler for ever.
 */
#include "lkvm/console/console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/console/fds.h"
#include "lkvm/console/inbuf.h"
#include "lkvm/console/outbuf.h"
#include "lkvm/console/tap.h"
#include "lkvm/console/terminal.h"

/* What is read at once. A terminal is read when there is room for it. */
#define READ_SIZE 256u

/* What in_fd asks for while nobody wants input: a hang-up, once. */
#define NO_EVENTS (EPOLLONESHOT | EPOLLET)

/* What the 16 bytes of a UART take on a line of 115200 bits a second. */
#define REST_NS 1400000u

/* A guest with a full buffer that took nothing for so long may be one to be stopped. */
#define DEAF_NS 4000000000u

/*
 * Does the client take input? While it is being called only it knows: what it says then (from any
 * thread) outlives the call, else its answer does.
 */
enum rx { RX_FULL, RX_READY, RX_CALLED };

/* Where input comes from. The last three are a terminal's. */
enum source {
	SOURCE_NONE,	   /* there is no input, or no more */
	SOURCE_STREAM,	   /* a pipe, a file or a pty, read as fast as the guest takes it */
	SOURCE_TTY_LATER,  /* left as it is until the loop runs */
	SOURCE_TTY_OTHERS, /* another job's, or hung up: not read */
	SOURCE_TTY,	   /* ours: has escapes, so it is read before the guest takes anything */
};

/* How fast the client gets input. */
enum pace {
	PACE_FREE,
	PACE_FULL,    /* it did not take all: when it asks for more, it rests first */
	PACE_RESTING, /* until the timer `rest` */
};

struct console {
	struct chardev chr;
	struct loop *loop;
	int in, out; /* ours */
	int slave;   /* of a pty */
	bool window; /* one of them is a terminal, which has a size */
	struct outbuf *outbuf;

	/* Input; loop. */
	enum source source;
	struct loop_fd *in_fd;
	u32 in_events;		 /* that in_fd asks for */
	struct loop_timer *pump; /* instead of in_fd */
	enum pace pace;
	struct loop_timer *rest;
	bool full, deaf; /* no room for a terminal's input; for DEAF_NS already */
	struct loop_timer *deafness;
	void (*stop)(void *arg);
	void (*unread)(void *arg);
	void *stop_arg;
	struct tap *tap; /* or NULL */
	size_t tap_room; /* at least; written by whoever prints */

	_Atomic int rx; /* enum rx */
	int wake;	/* rx became RX_READY */
	struct loop_fd *wake_fd;

	int signals; /* signalfd */
	struct loop_fd *signals_fd;

	struct inbuf input; /* last */
};

/* ---- input ---- */

static bool is_tty(const struct console *c)
{
	return c->source >= SOURCE_TTY_LATER;
}

static bool want_input(const struct console *c)
{
	if (c->source == SOURCE_STREAM)
		return atomic_load(&c->rx) == RX_READY && !c->input.len;
	return c->source == SOURCE_TTY && (!c->full || c->deaf);
}

static void update_input(struct console *c)
{
	bool want = want_input(c);
	u32 events = want ? EPOLLIN : NO_EVENTS;

	if (c->in_fd && events != c->in_events)
		loop_fd_mod(c->in_fd, events);
	c->in_events = events;
	if (c->pump && want)
		loop_timer_arm(c->pump, 0);
}

/* The guest has taken `n` bytes: is there room for a terminal's input? */
static void update_room(struct console *c, size_t n)
{
	bool full = inbuf_room(&c->input) < READ_SIZE;

	c->deaf = c->deaf && full && !n;
	if (full && (!c->full || n))
		loop_timer_arm(c->deafness, DEAF_NS);
	else if (!full && c->full)
		loop_timer_disarm(c->deafness);
	c->full = full;
}

/* It takes more, or would if it had rested: that begins when it says so. */
static bool may_deliver(struct console *c)
{
	if (!c->input.len || !c->chr.client || atomic_load(&c->rx) != RX_READY)
		return false;
	if (c->pace == PACE_FULL) {
		c->pace = PACE_RESTING;
		loop_timer_arm(c->rest, REST_NS);
	}
	return c->pace == PACE_FREE;
}

/* Hand the client what is buffered. */
static void deliver(struct console *c)
{
	const struct chardev_client *client = c->chr.client;
	size_t taken = 0;

	while (may_deliver(c)) {
		int called = RX_CALLED;
		size_t n, len;
		const char *p = inbuf_peek(&c->input, &len);

		atomic_store(&c->rx, RX_CALLED);
		n = client->receive(c->chr.client_arg, p, len);
		atomic_compare_exchange_strong(&c->rx, &called, n == len ? RX_READY : RX_FULL);
		inbuf_take(&c->input, n);
		taken += n;
		c->pace = n < len ? PACE_FULL : PACE_FREE;
	}
	update_room(c, taken);
	update_input(c);
}

static void read_input(struct console *c)
{
	char buf[READ_SIZE];
	ssize_t n = read(c->in, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* End of a file or pipe, or the terminal hung up: the guest's keyboard is silent now. */
	if (n <= 0)
		c->source = c->source == SOURCE_TTY ? SOURCE_TTY_OTHERS : SOURCE_NONE;
	else if (c->source != SOURCE_TTY)
		inbuf_add(&c->input, buf, (size_t)n);
	else if (inbuf_typed(&c->input, buf, (size_t)n) && c->stop)
		c->stop(c->stop_arg);
	deliver(c);
}

/* Ctrl-a x has to work: from here on the terminal is read for it alone. */
static void on_deaf(void *arg)
{
	struct console *c = arg;

	if (c->source == SOURCE_TTY)
		guest_err("console", "the guest takes no input: what is typed now is lost, but for "
				     "Ctrl-a x");
	c->deaf = true;
	update_input(c);
}

static void on_input(void *arg, u32 events)
{
	struct console *c = arg;

	/* A pipe that was closed while nobody wanted input is reported once. */
	if (want_input(c))
		read_input(c);
}

static void on_pump(void *arg)
{
	on_input(arg, 0);
}

static void on_rested(void *arg)
{
	struct console *c = arg;

	c->pace = PACE_FREE;
	deliver(c);
}

/* ---- the terminal ---- */

/* When the guest starts, and whenever a shell may have changed the terminal: raw if it is ours. */
static void take_terminal(struct console *c)
{
	/* A background job that reads its terminal is stopped: not before it is in front. */
	c->source = terminal_raw(c->in) > 0 ? SOURCE_TTY : SOURCE_TTY_OTHERS;
	update_input(c);
}

static void on_writable(void *arg)
{
	struct console *c = arg;

	if (c->chr.client)
		c->chr.client->writable(c->chr.client_arg);
}

/* Until the loop runs a Ctrl-C ends lkvm, as there is nobody else to hear it. */
static void on_wake(void *arg, u32 events)
{
	struct console *c = arg;

	if (c->source == SOURCE_TTY_LATER)
		take_terminal(c);
	if (c->tap && tap_woken(c->tap, &c->input))
		on_writable(c);
	deliver(c);
}

static void on_signal(void *arg, u32 events)
{
	struct console *c = arg;
	struct signalfd_siginfo si;

	while (read(c->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCONT && is_tty(c))
			take_terminal(c);
		/* A size that changed while we were in the background is nobody's news. */
		if (c->chr.client && c->chr.client->resized)
			c->chr.client->resized(c->chr.client_arg);
	}
}

/* ---- the chardev ---- */

static size_t con_write(struct chardev *chr, const void *buf, size_t len)
{
	struct console *c = container_of(chr, struct console, chr);
	size_t done = 0, n = 1;

	if (!c->tap)
		return outbuf_write(c->outbuf, buf, len);
	/* Until one of the two has no room, and has been told that there is more to come. */
	for (; done < len && n; done += n) {
		const char *p = (const char *)buf + done;

		c->tap_room = c->tap_room ? c->tap_room : tap_room(c->tap);
		n = outbuf_write(c->outbuf, p, MIN(len - done, c->tap_room));
		tap_put(c->tap, p, n);
		c->tap_room -= n;
	}
	return done;
}

static void con_rx_ready(struct chardev *chr, bool ready)
{
	struct console *c = container_of(chr, struct console, chr);

	if (atomic_exchange(&c->rx, ready ? RX_READY : RX_FULL) == RX_FULL && ready)
		eventfd_write(c->wake, 1);
}

static bool con_size(struct chardev *chr, u16 *cols, u16 *rows)
{
	const struct console *c = container_of(chr, struct console, chr);

	return c->window && (terminal_size(c->out, cols, rows) || terminal_size(c->in, cols, rows));
}

static const struct chardev_ops console_ops = {
	.write = con_write,
	.rx_ready = con_rx_ready,
	.size = con_size,
};

static void on_unread(void *arg)
{
	struct console *c = arg;

	if (c->unread)
		c->unread(c->stop_arg);
}

/* ---- life ---- */

static int input_init(struct console *c)
{
	int err;

	if (c->in < 0)
		return 0;
	c->source = SOURCE_STREAM;
	c->in_events = NO_EVENTS;
	err = loop_timer_add(c->loop, on_rested, c, &c->rest);
	if (!err)
		err = loop_timer_add(c->loop, on_deaf, c, &c->deafness);
	if (!err)
		err = loop_fd_add(c->loop, c->in, NO_EVENTS, on_input, c, &c->in_fd);
	if (err == -EPERM)
		err = loop_timer_add(c->loop, on_pump, c, &c->pump);
	return err;
}

/*
 * SIGWINCH and SIGCONT go to the process: blocked in all threads (they inherit it) only the
 * signalfd gets them. Only one console may have it, the one with the input.
 */
static int signals_init(struct console *c)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGCONT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	c->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (c->signals < 0)
		return -errno;
	return loop_fd_add(c->loop, c->signals, EPOLLIN, on_signal, c, &c->signals_fd);
}

/* c->in and c->out are set. */
static int init(struct console *c, u32 out_flags)
{
	const struct outbuf_user user = { .writable = on_writable, .unread = on_unread, .arg = c };
	int err;

	/* A reader that goes away is an error of write(2), not the end of the guest. */
	signal(SIGPIPE, SIG_IGN);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = c->wake < 0 ? -errno : 0;
	if (!err)
		err = loop_fd_add(c->loop, c->wake, EPOLLIN | EPOLLET, on_wake, c, &c->wake_fd);
	if (!err)
		err = outbuf_create(&c->outbuf, c->loop, c->out, out_flags, &user);
	if (!err)
		err = input_init(c);
	if (!err && c->tap)
		tap_bind(c->tap, c->wake);
	return err;
}

static struct console *alloc(struct loop *loop)
{
	struct console *c = alloc_headed(sizeof(*c), offsetof(struct console, input.ring));

	if (!c)
		return NULL;
	c->chr.ops = &console_ops;
	c->loop = loop;
	c->in = c->out = c->slave = c->wake = c->signals = -1;
	return c;
}

int console_create(struct console **out, const struct console_conf *conf, struct loop *loop)
{
	struct console *c = alloc(loop);
	bool careful_in, careful_out = false;
	int err = -ENOMEM;

	if (!c)
		goto fail;
	c->stop = conf->stop;
	c->unread = conf->unread;
	c->tap = conf->tap;
	c->stop_arg = conf->stop_arg;
	if (conf->in_fd >= 0 && (c->in = fds_own(conf->in_fd, O_RDONLY, &careful_in)) < 0) {
		err = c->in;
		goto fail;
	}
	if (conf->out_fd >= 0 && (c->out = fds_own(conf->out_fd, O_WRONLY, &careful_out)) < 0) {
		err = c->out;
		goto fail;
	}
	err = init(c, (careful_out ? OUTBUF_MAY_BLOCK : 0) | (conf->logged ? OUTBUF_LOGGED : 0));
	if (err)
		goto fail;
	c->window = (c->in >= 0 && isatty(c->in)) || (c->out >= 0 && isatty(c->out));
	if (c->in >= 0 && isatty(c->in)) {
		c->source = SOURCE_TTY_LATER;
		terminal_prepare();
	}
	if (is_tty(c) || (c->in >= 0 && c->out >= 0 && isatty(c->out)))
		err = signals_init(c);
	if (err)
		goto fail;
	eventfd_write(c->wake, 1);
	*out = c;
	return 0;
fail:
	log_errno(err, "cannot set up the console");
	console_destroy(c);
	return err;
}

int console_create_pty(struct console **out, unsigned index, struct loop *loop, struct tap *tap)
{
	struct console *c = alloc(loop);
	char name[64];
	int err = -ENOMEM;

	if (!c)
		goto fail;
	c->tap = tap;
	err = fds_pty(&c->in, &c->out, &c->slave, name, sizeof(name));
	if (!err)
		err = init(c, OUTBUF_LOSSY);
	if (err)
		goto fail;
	log_info("Assigned terminal %u to pty %s", index, name);
	*out = c;
	return 0;
fail:
	log_errno(err, "cannot open a pty for terminal %u", index);
	console_destroy(c);
	return err;
}

struct chardev *console_chardev(struct console *c)
{
	return &c->chr;
}

bool console_idle(const struct console *c, bool *failed)
{
	return outbuf_idle(c->outbuf, failed);
}

void console_flush(struct console *c)
{
	outbuf_flush(c->outbuf);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void console_destroy(struct console *c)
{
	if (!c)
		return;
	if (c->tap)
		tap_bind(c->tap, -1);
	if (c->outbuf)
		outbuf_flush(c->outbuf);
	outbuf_destroy(c->outbuf);
	if (is_tty(c))
		terminal_restore();
	loop_fd_del(c->in_fd);
	loop_fd_del(c->wake_fd);
	loop_fd_del(c->signals_fd);
	loop_timer_del(c->pump);
	loop_timer_del(c->rest);
	loop_timer_del(c->deafness);
	close_fd(c->in);
	close_fd(c->out);
	close_fd(c->slave);
	close_fd(c->wake);
	close_fd(c->signals);
	free(c);
}
