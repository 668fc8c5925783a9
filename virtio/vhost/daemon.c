/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a back end, and ending it.
 *
 * Thread: main; daemon_ended() on the loop of the device, too.
 * Trust:  the program is the user's, and may be taken over by a guest while it runs.
 * Spec:   prctl(2) PR_SET_PDEATHSIG, pidfd_open(2)
 *
 * The socket has an abstract name that the kernel chooses, so nothing is left in any directory. An
 * abstract name can be connected to by everybody; but there is room for one connection, which is
 * ours: had somebody else been there first, our connect(2) would fail. A daemon takes the first
 * connection, and no other.
 */
#include "virtio/vhost/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lkvm/base/log.h"

#define GRACE_MS 2000u

static const struct sys_call list[] = {
	CALL(ppoll),
#ifdef __NR_poll
	CALL_RARE(poll, "where there is no ppoll"),
#endif
	CALL(waitid),
	CALL_RARE(pidfd_send_signal, "a daemon that stays"),
};
const struct calls daemon_calls = CALLS("daemon", list);

struct daemon {
	int pidfd;
	bool over;	/* and waited for: */
	siginfo_t info; /* how it ended */
};

bool daemon_find(const char *name, const char *const *dirs, unsigned nr, char *buf, size_t size)
{
	const char *path = getenv("PATH"), *end;

	for (; path && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		/* A relative one depends on where lkvm was started: nothing to run as root. */
		if (*path == '/' &&
		    snprintf(buf, size, "%.*s/%s", (int)(end - path), path, name) < (int)size &&
		    !access(buf, X_OK))
			return true;
	}
	for (unsigned i = 0; i < nr; i++) {
		if (snprintf(buf, size, "%s/%s", dirs[i], name) < (int)size && !access(buf, X_OK))
			return true;
	}
	return false;
}

/* ---- start ---- */

static int connect_to(int listener)
{
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	int fd, err;

	if (getsockname(listener, (struct sockaddr *)&a, &len) < 0)
		return -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&a, len))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* A listening socket, and the only connection to it in *sock. The socket or -errno. */
static int listener_of(int *sock)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	/* An address without a name: the kernel makes one. A backlog of 0 is one connection. */
	if (bind(fd, (struct sockaddr *)&a, sizeof(a.sun_family)) < 0 || listen(fd, 0) < 0)
		err = -errno;
	if (!err) {
		*sock = connect_to(fd);
		err = MIN(*sock, 0);
	}
	if (err)
		close(fd);
	return err ? err : fd;
}

/* In the new process, in which nothing but system calls is safe. */
static _Noreturn void run(const char *const *argv, int listener, pid_t parent)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The parent may have ended before it could be told of. */
	if (getppid() == parent && null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 &&
	    (listener == DAEMON_FD ? fcntl(listener, F_SETFD, 0) : dup2(listener, DAEMON_FD)) >=
		    0 &&
	    !close_range(DAEMON_FD + 1, ~0u, 0))
		execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

int daemon_start(struct daemon **out, const char *const *argv, int *sock)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int listener = d ? listener_of(sock) : -ENOMEM;
	pid_t parent = getpid(), pid;
	int err = 0;

	if (listener < 0) {
		free(d);
		return listener;
	}
	pid = fork();
	if (!pid)
		run(argv, listener, parent);
	if (pid < 0)
		err = -errno;
	close(listener);
	d->pidfd = err ? -1 : pidfd_open(pid, 0);
	if (!err && d->pidfd < 0) {
		err = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (err) {
		close(*sock);
		free(d);
		return err;
	}
	*out = d;
	return 0;
}

/* ---- end ---- */

bool daemon_ended(struct daemon *d, unsigned ms, char *buf, size_t size)
{
	struct pollfd p = { .fd = d->pidfd, .events = POLLIN };

	if (!d->over && poll(&p, 1, (int)ms) > 0)
		d->over = !waitid(P_PIDFD, (id_t)d->pidfd, &d->info, WEXITED);
	if (d->over && d->info.si_code == CLD_EXITED)
		snprintf(buf, size, "ended with status %d", d->info.si_status);
	else if (d->over)
		snprintf(buf, size, "killed by signal %d", d->info.si_status);
	return d->over;
}

void daemon_stop(struct daemon *d)
{
	char how[40];

	if (!d)
		return;
	/* Where we may send no signal any more (--confine), the kernel does at our end. */
	if (!daemon_ended(d, GRACE_MS, how, sizeof(how)) &&
	    !pidfd_send_signal(d->pidfd, SIGKILL, NULL, 0))
		daemon_ended(d, GRACE_MS, how, sizeof(how));
	close(d->pidfd);
	free(d);
}
