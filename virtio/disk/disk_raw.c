/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disk images and block devices: open, check, lock, choose how requests are made.
 *
 * Thread: main, before others run; disk_file_size() on any.
 * Trust:  the user's file. It is never read in a format that was not named, so a guest cannot make
 *         its disk look like another format; what looks like one is not taken for raw either.
 *
 * Two VMs that write one image destroy it, so the file is locked: shared by readers, exclusive for
 * a writer. The lock belongs to the open file (F_OFD_SETLK), so one lkvm that opens the same image
 * twice is refused too. A block device that is mounted is refused, and is claimed with O_EXCL for
 * writing, which also keeps it from being mounted meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "virtio/disk/disk_file.h"
#include "virtio/disk/disk_formats.h"
#include "virtio/disk/layer.h"

#define FILE_PHYSICAL_BLOCK                                                                        \
	4096u		     /* what file systems allocate: told to guests so that they align */
#define DIO_SAFE_ALIGN 4096u /* when the kernel does not say: no disk wants more */

void disk_file_close(struct disk_file *f)
{
	layer_destroy(f->layer);
	f->layer = NULL;
	if (f->fd >= 0)
		close(f->fd);
	if (f->buffered_fd >= 0)
		close(f->buffered_fd);
	f->fd = f->buffered_fd = -1;
}

/* The file name without folders, reduced to what udev passes on in /dev/disk/by-id. */
static void default_id(char id[DISK_SERIAL_LEN + 1], const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t n = 0;

	for (; *base && n < DISK_SERIAL_LEN; base++) {
		bool plain = (*base >= '0' && *base <= '9') || (*base >= 'a' && *base <= 'z') ||
			     (*base >= 'A' && *base <= 'Z') || strchr(".-_", *base);

		id[n++] = plain ? *base : '_';
	}
	id[n] = '\0';
}

/* Lines of mountinfo start with: mount id, parent id, major:minor [proc_pid_mountinfo(5)]. */
static bool is_mounted(dev_t dev)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	unsigned maj, min;
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	if (!f)
		return false; /* O_EXCL still refuses a mounted device, with another message */
	while (!found && getline(&line, &size, f) > 0)
		found = sscanf(line, "%*u %*u %u:%u ", &maj, &min) == 2 && makedev(maj, min) == dev;
	free(line);
	fclose(f);
	return found;
}

static int open_error(const char *path, bool read_only, int err)
{
	if (err == -EBUSY)
		log_error("%s: in use by another virtual machine, a mount elsewhere, swap or RAID",
			  path);
	else if (!read_only && (err == -EACCES || err == -EROFS || err == -EPERM))
		log_error("%s: no permission to write: %s (for a read-only disk add ',ro')", path,
			  strerror(-err));
	else
		log_errno(err, "%s: cannot open the disk image", path);
	return err;
}

/* Only what can be a disk is opened at all: opening a FIFO or a terminal has side effects. */
static int check_type(const struct disk_conf *conf, struct stat *st)
{
	if (stat(conf->path, st) < 0)
		return open_error(conf->path, disk_conf_only_reads(conf), -errno);
	if (S_ISDIR(st->st_mode)) {
		log_error("%s is a directory, not a disk image", conf->path);
		return -EISDIR;
	}
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode)) {
		log_error("%s is neither a file nor a block device", conf->path);
		return -EINVAL;
	}
	if (S_ISBLK(st->st_mode) && is_mounted(st->st_rdev)) {
		log_error("Block device %s is already mounted! Unmount before use.", conf->path);
		return -EBUSY;
	}
	return 0;
}

static int open_files(const struct disk_conf *conf, struct disk_file *f)
{
	int flags = O_CLOEXEC | (disk_conf_only_reads(conf) ? O_RDONLY : O_RDWR);

	if (f->is_blk && !disk_conf_only_reads(conf) && !conf->shared)
		flags |= O_EXCL;
	f->fd = open(conf->path, flags | (conf->direct ? O_DIRECT : 0));
	if (f->fd < 0 && errno == EINVAL && conf->direct) {
		log_error("%s: its file system cannot do direct I/O, leave 'direct' out",
			  conf->path);
		return -EINVAL;
	}
	if (f->fd < 0)
		return open_error(conf->path, disk_conf_only_reads(conf), -errno);
	if (!conf->direct)
		return 0;

	/* The same file as is open, whatever the name stands for meanwhile. */
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
	f->buffered_fd = open(self, flags & ~O_EXCL);
	return f->buffered_fd < 0 ? open_error(conf->path, disk_conf_only_reads(conf), -errno) : 0;
}

/* A little over what the kernel was seen to need, on a busy machine. */
#define LOCK_TRIES 50
#define LOCK_WAIT_MS 20

/*
 * A process that was killed is gone before its io_uring is: what that had in flight is done, and
 * only then is the file let go. Whoever starts the guest again at once waits for that.
 */
static int lock_in_a_while(int fd, struct flock *lock)
{
	int err = fcntl(fd, F_OFD_SETLK, lock);

	for (int i = 0; err && (errno == EAGAIN || errno == EACCES) && i < LOCK_TRIES; i++) {
		poll(NULL, 0, LOCK_WAIT_MS);
		err = fcntl(fd, F_OFD_SETLK, lock);
	}
	return err;
}

static int lock_file(const struct disk_conf *conf, const struct disk_file *f)
{
	struct flock lock = { .l_type = disk_conf_only_reads(conf) ? F_RDLCK : F_WRLCK,
			      .l_whence = SEEK_SET };

	if (conf->shared || lock_in_a_while(f->fd, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES) {
		log_error(
			"%s: in use by another virtual machine (only read-only disks can be shared)",
			conf->path);
		return -EBUSY;
	}
	log_warn("%s: cannot be locked against other virtual machines: %s", conf->path,
		 strerror(errno));
	return 0;
}

static void learn_alignment(const struct disk_conf *conf, struct disk_file *f)
{
	f->dio_off_align = f->dio_mem_align = DIO_SAFE_ALIGN;
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN) && is_power_of_2(stx.stx_dio_offset_align) &&
	    is_power_of_2(stx.stx_dio_mem_align)) {
		f->dio_off_align = stx.stx_dio_offset_align;
		f->dio_mem_align = stx.stx_dio_mem_align;
	}
#endif
}

/* `dir`: "" for a whole disk, "../" for a partition. -1 if there is no such place. */
static long long discard_max(dev_t dev, const char *dir)
{
	long long max = -1;
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/discard_max_bytes", major(dev),
		 minor(dev), dir);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%lld", &max) != 1)
		max = -1;
	fclose(f);
	return max;
}

/*
 * Would a secure erase be carried out? Whether the device has it is the first thing that the kernel
 * looks at [Linux block/ioctl.c, since 5.19]; that the range is none comes after that.
 */
static bool can_erase(int fd)
{
	u64 no_range[2] = { 1, 0 };

	return ioctl(fd, BLKSECDISCARD, no_range) < 0 && errno == EINVAL;
}

/* How the device likes to be written: hints, so what it does not say is nothing. */
static void learn_topology(int fd, struct disk *d)
{
	unsigned min = 0, opt = 0;
	int offset = 0;

	ioctl(fd, BLKIOMIN, &min);
	ioctl(fd, BLKIOOPT, &opt);
	ioctl(fd, BLKALIGNOFF, &offset);
	d->min_io = min;
	d->opt_io = opt;
	d->alignment_offset = offset > 0 ? (u32)offset : 0;
}

static int probe_blk(const struct disk_conf *conf, const struct disk_file *f, struct disk *d)
{
	unsigned physical = 0;
	int logical = 0;
	struct stat st;

	if (ioctl(f->fd, BLKGETSIZE64, &d->size) < 0 || ioctl(f->fd, BLKSSZGET, &logical) < 0 ||
	    ioctl(f->fd, BLKPBSZGET, &physical) < 0 || fstat(f->fd, &st) < 0)
		return log_errno(-errno, "%s: cannot ask the block device for its size",
				 conf->path);
	d->block_size = (u32)logical;
	d->physical_block_size = MAX(physical, d->block_size);
	d->can_discard = !disk_conf_only_reads(conf) &&
			 (discard_max(st.st_rdev, "") > 0 || discard_max(st.st_rdev, "../") > 0);
	d->can_erase = !disk_conf_only_reads(conf) && can_erase(f->fd);
	learn_topology(f->fd, d);
	return 0;
}

static int probe_file(const struct disk_conf *conf, const struct disk_file *f, struct disk *d)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return log_errno(-errno, "%s", conf->path);
	d->size = (u64)st.st_size;
	/*
	 * The same for every file: what the guest sees does not depend on the host's file system.
	 */
	d->block_size = DISK_SECTOR;
	d->physical_block_size = FILE_PHYSICAL_BLOCK;
	/*
	 * Behind the end there is nothing to punch: this only asks whether the file system could.
	 */
	d->can_discard = !disk_conf_only_reads(conf) &&
			 fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, st.st_size,
				   FILE_PHYSICAL_BLOCK) == 0;
	return 0;
}

int disk_file_size(const struct disk_file *f, u32 block_size, u64 *size)
{
	struct stat st;
	int err;

	if (f->layer)
		return -EOPNOTSUPP;
	if (f->is_blk)
		err = ioctl(f->fd, BLKGETSIZE64, size) < 0 ? -errno : 0;
	else
		err = file_stat(f->fd, &st);
	if (err)
		return err;
	*size = align_down(f->is_blk ? *size : (u64)st.st_size, block_size);
	return 0;
}

/*
 * A container of a disk's bytes that is taken for these bytes is of no use, and a guest that writes
 * to it destroys it.
 */
static int check_format(const struct disk_conf *conf, const struct disk_file *f, u64 size)
{
	int fd = f->buffered_fd >= 0 ? f->buffered_fd : f->fd;
	const struct disk_look *format = NULL;

	if (conf->format == DISK_FORMAT_NONE)
		format = disk_format_of(fd, size, !disk_conf_only_reads(conf));
	if (!format)
		return 0;
	log_error("%s looks like a file of format %s: %s, or 'format=raw' takes it as it is",
		  conf->path, format->name, format->advice);
	return -EINVAL;
}

/* From a file to layers, where there are any. */
static int open_image(const struct disk_conf *conf, struct disk_file *f, struct disk *d)
{
	int err;

	if (conf->format != DISK_FORMAT_QCOW2 && !conf->ephemeral)
		return 0;
	err = layer_open(&f->layer, conf, f->fd, d->size);
	f->fd = -1;
	f->is_blk = false;
	if (err)
		return err;
	d->size = f->layer->size;
	d->can_discard = conf->ephemeral;
	d->can_erase = false;
	return 0;
}

static int fit_blocks(const struct disk_conf *conf, struct disk *d)
{
	u64 size = d->size;

	if (conf->block_size)
		d->block_size = conf->block_size;
	d->physical_block_size = MAX(d->physical_block_size, d->block_size);
	d->size = align_down(size, d->block_size);
	if (!d->size) {
		log_error("%s: the disk image is smaller than one sector (%u bytes)", conf->path,
			  d->block_size);
		return -EINVAL;
	}
	if (d->size != size)
		log_warn("%s: the size is not a multiple of %u, the last %u bytes are not used",
			 conf->path, d->block_size, (unsigned)(size - d->size));
	return 0;
}

static int probe(const struct disk_conf *conf, struct disk_file *f, struct disk *d)
{
	int err = f->is_blk ? probe_blk(conf, f, d) : probe_file(conf, f, d);

	if (!err)
		err = check_format(conf, f, d->size);
	if (!err)
		err = open_image(conf, f, d);
	if (!err)
		err = fit_blocks(conf, d);
	if (err)
		return err;
	d->read_only = conf->read_only;
	if (conf->serial[0])
		snprintf(d->id, sizeof(d->id), "%s", conf->serial);
	else
		default_id(d->id, conf->path);
	return 0;
}

static int choose_backend(struct disk **out, const struct disk_conf *conf, const struct disk *proto,
			  const struct disk_file *f, struct loop *loop)
{
	int err = -EPERM;

	if (!conf->no_uring && !f->layer) {
		err = disk_uring_create(out, proto, f, loop);
		if (err)
			log_debug("%s: no io_uring (%s), using a thread", conf->path,
				  strerror(-err));
	}
	if (err)
		err = disk_threads_create(out, proto, f, loop);
	if (err)
		log_errno(err, "%s: cannot set up disk I/O", conf->path);
	return err;
}

int disk_open(struct disk **out, const struct disk_conf *conf, struct loop *loop)
{
	struct disk_file f = { .layer = NULL, .fd = -1, .buffered_fd = -1 };
	struct disk proto = { 0 };
	struct stat st;
	int err;

	/* A write past `ulimit -f` is an error of that write, not the end of the guest. */
	signal(SIGXFSZ, SIG_IGN);
	err = check_type(conf, &st);
	if (err)
		return err;
	f.is_blk = S_ISBLK(st.st_mode);
	err = open_files(conf, &f);
	if (err)
		goto fail;
	err = lock_file(conf, &f);
	if (err)
		goto fail;
	if (conf->direct)
		learn_alignment(conf, &f);
	err = probe(conf, &f, &proto);
	if (err)
		goto fail;
	err = choose_backend(out, conf, &proto, &f, loop);
	if (err)
		goto fail;
	return 0;
fail:
	disk_file_close(&f);
	return err;
}
