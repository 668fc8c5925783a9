/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-fs: a directory of the host as a file system of the guest; virtiofsd serves it.
 *
 * Thread: create on main; fs_refuse() on the device's loop.
 * Trust:  requests that are refused are the guest's: of one only its number is read, once.
 * Spec:   virtio 1.3 §5.11; <linux/fuse.h> for what is in a request
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/base/log.h"
#include "virtio/core/pool.h"
#include "virtio/dev/vhost_dev.h"
#include "virtio/vhost/daemon.h"
#include "virtio/vhost/fs_conf.h"

/* Of requests with high priority, and of all others. */
#define NR_QUEUES 2u
#define RING_SIZE 1024u /* a request has a descriptor for each page: 1 MiB needs some 260 */

struct fs_config {
	u8 tag[FS_TAG_LEN];
	le32 num_request_queues;
};
static_assert(sizeof(struct fs_config) == 40, "virtio 1.3 section 5.11.4");

/* [linux/fuse.h] struct fuse_in_header, as far as it is wanted, and fuse_out_header. */
struct fuse_in {
	le32 len, opcode;
	le64 unique;
};
struct fuse_out {
	le32 len, error;
	le64 unique;
};

static int fs_refuse(struct virtio_device *d, const struct chain *c)
{
	struct iov_cur in = chain_reader(c), out = chain_writer(c);
	struct fuse_in request;
	struct fuse_out answer = { .len = le32_of(sizeof(answer)), .error = le32_of((u32)-EIO) };

	/* FUSE_FORGET and its like have no answer. */
	if (!out.left)
		return 0;
	if (in.left < sizeof(request) || out.left < sizeof(answer))
		return -EBADMSG;
	iov_read(&in, &request, sizeof(request));
	answer.unique = request.unique;
	iov_write(&out, &answer, sizeof(answer));
	return (int)sizeof(answer);
}

static const struct virtio_type fs_type = {
	.name = "fs",
	.id = 26,
	.pci_class = 0x018000, /* mass storage, other */
	.foreign = true,
	.start = vhost_dev_start,
	.kick = vhost_dev_kick,
	.stop = vhost_dev_stop,
	.destroy = vhost_dev_destroy,
};

static const struct vhost_kind fs_kind = {
	.type = &fs_type,
	.then = "the guest gets I/O errors",
	.refuse = fs_refuse,
	.refused = BIT(NR_QUEUES) - 1,
};

static struct fs_config *config_of(const struct fs_conf *conf)
{
	struct fs_config *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	/* [virtio 1.3 §5.11.4] Without a NUL if it is as long as that. */
	memcpy(c->tag, conf->tag, strlen(conf->tag));
	c->num_request_queues = le32_of(NR_QUEUES - 1);
	return c;
}

bool virtio_fs_program(char *buf, size_t size)
{
	static const char *const dirs[] = { "/usr/libexec", "/usr/lib/qemu" };

	return daemon_find("virtiofsd", dirs, ARRAY_SIZE(dirs), buf, size);
}

static int find_program(char *buf, size_t size)
{
	if (virtio_fs_program(buf, size))
		return 0;
	log_error("--fs: there is no virtiofsd in $PATH, /usr/libexec or /usr/lib/qemu: install it "
		  "(Debian 13: apt install virtiofsd), or use --9p, which needs none");
	return -ENOENT;
}

/*
 * The kernel's first root, an initramfs, cannot be pivoted [pivot_root(2)], and so a namespace of
 * its own is of no use to a daemon. Then / is the first mount there is.
 */
static bool root_is_initramfs(void)
{
	char type[16] = "";
	FILE *f = fopen("/proc/self/mounts", "re");
	bool is = f && fscanf(f, "%*s / %15s", type) == 1 && !strcmp(type, "rootfs");

	if (f)
		fclose(f);
	return is;
}

static const char *sandbox_of(const struct fs_conf *conf)
{
	switch (conf->sandbox) {
	case FS_SANDBOX_CHROOT:
		return "--sandbox=chroot";
	case FS_SANDBOX_NONE:
		return "--sandbox=none";
	case FS_SANDBOX_AUTO:
		if (root_is_initramfs())
			return "--sandbox=chroot";
		break;
	case FS_SANDBOX_NAMESPACE:
		break;
	}
	return "--sandbox=namespace";
}

int virtio_fs_create(struct virtio_device **out, const struct virtio_env *env,
		     const struct fs_conf *conf)
{
	u16 size = env->pool ? env->pool->blk : RING_SIZE;
	u16 sizes[NR_QUEUES] = { size, size };
	char program[PATH_MAX], dir[PATH_MAX + 16], fd[16];
	const char *argv[] = { program, dir,  fd,  sandbox_of(conf), "--log-level=warn",
			       NULL,	NULL, NULL };
	unsigned nr = 5;
	struct vhost_dev_conf dev = {
		.kind = &fs_kind,
		.sizes = sizes,
		.nr_queues = NR_QUEUES,
		.config_len = sizeof(struct fs_config),
		.socket = conf->socket[0] ? conf->socket : NULL,
		.argv = argv,
	};
	int err = dev.socket ? 0 : find_program(program, sizeof(program));

	if (err)
		return err;
	if (conf->read_only)
		argv[nr++] = "--readonly";
	if (conf->one_tree)
		argv[nr++] = "--no-announce-submounts";
	snprintf(dir, sizeof(dir), "--shared-dir=%s", conf->path);
	snprintf(fd, sizeof(fd), "--fd=%d", DAEMON_FD);
	dev.config = config_of(conf);
	if (!dev.config)
		return log_errno(-ENOMEM, "virtio-fs");
	return vhost_dev_create(out, env, &dev);
}
