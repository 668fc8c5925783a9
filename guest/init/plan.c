/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instructions of lkvm exec: read, modules loaded, file systems mounted.
 *
 * Thread: one.
 * Trust:  the file is a part of the initrd, and measured with it in a Realm.
 */
#include "guest/init/plan.h"

#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/signal.h>
#include <linux/stat.h>

#include "guest/init/net.h"
#include "guest/init/text.h"

#define SHARE_OPTIONS "trans=virtio,version=9p2000.L,msize=131072,cache="
/* Where things are until the root is there. */
#define LOWER "/lkvm/lower"
#define LAYER "/lkvm/layer"
#define ROOT "/lkvm/root"

static bool fail(struct failure *f, enum exec_failure what, long err, unsigned which)
{
	*f = (struct failure){ what, -err, which };
	return false;
}

/* ---- reading ---- */

static void *memory(size_t len)
{
	long p = sys6(__NR_mmap, 0, (long)len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

/* All of the file; *len without the NUL that is put behind it. NULL: *err. */
static char *read_file(const char *path, size_t *len, long *err)
{
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	char *buf = memory(EXEC_CONF_MAX + 1);
	long n = fd < 0 ? fd : buf ? 0 : -ENOMEM;

	*len = 0;
	while (n >= 0) {
		n = sys_read(fd, buf + *len, EXEC_CONF_MAX - *len);
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	if (fd >= 0)
		sys_close(fd);
	*err = n;
	return n < 0 ? NULL : buf;
}

/* One instruction. False: there are too many of its kind, or it is none. */
static bool take(struct plan *p, char *s, char ***env, char ***args)
{
	struct plan_share *share = &p->shares[p->nr_shares];
	struct plan_nic *nic = &p->nics[p->nr_nics];
	char *text = s + 1;

	switch (*s) {
	case 'm':
		p->modules[p->nr_modules] = text;
		return ++p->nr_modules < PLAN_MAX_MODULES;
	case 'b':
		p->boot = text;
		return true;
	case 'x':
		p->script = text;
		return true;
	case 'r':
		p->root = text;
		return true;
	case 'd':
		share->flag = text;
		text = text_cut(text);
		share->tag = text;
		share->path = text_cut(text);
		return p->nr_shares++ < PLAN_MAX_SHARES - 1;
	case 'f':
		p->type = text;
		return true;
	case 'i':
		nic->name = text;
		text = text_cut(text);
		nic->address = text_number(text);
		nic->router = text_number(text_cut(text));
		return ++p->nr_nics < PLAN_MAX_NICS;
	case 's':
		p->resolv = text;
		return true;
	case 'g':
		p->groups[p->nr_groups++] = text_number(text);
		return p->nr_groups < EXEC_MAX_GROUPS;
	case 'u':
		p->uid = text_number(text);
		return true;
	case 'n':
		p->name = text;
		return true;
	case 't':
		p->mode = *text;
		return true;
	case 'c':
		p->cwd = text;
		return true;
	case 'e':
		*(*env)++ = text;
		return true;
	case 'a':
		*(*args)++ = text;
		return true;
	default:
		return false;
	}
}

bool plan_read(struct plan *p, struct failure *f)
{
	size_t len, nr = 0;
	long err;
	char *buf = read_file(EXEC_CONF, &len, &err), **env, **args;

	if (!buf)
		return fail(f, EXEC_FAIL_CONF, err, 0);
	for (size_t i = 0; i < len; i++)
		nr += !buf[i];
	p->env = env = memory((nr + 1) * sizeof(*env));
	args = memory((nr + 2) * sizeof(*args));
	if (!env || !args)
		return fail(f, EXEC_FAIL_CONF, -ENOMEM, 0);
	p->args = ++args;
	for (char *s = buf; s < buf + len;) {
		char *next = s + text_len(s) + 1; /* take() may cut it in pieces */

		if (!take(p, s, &env, &args))
			return fail(f, EXEC_FAIL_CONF, -EINVAL, (unsigned)(s - buf));
		s = next;
	}
	return p->boot || (p->args[0] && p->root && p->cwd) ? true
							    : fail(f, EXEC_FAIL_CONF, -EINVAL, 0);
}

/* ---- modules ---- */

bool plan_load(const struct plan *p, struct failure *f)
{
	for (unsigned i = 0; i < p->nr_modules; i++) {
		int fd = sys_open(p->modules[i], O_RDONLY | O_CLOEXEC, 0);
		int flags = text_ends(p->modules[i], ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE;
		long err = fd < 0 ? fd : SYS3(finit_module, fd, "", flags);

		if (fd >= 0)
			sys_close(fd);
		if (err < 0 && err != -EEXIST)
			return fail(f, EXEC_FAIL_MODULE, err, i);
	}
	return true;
}

/* ---- file systems ---- */

/* A directory and those above it. What is there is left as it is. */
static void make_path(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		sys_mkdir(path, 0755);
		*p = '/';
	}
	sys_mkdir(path, 0755);
}

static void mount_at(const char *root, const char *path, const char *type, unsigned long flags,
		     const char *data)
{
	char at[PATH_SIZE];

	if (!text_join(at, sizeof(at), root, path))
		return;
	sys_mkdir(at, 0755);
	sys_mount(type, at, type, flags, data);
}

void plan_mount_kernel(const char *root)
{
	const unsigned long plain = MS_NOSUID | MS_NODEV;
	char at[PATH_SIZE];

	mount_at(root, "/proc", "proc", plain | MS_NOEXEC, NULL);
	mount_at(root, "/sys", "sysfs", plain | MS_NOEXEC, NULL);
	mount_at(root, "/dev", "devtmpfs", MS_NOSUID, NULL);
	mount_at(root, "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666");
	mount_at(root, "/dev/shm", "tmpfs", plain, "mode=1777");
	if (text_join(at, sizeof(at), root, "/dev/fd"))
		SYS3(symlinkat, "/proc/self/fd", AT_FDCWD, at);
	if (text_join(at, sizeof(at), root, "/dev/stdin"))
		SYS3(symlinkat, "/proc/self/fd/0", AT_FDCWD, at);
	if (text_join(at, sizeof(at), root, "/dev/stdout"))
		SYS3(symlinkat, "/proc/self/fd/1", AT_FDCWD, at);
	if (text_join(at, sizeof(at), root, "/dev/stderr"))
		SYS3(symlinkat, "/proc/self/fd/2", AT_FDCWD, at);
}

static int mount_tag(const struct plan *p, const char *tag, const char *at, bool ro,
		     const char *options)
{
	if (p->type)
		options = NULL; /* those are 9P's */
	return sys_mount(tag, at, p->type ? p->type : "9p", ro ? MS_RDONLY : 0, options);
}

/*
 * The host's files do not change while the guest looks, or so it believes of those that it may not
 * write to: they stay in its cache. Of the others it keeps what programs map (cache=mmap).
 */
static bool mount_root(const struct plan *p, struct failure *f)
{
	long err;

	sys_mkdir(LOWER, 0755);
	sys_mkdir(LAYER, 0755);
	sys_mkdir(ROOT, 0755);
	err = mount_tag(p, p->root, LOWER, true, SHARE_OPTIONS "loose");
	if (err < 0)
		return fail(f, EXEC_FAIL_ROOT, err, 0);
	err = sys_mount("layer", LAYER, "tmpfs", 0, "mode=755");
	sys_mkdir(LAYER "/upper", 0755);
	sys_mkdir(LAYER "/work", 0755);
	if (!err)
		err = sys_mount("root", ROOT, "overlay", 0,
				"lowerdir=" LOWER ",upperdir=" LAYER "/upper,workdir=" LAYER
				"/work");
	return err < 0 ? fail(f, EXEC_FAIL_OVERLAY, err, 0) : true;
}

/* In the root: a link on the way to it leads to where it does for the command. */
static bool mount_share(const struct plan *p, unsigned n, struct failure *f)
{
	const struct plan_share *s = &p->shares[n];
	bool ro = text_is(s->flag, "ro");
	char at[PATH_SIZE];
	long err;

	if (!text_join(at, sizeof(at), s->path, ""))
		return fail(f, EXEC_FAIL_SHARE, -ENAMETOOLONG, n);
	make_path(at);
	err = mount_tag(p, s->tag, at, ro, ro ? SHARE_OPTIONS "loose" : SHARE_OPTIONS "mmap");
	return err < 0 ? fail(f, EXEC_FAIL_SHARE, err, n) : true;
}

/* What is mounted there is / from now on. */
static long enter_root(void)
{
	long err = SYS1(chdir, ROOT);

	if (!err)
		err = sys_mount(".", "/", NULL, MS_MOVE, NULL);
	if (!err)
		err = SYS1(chroot, ".");
	return err ? err : SYS1(chdir, "/");
}

void plan_boot(const struct plan *p)
{
	static const char *const inits[] = { "/virt/init", "/sbin/init", "/etc/init", "/bin/init",
					     "/bin/sh" };
	static const char *const env[] = { "HOME=/", "TERM=linux", NULL };
	const uint64_t none = 0;

	sys_mkdir("/lkvm", 0755);
	sys_mkdir(ROOT, 0755);
	if (mount_tag(p, p->boot, ROOT, false, SHARE_OPTIONS "loose") < 0 || enter_root() < 0)
		return;
	net_names(p);
	SYS4(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	for (unsigned i = 0; i < sizeof(inits) / sizeof(inits[0]); i++) {
		/* The first one is ours: rescue_shell(). */
		const char *const argv[] = { inits[i], i ? NULL : p->script, NULL };

		SYS3(execve, inits[i], argv, env);
	}
}

bool plan_mount(const struct plan *p, struct failure *f)
{
	long err;

	if (!mount_root(p, f))
		return false;
	plan_mount_kernel(ROOT);
	err = enter_root();
	if (err < 0)
		return fail(f, EXEC_FAIL_OVERLAY, err, 1);
	for (unsigned i = 0; i < p->nr_shares; i++) {
		if (!mount_share(p, i, f))
			return false;
	}
	net_names(p);
	return true;
}

void plan_sync(const struct plan *p)
{
	for (unsigned i = 0; i < p->nr_shares; i++) {
		int fd =
			text_is(p->shares[i].flag, "rw")
				? sys_open(p->shares[i].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
				: -1;

		if (fd < 0)
			continue;
		SYS1(syncfs, fd);
		sys_close(fd);
	}
}
