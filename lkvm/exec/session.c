/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command in a guest: its streams, messages, signals, window and end.
 *
 * Thread: the loop of the devices, but for creation and release (main) and session_signal() (any).
 * Trust:  messages are checked by talk.c. The bytes of stdout and stderr are the guest's, and go
 *         where those of any command would.
 *
 * The end. The guest says how many bytes the command has written. They come by other queues than
 * the message, and our readers may be slow; so when as many have come, and nothing is left in our
 * buffers, the guest is ended. Its kernel is not asked to shut down: it has nothing left to do.
 */
#include "lkvm/exec/session.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lkvm/base/exit.h"
#include "lkvm/base/log.h"
#include "lkvm/console/console.h"
#include "lkvm/console/terminal.h"
#include "lkvm/exec/failure.h"
#include "lkvm/exec/input.h"
#include "lkvm/exec/talk.h"
#include "lkvm/vm/stop.h"

/* How often it is looked whether our buffers are empty, at the end. */
#define DRAIN_NS 1000000u

/* So many signals that should end a command, within so long: it is lkvm that is meant. */
#define INSIST_TIMES 3u
#define INSIST_NS UINT64_C(3000000000)

enum { CONTROL, IN, OUT, ERR };

static const struct sys_call list[] = {
	CALL_RARE(read, "lkvm exec: signals and input"),
};

const struct calls session_calls = CALLS("lkvm exec", list);

struct port {
	struct chardev chr; /* what the device has */
	struct session *s;
	_Atomic bool ready; /* the guest takes more; the device writes, the session clears it */
	struct console *console; /* OUT, ERR: where it goes */
	u64 written;		 /* OUT, ERR: bytes of the guest's so far */
};

struct session {
	struct session_conf conf;
	struct stop *stop;
	struct loop *loop;
	struct talk talk;
	struct port ports[SESSION_PORTS];
	struct input *input;
	int wake, winch; /* eventfd, signalfd; -1 */
	struct loop_fd *wake_fd, *winch_fd;
	struct loop_timer *drain;
	bool raw;	   /* the terminal is ours */
	bool input_failed; /* before its end */
	_Atomic bool running;
	_Atomic int status;
	_Atomic u64 signals; /* bit n: signal n came; session_signal() sets, the loop clears */
	/* of session_signal()'s thread */
	unsigned insisted;
	u64 insisted_ns;
};

/* ---- to the guest ---- */

/* Hand the guest a piece. Returns how much it took; less than all: until it is ready again. */
static size_t give(struct port *p, const void *buf, size_t len)
{
	size_t n;

	if (!p->chr.client || !atomic_exchange(&p->ready, false))
		return 0;
	n = p->chr.client->receive(p->chr.client_arg, buf, len);
	if (n == len)
		atomic_store(&p->ready, true);
	return n;
}

static void send_messages(struct session *s)
{
	const void *p;
	size_t len, n;

	do {
		p = talk_peek(&s->talk, &len);
		n = len ? give(&s->ports[CONTROL], p, len) : 0;
		talk_take(&s->talk, n);
	} while (n);
}

static void say(struct session *s, enum exec_msg_type type, u32 a, u64 b)
{
	if (!talk_put(&s->talk, type, a, b))
		guest_err("exec", "the guest does not read its messages: one is lost");
	send_messages(s);
}

static void say_size(struct session *s)
{
	u16 cols, rows;

	if (s->conf.tty && terminal_size(STDOUT_FILENO, &cols, &rows))
		say(s, EXEC_SIZE, cols | (u32)rows << 16, 0);
}

static size_t on_input(void *arg, const void *buf, size_t len)
{
	return give(&((struct session *)arg)->ports[IN], buf, len);
}

static void on_input_end(void *arg, u64 total, int err)
{
	struct session *s = arg;

	s->input_failed = err;
	if (err)
		log_warn("the standard input cannot be read: %s", strerror(-err));
	say(s, EXEC_EOF, 0, total);
}

/* ---- the end ---- */

/* All that the guest says it has written is where it goes, or lost; *lost is set then. */
static bool is_out(const struct port *p, u64 want, bool *lost)
{
	bool failed = false, idle = !p->console || console_idle(p->console, &failed);

	*lost |= failed;
	return p->written >= want && idle;
}

static void on_drain(void *arg)
{
	struct session *s = arg;
	/* A command that had a part of its input, or whose output is not all here: no success. */
	bool lost = s->input_failed;

	if (!is_out(&s->ports[OUT], s->talk.out_len, &lost) ||
	    !is_out(&s->ports[ERR], s->talk.err_len, &lost)) {
		loop_timer_arm(s->drain, DRAIN_NS);
		return;
	}
	atomic_store(&s->status, lost && !s->talk.status ? EXIT_FAILED : s->talk.status);
	stop_request(s->stop, STOP_COMMAND);
}

static void over(struct session *s)
{
	char why[400];

	atomic_store(&s->running, false);
	if (!s->talk.failed) {
		on_drain(s);
		return;
	}
	log_error("%s", failure_text(why, sizeof(why), &s->talk, s->conf.command));
	atomic_store(&s->status, failure_status(&s->talk));
	stop_request(s->stop, STOP_COMMAND);
}

/* ---- from the guest ---- */

static void take_terminal(struct session *s)
{
	s->raw = terminal_raw(STDIN_FILENO) > 0 || s->raw;
}

static void started(struct session *s)
{
	atomic_store(&s->running, true);
	if (s->conf.tty)
		take_terminal(s);
	input_want(s->input);
}

static size_t write_control(struct chardev *chr, const void *buf, size_t len)
{
	struct session *s = container_of(chr, struct port, chr)->s;
	enum talk_state was = s->talk.state;

	if (was >= TALK_OVER)
		return len;
	if (talk_feed(&s->talk, buf, len)) {
		log_error("the guest's init says what it may not: it is ended");
		stop_request(s->stop, STOP_ERROR);
		return len;
	}
	if (was == TALK_WAITING && s->talk.state != was && !s->talk.failed)
		started(s);
	if (s->talk.state == TALK_OVER)
		over(s);
	return len;
}

static size_t write_none(struct chardev *chr, const void *buf, size_t len)
{
	return len;
}

static size_t write_stream(struct chardev *chr, const void *buf, size_t len)
{
	struct port *p = container_of(chr, struct port, chr);
	struct chardev *to = p->console ? console_chardev(p->console) : NULL;
	size_t n = to ? to->ops->write(to, buf, len) : len;

	p->written += n;
	return n;
}

static void on_writable(void *arg)
{
	struct port *p = arg;

	if (p->chr.client)
		p->chr.client->writable(p->chr.client_arg);
}

static const struct chardev_client stream_client = { .writable = on_writable };

static void ready(struct chardev *chr, bool on)
{
	struct port *p = container_of(chr, struct port, chr);

	atomic_store(&p->ready, on);
	if (on)
		eventfd_write(p->s->wake, 1);
}

static const struct chardev_ops control_ops = { .write = write_control, .rx_ready = ready };
static const struct chardev_ops in_ops = { .write = write_none, .rx_ready = ready };
static const struct chardev_ops stream_ops = { .write = write_stream, .rx_ready = ready };

static void on_unread(void *arg)
{
	stop_request(arg, STOP_UNREAD);
}

/* ---- what else happens here ---- */

static void send_signals(struct session *s)
{
	u64 signals = atomic_exchange(&s->signals, 0);

	for (unsigned n = 1; n < 64; n++) {
		if (signals & BIT(n))
			say(s, EXEC_SIGNAL, n, 0);
	}
}

static void on_wake(void *arg, u32 events)
{
	struct session *s = arg;

	send_messages(s);
	send_signals(s);
	if (atomic_load(&s->running) && atomic_load(&s->ports[IN].ready))
		input_want(s->input);
}

static void on_winch(void *arg, u32 events)
{
	struct session *s = arg;
	struct signalfd_siginfo si;

	while (read(s->winch, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCONT && atomic_load(&s->running))
			take_terminal(s);
		/* Nobody tells of a size that has changed while we were in the background. */
		say_size(s);
	}
}

static bool is_end(int signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGHUP;
}

bool session_signal(struct session *s, int signal)
{
	u64 now = loop_now_ns();

	if (!atomic_load(&s->running))
		return false;
	if (is_end(signal)) {
		if (now - s->insisted_ns > INSIST_NS)
			s->insisted = 0;
		if (!s->insisted)
			s->insisted_ns = now;
		if (++s->insisted == INSIST_TIMES)
			return false;
	}
	atomic_fetch_or(&s->signals, BIT(signal));
	eventfd_write(s->wake, 1);
	return true;
}

int session_status(const struct session *s)
{
	return atomic_load(&s->status);
}

struct chardev *session_port(struct session *s, unsigned n, const char **name)
{
	static const char *const names[SESSION_PORTS] = { EXEC_PORT_CONTROL, EXEC_PORT_IN,
							  EXEC_PORT_OUT, EXEC_PORT_ERR };

	*name = names[n];
	return &s->ports[n].chr;
}

/* ---- life ---- */

static int open_stream(struct session *s, unsigned n, int fd, struct tap *tap)
{
	const struct console_conf conf = {
		.in_fd = -1, .out_fd = fd, .unread = on_unread, .stop_arg = s->stop, .tap = tap
	};
	struct port *p = &s->ports[n];
	int err = console_create(&p->console, &conf, s->loop);
	struct chardev *to;

	if (err)
		return err;
	to = console_chardev(p->console);
	to->client = &stream_client;
	to->client_arg = p;
	return 0;
}

/*
 * Who closes the standard error (2>&-) wants nothing of it, and could not be told of a failure.
 * lkvm/base/file.h has opened it for reading since.
 */
static int open_errors(struct session *s, struct tap *tap)
{
	bool closed = (fcntl(STDERR_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY;

	return open_stream(s, ERR, closed ? -1 : STDERR_FILENO, tap);
}

/* The window's size, and a shell that has stopped us and lets us go on. */
static int open_winch(struct session *s)
{
	sigset_t set;

	terminal_prepare();
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGCONT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	s->winch = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->winch < 0)
		return -errno;
	return loop_fd_add(s->loop, s->winch, EPOLLIN, on_winch, s, &s->winch_fd);
}

static int open_rest(struct session *s)
{
	const struct input_user user = { .take = on_input, .end = on_input_end, .arg = s };
	int err;

	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = s->wake < 0 ? -errno : 0;
	if (!err)
		err = loop_fd_add(s->loop, s->wake, EPOLLIN | EPOLLET, on_wake, s, &s->wake_fd);
	if (!err)
		err = loop_timer_add(s->loop, on_drain, s, &s->drain);
	if (!err)
		err = input_create(&s->input, s->loop, STDIN_FILENO, &user);
	if (!err && s->conf.tty)
		err = open_winch(s);
	return err ? log_errno(err, "cannot set up the command's streams") : 0;
}

int session_open(struct session *s, struct loop *loop, struct stop *stop, struct tap *out,
		 struct tap *err_tap)
{
	int err;

	s->loop = loop;
	s->stop = stop;
	err = open_stream(s, OUT, STDOUT_FILENO, out);
	if (!err && (!s->conf.tty || s->conf.own_stderr))
		err = open_errors(s, err_tap);
	if (!err)
		err = open_rest(s);
	if (err)
		return err;
	say_size(s);
	return 0;
}

void session_close(struct session *s)
{
	if (s->raw)
		terminal_restore();
	s->raw = false;
	for (unsigned i = 0; i < SESSION_PORTS; i++) {
		console_destroy(s->ports[i].console);
		s->ports[i].console = NULL;
	}
	input_destroy(s->input);
	s->input = NULL;
	loop_fd_del(s->wake_fd);
	loop_fd_del(s->winch_fd);
	loop_timer_del(s->drain);
	s->wake_fd = s->winch_fd = NULL;
	s->drain = NULL;
	if (s->wake >= 0)
		close(s->wake);
	if (s->winch >= 0)
		close(s->winch);
	s->wake = s->winch = -1;
}

struct session *session_create(const struct session_conf *conf)
{
	static const struct chardev_ops *const ops[SESSION_PORTS] = { &control_ops, &in_ops,
								      &stream_ops, &stream_ops };
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->conf = *conf;
	s->wake = s->winch = -1;
	s->status = -1;
	for (unsigned i = 0; i < SESSION_PORTS; i++) {
		s->ports[i].s = s;
		s->ports[i].chr.ops = ops[i];
	}
	return s;
}

void session_destroy(struct session *s)
{
	free(s);
}
