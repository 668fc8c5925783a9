/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool fs DIR: what a POSIX file system does, tried in a directory that is on one. Each check is a
 * function that says in its name what must be so; the first that is not ends it with a line.
 *
 * Thread: one.
 * Trust:  none needed: the test is both sides.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/boot/tool_fs.h"

#define NR_FILES 300u

static struct stat st;
static char text[256];

static int make(const char *name, const char *bytes)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

	must(fd >= 0);
	must(write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes));
	return fd;
}

static const char *read_all(const char *name)
{
	int fd = open(name, O_RDONLY);
	ssize_t n;

	must(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	must(n >= 0);
	close(fd);
	text[n] = '\0';
	return text;
}

static void files_are_made_and_read(void)
{
	int fd = make("a", "hello");

	must_be(open("a", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
	must(!strcmp(read_all("a"), "hello"));
	must(pwrite(fd, "J", 1, 0) == 1);
	must(pread(fd, text, 2, 0) == 2 && text[0] == 'J');
	must(lseek(fd, 0, SEEK_END) == 5);
	must(!fsync(fd) && !fdatasync(fd));
	close(fd);
	must_be(open("nothing", O_RDONLY), ENOENT);
	must_be(open("a/b", O_RDONLY), ENOTDIR);
	must(!unlink("a"));
	must_be(stat("a", &st), ENOENT);
}

static void modes_and_umask(void)
{
	umask(027);
	close(open("m", O_CREAT | O_RDWR, 0666));
	umask(022);
	must(!stat("m", &st) && (st.st_mode & 07777) == 0640);
	must(!chmod("m", 04711) && !stat("m", &st) && (st.st_mode & 07777) == 04711);
	must(!chown("m", 1000, 1001) && !stat("m", &st) && st.st_uid == 1000 && st.st_gid == 1001);
	must(!unlink("m"));
}

static void sizes(void)
{
	int fd = make("s", "0123456789");

	must(!ftruncate(fd, 4) && !strcmp(read_all("s"), "0123"));
	must(!ftruncate(fd, 100000) && !stat("s", &st) && st.st_size == 100000);
	must(pread(fd, text, 8, 99990) == 8 && !text[0] && !text[7]);
	must(pwrite(fd, "x", 1, (off_t)1 << 33) == 1);
	must(!stat("s", &st) && st.st_size == ((off_t)1 << 33) + 1 && st.st_blocks < 10000);
	close(fd);
	fd = open("s", O_WRONLY | O_TRUNC);
	must(fd >= 0 && !stat("s", &st) && !st.st_size);
	close(fd);
	fd = open("s", O_WRONLY | O_APPEND);
	must(write(fd, "ab", 2) == 2 && write(fd, "cd", 2) == 2);
	close(fd);
	must(!strcmp(read_all("s"), "abcd"));
	must(!unlink("s"));
}

static void directories(void)
{
	must(!mkdir("d", 0750) && !stat("d", &st) && st.st_mode == (S_IFDIR | 0750));
	must_be(mkdir("d", 0750), EEXIST);
	close(make("d/f", ""));
	must_be(rmdir("d"), ENOTEMPTY);
	must_be(unlink("d"), EISDIR);
	must_be(rmdir("d/f"), ENOTDIR);
	must(!unlink("d/f") && !rmdir("d"));
	must_be(rmdir("d"), ENOENT);
}

static void names(void)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	close(make(name, ""));
	must(!unlink(name));
	memset(name, 'n', 256);
	name[256] = '\0';
	must_be(open(name, O_CREAT | O_RDWR, 0644), ENAMETOOLONG);
	close(make("with blank\n\xc3\xa4\\", "x"));
	must(!strcmp(read_all("with blank\n\xc3\xa4\\"), "x"));
	must(!unlink("with blank\n\xc3\xa4\\"));
}

static void renames(void)
{
	int fd = make("r1", "one"), other = make("r2", "two");

	must(!rename("r1", "r2") && !strcmp(read_all("r2"), "one"));
	must_be(stat("r1", &st), ENOENT);
	/* What was there is still who has it open's. */
	must(pread(other, text, 3, 0) == 3 && !memcmp(text, "two", 3));
	must(!mkdir("rd", 0755) && !rename("r2", "rd/r3") && !strcmp(read_all("rd/r3"), "one"));
	must_be(rename("rd", "rd/x"), EINVAL);
	must(!mkdir("re", 0755));
	must_be(rename("rd/r3", "re"), EISDIR);
	must_be(rename("re", "rd"), ENOTEMPTY);
	must(!rename("rd", "rf") && !strcmp(read_all("rf/r3"), "one"));
	must(!rename("rf", "re") && !strcmp(read_all("re/r3"), "one"));
	must(pwrite(fd, "ONE", 3, 0) == 3 && !strcmp(read_all("re/r3"), "ONE"));
	close(fd);
	close(other);
	must(!unlink("re/r3") && !rmdir("re"));
}

static void links(void)
{
	close(make("l1", "same"));
	must(!link("l1", "l2") && !stat("l2", &st) && st.st_nlink == 2);
	must_be(link("l1", "l2"), EEXIST);
	must(!unlink("l1") && !strcmp(read_all("l2"), "same"));
	must(!symlink("l2", "l3") && !strcmp(read_all("l3"), "same"));
	must(!lstat("l3", &st) && S_ISLNK(st.st_mode) && st.st_size == 2);
	must(readlink("l3", text, sizeof(text)) == 2 && text[1] == '2');
	must(!symlink("l4", "l4"));
	must_be(open("l4", O_RDONLY), ELOOP);
	must(!symlink("../../../../../../../../etc", "l5"));
	/* Links lead where they lead on this side, not on the host's. */
	must(!access("l5/tests", F_OK));
	must(!unlink("l2") && !unlink("l3") && !unlink("l4") && !unlink("l5"));
}

static void unlinked_and_open(void)
{
	int fd = make("u", "still");

	must(!unlink("u"));
	must(write(fd, " here", 5) == 5);
	must(pread(fd, text, 10, 0) == 10 && !memcmp(text, "still here", 10));
	must(!fstat(fd, &st) && st.st_size == 10);
	must(!ftruncate(fd, 2) && !fstat(fd, &st) && st.st_size == 2);
	close(fd);
}

static void times(void)
{
	struct timespec t[2] = { { 1000000000, 5 }, { 1100000000, 7 } };
	time_t before;

	close(make("t", ""));
	must(!utimensat(AT_FDCWD, "t", t, 0) && !stat("t", &st));
	/* Linux's client of 9P knows whole seconds only. */
	must(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec == 1100000000);
	before = st.st_ctim.tv_sec;
	must(!utimensat(AT_FDCWD, "t", NULL, 0) && !stat("t", &st));
	must(st.st_mtim.tv_sec > 1500000000 && st.st_ctim.tv_sec >= before);
	must(!unlink("t"));
}

static void nodes(void)
{
	must(!mkfifo("p", 0600) && !stat("p", &st) && S_ISFIFO(st.st_mode));
	must(!mknod("n", S_IFCHR | 0600, 0x103) && !stat("n", &st));
	must(S_ISCHR(st.st_mode) && st.st_rdev == 0x103);
	must(!unlink("p") && !unlink("n"));
}

static int locked_by_child(const char *name, int type)
{
	int status = 0;
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid) {
		struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET, .l_len = 10 };
		int fd = open(name, O_RDWR);

		_exit(fd < 0 ? 2 : fcntl(fd, F_SETLK, &l) ? 1 : 0);
	}
	must(waitpid(pid, &status, 0) == pid);
	return WEXITSTATUS(status);
}

static void locks(void)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 10 };
	int fd = make("k", "0123456789");

	must(!fcntl(fd, F_SETLK, &l));
	must(locked_by_child("k", F_RDLCK) == 0);
	must(locked_by_child("k", F_WRLCK) == 1);
	l.l_type = F_UNLCK;
	must(!fcntl(fd, F_SETLK, &l));
	must(locked_by_child("k", F_WRLCK) == 0);
	close(fd);
	/* flock(2) asks for no right to write. */
	fd = open("k", O_RDONLY);
	must(fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) && !flock(fd, LOCK_UN));
	close(fd);
	must(!unlink("k"));
}

static void attributes(void)
{
	close(make("x", ""));
	if (setxattr("x", "user.one", "value", 5, 0) && errno == EOPNOTSUPP) {
		must(!unlink("x"));
		return;
	}
	must(getxattr("x", "user.one", text, sizeof(text)) == 5 && !memcmp(text, "value", 5));
	must_be(setxattr("x", "user.one", "v", 1, XATTR_CREATE), EEXIST);
	must(listxattr("x", text, sizeof(text)) == 9 && !strcmp(text, "user.one"));
	must(!removexattr("x", "user.one"));
	must_be(getxattr("x", "user.one", text, sizeof(text)), ENODATA);
	must(!unlink("x"));
}

static void mapped(void)
{
	int fd = make("v", "mapped bytes");
	char *p = mmap(NULL, 12, PROT_READ, MAP_PRIVATE, fd, 0);

	must(p != MAP_FAILED && !memcmp(p, "mapped bytes", 12));
	munmap(p, 12);
	close(fd);
	must(!unlink("v"));
}

static void many_entries(void)
{
	unsigned seen = 0;
	struct dirent *e;
	char name[32];
	DIR *d;

	must(!mkdir("many", 0755));
	for (unsigned i = 0; i < NR_FILES; i++) {
		snprintf(name, sizeof(name), "many/file-%u", i);
		close(make(name, ""));
	}
	d = opendir("many");
	must(d);
	while ((e = readdir(d)))
		seen += e->d_name[0] == 'f';
	must(seen == NR_FILES);
	rewinddir(d);
	must(readdir(d));
	closedir(d);
	for (unsigned i = 0; i < NR_FILES; i++) {
		snprintf(name, sizeof(name), "many/file-%u", i);
		must(!unlink(name));
	}
	must(!rmdir("many"));
}

static void the_file_system(void)
{
	struct statvfs fs;

	must(!statvfs(".", &fs) && fs.f_blocks && fs.f_namemax == 255);
}

int cmd_fs(char **argv)
{
	static void (*const checks[])(void) = {
		files_are_made_and_read,
		modes_and_umask,
		sizes,
		directories,
		names,
		renames,
		links,
		times,
		unlinked_and_open,
		nodes,
		locks,
		attributes,
		mapped,
		many_entries,
		the_file_system,
	};

	if (chdir(argv[0]))
		fail(argv[0]);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		checks[i]();
	fs_errors();
	fs_rights();
	return 0;
}
