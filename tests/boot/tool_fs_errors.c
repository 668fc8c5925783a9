/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool fs: calls that a POSIX file system refuses, each with its errno, and what lies between: the
 * kinds of files that can be linked, renamed and removed; the times that go with it.
 *
 * Thread: one.
 * Trust:  none needed: the test is both sides.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/boot/tool_fs.h"

static struct stat st;
static char long_name[300];

static void file(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

	must(fd >= 0);
	close(fd);
}

/* Each call with a name that leads nowhere, through a file, in a circle, or is too long. */
static void ways_that_lead_nowhere(void)
{
	static const struct {
		const char *name;
		int err;
	} bad[] = {
		{ "none/x", ENOENT },
		{ "f/x", ENOTDIR },
		{ "loop/x", ELOOP },
		{ long_name, ENAMETOOLONG },
	};

	memset(long_name, 'n', 256);
	file("f");
	file("g");
	must(!symlink("loop", "loop"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *n = bad[i].name;
		int err = bad[i].err;

		must_be(chmod(n, 0600), err);
		must_be(chown(n, 0, 0), err);
		must_be(link("g", n), err);
		must_be(link(n, "new"), err);
		must_be(mkdir(n, 0755), err);
		must_be(mkfifo(n, 0644), err);
		must_be(mknod(n, S_IFREG | 0644, 0), err);
		must_be(open(n, O_RDWR | O_CREAT, 0644), err);
		must_be(rename("g", n), err);
		must_be(rename(n, "new"), err);
		must_be(rmdir(n), err);
		must_be(symlink("g", n), err);
		must_be(truncate(n, 0), err);
		must_be(unlink(n), err);
		must_be(utimensat(AT_FDCWD, n, NULL, 0), err);
	}
	must(!unlink("f") && !unlink("g") && !unlink("loop"));
}

static void names_that_are_taken(void)
{
	static const char *const names[] = { "f", "d", "p", "s" };

	file("f");
	must(!mkdir("d", 0755) && !mkfifo("p", 0644) && !symlink("nothing", "s"));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		must_be(link("f", names[i]), EEXIST);
		must_be(mkdir(names[i], 0755), EEXIST);
		must_be(mkfifo(names[i], 0644), EEXIST);
		must_be(mknod(names[i], S_IFCHR | 0644, 0x103), EEXIST);
		must_be(symlink("x", names[i]), EEXIST);
		must_be(open(names[i], O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
	}
	must(!unlink("f") && !rmdir("d") && !unlink("p") && !unlink("s"));
}

static void opens(void)
{
	int fd;

	file("f");
	must(!mkdir("d", 0755) && !symlink("f", "s") && !mkfifo("p", 0644));
	must_be(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	must_be(open("d", O_WRONLY), EISDIR);
	must_be(open("d", O_RDWR | O_TRUNC), EISDIR);
	must_be(open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
	must_be(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	fd = open("p", O_RDWR | O_NONBLOCK);
	must(fd >= 0 && write(fd, "x", 1) == 1 && read(fd, long_name, 1) == 1);
	close(fd);
	must(!unlink("f") && !rmdir("d") && !unlink("s") && !unlink("p"));
}

static void sizes_that_are_none(void)
{
	int fd;

	file("f");
	must(!mkdir("d", 0755) && !truncate("f", 5000) && !stat("f", &st) && st.st_size == 5000);
	must_be(truncate("f", -1), EINVAL);
	must_be(truncate("d", 0), EISDIR);
	fd = open("f", O_RDONLY);
	must_be(ftruncate(fd, 0), EINVAL);
	close(fd);
	fd = open("f", O_RDWR);
	must_be(ftruncate(fd, -1), EINVAL);
	must(!posix_fallocate(fd, 4096, 8192) && !fstat(fd, &st) && st.st_size == 12288);
	must(!posix_fallocate(fd, 0, 100) && !fstat(fd, &st) && st.st_size == 12288);
	must(posix_fallocate(fd, 0, 0) == EINVAL);
	close(fd);
	must(!unlink("f") && !rmdir("d"));
}

/* Links, pipes and devices have names like files have. */
static void of_every_kind(void)
{
	static const char *const names[] = { "f", "p", "c", "s" };
	char other[8];
	ino_t ino;

	file("f");
	must(!mkfifo("p", 0644) && !mknod("c", S_IFCHR | 0644, 0x103) && !symlink("f", "s"));
	must(!mkdir("d", 0755));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		must(!lstat(names[i], &st) && st.st_nlink == 1);
		ino = st.st_ino;
		snprintf(other, sizeof(other), "d/%s", names[i]);
		must(!link(names[i], other) && !lstat(other, &st));
		must(st.st_nlink == 2 && st.st_ino == ino);
		/* Two names of one file: nothing to do, and both stay. */
		must(!rename(names[i], other) && !lstat(names[i], &st) && st.st_nlink == 2);
		must(!unlink(names[i]) && !lstat(other, &st) && st.st_nlink == 1);
		must(!rename(other, names[i]) && !lstat(names[i], &st) && st.st_ino == ino);
	}
	must_be(link("d", "e"), EPERM);
	must_be(rename("d", "f"), ENOTDIR);
	must_be(rename("p", "d"), EISDIR);
	/* What was there is replaced, whatever it was. */
	must(!rename("p", "c") && !lstat("c", &st) && S_ISFIFO(st.st_mode));
	must(!rename("s", "f") && !lstat("f", &st) && S_ISLNK(st.st_mode));
	must(!unlink("c") && !unlink("f") && !rmdir("d"));
}

static void directories_that_stay(void)
{
	must(!mkdir("d", 0755) && !mkdir("d/e", 0755));
	must_be(rmdir("d/e/."), EINVAL);
	must_be(rmdir("d/e/.."), ENOTEMPTY);
	must_be(rename("d", "d/e/x"), EINVAL);
	must(!rmdir("d/e") && !rmdir("d"));
}

static time_t changed(const char *name)
{
	must(!lstat(name, &st));
	return st.st_ctim.tv_sec;
}

/* Whole seconds are all that Linux's client of 9P knows, so old times are given first. */
static void times_that_go_with_it(void)
{
	static const struct timespec old[2] = { { 1000, 0 }, { 2000, 0 } };
	struct timespec one[2] = { { 0, UTIME_OMIT }, { 3000, 0 } };
	time_t before;

	file("f");
	must(!symlink("f", "s") && !mkdir("d", 0755));
	before = changed("f");
	must(!utimensat(AT_FDCWD, "f", old, 0) && changed("f") >= before);
	must(!utimensat(AT_FDCWD, "f", one, 0) && !stat("f", &st));
	must(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 3000);
	one[0].tv_nsec = UTIME_NOW;
	one[1].tv_nsec = UTIME_OMIT;
	must(!utimensat(AT_FDCWD, "f", one, 0) && !stat("f", &st));
	must(st.st_atim.tv_sec > 1000000 && st.st_mtim.tv_sec == 3000);
	/* Of the link, and not of the file. */
	must(!utimensat(AT_FDCWD, "s", old, AT_SYMLINK_NOFOLLOW) && !lstat("s", &st));
	must(st.st_mtim.tv_sec == 2000 && !stat("f", &st) && st.st_mtim.tv_sec == 3000);
	must(!lchown("s", 7, 8) && !lstat("s", &st) && st.st_uid == 7 && st.st_gid == 8);
	must(!stat("f", &st) && st.st_uid == 0);
	/* What is in a directory changes it. */
	must(!utimensat(AT_FDCWD, "d", old, 0));
	file("d/f");
	must(!stat("d", &st) && st.st_mtim.tv_sec > 1000000);
	must(!utimensat(AT_FDCWD, "d", old, 0) && !unlink("d/f"));
	must(!stat("d", &st) && st.st_mtim.tv_sec > 1000000);
	must(!utimensat(AT_FDCWD, "f", old, 0) && !truncate("f", 3));
	must(!stat("f", &st) && st.st_mtim.tv_sec > 1000000);
	must(!unlink("f") && !unlink("s") && !rmdir("d"));
}

void fs_errors(void)
{
	ways_that_lead_nowhere();
	names_that_are_taken();
	opens();
	sizes_that_are_none();
	of_every_kind();
	directories_that_stay();
	times_that_go_with_it();
}
