/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting the command: streams, user, directory, program.
 *
 * Thread: one, and the child's until it is the program.
 * Trust:  what is started is the user's; it gets no descriptor but its three streams.
 *
 * The child tells through a pipe what went wrong before it became the program; the pipe is closed
 * without a word when it has become it.
 */
#include "guest/init/command.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/types.h>

#include "guest/init/text.h"

struct winsize {
	uint16_t rows, cols, xpixel, ypixel;
};

/* What the child has; [0] is closed in it. */
struct streams {
	int in[2], out[2], err[2], told[2];
	int master, slave;
};

static bool fail(struct failure *f, enum exec_failure what, long err)
{
	*f = (struct failure){ what, -err, 0 };
	return false;
}

/* ---- in the child ---- */

static void tell(const struct streams *s, enum exec_failure what, long err)
{
	const struct failure f = { what, -err, 0 };

	sys_write(s->told[1], &f, sizeof(f));
	SYS1(exit_group, 127);
}

static void take_stream(int from, int to)
{
	SYS3(dup3, from, to, 0);
}

/* A new session, in which SIGINT and its like are the command's group's. */
static void take_streams(const struct streams *s)
{
	SYS0(setsid);
	if (s->slave >= 0)
		sys_ioctl(s->slave, TIOCSCTTY, NULL);
	take_stream(s->slave >= 0 ? s->slave : s->in[0], 0);
	take_stream(s->slave >= 0 ? s->slave : s->out[1], 1);
	take_stream(s->err[1] >= 0 ? s->err[1] : s->slave, 2);
}

static void become_user(const struct streams *s, const struct plan *p)
{
	const unsigned gid = p->nr_groups ? p->groups[0] : 0;
	long err = SYS2(setgroups, p->nr_groups, p->groups);

	if (!err)
		err = SYS3(setresgid, gid, gid, gid);
	if (!err)
		err = SYS3(setresuid, p->uid, p->uid, p->uid);
	if (err < 0)
		tell(s, EXEC_FAIL_USER, err);
}

/* A text without "#!" is a script of the shell's, as for execvp(3). There is room for its name. */
static long run_shell(const struct plan *p, char *path)
{
	static char shell[] = "/bin/sh";
	char **argv = p->args - 1, *name = p->args[0];
	long err;

	argv[0] = shell;
	argv[1] = path;
	err = SYS3(execve, shell, argv, p->env);
	argv[1] = name;
	return err;
}

static long run(const struct plan *p, char *path)
{
	long err = SYS3(execve, path, p->args, p->env);

	return err == -ENOEXEC ? run_shell(p, path) : err;
}

static const char *path_variable(const struct plan *p)
{
	for (char **e = p->env; *e; e++) {
		const char *s = *e;

		if (s[0] == 'P' && s[1] == 'A' && s[2] == 'T' && s[3] == 'H' && s[4] == '=')
			return s + 5;
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* As execvp(3): through PATH; a file that may not be run is told if there is no better one. */
static long search(const struct plan *p)
{
	const char *dirs = path_variable(p);
	long worst = -ENOENT;

	/* Each directory has no name beside its own. */
	while (*dirs && *p->args[0]) {
		char dir[PATH_SIZE], path[PATH_SIZE];
		size_t n = 0;
		long err;

		for (; *dirs && *dirs != ':'; dirs++) {
			if (n < sizeof(dir) - 2)
				dir[n++] = *dirs;
		}
		dirs += *dirs == ':';
		if (!n)
			dir[n++] = '.';
		dir[n++] = '/';
		dir[n] = 0;
		if (!text_join(path, sizeof(path), dir, p->args[0]))
			continue;
		err = run(p, path);
		if (err != -ENOENT && err != -ENOTDIR && err != -EACCES)
			return err;
		worst = err == -EACCES ? err : worst;
	}
	return worst;
}

static void child(const struct streams *s, const struct plan *p)
{
	const struct {
		unsigned long handler, flags, restorer;
		uint64_t mask;
	} by_default = { 0, 0, 0, 0 };
	const uint64_t none = 0;
	bool has_slash = false;
	long err;

	take_streams(s);
	become_user(s, p);
	err = SYS1(chdir, p->cwd);
	if (err < 0)
		tell(s, EXEC_FAIL_CWD, err);
	for (const char *c = p->args[0]; *c; c++)
		has_slash |= *c == '/';
	SYS4(rt_sigaction, SIGPIPE, &by_default, NULL, sizeof(uint64_t));
	SYS4(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	tell(s, EXEC_FAIL_EXEC, has_slash ? run(p, p->args[0]) : search(p));
}

/* ---- in the parent ---- */

static long open_pty(struct streams *s, unsigned uid)
{
	const char *path = "/dev/pts/";
	char name[32], digits[12];
	unsigned n = 0, i = sizeof(digits) - 1;
	int unlock = 0;
	long err;

	s->master = sys_open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
	if (s->master < 0)
		return s->master;
	err = sys_ioctl(s->master, TIOCSPTLCK, &unlock);
	if (!err)
		err = sys_ioctl(s->master, TIOCGPTN, &n);
	if (err)
		return err;
	digits[i] = 0;
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	text_join(name, sizeof(name), path, digits + i);
	s->slave = sys_open(name, O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	if (s->slave < 0)
		return s->slave;
	return SYS5(fchownat, AT_FDCWD, name, uid, -1, 0);
}

static long open_streams(struct streams *s, const struct plan *p)
{
	long err = SYS2(pipe2, s->told, O_CLOEXEC);

	if (!err && p->mode != '-')
		err = open_pty(s, p->uid);
	if (!err && p->mode == '-')
		err = SYS2(pipe2, s->in, O_CLOEXEC);
	if (!err && p->mode == '-')
		err = SYS2(pipe2, s->out, O_CLOEXEC);
	if (!err && p->mode != 't')
		err = SYS2(pipe2, s->err, O_CLOEXEC);
	return err;
}

static void close_some(int fd)
{
	if (fd >= 0)
		sys_close(fd);
}

static int ours(int fd)
{
	SYS3(fcntl, fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* The other ends belong to the child, so that the end of the command is the end of its streams. */
static void keep(struct command *c, const struct streams *s)
{
	const int theirs[] = { s->in[0], s->out[1], s->err[1], s->told[1], s->slave };

	for (unsigned i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		close_some(theirs[i]);
	c->pty = s->master;
	c->in = s->master >= 0 ? s->master : ours(s->in[1]);
	c->out = s->master >= 0 ? s->master : ours(s->out[0]);
	c->err = s->err[0] >= 0 ? ours(s->err[0]) : -1;
}

void command_resize(const struct command *c, unsigned size)
{
	const struct winsize w = { .rows = (uint16_t)(size >> 16), .cols = (uint16_t)size };

	if (c->pty >= 0 && size)
		sys_ioctl(c->pty, TIOCSWINSZ, &w);
}

bool command_start(struct command *c, const struct plan *p, unsigned size, struct failure *f)
{
	struct streams s = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, -1, -1 };
	long err = open_streams(&s, p), n;

	if (err < 0)
		return fail(f, p->mode == '-' ? EXEC_FAIL_START : EXEC_FAIL_PTY, err);
	c->pty = s.master;
	command_resize(c, size);
	err = SYS5(clone, SIGCHLD, 0, 0, 0, 0);
	if (err < 0)
		return fail(f, EXEC_FAIL_START, err);
	if (!err)
		child(&s, p);
	c->pid = (int)err;
	keep(c, &s);
	n = sys_read(s.told[0], f, sizeof(*f));
	sys_close(s.told[0]);
	return n != (long)sizeof(*f);
}
