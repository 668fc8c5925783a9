/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening an image: what is refused, what the disk looks like, who may have it at the same time. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/loop.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/fake/qcow2.h"
#include "tests/unit/fds.h"
#include "tests/unit/suite.h"
#include "virtio/disk/disk.h"

static struct loop *loop;
static char dir[64];
static struct disk_conf conf;

static void setup(void)
{
	strcpy(dir, "/var/tmp/lkvm-raw-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
}

static void teardown(void)
{
	char cmd[96];

	loop_destroy(loop);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* `size` bytes of file `name` in the folder, as conf.path. */
static void image(const char *name, u64 size)
{
	int fd;

	memset(&conf, 0, sizeof(conf));
	snprintf(conf.path, sizeof(conf.path), "%s/%s", dir, name);
	conf.nr_queues = 1;
	fd = open(conf.path, O_CREAT | O_RDWR, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static int open_close(void)
{
	struct disk *d;
	int err = disk_open(&d, &conf, loop);

	if (!err)
		d->ops->destroy(d);
	return err;
}

START_TEST(a_file)
{
	struct disk *d;

	setup();
	image("my disk,1.img", 1 * MiB);
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert_uint_eq(d->size, 1 * MiB);
	ck_assert_uint_eq(d->block_size, 512);
	ck_assert_uint_eq(d->physical_block_size, 4096);
	ck_assert(!d->read_only);
	ck_assert_str_eq(d->id, "my_disk_1.img");
	d->ops->destroy(d);
	strcpy(conf.serial, "01234567890123456789");
	conf.read_only = true;
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert_str_eq(d->id, "01234567890123456789");
	ck_assert(d->read_only && !d->can_discard);
	d->ops->destroy(d);
	image("a-name-that-is-longer-than-a-serial", 512);
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert_str_eq(d->id, "a-name-that-is-longe");
	d->ops->destroy(d);
	teardown();
}
END_TEST

START_TEST(refused)
{
	setup();
	image("x", 0);
	ck_assert_int_eq(open_close(), -EINVAL);
	image("x", 511);
	ck_assert_int_eq(open_close(), -EINVAL);
	conf.format = DISK_FORMAT_QCOW2;
	conf.read_only = true;
	ck_assert_int_eq(open_close(), -EINVAL);
	image("x", 512);
	ck_assert_int_eq(open_close(), 0);
	strcat(conf.path, "y");
	ck_assert_int_eq(open_close(), -ENOENT);
	strcpy(conf.path, dir);
	ck_assert_int_eq(open_close(), -EISDIR);
	/* A FIFO must not block, a terminal or /dev/null not be taken for a disk. */
	snprintf(conf.path, sizeof(conf.path), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(conf.path, 0600), 0);
	ck_assert_int_eq(open_close(), -EINVAL);
	strcpy(conf.path, "/dev/null");
	ck_assert_int_eq(open_close(), -EINVAL);
	teardown();
}
END_TEST

START_TEST(odd_size_is_rounded_down)
{
	struct disk *d;

	setup();
	image("x", 1024 + 511);
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert_uint_eq(d->size, 1024);
	d->ops->destroy(d);
	teardown();
}
END_TEST

static void put(u64 off, const void *buf, size_t len)
{
	int fd = open(conf.path, O_RDWR);

	ck_assert_int_eq(pwrite(fd, buf, len, (off_t)off), (ssize_t)len);
	close(fd);
}

/* What looks like a container is opened when the user has said what it is, and not before. */
START_TEST(formats_are_named)
{
	struct disk *d;

	setup();
	image("x", 64 * KiB);
	put(0, "QFI\xfb\0\0\0\3", 8);
	ck_assert_int_eq(open_close(), -EINVAL);
	conf.read_only = true;
	ck_assert_int_eq(open_close(), -EINVAL);
	conf.read_only = false;
	conf.ephemeral = true;
	ck_assert_int_eq(open_close(), -EINVAL);
	conf.ephemeral = false;
	conf.direct = true;
	ck_assert_int_eq(open_close(), -EINVAL);
	conf.format = DISK_FORMAT_RAW;
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert(d->size == 64 * KiB && !d->read_only);
	d->ops->destroy(d);
	/* An ISO image with partitions is written to only if that was meant. */
	image("iso", 64 * KiB);
	put(510, "\x55\xaa", 2);
	put(32769, "CD001", 5);
	ck_assert_int_eq(open_close(), -EINVAL);
	conf.read_only = true;
	ck_assert_int_eq(open_close(), 0);
	teardown();
}
END_TEST

START_TEST(block_sizes)
{
	struct disk *d;

	setup();
	image("x", 64 * KiB + 512);
	conf.block_size = 512;
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert(d->block_size == 512 && d->physical_block_size == 4096);
	ck_assert_uint_eq(d->size, 64 * KiB + 512);
	d->ops->destroy(d);
	conf.block_size = 4096;
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert(d->block_size == 4096 && d->physical_block_size == 4096);
	ck_assert_uint_eq(d->size, 64 * KiB);
	d->ops->destroy(d);
	image("small", 2048);
	conf.block_size = 4096;
	ck_assert_int_eq(open_close(), -EINVAL);
	teardown();
}
END_TEST

START_TEST(a_file_that_grows)
{
	struct disk *d;
	u64 size;

	setup();
	for (unsigned i = 0; i < 2; i++) {
		image("x", 64 * KiB);
		conf.no_uring = i;
		ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
		ck_assert_int_eq(d->ops->measure(d, &size), 0);
		ck_assert_uint_eq(size, 64 * KiB);
		ck_assert_int_eq(truncate(conf.path, 128 * KiB + 511), 0);
		ck_assert_int_eq(d->ops->measure(d, &size), 0);
		ck_assert_uint_eq(size, 128 * KiB);
		d->ops->destroy(d);
	}
	conf.ephemeral = true;
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert_int_eq(d->ops->measure(d, &size), -EOPNOTSUPP);
	d->ops->destroy(d);
	teardown();
}
END_TEST

START_TEST(no_permission)
{
	setup();
	image("x", 4096);
	ck_assert_int_eq(chmod(conf.path, 0444), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(dir, 0755), 0);
		ck_assert_int_eq(seteuid(65534), 0);
	}
	ck_assert_int_eq(open_close(), -EACCES);
	conf.read_only = true;
	ck_assert_int_eq(open_close(), 0);
	ck_assert_int_eq(seteuid(getuid()), 0);
	ck_assert_int_eq(chmod(conf.path, 0), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_eq(open_close(), -EACCES);
	ck_assert_int_eq(seteuid(getuid()), 0);
	teardown();
}
END_TEST

START_TEST(locks)
{
	struct disk *a, *b;

	setup();
	image("x", 4096);
	ck_assert_int_eq(disk_open(&a, &conf, loop), 0);
	ck_assert_int_eq(open_close(), -EBUSY);
	conf.read_only = true;
	ck_assert_int_eq(open_close(), -EBUSY);
	a->ops->destroy(a);
	ck_assert_int_eq(disk_open(&a, &conf, loop), 0);
	ck_assert_int_eq(disk_open(&b, &conf, loop), 0);
	conf.read_only = false;
	ck_assert_int_eq(open_close(), -EBUSY);
	a->ops->destroy(a);
	b->ops->destroy(b);
	ck_assert_int_eq(open_close(), 0);
	/* Direct I/O opens the file twice, and must not be in its own way. */
	conf.direct = true;
	ck_assert_int_eq(disk_open(&a, &conf, loop), 0);
	ck_assert_int_eq(open_close(), -EBUSY);
	a->ops->destroy(a);
	teardown();
}
END_TEST

static struct disk_req req;
static int req_err;

static void on_done(struct disk_req *r, int err)
{
	req_err = err;
}

/* One request, to its end. */
static int do_one(struct disk *d, enum disk_op op, u64 off, u64 len, char *buf)
{
	struct iovec iov = { buf, len };

	req = (struct disk_req){
		.op = op, .off = off, .len = len, .iov = &iov, .nr_iov = 1, .done = on_done
	};
	req_err = 1;
	d->ops->submit(d, &req);
	while (d->ops->wait(d))
		;
	return req_err;
}

/* What the guest writes is read back, and gone with the disk; others may read the file, too. */
static void run_ephemeral(u64 size)
{
	static char buf[4096], in[4096];
	struct disk *d, *other;

	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert(d->size == size && !d->read_only && d->can_discard);
	ck_assert_int_eq(disk_open(&other, &conf, loop), 0);
	memset(buf, 'e', sizeof(buf));
	ck_assert_int_eq(do_one(d, DISK_WRITE, 512, 1024, buf), 0);
	ck_assert_int_eq(do_one(d, DISK_WRITE, 8192, 4096, buf), 0);
	ck_assert_int_eq(do_one(d, DISK_FLUSH, 0, 0, NULL), 0);
	ck_assert_int_eq(do_one(d, DISK_READ, 0, 4096, in), 0);
	ck_assert(in[0] == 'b' && in[511] == 'b' && in[512] == 'e' && in[1535] == 'e');
	ck_assert(in[1536] == 'b');
	ck_assert_int_eq(do_one(d, DISK_WRITE_ZEROES, 8192 + 512, 1024, NULL), 0);
	ck_assert_int_eq(do_one(d, DISK_DISCARD, 4096, 4096, NULL), 0);
	ck_assert_int_eq(do_one(d, DISK_READ, 8192, 4096, in), 0);
	ck_assert(in[511] == 'e' && !in[512] && !in[1535] && in[1536] == 'e');
	ck_assert_int_eq(do_one(d, DISK_READ, 4096, 4096, in), 0);
	ck_assert(!in[0] && !in[4095]);
	ck_assert_int_eq(do_one(other, DISK_READ, 0, 4096, in), 0);
	ck_assert(in[512] == 'b');
	other->ops->destroy(other);
	d->ops->destroy(d);
}

START_TEST(ephemeral)
{
	static char buf[64 * KiB];
	FILE *f;

	setup();
	image("x", 64 * KiB);
	memset(buf, 'b', sizeof(buf));
	put(0, buf, sizeof(buf));
	conf.ephemeral = true;
	run_ephemeral(64 * KiB);
	ck_assert_int_eq(chmod(conf.path, 0444), 0);
	run_ephemeral(64 * KiB);
	f = fopen(conf.path, "r");
	for (unsigned i = 0; i < sizeof(buf); i++)
		ck_assert_int_eq(fgetc(f), 'b');
	fclose(f);
	teardown();
}
END_TEST

START_TEST(ephemeral_qcow2)
{
	static char buf[4096];
	struct fake_qcow2 q;
	struct disk *d;
	int fd;

	setup();
	image("x", 0);
	fd = open(conf.path, O_RDWR);
	fake_qcow2_create(&q, fd, 3, 12, 1 * MiB);
	memset(buf, 'b', sizeof(buf));
	fake_qcow2_packed(&q, 0, buf, false);
	fake_qcow2_plain(&q, 1, buf);
	fake_qcow2_plain(&q, 2, buf);
	close(fd);
	conf.format = DISK_FORMAT_QCOW2;
	conf.ephemeral = true;
	run_ephemeral(1 * MiB);
	conf.ephemeral = false;
	conf.read_only = true;
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert(d->size == 1 * MiB && d->read_only && !d->can_discard);
	ck_assert_int_eq(do_one(d, DISK_READ, 0, 4096, buf), 0);
	ck_assert(buf[0] == 'b' && buf[4095] == 'b');
	d->ops->destroy(d);
	teardown();
}
END_TEST

START_TEST(either_backend)
{
	static _Alignas(4096) char buf[4096];

	setup();
	image("x", 64 * KiB);
	for (unsigned i = 0; i < 4; i++) {
		struct disk *d;

		conf.no_uring = i & 1;
		conf.direct = i & 2;
		ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
		ck_assert_int_eq(do_one(d, DISK_WRITE, 0, sizeof(buf), buf), 0);
		d->ops->destroy(d);
	}
	teardown();
}
END_TEST

/* [virtio 1.3 §5.2.6.2] A discard of what is no whole block of the image is none, and no error. */
START_TEST(a_discard_off_blocks)
{
	static char buf[16 * KiB];
	struct disk *d;

	setup();
	image("x", 64 * KiB);
	conf.ephemeral = true;
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert(d->can_discard);
	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(do_one(d, DISK_WRITE, 0, sizeof(buf), buf), 0);
	ck_assert_int_eq(do_one(d, DISK_DISCARD, 512, 8 * KiB, NULL), 0);
	ck_assert_int_eq(do_one(d, DISK_DISCARD, 8 * KiB, 4 * KiB, NULL), 0);
	ck_assert_int_eq(do_one(d, DISK_READ, 0, sizeof(buf), buf), 0);
	ck_assert(buf[0] == 'x' && buf[511] == 'x' && buf[8 * KiB] == 0 && buf[12 * KiB] == 'x');
	d->ops->destroy(d);
	teardown();
}
END_TEST

/* Past `ulimit -f`: the request fails, nobody dies. */
START_TEST(file_size_limit)
{
	static char buf[4096];
	struct rlimit r = { 8192, RLIM_INFINITY };
	struct disk *d;

	setup();
	image("x", 64 * KiB);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
	for (unsigned i = 0; i < 2; i++) {
		conf.no_uring = i;
		ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
		ck_assert_int_eq(do_one(d, DISK_WRITE, 4096, sizeof(buf), buf), 0);
		ck_assert_int_eq(do_one(d, DISK_WRITE, 8192, sizeof(buf), buf), -EFBIG);
		ck_assert_int_eq(do_one(d, DISK_READ, 8192, sizeof(buf), buf), 0);
		d->ops->destroy(d);
	}
	teardown();
}
END_TEST

START_TEST(open_fails_step_by_step)
{
	setup();
	image("x", 64 * KiB);
	for (unsigned i = 0; i < 4; i++) {
		conf.no_uring = i & 1;
		conf.direct = i & 2;
		fds_exhaust(open_close);
	}
	teardown();
}
END_TEST

/* True if a thread of ours has that name, or has it soon: threads name themselves when they run. */
static bool have_thread(const char *name, unsigned tries)
{
	char cmd[96];

	snprintf(cmd, sizeof(cmd), "cat /proc/%d/task/*/comm | grep -qx %s", getpid(), name);
	for (tries = scaled(tries); tries > 0; tries--) {
		if (system(cmd) == 0)
			return true;
		usleep(20000);
	}
	return false;
}

/* io_uring forbidden, as container runtimes do it: a thread takes its place. */
START_TEST(io_uring_forbidden)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };
	static char buf[4096], in[4096];
	struct disk *d;

	setup();
	image("x", 64 * KiB);
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	if (have_thread("lkvm-disk", 5))
		printf("skip: io_uring is forbidden here already\n");
	d->ops->destroy(d);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
	ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
	ck_assert(have_thread("lkvm-disk", 500));
	memset(buf, 'u', sizeof(buf));
	ck_assert_int_eq(do_one(d, DISK_WRITE, 512, sizeof(buf), buf), 0);
	ck_assert_int_eq(do_one(d, DISK_READ, 512, sizeof(in), in), 0);
	ck_assert_mem_eq(in, buf, sizeof(in));
	d->ops->destroy(d);
	teardown();
}
END_TEST

START_TEST(mounted_device)
{
	struct stat st;
	FILE *f = fopen("/proc/self/mountinfo", "r");
	char line[1024], source[256];

	ck_assert_ptr_nonnull(f);
	memset(&conf, 0, sizeof(conf));
	conf.nr_queues = 1;
	ck_assert_int_eq(loop_create(&loop, "test"), 0);
	while (fgets(line, sizeof(line), f)) {
		char *sep = strstr(line, " - ");

		if (!sep || sscanf(sep, " - %*s %255s", source) != 1 || source[0] != '/' ||
		    stat(source, &st) < 0 || !S_ISBLK(st.st_mode))
			continue;
		strcpy(conf.path, source);
		ck_assert_int_eq(open_close(), -EBUSY);
		conf.read_only = true;
		ck_assert_int_eq(open_close(), -EBUSY);
		goto out;
	}
	printf("skip: nothing is mounted from a block device here\n");
out:
	fclose(f);
	loop_destroy(loop);
}
END_TEST

static void on_block_device(const char *path)
{
	static _Alignas(4096) char buf[8192];
	struct disk *d;

	for (unsigned i = 0; i < 4; i++) {
		memset(&conf, 0, sizeof(conf));
		conf.nr_queues = 1;
		conf.no_uring = i & 1;
		conf.direct = i & 2;
		strcpy(conf.path, path);
		ck_assert_int_eq(disk_open(&d, &conf, loop), 0);
		ck_assert_uint_eq(d->size, 1 * MiB);
		/* Loop devices discard, which leaves the bytes in the file system below. */
		ck_assert(d->can_discard && d->block_size >= 512 && !d->can_erase);
		ck_assert_uint_ge(d->min_io, d->block_size);
		ck_assert_int_eq(open_close(), -EBUSY);
		memset(buf, 'x', sizeof(buf));
		ck_assert_int_eq(do_one(d, DISK_WRITE, 0, 8192, buf), 0);
		ck_assert_int_eq(do_one(d, DISK_DISCARD, 0, 4096, NULL), 0);
		ck_assert_int_eq(do_one(d, DISK_WRITE_ZEROES, 4096, 512, NULL), 0);
		ck_assert_int_eq(do_one(d, DISK_FLUSH, 0, 0, NULL), 0);
		ck_assert_int_eq(do_one(d, DISK_READ, 0, 8192, buf), 0);
		ck_assert(!buf[0] && !buf[4095] && !buf[4096] && !buf[4607] && buf[4608] == 'x');
		d->ops->destroy(d);
	}
}

START_TEST(block_device)
{
	int ctl = open("/dev/loop-control", O_RDWR), file, dev, nr;
	char path[32];

	setup();
	image("backing", 1 * MiB);
	file = open(conf.path, O_RDWR);
	nr = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);
	snprintf(path, sizeof(path), "/dev/loop%d", nr);
	if (nr >= 0)
		mknod(path, S_IFBLK | 0600, makedev(7, (unsigned)nr));
	dev = nr < 0 ? -1 : open(path, O_RDWR);
	if (dev < 0 || ioctl(dev, LOOP_SET_FD, file) < 0) {
		printf("skip: no loop device: %s\n", strerror(errno));
	} else {
		on_block_device(path);
		ck_assert_int_eq(ioctl(dev, LOOP_CLR_FD), 0);
	}
	close(dev);
	close(file);
	close(ctl);
	teardown();
}
END_TEST

SUITE_MAIN("virtio/disk_raw", a_file, refused, odd_size_is_rounded_down, formats_are_named,
	   block_sizes, a_file_that_grows, ephemeral, ephemeral_qcow2, a_discard_off_blocks,
	   no_permission, locks, either_backend, file_size_limit, open_fails_step_by_step,
	   io_uring_forbidden, mounted_device, block_device)
