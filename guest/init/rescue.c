/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A shell on the console, for a root file system that is a directory of the host.
 *
 * Thread: one.
 * Trust:  the directory is the user's.
 */
#include "guest/init/rescue.h"

#include <asm/ioctls.h>
#include <linux/mount.h>
#include <linux/reboot.h>
#include <linux/signal.h>
#include <linux/wait.h>

#include "guest/init/plan.h"
#include "guest/init/text.h"

#define SCRIPT "/virt/sandbox.sh"

void rescue_say(const char *line)
{
	sys_write(2, line, text_len(line));
}

void rescue_power_off(void)
{
	SYS0(sync);
	for (;;)
		SYS4(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF,
		     NULL);
}

static void child(const char *path)
{
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"TERM=linux",
		NULL,
	};
	const char *const script[] = { "/bin/sh", path ? path : SCRIPT, NULL };
	static const char *const shell[] = { "/bin/sh", "-l", NULL };
	const uint64_t none = 0;
	int fd;

	SYS4(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	SYS0(setsid);
	/* A terminal that can be a controlling one, which /dev/console cannot. */
	fd = sys_open("/dev/hvc0", O_RDWR, 0);
	if (fd < 0)
		fd = sys_open("/dev/ttyS0", O_RDWR, 0);
	if (fd >= 0) {
		sys_ioctl(fd, TIOCSCTTY, (void *)1);
		for (int to = 0; to < 3; to++)
			SYS3(dup3, fd, to, 0);
	}
	SYS1(chdir, "/");
	if (path || SYS3(faccessat, AT_FDCWD, SCRIPT, 0) == 0)
		SYS3(execve, script[0], script, env);
	SYS3(execve, shell[0], shell, env);
	rescue_say("lkvm: there is no /bin/sh in this root file system\n");
	SYS1(exit_group, 127);
}

void rescue_shell(const char *script)
{
	long pid, ended;

	plan_mount_kernel("");
	if (sys_mount("hostfs", "/host", "9p", MS_RDONLY, "trans=virtio,version=9p2000.L") < 0)
		sys_mount("hostfs", "/host", "virtiofs", MS_RDONLY, NULL);
	SYS2(sethostname, "lkvm", 4);
	pid = SYS5(clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		child(script);
	do
		ended = SYS4(wait4, -1, NULL, 0, NULL);
	while (ended >= 0 && ended != pid);
	rescue_power_off();
}
