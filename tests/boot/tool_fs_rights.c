/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool fs: users who are not root. Each check is done by a child that has become one.
 *
 * Thread: one; children one after the other.
 * Trust:  none needed: the test is both sides.
 */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/boot/tool_fs.h"

#define USER 1000
#define OTHER 1001
#define GROUP 2000

static struct stat st;

/* By `uid`, with GROUP and no other. What goes wrong there has been said there. */
static void as(uid_t uid, void (*check)(void))
{
	int status = 0;
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid) {
		must(!setgroups(0, NULL) && !setgid(GROUP) && !setuid(uid));
		check();
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	if (status)
		_exit(1);
}

static void owner_may(void)
{
	int fd = open("mine", O_RDWR | O_CREAT | O_EXCL, 0600);

	must(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	must(!stat("mine", &st) && st.st_uid == USER && st.st_gid == GROUP);
	must(!chmod("mine", 0640) && !chown("mine", (uid_t)-1, GROUP));
	must(!mkdir("dir", 0700) && !mkfifo("dir/p", 0600) && !symlink("x", "dir/s"));
	must(!lstat("dir/s", &st) && st.st_uid == USER);
	must_be(chown("mine", OTHER, (gid_t)-1), EPERM);
	must_be(chown("mine", (uid_t)-1, 77), EPERM);
	must_be(mknod("node", S_IFCHR | 0600, 0x103), EPERM);
	/* A bit of a group that the owner is not in is not set. */
	must(!chmod("mine", 02755) && !stat("mine", &st) && st.st_mode & S_ISGID);
	must_be(chmod("root", 0777), EPERM);
	must_be(utimensat(AT_FDCWD, "root", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0), EPERM);
}

static void other_may_not(void)
{
	must_be(open("mine", O_WRONLY), EACCES);
	must_be(open("secret", O_RDONLY), EACCES);
	must_be(truncate("root", 0), EACCES);
	must_be(chmod("mine", 0777), EPERM);
	must_be(chown("mine", OTHER, GROUP), EPERM);
	must_be(utimensat(AT_FDCWD, "root", NULL, 0), EACCES);
	must_be(open("dir/p", O_RDONLY | O_NONBLOCK), EACCES);
	must_be(stat("dir/p", &st), EACCES);
	must_be(open("dir/x", O_CREAT | O_RDWR, 0600), EACCES);
	must_be(unlink("dir/p"), EACCES);
	/* A sticky directory: names of other people's files stay. */
	must_be(unlink("mine"), EPERM);
	must_be(rename("mine", "theirs"), EPERM);
	must_be(rmdir("dir"), EPERM);
	must(!link("open", "again") && !unlink("again"));
}

static void not_in_a_closed_directory(void)
{
	must_be(mkdir("closed/d", 0755), EACCES);
	must_be(mkfifo("closed/p", 0644), EACCES);
	must_be(symlink("x", "closed/s"), EACCES);
	must_be(link("mine", "closed/l"), EACCES);
	must_be(rename("mine", "closed/m"), EACCES);
	must_be(rename("closed/in", "out"), EACCES);
	must_be(unlink("closed/in"), EACCES);
}

/* Who writes to a program that runs as somebody else takes that away, and so does a new owner. */
static void write_it(void)
{
	int fd = open("suid", O_WRONLY);

	must(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
}

static void empty(const char *name, mode_t mode)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

	must(fd >= 0 && !fchmod(fd, mode));
	close(fd);
}

void fs_rights(void)
{
	must(!mkdir("r", 0755) && !chdir("r") && !chmod(".", 01777));
	empty("root", 0644);
	empty("secret", 0600);
	empty("open", 0666);
	empty("suid", 06777);
	must(!chown("open", OTHER, GROUP) && !mkdir("closed", 0755));
	empty("closed/in", 0666);
	as(USER, owner_may);
	as(OTHER, other_may_not);
	as(USER, not_in_a_closed_directory);
	as(USER, write_it);
	must(!stat("suid", &st) && !(st.st_mode & (S_ISUID | S_ISGID)));
	must(!chmod("suid", 06755) && !chown("suid", OTHER, GROUP));
	must(!stat("suid", &st) && !(st.st_mode & (S_ISUID | S_ISGID)));
	must(!unlink("mine") && !unlink("dir/p") && !unlink("dir/s") && !rmdir("dir"));
	must(!unlink("root") && !unlink("secret") && !unlink("open") && !unlink("suid"));
	must(!unlink("closed/in") && !rmdir("closed") && !chdir("..") && !rmdir("r"));
}
