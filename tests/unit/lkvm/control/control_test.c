/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: its directory, names, requests of every kind, clients of any speed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/control/control.h"
#include "lkvm/control/control_dir.h"
#include "tests/unit/arm64/capture.h"
#include "tests/unit/fds.h"
#include "tests/unit/lkvm/control/home.h"

static struct loop *loop;
static struct control *server;

/* What a fake guest does with requests. */
static struct {
	unsigned nr, gone;
	char last[CONTROL_WORDS][CONTROL_LINE];
	unsigned nr_words;
	struct control_client *follower;
	int fd;
} seen;

static void request(void *arg, struct control_client *c, const struct control_request *r)
{
	ck_assert_ptr_eq(arg, &seen);
	seen.nr++;
	seen.nr_words = r->nr;
	for (unsigned i = 0; i < r->nr; i++)
		snprintf(seen.last[i], sizeof(seen.last[i]), "%s", r->words[i]);
	if (!strcmp(r->words[0], "follow")) {
		seen.follower = c;
		control_record(c, "first");
		control_follow(c);
	} else if (!strcmp(r->words[0], "refuse")) {
		control_record(c, "never seen");
		control_refuse(c, "because");
	} else if (!strcmp(r->words[0], "big")) {
		for (unsigned i = 0; i < 20000; i++)
			control_record(c, "record\t%u", i);
		control_end(c);
	} else if (!strcmp(r->words[0], "huge")) {
		for (unsigned i = 0; i < 300000; i++)
			control_record(c, "record\t%u", i);
		control_end(c);
	} else {
		if (!strcmp(r->words[0], "take"))
			seen.fd = control_take_fd(c);
		control_record(c, "a\tb\t%d", 7);
		control_end(c);
	}
}

static void gone(void *arg, struct control_client *c)
{
	ck_assert_ptr_eq(arg, &seen);
	ck_assert_ptr_eq(c, seen.follower);
	seen.follower = NULL;
	seen.gone++;
}

static const struct control_ops ops = { .request = request, .gone = gone };

static void up(void)
{
	use_home();
	memset(&seen, 0, sizeof(seen));
	seen.fd = -1;
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	ck_assert_int_eq(control_create(&server, "g"), 0);
	ck_assert_int_eq(control_serve(server, loop, &ops, &seen), 0);
}

static void down(void)
{
	control_rest(server);
	control_destroy(server);
	loop_destroy(loop);
	drop_home();
}

static int dir(void)
{
	char why[200];
	int fd = control_dir_open(why, sizeof(why));

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int dial(const char *name)
{
	int d = dir(), s = control_dir_connect(d, name);

	close(d);
	if (s >= 0)
		fcntl(s, F_SETFL, O_NONBLOCK);
	return s;
}

static void turn(unsigned nr)
{
	while (nr--)
		loop_step(loop, 0);
}

static void say(int s, const char *text, size_t len)
{
	ck_assert_int_eq(send(s, text, len, MSG_NOSIGNAL), len);
}

/* All that comes until the other side hangs up, the loop turning meanwhile. */
static const char *hear(int s)
{
	static char buf[1 << 20];
	size_t len = 0;

	for (int idle = 0; idle < 1000; idle++) {
		ssize_t n = recv(s, buf + len, sizeof(buf) - 1 - len, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		if (n > 0) {
			len += (size_t)n;
			idle = 0;
		}
		turn(1);
	}
	buf[len] = 0;
	return buf;
}

static const char *tell(const char *line)
{
	int s = dial("g");
	const char *answer;

	ck_assert_int_ge(s, 0);
	say(s, line, strlen(line));
	answer = hear(s);
	close(s);
	turn(3);
	return answer;
}

/* ---- the directory ---- */

START_TEST(private_to_the_user)
{
	char path[100];
	struct stat st;
	int d;

	umask(0);
	up();
	snprintf(path, sizeof(path), "%s/.lkvm", home);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/.lkvm/g.sock", home);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	down();
	/* kvmtool's directory is open to others: no more. */
	use_home();
	snprintf(path, sizeof(path), "%s/.lkvm", home);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	d = dir();
	ck_assert_int_eq(fstat(d, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	close(d);
	drop_home();
}
END_TEST

START_TEST(no_place_for_a_socket)
{
	char path[100];

	capture_start();
	unsetenv("HOME");
	ck_assert_int_eq(control_create(&server, "g"), 0);
	ck_assert_ptr_null(server);
	ck_assert(strstr(captured(), "Warning") && strstr(captured(), "$HOME is not set"));
	capture_start();
	setenv("HOME", "/nonexistent", 1);
	ck_assert_int_eq(control_create(&server, "g"), 0);
	ck_assert_ptr_null(server);
	ck_assert(strstr(captured(), "/nonexistent"));
	/* A link in its place leads nowhere. */
	use_home();
	snprintf(path, sizeof(path), "%s/.lkvm", home);
	ck_assert_int_eq(symlink("/tmp", path), 0);
	capture_start();
	ck_assert_int_eq(control_create(&server, "g"), 0);
	ck_assert_ptr_null(server);
	drop_home();
	control_destroy(NULL);
}
END_TEST

START_TEST(somebody_elses_directory)
{
	char path[100];

	if (geteuid() != 0)
		return;
	use_home();
	snprintf(path, sizeof(path), "%s/.lkvm", home);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	ck_assert_int_eq(chown(path, 12345, 12345), 0);
	capture_start();
	ck_assert_int_eq(control_create(&server, "g"), 0);
	ck_assert_ptr_null(server);
	ck_assert(strstr(captured(), "belongs to somebody else"));
	drop_home();
}
END_TEST

START_TEST(a_name_in_use)
{
	struct control *second;

	up();
	capture_start();
	ck_assert_int_eq(control_create(&second, "g"), -EADDRINUSE);
	ck_assert_ptr_null(second);
	captured_one_error("called g", "--name");
	ck_assert_int_eq(control_create(&second, "h"), 0);
	control_destroy(second);
	down();
	/* After its end it is free. */
	up();
	down();
}
END_TEST

/* What kill -9 leaves is cleaned up by the next guest of that name, and by whoever asks for it. */
START_TEST(stale_sockets)
{
	struct control_names names;
	pid_t pid;
	int d, status;

	use_home();
	for (unsigned i = 0; i < 2; i++) {
		pid = fork();
		if (!pid) {
			control_create(&server, "g");
			_exit(server ? 0 : 1);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
		d = dir();
		ck_assert_int_eq(control_dir_guests(d, &names), 0);
		ck_assert_uint_eq(names.nr, 1);
		control_names_free(&names);
		if (i == 0) {
			ck_assert_int_eq(control_create(&server, "g"), 0);
			control_destroy(server);
		} else {
			ck_assert_int_eq(control_dir_connect(d, "g"), -ENOENT);
		}
		ck_assert_int_eq(control_dir_guests(d, &names), 0);
		ck_assert_uint_eq(names.nr, 0);
		close(d);
	}
	drop_home();
}
END_TEST

/* A file that is no socket is not ours to remove. */
START_TEST(not_a_socket)
{
	struct stat st;
	int d, fd;

	use_home();
	d = dir();
	fd = openat(d, "g.sock", O_CREAT | O_WRONLY, 0600);
	close(fd);
	capture_start();
	ck_assert_int_eq(control_create(&server, "g"), 0);
	ck_assert_ptr_null(server);
	ck_assert(strstr(captured(), "Warning") && strstr(captured(), "no socket"));
	ck_assert_int_eq(fstatat(d, "g.sock", &st, 0), 0);
	close(d);
	drop_home();
}
END_TEST

START_TEST(long_paths_and_names)
{
	static const char longest[] =
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk";
	char path[1000];
	struct control_names names;
	int d;

	/* Longer than the 108 bytes of a socket's address. */
	use_home();
	for (size_t len = 0; len < 600; len = strlen(path)) {
		snprintf(path, sizeof(path), "%s/%0*d", getenv("HOME"), 100, 0);
		ck_assert_int_eq(mkdir(path, 0700), 0);
		setenv("HOME", path, 1);
	}
	ck_assert_uint_eq(strlen(longest), 63);
	ck_assert_int_eq(control_create(&server, longest), 0);
	ck_assert_ptr_nonnull(server);
	d = dir();
	ck_assert_int_eq(control_dir_guests(d, &names), 0);
	ck_assert_uint_eq(names.nr, 1);
	ck_assert_str_eq(names.names[0], longest);
	control_names_free(&names);
	close(d);
	control_destroy(server);
	drop_home();
}
END_TEST

START_TEST(names_are_sorted)
{
	struct control *s[3];
	struct control_names names;
	int d;

	use_home();
	ck_assert_int_eq(control_create(&s[0], "zoo"), 0);
	ck_assert_int_eq(control_create(&s[1], "ant"), 0);
	ck_assert_int_eq(control_create(&s[2], "Bee"), 0);
	d = dir();
	mkdirat(d, "rootfs", 0700);
	mkdirat(d, ".hidden", 0700);
	ck_assert_int_eq(control_dir_guests(d, &names), 0);
	ck_assert_uint_eq(names.nr, 3);
	ck_assert_str_eq(names.names[0], "Bee");
	ck_assert_str_eq(names.names[1], "ant");
	ck_assert_str_eq(names.names[2], "zoo");
	control_names_free(&names);
	ck_assert_int_eq(control_dir_rootfs(d, &names), 0);
	ck_assert_uint_eq(names.nr, 1);
	ck_assert_str_eq(names.names[0], "rootfs");
	control_names_free(&names);
	close(d);
	for (unsigned i = 0; i < 3; i++)
		control_destroy(s[i]);
	drop_home();
}
END_TEST

static int create_and_serve(void)
{
	struct control *s = NULL;
	int err = control_create(&s, "g");

	if (!err && !s)
		err = -EMFILE; /* a guest without a socket */
	if (!err)
		err = control_serve(s, loop, &ops, &seen);
	control_rest(s);
	control_destroy(s);
	return err;
}

START_TEST(out_of_descriptors)
{
	use_home();
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	close(dir());
	capture_start();
	fds_exhaust(create_and_serve);
	loop_destroy(loop);
	drop_home();
}
END_TEST

/* ---- requests ---- */

START_TEST(requests_and_answers)
{
	up();
	ck_assert_str_eq(tell("lkvm/1 status\n"), "lkvm/1 ok\na\tb\t7\nend\n");
	ck_assert_uint_eq(seen.nr_words, 1);
	ck_assert_str_eq(seen.last[0], "status");
	ck_assert_str_eq(tell("lkvm/1 a b c d e f\n"), "lkvm/1 ok\na\tb\t7\nend\n");
	ck_assert_uint_eq(seen.nr_words, 6);
	ck_assert_str_eq(seen.last[5], "f");
	ck_assert_str_eq(tell("lkvm/1 refuse\n"), "lkvm/1 error because\n");
	/* What comes behind the line is not read. */
	ck_assert_str_eq(tell("lkvm/1 status\nlkvm/1 status\n"), "lkvm/1 ok\na\tb\t7\nend\n");
	ck_assert_uint_eq(seen.nr, 4);
	down();
}
END_TEST

START_TEST(malformed_requests)
{
	static const struct {
		const char *line, *why;
	} bad[] = {
		{ "\n", "not a request" },
		{ "GET / HTTP/1.0\r\n", "not a request" },
		{ "lkvm\n", "not a request" },
		{ "lkvm/2 status\n", "version 1" },
		{ "lkvm/1\n", "version 1" },
		{ "lkvm/11 status\n", "version 1" },
		{ "lkvm/1 \n", "one to six words" },
		{ "lkvm/1  status\n", "one to six words" },
		{ "lkvm/1 status \n", "one to six words" },
		{ "lkvm/1 a b c d e f g\n", "one to six words" },
		{ "lkvm/1 sta\ttus\n", "not a request" },
		{ "lkvm/1 st\x80tus\n", "not a request" },
		{ "lkvm/1 st\x7ftus\n", "not a request" },
		{ "lkvm/1 status\r\n", "not a request" },
	};

	up();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *answer = tell(bad[i].line);

		ck_assert_msg(!strncmp(answer, "lkvm/1 error ", 13) && strstr(answer, bad[i].why),
			      "%u: %s", i, answer);
	}
	ck_assert_uint_eq(seen.nr, 0);
	down();
}
END_TEST

START_TEST(oversized_and_partial_requests)
{
	static const char line[] = "lkvm/1 status\n";
	char big[1000];
	int s;

	up();
	/* The longest that there is, then one that is longer, then much more than that. */
	memset(big, 'x', sizeof(big));
	memcpy(big, "lkvm/1 ", 7);
	big[CONTROL_LINE - 1] = '\n';
	big[CONTROL_LINE] = 0;
	ck_assert_str_eq(tell(big), "lkvm/1 ok\na\tb\t7\nend\n");
	ck_assert_uint_eq(strlen(seen.last[0]), CONTROL_LINE - 8);
	big[CONTROL_LINE - 1] = 'x';
	big[CONTROL_LINE] = '\n';
	big[CONTROL_LINE + 1] = 0;
	ck_assert(strstr(tell(big), "at most 255 characters"));
	memset(big + 7, 'x', sizeof(big) - 8);
	big[sizeof(big) - 1] = 0;
	ck_assert(strstr(tell(big), "at most 255 characters"));
	/* A byte at a time is slow, but right. */
	s = dial("g");
	for (const char *p = line; *p; p++) {
		say(s, p, 1);
		turn(2);
	}
	ck_assert_str_eq(hear(s), "lkvm/1 ok\na\tb\t7\nend\n");
	close(s);
	/* The end in the middle. */
	s = dial("g");
	say(s, line, 5);
	turn(2);
	close(s);
	turn(3);
	s = dial("g");
	turn(2);
	close(s);
	turn(3);
	ck_assert_uint_eq(seen.nr, 2);
	down();
}
END_TEST

/* A zero byte ends no line and no word. */
START_TEST(zero_bytes)
{
	int s;

	up();
	s = dial("g");
	say(s, "lkvm/1 st\0tus\n", 14);
	ck_assert(strstr(hear(s), "not a request"));
	close(s);
	down();
}
END_TEST

static ssize_t send_fds(int s, const char *line, const int *fds, unsigned nr)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} u = { 0 };
	struct iovec iov = { (void *)(uintptr_t)line, strlen(line) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &u,
			    .msg_controllen = CMSG_SPACE(nr * sizeof(int)) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(h), fds, nr * sizeof(int));
	return sendmsg(s, &m, MSG_NOSIGNAL);
}

/* The first of the descriptors that come is kept, if somebody takes it; none is leaked. */
START_TEST(descriptors_that_come_along)
{
	int fds[16], s;
	unsigned before;

	up();
	before = fds_open();
	for (unsigned i = 0; i < 16; i++)
		fds[i] = STDIN_FILENO;
	s = dial("g");
	ck_assert_int_gt(send_fds(s, "lkvm/1 take\n", fds, 1), 0);
	ck_assert_str_eq(hear(s), "lkvm/1 ok\na\tb\t7\nend\n");
	close(s);
	ck_assert_int_ge(seen.fd, 0);
	close(seen.fd);
	turn(3);
	for (unsigned i = 0; i < 3; i++) {
		s = dial("g");
		ck_assert_int_gt(send_fds(s, "lkvm/1", fds, 16), 0);
		turn(2);
		ck_assert_int_gt(send_fds(s, " sta", fds, 3), 0);
		turn(2);
		if (i)
			say(s, "tus\n", 4);
		turn(4);
		close(s);
		turn(4);
	}
	ck_assert_uint_eq(fds_open(), before);
	down();
}
END_TEST

/* ---- clients of any number and speed ---- */

START_TEST(more_clients_than_places)
{
	int s[CONTROL_CLIENTS + 4];

	up();
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = dial("g");
		ck_assert_int_ge(s[i], 0);
		turn(2);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++)
		say(s[i], "lkvm/1 status\n", 14);
	/* Those without a place wait, and get theirs. */
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++) {
		ck_assert_str_eq(hear(s[i]), "lkvm/1 ok\na\tb\t7\nend\n");
		close(s[i]);
	}
	ck_assert_uint_eq(seen.nr, ARRAY_SIZE(s));
	down();
}
END_TEST

/* All places taken by clients that say nothing: they lose theirs, and the next is served. */
START_TEST(silent_clients)
{
	int s[CONTROL_CLIENTS], last;
	u64 start = loop_now_ns();

	up();
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = dial("g");
		say(s[i], "lkvm", 4);
		turn(2);
	}
	last = dial("g");
	say(last, "lkvm/1 status\n", 14);
	while (!seen.nr && loop_now_ns() - start < 20000000000u)
		loop_step(loop, 200);
	ck_assert_str_eq(hear(last), "lkvm/1 ok\na\tb\t7\nend\n");
	close(last);
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++) {
		ck_assert_str_eq(hear(s[i]), "");
		close(s[i]);
	}
	down();
}
END_TEST

/* One that does not read what it asked for is given up. */
START_TEST(clients_that_do_not_read)
{
	u64 start = loop_now_ns();
	unsigned before;
	int s;

	up();
	before = fds_open();
	s = dial("g");
	say(s, "lkvm/1 big\n", 11);
	turn(5);
	ck_assert_uint_eq(fds_open(), before + 2);
	while (fds_open() > before + 1 && loop_now_ns() - start < 20000000000u)
		loop_step(loop, 200);
	ck_assert_uint_eq(fds_open(), before + 1);
	close(s);
	/* One that does gets all of it. */
	ck_assert(strstr(tell("lkvm/1 big\n"), "record\t19999\nend\n"));
	down();
}
END_TEST

/* An answer without bounds is cut, and shows it: no "end". */
START_TEST(answers_have_a_limit)
{
	const char *answer;
	static char all[4 << 20];
	size_t len = 0;
	int s;

	up();
	s = dial("g");
	say(s, "lkvm/1 huge\n", 12);
	turn(2);
	for (;;) {
		ssize_t n = recv(s, all + len, sizeof(all) - 1 - len, 0);

		if (n > 0)
			len += (size_t)n;
		else if (n == 0)
			break;
		turn(1);
	}
	all[len] = 0;
	answer = strstr(all, "record\t0\n");
	ck_assert_ptr_nonnull(answer);
	ck_assert_uint_gt(len, MiB);
	ck_assert_ptr_null(strstr(all, "end\n"));
	close(s);
	down();
}
END_TEST

START_TEST(following)
{
	int s;

	up();
	s = dial("g");
	say(s, "lkvm/1 follow\n", 14);
	turn(3);
	ck_assert_ptr_nonnull(seen.follower);
	control_record(seen.follower, "second");
	control_flush(seen.follower);
	turn(1);
	/* It may say what it likes now. */
	say(s, "hello\n", 6);
	turn(2);
	control_end(seen.follower);
	seen.follower = NULL;
	ck_assert_str_eq(hear(s), "lkvm/1 ok\nfirst\nsecond\nend\n");
	ck_assert_uint_eq(seen.gone, 0);
	close(s);
	down();
}
END_TEST

START_TEST(a_follower_goes_away)
{
	unsigned before;
	int s;

	up();
	before = fds_open();
	for (unsigned i = 0; i < 3; i++) {
		s = dial("g");
		say(s, "lkvm/1 follow\n", 14);
		turn(3);
		ck_assert_ptr_nonnull(seen.follower);
		close(s);
		/* Found out while writing to it, while waiting for it, or at the end of it all. */
		for (unsigned k = 0; i == 0 && k < 100; k++) {
			control_record(seen.follower, "more");
			control_flush(seen.follower);
		}
		if (i < 2) {
			turn(3);
			ck_assert_uint_eq(seen.gone, i + 1);
			ck_assert_uint_eq(fds_open(), before);
		}
	}
	down();
	ck_assert_uint_eq(seen.gone, 3);
}
END_TEST

/* One that reads too slowly costs nobody anything, and is told how much it has missed. */
START_TEST(a_follower_falls_behind)
{
	unsigned long long lost = 0, got = 0;
	const char *p;
	int s;

	up();
	s = dial("g");
	say(s, "lkvm/1 follow\n", 14);
	turn(3);
	for (unsigned i = 0; i < 200000; i++) {
		control_record(seen.follower, "transfer number %u", i);
		if (i % 100 == 0)
			control_flush(seen.follower);
	}
	/* It wakes up, reads what there is, and gets the rest. */
	for (unsigned i = 0; i < 2; i++) {
		static char buf[4 << 20];
		size_t len = 0;

		for (unsigned idle = 0; idle < 10; idle++) {
			ssize_t n = recv(s, buf + len, sizeof(buf) - 1 - len, 0);

			len += n > 0 ? (size_t)n : 0;
			idle = n > 0 ? 0 : idle;
			turn(2);
		}
		buf[len] = 0;
		for (p = buf; (p = strstr(p, "transfer ")); p++)
			got++;
		p = strstr(buf, "lost\t");
		if (p)
			lost += strtoull(p + 5, NULL, 10);
		if (!i) {
			control_record(seen.follower, "last");
			control_flush(seen.follower);
		} else {
			ck_assert(strstr(buf, "last\n"));
		}
	}
	ck_assert_uint_gt(got, 1000);
	ck_assert_uint_gt(lost, 1000);
	ck_assert_uint_eq(got + lost, 200000);
	close(s);
	turn(3);
	ck_assert_uint_eq(seen.gone, 1);
	down();
}
END_TEST

START_TEST(the_guest_ends)
{
	int s, t;

	up();
	s = dial("g");
	say(s, "lkvm/1 follow\n", 14);
	t = dial("g");
	say(t, "lkvm/", 5);
	turn(3);
	control_end(seen.follower);
	/* Nobody finds the guest when the first one learns of its end. */
	control_give_back(server);
	ck_assert_int_eq(dial("g"), -ENOENT);
	control_rest(server);
	ck_assert_str_eq(hear(s), "lkvm/1 ok\nfirst\nend\n");
	control_destroy(server);
	ck_assert_str_eq(hear(t), "");
	close(s);
	close(t);
	loop_destroy(loop);
	/* And another one of that name is left alone. */
	control_rest(NULL);
	control_give_back(NULL);
	control_destroy(NULL);
	drop_home();
}
END_TEST

START_TEST(a_name_given_back_may_be_taken)
{
	struct control *next;

	up();
	control_give_back(server);
	ck_assert_int_eq(control_create(&next, "g"), 0);
	control_rest(server);
	control_destroy(server);
	close(dial("g")); /* the next one's, still there */
	control_destroy(next);
	ck_assert_int_eq(dial("g"), -ENOENT);
	loop_destroy(loop);
	drop_home();
}
END_TEST

/* Who asks between two boots of a guest is answered by the next. */
START_TEST(a_guest_that_boots_again)
{
	int before, slow, between, stream;

	up();
	before = dial("g");
	slow = dial("g");
	stream = dial("g");
	say(stream, "lkvm/1 follow\n", 14);
	say(slow, "lkvm/1 ", 7);
	turn(4);
	ck_assert_uint_eq(seen.nr, 1);
	control_rest(server);
	ck_assert_uint_eq(seen.gone, 1);
	ck_assert_str_eq(hear(stream), "lkvm/1 ok\nfirst\n");
	loop_destroy(loop);
	say(before, "lkvm/1 one\n", 11);
	say(slow, "two\n", 4);
	between = dial("g");
	say(between, "lkvm/1 three\n", 13);

	ck_assert_int_eq(loop_create(&loop, "next"), 0);
	ck_assert_int_eq(control_serve(server, loop, &ops, &seen), 0);
	turn(6);
	ck_assert_uint_eq(seen.nr, 4);
	ck_assert_str_eq(hear(before), "lkvm/1 ok\na\tb\t7\nend\n");
	ck_assert_str_eq(hear(slow), "lkvm/1 ok\na\tb\t7\nend\n");
	ck_assert_str_eq(hear(between), "lkvm/1 ok\na\tb\t7\nend\n");
	close(before);
	close(slow);
	close(between);
	close(stream);
	down();
}
END_TEST

SUITE_MAIN("lkvm/control", private_to_the_user, no_place_for_a_socket, somebody_elses_directory,
	   a_name_in_use, stale_sockets, not_a_socket, long_paths_and_names, names_are_sorted,
	   out_of_descriptors, requests_and_answers, malformed_requests,
	   oversized_and_partial_requests, zero_bytes, descriptors_that_come_along,
	   more_clients_than_places, silent_clients, clients_that_do_not_read, answers_have_a_limit,
	   following, a_follower_goes_away, a_follower_falls_behind, the_guest_ends,
	   a_name_given_back_may_be_taken, a_guest_that_boots_again)
