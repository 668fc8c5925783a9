/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consoles on real ptys, pipes and files: input, escapes, raw mode and its restoration on every way
 * out, window size, end of input without spinning.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/console/console.h"
#include "lkvm/console/tap.h"
#include "tests/unit/fds.h"
#include "tests/unit/suite.h"

static struct loop *loop;
static struct console *con;
static struct chardev *chr;

/* The guest's side. */
static char got[4096];
static size_t got_len, room;
static unsigned nr_stops, nr_resized, nr_writable;

static size_t receive(void *arg, const void *buf, size_t len)
{
	size_t n = MIN(len, room);

	ck_assert_uint_le(got_len + n, sizeof(got));
	memcpy(got + got_len, buf, n);
	got_len += n;
	room -= n;
	return n;
}

static void writable(void *arg)
{
	nr_writable++;
}

static void resized(void *arg)
{
	nr_resized++;
}

static void stop(void *arg)
{
	ck_assert_ptr_eq(arg, &nr_stops);
	nr_stops++;
}

static const struct chardev_client client = { .receive = receive,
					      .writable = writable,
					      .resized = resized };

static void create(int in, int out)
{
	struct console_conf conf = {
		.in_fd = in, .out_fd = out, .stop = stop, .stop_arg = &nr_stops
	};

	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(console_create(&con, &conf, loop), 0);
	chr = console_chardev(con);
	chr->client = &client;
	room = sizeof(got);
	/* The terminal is taken by the loop. */
	if (in >= 0 && isatty(in))
		loop_step(loop, 5);
}

static void teardown(void)
{
	console_destroy(con);
	loop_destroy(loop);
}

static void steps(unsigned n)
{
	while (n--)
		loop_step(loop, 5);
}

/* True if the loop has nothing to do. */
static bool sleeps(void)
{
	u64 t = loop_now_ns();

	for (unsigned i = 0; i < 5; i++)
		loop_step(loop, 20);
	return loop_now_ns() - t >= 50000000;
}

/* On a busy machine a terminal needs a while to hand over what was typed. */
#define WAIT_FOR(cond)                                                                             \
	do {                                                                                       \
		for (unsigned i_ = 0; i_ < 1000 && !(cond); i_++)                                  \
			loop_step(loop, 5);                                                        \
		ck_assert(cond);                                                                   \
	} while (0)

static void received(const char *s)
{
	WAIT_FOR(got_len >= strlen(s));
	ck_assert_msg(got_len == strlen(s) && memcmp(got, s, got_len) == 0, "got '%.*s', not '%s'",
		      (int)got_len, got, s);
	got_len = 0;
}

static void type(int fd, const char *s)
{
	ck_assert_int_eq(write(fd, s, strlen(s)), (ssize_t)strlen(s));
	steps(3);
}

/* A terminal: the user's end in *user, the program's end returned. */
static int terminal(int *user)
{
	struct winsize ws = { .ws_col = 100, .ws_row = 30 };
	char name[64];
	int fd;

	*user = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert(*user >= 0 && grantpt(*user) == 0 && unlockpt(*user) == 0);
	ck_assert_int_eq(ptsname_r(*user, name, sizeof(name)), 0);
	fd = open(name, O_RDWR | O_NOCTTY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(*user, TIOCSWINSZ, &ws), 0);
	return fd;
}

static bool is_raw(int fd)
{
	struct termios t;

	ck_assert_int_eq(tcgetattr(fd, &t), 0);
	return !(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST);
}

static void put(const char *s)
{
	ck_assert_uint_eq(chr->ops->write(chr, s, strlen(s)), strlen(s));
}

static void expect(int fd, const char *s)
{
	char buf[256] = "";
	size_t n = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (n < strlen(s) && poll(&p, 1, scaled(1000)) == 1) {
		ssize_t r = read(fd, buf + n, sizeof(buf) - 1 - n);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	ck_assert_str_eq(buf, s);
}

/* ---- terminals ---- */

START_TEST(on_a_terminal)
{
	int user, fd = terminal(&user);

	struct console_conf conf = { .in_fd = fd, .out_fd = fd };

	/* A start that comes to nothing leaves it alone. */
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(console_create(&con, &conf, loop), 0);
	ck_assert(!is_raw(fd));
	teardown();
	create(fd, fd);
	ck_assert(is_raw(fd));
	chr->ops->rx_ready(chr, true);
	type(user, "ls\r\003");
	received("ls\r\003");
	put("a\nb");
	steps(3);
	expect(user, "a\nb");
	/* O_NONBLOCK is ours, not that of the terminal's other users. */
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	put("bye");
	teardown();
	expect(user, "bye");
	ck_assert(!is_raw(fd));
}
END_TEST

/* A message of ours does not go on where the guest has stopped, if both are on one terminal. */
START_TEST(a_message_has_a_line_of_its_own)
{
	int user, fd = terminal(&user), null = open("/dev/null", O_WRONLY);

	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	create(fd, fd);
	put("login: ");
	steps(3);
	expect(user, "login: ");
	log_info("one");
	expect(user, "\r\n  Info: one\r\n");
	put("more\r\n");
	steps(3);
	expect(user, "more\r\n");
	log_info("two");
	expect(user, "  Info: two\r\n");
	teardown();
	/* They are not. */
	ck_assert_int_eq(dup2(null, STDERR_FILENO), STDERR_FILENO);
	create(fd, fd);
	put("login: ");
	steps(3);
	expect(user, "login: ");
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_info("three");
	expect(user, "  Info: three\n");
	teardown();
}
END_TEST

START_TEST(escapes)
{
	int user, fd = terminal(&user);

	create(fd, fd);
	chr->ops->rx_ready(chr, true);
	type(user, "x\001");
	received("x");
	type(user, "\001x");
	received("\001x");
	ck_assert_uint_eq(nr_stops, 0);
	type(user, "a\001bX\001\001\001c");
	received("abX\001c");
	type(user, "a\001xb");
	received("ab");
	ck_assert_uint_eq(nr_stops, 1);
	type(user, "\001");
	type(user, "x");
	WAIT_FOR(nr_stops == 2);
	received("");
	teardown();
}
END_TEST

/* A guest that takes no input does not keep the user from stopping it. */
START_TEST(escape_when_the_guest_is_deaf)
{
	int user, fd = terminal(&user);
	char flood[2048];

	create(fd, fd);
	memset(flood, 'f', sizeof(flood));
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_int_eq(write(user, flood, sizeof(flood)), sizeof(flood));
		steps(12);
	}
	type(user, "\001x");
	WAIT_FOR(nr_stops == 1);
	ck_assert_uint_eq(got_len, 0);
	/* And it is all still there. */
	for (unsigned i = 0; i < 8; i++) {
		got_len = 0;
		room = sizeof(flood);
		chr->ops->rx_ready(chr, true);
		WAIT_FOR(got_len == sizeof(flood));
		ck_assert_mem_eq(got, flood, sizeof(flood));
	}
	teardown();
}
END_TEST

/* However much is pasted, and however slowly the guest takes it. */
START_TEST(a_paste_is_not_lost)
{
	static char text[100 * KiB];
	int user, fd = terminal(&user);
	size_t sent = 0, total = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26 + (i / 26) % 2);
	fcntl(user, F_SETFL, O_NONBLOCK);
	create(fd, fd);
	chr->ops->rx_ready(chr, true);
	room = 0;
	while (total < sizeof(text)) {
		ssize_t n = sent < sizeof(text) ? write(user, text + sent, sizeof(text) - sent) : 0;

		sent += (size_t)MAX(n, 0);
		/* It takes nothing before all has come that is going to. */
		if (n < 0 && !sleeps())
			continue;
		room = 4000;
		chr->ops->rx_ready(chr, true);
		loop_step(loop, 5);
		ck_assert_mem_eq(got, text + total, got_len);
		total += got_len;
		got_len = 0;
	}
	ck_assert_uint_eq(sent, sizeof(text));
	teardown();
}
END_TEST

/* More than there is room for, and nothing is taken: then Ctrl-a x is still heard. */
START_TEST(escape_behind_a_paste)
{
	int user, fd = terminal(&user);
	char flood[4096];

	memset(flood, 'f', sizeof(flood));
	fcntl(user, F_SETFL, O_NONBLOCK);
	create(fd, fd);
	while (write(user, flood, sizeof(flood)) > 0 || !sleeps())
		steps(20);
	WAIT_FOR(write(user, "\001x", 2) == 2);
	WAIT_FOR(nr_stops == 1);
	teardown();
}
END_TEST

START_TEST(hang_up)
{
	int user, fd = terminal(&user);

	create(fd, fd);
	chr->ops->rx_ready(chr, true);
	close(user);
	steps(5);
	ck_assert(sleeps());
	put("into the void");
	steps(3);
	ck_assert(sleeps());
	teardown();
}
END_TEST

START_TEST(window_size)
{
	struct winsize ws = { .ws_col = 132, .ws_row = 43 };
	int user, fd = terminal(&user);
	u16 cols, rows;

	create(fd, fd);
	ck_assert(chr->ops->size(chr, &cols, &rows));
	ck_assert(cols == 100 && rows == 30);
	ck_assert_int_eq(ioctl(user, TIOCSWINSZ, &ws), 0);
	/* The test has no controlling terminal, so it signals itself. */
	kill(getpid(), SIGWINCH);
	WAIT_FOR(nr_resized == 1);
	ck_assert(chr->ops->size(chr, &cols, &rows));
	ck_assert(cols == 132 && rows == 43);
	teardown();
}
END_TEST

/*
 * The child dies of `sig` (0: exit(), -1: assert()) with the terminal in raw mode; afterwards the
 * terminal is as it was.
 */
static void dies_of(int sig)
{
	int user, fd = terminal(&user), status, ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		/* The sanitizers' and Check's own handlers are not what is tested here. */
		for (int i = 1; i < 32; i++)
			signal(i, SIG_DFL);
		freopen("/dev/null", "w", stderr);
		create(fd, fd);
		ck_assert_int_eq(write(ready[1], is_raw(fd) ? "r" : "-", 1), 1);
		if (sig == 0)
			exit(0);
		if (sig == SIGABRT)
			abort();
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(c, 'r');
	if (sig && sig != SIGABRT)
		kill(pid, sig);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (sig)
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == sig, "status %#x", status);
	ck_assert_msg(!is_raw(fd), "still raw after signal %d", sig);
	close(fd);
	close(user);
	close(ready[0]);
	close(ready[1]);
}

START_TEST(every_way_out_restores)
{
	static const int sigs[] = { 0,	    SIGABRT, SIGTERM, SIGINT,  SIGHUP,	SIGQUIT, SIGSEGV,
				    SIGBUS, SIGFPE,  SIGILL,  SIGALRM, SIGUSR2, SIGPROF };

	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		dies_of(sigs[i]);
}
END_TEST

/* A background job of its terminal leaves it alone, is not stopped, and takes it when it may. */
static void background_job(int user, int fd)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	pid_t other;

	sigaction(SIGTTOU, &dfl, NULL);
	sigaction(SIGTTIN, &dfl, NULL);
	ck_assert(setsid() >= 0 && ioctl(fd, TIOCSCTTY, 0) == 0);
	/* Somebody else is in the foreground. */
	other = fork();
	if (!other) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(other, other);
	signal(SIGTTOU, SIG_IGN);
	ck_assert_int_eq(tcsetpgrp(fd, other), 0);
	signal(SIGTTOU, SIG_DFL);
	create(fd, fd);
	ck_assert(!is_raw(fd));
	chr->ops->rx_ready(chr, true);
	type(user, "not for us\n");
	received("");
	ck_assert(sleeps());
	signal(SIGTTOU, SIG_IGN);
	ck_assert_int_eq(tcsetpgrp(fd, getpgrp()), 0);
	signal(SIGTTOU, SIG_DFL);
	/* The shell's "fg". */
	kill(getpid(), SIGCONT);
	WAIT_FOR(is_raw(fd));
	got_len = 0;
	tcflush(fd, TCIFLUSH);
	type(user, "for us");
	received("for us");
	/* In the background again when it ends: restored all the same. */
	signal(SIGTTOU, SIG_IGN);
	ck_assert_int_eq(tcsetpgrp(fd, other), 0);
	signal(SIGTTOU, SIG_DFL);
	teardown();
	ck_assert(!is_raw(fd));
	kill(other, SIGKILL);
	exit(42);
}

START_TEST(background)
{
	int user, fd = terminal(&user), status;
	pid_t pid = fork();

	if (!pid)
		background_job(user, fd);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 42, "status %#x", status);
}
END_TEST

static void foreground(int fd, pid_t group)
{
	signal(SIGTTOU, SIG_IGN);
	ck_assert_int_eq(tcsetpgrp(fd, group), 0);
	signal(SIGTTOU, SIG_DFL);
}

/* Until the terminal is raw, or is not; false: it did not come to that. */
static bool becomes_raw(int fd, bool raw)
{
	for (int i = 0; i < scaled(1000) && is_raw(fd) != raw; i++)
		usleep(1000);
	return is_raw(fd) == raw;
}

/* What a shell does that leaves the terminal's modes alone, and its job. */
static void shell(int fd)
{
	int status;
	pid_t job;

	ck_assert(setsid() >= 0 && ioctl(fd, TIOCSCTTY, 0) == 0);
	job = fork();
	if (!job) {
		setpgid(0, 0);
		foreground(fd, getpgrp());
		signal(SIGTSTP, SIG_DFL);
		create(fd, fd);
		for (;;)
			steps(1);
	}
	ck_assert(becomes_raw(fd, true));
	/* Twice: the handler is there again. */
	for (int i = 0; i < 2; i++) {
		kill(job, SIGTSTP);
		ck_assert_int_eq(waitpid(job, &status, WUNTRACED), job);
		ck_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
		ck_assert(!is_raw(fd));
		/* "bg", "fg" */
		foreground(fd, getpgrp());
		kill(job, SIGCONT);
		usleep(10000);
		ck_assert(!is_raw(fd));
		foreground(fd, job);
		kill(job, SIGCONT);
		ck_assert(becomes_raw(fd, true));
	}
	kill(job, SIGKILL);
	exit(waitpid(job, &status, 0) == job ? 42 : 1);
}

START_TEST(a_shell_stops_it)
{
	int user, fd = terminal(&user), status;
	pid_t pid = fork();

	if (!pid)
		shell(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 42, "status %#x", status);
}
END_TEST

/* Nobody could continue it, so that it is not stopped: the terminal is its own again. */
START_TEST(without_a_shell)
{
	int user, fd = terminal(&user), status;
	pid_t pid = fork();

	if (!pid) {
		ck_assert(setsid() >= 0 && ioctl(fd, TIOCSCTTY, 0) == 0);
		signal(SIGTSTP, SIG_DFL);
		create(fd, fd);
		ck_assert(is_raw(fd));
		nr_resized = 0;
		kill(getpid(), SIGTSTP);
		WAIT_FOR(nr_resized);
		ck_assert(is_raw(fd));
		teardown();
		exit(is_raw(fd) ? 1 : 42);
	}
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 42, "status %#x", status);
}
END_TEST

/* ---- pipes, files, nothing ---- */

START_TEST(input_from_a_pipe)
{
	int in[2], out[2];

	ck_assert(pipe(in) == 0 && pipe(out) == 0);
	create(in[0], out[1]);
	/* Not read before the guest takes it: nothing is lost, whatever its length. */
	type(in[1], "\001x is no escape in a pipe\n");
	received("");
	room = 3;
	chr->ops->rx_ready(chr, true);
	steps(3);
	received("\001x ");
	room = sizeof(got);
	chr->ops->rx_ready(chr, true);
	steps(3);
	received("is no escape in a pipe\n");
	ck_assert_uint_eq(nr_stops, 0);
	put("answer");
	steps(2);
	expect(out[0], "answer");
	type(in[1], "last");
	close(in[1]);
	steps(5);
	received("last");
	/* End of input: the guest goes on, and nothing spins. */
	ck_assert(sleeps());
	chr->ops->rx_ready(chr, false);
	chr->ops->rx_ready(chr, true);
	steps(2);
	ck_assert(sleeps());
	put("more");
	steps(2);
	expect(out[0], "more");
	teardown();
}
END_TEST

/* The writer has gone before anybody wanted to read. */
START_TEST(pipe_closed_early)
{
	int in[2];

	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(write(in[1], "early", 5), 5);
	close(in[1]);
	create(in[0], -1);
	ck_assert(sleeps());
	chr->ops->rx_ready(chr, true);
	steps(4);
	received("early");
	ck_assert(sleeps());
	teardown();
}
END_TEST

START_TEST(input_from_a_file)
{
	static char text[10000];
	size_t total = 0;
	FILE *f = tmpfile();

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	ck_assert_uint_eq(fwrite(text, 1, sizeof(text), f), sizeof(text));
	ck_assert(fflush(f) == 0 && lseek(fileno(f), 1, SEEK_SET) == 1);
	create(fileno(f), -1);
	ck_assert(sleeps());
	/* From where the offset was, as fast as the guest takes it. */
	for (unsigned i = 0; i < 10000 && total < sizeof(text) - 1; i++) {
		room = 100;
		chr->ops->rx_ready(chr, true);
		steps(2);
		ck_assert_mem_eq(got, text + 1 + total, got_len);
		total += got_len;
		got_len = 0;
	}
	ck_assert_uint_eq(total, sizeof(text) - 1);
	chr->ops->rx_ready(chr, true);
	steps(2);
	ck_assert(sleeps());
	teardown();
	fclose(f);
}
END_TEST

/* However fast it comes, and however fast the guest takes it. */
START_TEST(a_full_guest_has_a_rest)
{
	u64 begin = loop_now_ns();
	int fd = open("/dev/zero", O_RDONLY);

	create(fd, -1);
	room = 16;
	chr->ops->rx_ready(chr, true);
	for (unsigned i = 1; i <= 32; i++) {
		WAIT_FOR(got_len == 16 * i);
		room = 16;
		chr->ops->rx_ready(chr, true);
	}
	ck_assert_uint_ge(loop_now_ns() - begin, 31 * 1300000);
	teardown();
	close(fd);
}
END_TEST

START_TEST(dev_null)
{
	int fd = open("/dev/null", O_RDWR);
	u16 cols, rows;

	create(fd, fd);
	chr->ops->rx_ready(chr, true);
	steps(3);
	ck_assert(sleeps());
	received("");
	put("x");
	steps(2);
	ck_assert(!chr->ops->size(chr, &cols, &rows));
	teardown();
}
END_TEST

/* An input without end, and a guest that takes it all: the loop still gets round. */
START_TEST(dev_zero)
{
	int fd = open("/dev/zero", O_RDONLY);

	create(fd, -1);
	chr->ops->rx_ready(chr, true);
	for (unsigned i = 0; i < 100; i++) {
		loop_step(loop, 0);
		ck_assert_uint_le(got_len, 1024);
		got_len = 0;
		room = sizeof(got);
	}
	teardown();
}
END_TEST

START_TEST(sockets)
{
	int s[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	create(s[0], s[0]);
	chr->ops->rx_ready(chr, true);
	type(s[1], "in");
	received("in");
	put("out");
	steps(2);
	expect(s[1], "out");
	close(s[1]);
	steps(4);
	ck_assert(sleeps());
	teardown();
}
END_TEST

/* The reader of our stdout stands still: the loop does not, and nothing is lost. */
START_TEST(blocked_output)
{
	static char line[1000], buf[4096];
	size_t sent = 0, taken = 0, n;
	int out[2];

	alarm(scaled(30));
	ck_assert_int_eq(pipe(out), 0);
	create(-1, out[1]);
	while ((n = chr->ops->write(chr, line, sizeof(line)))) {
		sent += n;
		steps(2);
	}
	ck_assert(sleeps());
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	for (unsigned i = 0; i < 10000 && taken < sent; i++) {
		ssize_t r = read(out[0], buf, sizeof(buf));

		taken += (size_t)MAX(r, 0);
		loop_step(loop, 1);
	}
	ck_assert_uint_eq(taken, sent);
	ck_assert_uint_ge(nr_writable, 1);
	teardown();
}
END_TEST

/* Who else reads is behind: he has to say when he goes on, also if he has taken a part. */
START_TEST(a_tap_that_is_behind)
{
	static char line[200000], buf[4096];
	struct console_conf conf = { .in_fd = -1 };
	int out = open("/dev/null", O_WRONLY), wake = eventfd(0, EFD_NONBLOCK);
	size_t sent;

	ck_assert_int_eq(tap_create(&conf.tap, wake), 0);
	conf.out_fd = out;
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(console_create(&con, &conf, loop), 0);
	chr = console_chardev(con);
	chr->client = &client;
	sent = 0;
	for (unsigned i = 0; i < 1000 && sent < sizeof(line); i++) {
		size_t n = chr->ops->write(chr, line + sent, sizeof(line) - sent);

		sent += n;
		nr_writable = 0;
		/* Nobody writes again before he is told to. */
		while (!nr_writable && sent < sizeof(line)) {
			tap_take(conf.tap, buf, sizeof(buf));
			loop_step(loop, 5);
			ck_assert_uint_lt(i++, 1000);
		}
	}
	ck_assert_uint_eq(sent, sizeof(line));
	teardown();
	tap_destroy(conf.tap);
	close(wake);
}
END_TEST

START_TEST(nothing_at_all)
{
	create(-1, -1);
	chr->ops->rx_ready(chr, true);
	put("x");
	steps(2);
	teardown();
	console_destroy(NULL);
}
END_TEST

START_TEST(bad_descriptor)
{
	struct console_conf conf = { .in_fd = 1000, .out_fd = -1 };

	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(console_create(&con, &conf, loop), -EBADF);
	conf = (struct console_conf){ .in_fd = -1, .out_fd = 1000 };
	ck_assert_int_eq(console_create(&con, &conf, loop), -EBADF);
	loop_destroy(loop);
}
END_TEST

/* A guest that prints byte by byte must not cost a system call each. */
START_TEST(bytes_are_gathered)
{
	int out[2];
	unsigned reads = 0, bytes = 0;
	char buf[4096];

	ck_assert_int_eq(pipe2(out, O_DIRECT), 0);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	create(-1, out[1]);
	for (unsigned i = 0; i < 5000; i++) {
		put("x");
		if (i % 50 == 0)
			loop_step(loop, 0);
	}
	steps(4);
	for (ssize_t n; (n = read(out[0], buf, sizeof(buf))) > 0; reads++)
		bytes += (unsigned)n;
	ck_assert_uint_eq(bytes, 5000);
	ck_assert_uint_lt(reads, 200);
	teardown();
}
END_TEST

/* ---- ptys ---- */

START_TEST(pty)
{
	char line[128], name[64];
	int err[2], fd;

	ck_assert(pipe(err) == 0 && dup2(err[1], STDERR_FILENO) >= 0);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(console_create_pty(&con, 2, loop, NULL), 0);
	line[read(err[0], line, sizeof(line) - 1)] = '\0';
	ck_assert_int_eq(sscanf(line, " Info: Assigned terminal 2 to pty %63s", name), 1);
	chr = console_chardev(con);
	chr->client = &client;
	room = sizeof(got);
	chr->ops->rx_ready(chr, true);
	/* Nobody there: no spinning, and the output waits. */
	put("login: ");
	steps(3);
	ck_assert(sleeps());
	received("");
	fd = open(name, O_RDWR | O_NOCTTY);
	ck_assert_int_ge(fd, 0);
	ck_assert(is_raw(fd));
	expect(fd, "login: ");
	type(fd, "root\r\001x");
	received("root\r\001x");
	/* Gone, and back. */
	close(fd);
	steps(3);
	ck_assert(sleeps());
	fd = open(name, O_RDWR | O_NOCTTY);
	put("again");
	steps(2);
	expect(fd, "again");
	teardown();
}
END_TEST

/* ---- life ---- */

static int term_fd;

static int create_and_destroy(void)
{
	struct console_conf conf = { .in_fd = term_fd, .out_fd = term_fd };
	int err = console_create(&con, &conf, loop);

	if (!err)
		console_destroy(con);
	ck_assert(!is_raw(term_fd));
	return err;
}

static int create_and_destroy_pty(void)
{
	int err = console_create_pty(&con, 1, loop, NULL);

	if (!err)
		console_destroy(con);
	return err;
}

START_TEST(create_fails_step_by_step)
{
	int user;

	term_fd = terminal(&user);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	fds_exhaust(create_and_destroy);
	fds_exhaust(create_and_destroy_pty);
	loop_destroy(loop);
}
END_TEST

SUITE_MAIN("lkvm/console", on_a_terminal, a_message_has_a_line_of_its_own, escapes,
	   escape_when_the_guest_is_deaf, a_paste_is_not_lost, escape_behind_a_paste, hang_up,
	   window_size, every_way_out_restores, background, a_shell_stops_it, without_a_shell,
	   input_from_a_pipe, pipe_closed_early, input_from_a_file, a_full_guest_has_a_rest,
	   dev_null, dev_zero, sockets, blocked_output, a_tap_that_is_behind, nothing_at_all,
	   bad_descriptor, bytes_are_gathered, pty, create_fails_step_by_step)
