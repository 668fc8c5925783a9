/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --console-port: what is parsed, and what is opened for it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/base/uds.h"
#include "lkvm/console/port.h"
#include "tests/unit/arm64/capture.h"
#include "tests/unit/fds.h"
#include "tests/unit/suite.h"

static struct loop *loop;
static struct port *port;
static struct port_conf conf;
static char dir[32], path[64];

static void setup(void)
{
	strcpy(dir, "/tmp/port-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/p", dir);
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
}

static void teardown(void)
{
	port_destroy(port);
	port = NULL;
	loop_destroy(loop);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void open_port(const char *kind)
{
	char arg[100];

	snprintf(arg, sizeof(arg), "log,%s=%s", kind, path);
	ck_assert_int_eq(port_conf_parse(arg, &conf), 0);
	ck_assert_int_eq(port_create(&port, &conf, loop), 0);
}

START_TEST(parse)
{
	static const char *const bad[] = { "",	      ",file=/x",   "a",	 "a,",
					   "a,file=", "a,socket=",  "a,what=/x", "a,pty,pty",
					   "a/b,pty", "a,file=/x,y" };
	char name[100], *arg;

	ck_assert_int_eq(port_conf_parse("a,,b,file=/x,,y", &conf), 0);
	ck_assert_str_eq(conf.name, "a,b");
	ck_assert_int_eq(conf.kind, PORT_FILE);
	ck_assert_str_eq(conf.path, "/x,y");
	ck_assert_int_eq(port_conf_parse("a,socket=s", &conf), 0);
	ck_assert_int_eq(conf.kind, PORT_SOCKET);
	ck_assert_int_eq(port_conf_parse("a,pty", &conf), 0);
	ck_assert_int_eq(conf.kind, PORT_PTY);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(port_conf_parse(bad[i], &conf) == -EINVAL, "'%s'", bad[i]);
	memset(name, 'n', sizeof(name));
	strcpy(name + PORT_NAME_MAX, ",pty");
	ck_assert_int_eq(port_conf_parse(name, &conf), -EINVAL);
	ck_assert_int_eq(port_conf_parse(name + 1, &conf), 0);
	arg = calloc(1, PATH_MAX + 20);
	memset(arg, 'p', PATH_MAX + 10);
	memcpy(arg, "a,file=", 7);
	ck_assert_int_eq(port_conf_parse(arg, &conf), -EINVAL);
	free(arg);
}
END_TEST

START_TEST(a_file_grows)
{
	struct chardev *chr;
	char buf[20];
	int fd;

	setup();
	for (unsigned i = 0; i < 2; i++) {
		open_port("file");
		chr = port_chardev(port);
		ck_assert(chr->ops->connected(chr));
		chr->ops->peer(chr, true);
		ck_assert_uint_eq(chr->ops->write(chr, "line\n", 5), 5);
		/* The guest may close it, and open it again. */
		chr->ops->peer(chr, false);
		ck_assert(chr->ops->connected(chr));
		port_destroy(port);
		port = NULL;
	}
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 10);
	ck_assert_mem_eq(buf, "line\nline\n", 10);
	close(fd);
	teardown();
}
END_TEST

static int connect_to(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static bool wait_connected(struct chardev *chr, bool on)
{
	for (unsigned i = 0; i < 200 && chr->ops->connected(chr) != on; i++)
		loop_step(loop, 5);
	return chr->ops->connected(chr) == on;
}

START_TEST(one_client_at_a_time)
{
	struct chardev *chr;
	int a, b;
	u64 t;
	char c[8];

	setup();
	open_port("socket");
	chr = port_chardev(port);
	chr->ops->peer(chr, true);
	ck_assert(!chr->ops->connected(chr));
	a = connect_to();
	ck_assert(wait_connected(chr, true));
	b = connect_to();
	for (unsigned i = 0; i < 5; i++)
		loop_step(loop, 5);
	ck_assert_uint_eq(chr->ops->write(chr, "for a", 5), 5);
	ck_assert_int_eq(read(b, c, 8), -1);
	ck_assert_int_eq(read(a, c, 8), 5);
	/* The guest closes, so does our end; the next one's turn. */
	chr->ops->peer(chr, false);
	ck_assert_int_eq(read(a, c, 8), 0);
	ck_assert(wait_connected(chr, true));
	ck_assert_uint_eq(chr->ops->write(chr, "for b", 5), 5);
	ck_assert_int_eq(read(b, c, 8), 5);
	/* The guest has not seen that this one is gone: the next one waits for it. */
	chr->ops->peer(chr, true);
	chr->ops->rx_ready(chr, true);
	close(b);
	ck_assert(wait_connected(chr, false));
	b = connect_to();
	for (unsigned i = 0; i < 20; i++)
		loop_step(loop, 5);
	ck_assert(!chr->ops->connected(chr));
	chr->ops->peer(chr, false);
	ck_assert(wait_connected(chr, true));
	chr->ops->peer(chr, true);
	chr->ops->rx_ready(chr, true);
	close(b);
	ck_assert(wait_connected(chr, false));
	b = connect_to();
	t = loop_now_ns();
	while (!chr->ops->connected(chr))
		loop_step(loop, 100);
	ck_assert_uint_ge(loop_now_ns() - t, 4000000000);
	/* It keeps the port open: nobody else waits. */
	close(b);
	ck_assert(wait_connected(chr, false));
	b = connect_to();
	ck_assert(wait_connected(chr, true));
	close(b);
	close(a);
	port_destroy(port);
	port = NULL;
	ck_assert_int_eq(access(path, F_OK), -1);
	teardown();
}
END_TEST

/* Nobody spins on a client that cannot be taken, and nobody who waits is forgotten. */
/* The guest sees a port that is closed; the user hears why. */
START_TEST(a_full_disk)
{
	struct chardev *chr;

	setup();
	capture_start();
	ck_assert_int_eq(port_conf_parse("log,file=/dev/full", &conf), 0);
	ck_assert_int_eq(port_create(&port, &conf, loop), 0);
	chr = port_chardev(port);
	ck_assert_uint_eq(chr->ops->write(chr, "line", 4), 4);
	ck_assert(!chr->ops->connected(chr));
	ck_assert_ptr_nonnull(strstr(captured(), "log: what the guest writes is lost from now on: "
						 "No space"));
	teardown();
}
END_TEST

START_TEST(no_descriptors)
{
	struct chardev *chr;
	u64 t;
	int a;

	setup();
	open_port("socket");
	chr = port_chardev(port);
	a = connect_to();
	fds_limit(0);
	loop_step(loop, 5);
	t = loop_now_ns();
	for (unsigned i = 0; i < 5; i++)
		loop_step(loop, 20);
	ck_assert_uint_ge(loop_now_ns() - t, 50000000);
	ck_assert(!chr->ops->connected(chr));
	fds_limit(-1);
	ck_assert(wait_connected(chr, true));
	close(a);
	teardown();
}
END_TEST

START_TEST(a_pty)
{
	struct chardev *chr;

	setup();
	ck_assert_int_eq(port_conf_parse("p,pty", &conf), 0);
	ck_assert_int_eq(port_create(&port, &conf, loop), 0);
	chr = port_chardev(port);
	ck_assert(chr->ops->connected(chr));
	ck_assert_uint_eq(chr->ops->write(chr, "x", 1), 1);
	chr->ops->peer(chr, false);
	ck_assert(chr->ops->connected(chr));
	teardown();
}
END_TEST

/* Of a command: the end of the guest's side is the end of ours, and the caller's stay open. */
START_TEST(descriptors)
{
	struct chardev *chr;
	int p[2];
	char c;

	setup();
	ck_assert_int_eq(pipe(p), 0);
	conf = (struct port_conf){ .name = "out", .kind = PORT_FDS, .in = -1, .out = p[1] };
	ck_assert_int_eq(port_create(&port, &conf, loop), 0);
	close(p[1]);
	chr = port_chardev(port);
	chr->ops->peer(chr, true);
	ck_assert_uint_eq(chr->ops->write(chr, "x", 1), 1);
	chr->ops->peer(chr, false);
	ck_assert_int_eq(read(p[0], &c, 1), 1);
	ck_assert_int_eq(read(p[0], &c, 1), 0);
	close(p[0]);
	teardown();
}
END_TEST

START_TEST(what_cannot_be_opened)
{
	setup();
	conf = (struct port_conf){ .name = "x", .kind = PORT_FILE, .path = "/no/such/file" };
	ck_assert_int_eq(port_create(&port, &conf, loop), -ENOENT);
	conf.kind = PORT_SOCKET;
	ck_assert_int_eq(port_create(&port, &conf, loop), -ENOENT);
	conf = (struct port_conf){ .name = "x", .kind = PORT_FDS, .in = 250, .out = -1 };
	ck_assert_int_eq(port_create(&port, &conf, loop), -EBADF);
	port = NULL;
	teardown();
}
END_TEST

static int try(void)
{
	int err = port_create(&port, &conf, loop);

	if (!err)
		port_destroy(port);
	port = NULL;
	return err;
}

START_TEST(fails_step_by_step)
{
	setup();
	conf = (struct port_conf){ .name = "x", .kind = PORT_SOCKET };
	strcpy(conf.path, path);
	fds_exhaust(try);
	conf.kind = PORT_PTY;
	fds_exhaust(try);
	conf = (struct port_conf){ .name = "x", .kind = PORT_FDS, .in = 0, .out = 1 };
	fds_exhaust(try);
	teardown();
}
END_TEST

SUITE_MAIN("console/port", parse, a_file_grows, one_client_at_a_time, a_full_disk, no_descriptors,
	   a_pty, descriptors, what_cannot_be_opened, fails_step_by_step)
