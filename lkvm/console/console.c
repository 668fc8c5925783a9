/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's consoles: the terminal, pipe or file that lkvm was started on, and ptys.
 *
 * Thread: create and destroy on main; input on the loop; write, rx_ready and size on any.
 * Trust:  the user's own input. Output is the guest's: outbuf.c.
 *
 * Descriptors that can block are opened anew through /proc/self/fd, because O_NONBLOCK belongs to
 * the open file: on stdin itself it would hit the shell and everybody else who has that terminal.
 * Where that fails (sockets, somebody else's tty) they are duplicated and used with care. Regular
 * files keep their file offset, so they are duplicated too; epoll does not know them (EPERM), and
 * they are read a piece per round of the loop instead (`pump`).
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/console/outbuf.h"
#include "lkvm/console/terminal.h"

#define INPUT_SIZE 512u
#define CTRL_A 1

/* What in_fd asks for while nobody wants input: a hang-up, once. */
#define NO_EVENTS (EPOLLONESHOT | EPOLLET)

/* What the 16 bytes of a UART take on a line of 115200 bits a second. */
#define REST_NS 1400000u

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
	SOURCE_TTY,	   /* ours: has escapes, so it is read even if the guest takes nothing */
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
	struct outbuf *outbuf;

	/* Input; loop. */
	enum source source;
	struct loop_fd *in_fd;
	u32 in_events;		 /* that in_fd asks for */
	struct loop_timer *pump; /* instead of in_fd */
	bool escape;		 /* Ctrl-a was the last character */
	unsigned input_off, input_len;
	char input[INPUT_SIZE];
	enum pace pace;
	struct loop_timer *rest;
	void (*stop)(void *arg);
	void *stop_arg;

	_Atomic int rx; /* enum rx */
	int wake;	/* rx became RX_READY */
	struct loop_fd *wake_fd;

	int signals; /* signalfd */
	struct loop_fd *signals_fd;
};

/* ---- input ---- */

static bool is_tty(const struct console *c)
{
	return c->source >= SOURCE_TTY_LATER;
}

static bool want_input(const struct console *c)
{
	if (c->source == SOURCE_STREAM)
		return atomic_load(&c->rx) == RX_READY && !c->input_len;
	return c->source == SOURCE_TTY;
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

/* It takes more, or would if it had rested: that begins when it says so. */
static bool may_deliver(struct console *c)
{
	if (!c->input_len || !c->chr.client || atomic_load(&c->rx) != RX_READY)
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

	while (may_deliver(c)) {
		int called = RX_CALLED;
		size_t n;

		atomic_store(&c->rx, RX_CALLED);
		n = client->receive(c->chr.client_arg, c->input + c->input_off, c->input_len);
		atomic_compare_exchange_strong(&c->rx, &called,
					       n == c->input_len ? RX_READY : RX_FULL);
		c->input_off += (unsigned)n;
		c->input_len -= (unsigned)n;
		c->pace = c->input_len ? PACE_FULL : PACE_FREE;
	}
	if (!c->input_len)
		c->input_off = 0;
	update_input(c);
}

/* A full buffer loses what is typed on top. */
static void buffer_add(struct console *c, char ch)
{
	if (c->input_off) {
		memmove(c->input, c->input + c->input_off, c->input_len);
		c->input_off = 0;
	}
	if (c->input_len < sizeof(c->input))
		c->input[c->input_len++] = ch;
}

/* Ctrl-a x stops, Ctrl-a Ctrl-a is one Ctrl-a, and before anything else Ctrl-a disappears. */
static void typed(struct console *c, char ch)
{
	bool escape = c->escape;

	c->escape = !escape && ch == CTRL_A;
	if (c->escape)
		return;
	if (!escape || ch != 'x')
		buffer_add(c, ch);
	else if (c->stop)
		c->stop(c->stop_arg);
}

static void read_input(struct console *c)
{
	char buf[256];
	ssize_t n = read(c->in, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* End of a file or pipe, or the terminal hung up: the guest's keyboard is silent now. */
	if (n <= 0)
		c->source = c->source == SOURCE_TTY ? SOURCE_TTY_OTHERS : SOURCE_NONE;
	for (ssize_t i = 0; i < n; i++) {
		if (c->source == SOURCE_TTY)
			typed(c, buf[i]);
		else
			buffer_add(c, buf[i]);
	}
	deliver(c);
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
	/*
	 * A background job that reads its terminal is stopped: so not before it is in the
	 * foreground.
	 */
	c->source = terminal_raw(c->in) > 0 ? SOURCE_TTY : SOURCE_TTY_OTHERS;
	update_input(c);
}

/* Until the loop runs a Ctrl-C ends lkvm, as there is nobody else to hear it. */
static void on_wake(void *arg, u32 events)
{
	struct console *c = arg;

	if (c->source == SOURCE_TTY_LATER)
		take_terminal(c);
	deliver(c);
}

static void on_signal(void *arg, u32 events)
{
	struct console *c = arg;
	struct signalfd_siginfo si;

	while (read(c->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCONT && is_tty(c))
			take_terminal(c);
		else if (si.ssi_signo == SIGWINCH && c->chr.client && c->chr.client->resized)
			c->chr.client->resized(c->chr.client_arg);
	}
}

/* ---- the chardev ---- */

static size_t con_write(struct chardev *chr, const void *buf, size_t len)
{
	return outbuf_write(container_of(chr, struct console, chr)->outbuf, buf, len);
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

	return terminal_size(c->out, cols, rows) || terminal_size(c->in, cols, rows);
}

static const struct chardev_ops console_ops = {
	.write = con_write,
	.rx_ready = con_rx_ready,
	.size = con_size,
};

static void on_writable(void *arg)
{
	struct console *c = arg;

	if (c->chr.client)
		c->chr.client->writable(c->chr.client_arg);
}

/* ---- life ---- */

/* A descriptor of our own for `fd`; *blocking is set if it may block. -errno. */
static int own_fd(int fd, int mode, bool *blocking)
{
	struct stat st;
	char path[32];
	int own;

	*blocking = false;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (own >= 0)
			return own;
		*blocking = true;
	}
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? -errno : own;
}

static int input_init(struct console *c)
{
	int err;

	if (c->in < 0)
		return 0;
	c->source = SOURCE_STREAM;
	c->in_events = NO_EVENTS;
	err = loop_timer_add(c->loop, on_rested, c, &c->rest);
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
	int err;

	/* A reader that goes away is an error of write(2), not the end of the guest. */
	signal(SIGPIPE, SIG_IGN);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = c->wake < 0 ? -errno : 0;
	if (!err)
		err = loop_fd_add(c->loop, c->wake, EPOLLIN | EPOLLET, on_wake, c, &c->wake_fd);
	if (!err)
		err = outbuf_create(&c->outbuf, c->loop, c->out, out_flags, on_writable, c);
	if (!err)
		err = input_init(c);
	return err;
}

static struct console *alloc(struct loop *loop)
{
	struct console *c = calloc(1, sizeof(*c));

	if (c)
		*c = (struct console){ .chr.ops = &console_ops,
				       .loop = loop,
				       .in = -1,
				       .out = -1,
				       .slave = -1,
				       .wake = -1,
				       .signals = -1 };
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
	c->stop_arg = conf->stop_arg;
	if (conf->in_fd >= 0 && (c->in = own_fd(conf->in_fd, O_RDONLY, &careful_in)) < 0) {
		err = c->in;
		goto fail;
	}
	if (conf->out_fd >= 0 && (c->out = own_fd(conf->out_fd, O_WRONLY, &careful_out)) < 0) {
		err = c->out;
		goto fail;
	}
	err = init(c, careful_out ? OUTBUF_MAY_BLOCK : 0);
	if (err)
		goto fail;
	if (c->in >= 0 && isatty(c->in))
		c->source = SOURCE_TTY_LATER;
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

/* The slave end stays open here: without one the master would report a hang-up for ever. */
static int pty_open(struct console *c, int *slave, char *name, size_t size)
{
	struct termios t;

	c->in = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (c->in < 0 || grantpt(c->in) < 0 || unlockpt(c->in) < 0)
		return -errno;
	if (ptsname_r(c->in, name, size))
		return -errno;
	c->out = fcntl(c->in, F_DUPFD_CLOEXEC, 0);
	*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->out < 0 || *slave < 0 || tcgetattr(*slave, &t) < 0)
		return -errno;
	/* The guest's tty does the echoing and line editing. */
	cfmakeraw(&t);
	return tcsetattr(*slave, TCSANOW, &t) < 0 ? -errno : 0;
}

int console_create_pty(struct console **out, unsigned index, struct loop *loop)
{
	struct console *c = alloc(loop);
	char name[64];
	int err = -ENOMEM;

	if (!c)
		goto fail;
	err = pty_open(c, &c->slave, name, sizeof(name));
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
	close_fd(c->in);
	close_fd(c->out);
	close_fd(c->slave);
	close_fd(c->wake);
	close_fd(c->signals);
	free(c);
}
