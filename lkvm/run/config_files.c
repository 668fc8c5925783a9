/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of a config that are one: what lkvm writes is nothing that the guest is made of.
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 *
 * An output is emptied, or takes the name of what was there. So a slip of the hand (--console-log
 * disk.img) would cost a kernel or a disk, and two outputs in one file each other.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "lkvm/run/config.h"

#define MAX_FILES (10 + CONFIG_MAX_DISKS + CONFIG_MAX_PORTS + CONFIG_MAX_NICS)

struct file {
	const char *option, *path;
};

struct files {
	struct file f[MAX_FILES];
	unsigned nr;
};

static void add(struct files *fs, const char *option, const char *path)
{
	if (path && *path)
		fs->f[fs->nr++] = (struct file){ option, path };
}

static void add_inputs(struct files *fs, const struct config *c)
{
	add(fs, "kernel", c->kernel);
	add(fs, "firmware", c->firmware);
	add(fs, "initrd", c->initrd);
	add(fs, "dtb", c->dtb);
	add(fs, "flash", c->flash);
	for (unsigned i = 0; i < c->nr_disks; i++)
		add(fs, "disk", c->disks[i].path);
}

static void add_outputs(struct files *fs, const struct config *c)
{
	add(fs, "console-log", c->watch.log);
	add(fs, "report", c->watch.report);
	add(fs, "events", c->watch.events);
	add(fs, "dump-dtb", c->dump_dtb);
	add(fs, "sim-log", c->sim_log_file);
	for (unsigned i = 0; i < c->nr_ports; i++)
		add(fs, "console-port", c->ports[i].kind == PORT_FILE ? c->ports[i].path : NULL);
	for (unsigned i = 0; i < c->nr_nics; i++)
		add(fs, "network pcap", c->nics[i].pcap);
}

static bool same_file(const char *a, const char *b, struct stat *st)
{
	struct stat other;

	return stat(a, st) == 0 && stat(b, &other) == 0 && st->st_dev == other.st_dev &&
	       st->st_ino == other.st_ino;
}

/*
 * One file or disk, that is there or will be. Streams may have two writers, and so may the file
 * that the standard output goes to, which is never opened anew.
 */
static bool one_file(const char *a, const char *b)
{
	struct stat st;

	if (access(a, F_OK) && access(b, F_OK))
		return !strcmp(a, b) && strncmp(a, "fd:", 3) != 0;
	return same_file(a, b, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) &&
	       file_standard(a) < 0;
}

int config_check_files(const struct config *c)
{
	struct files fs = { .nr = 0 };
	unsigned nr_in;

	add_inputs(&fs, c);
	nr_in = fs.nr;
	add_outputs(&fs, c);
	for (unsigned i = nr_in; i < fs.nr; i++) {
		const struct file *out = &fs.f[i];

		for (unsigned k = 0; k < i; k++) {
			if (!one_file(out->path, fs.f[k].path))
				continue;
			log_error("--%s %s: that is the file of --%s, give it one of its own",
				  out->option, out->path, fs.f[k].option);
			return -EINVAL;
		}
	}
	return 0;
}

void config_share_disks(struct config *c)
{
	struct stat st;

	for (unsigned i = 0; i < c->nr_disks; i++) {
		struct disk_conf *a = &c->disks[i];

		for (unsigned j = i + 1; j < c->nr_disks; j++) {
			struct disk_conf *b = &c->disks[j];

			if (a->shared || b->shared || !same_file(a->path, b->path, &st))
				continue;
			if (!disk_conf_only_reads(a) || !disk_conf_only_reads(b))
				log_warn(
					"--disk %s is given twice: the guest finds it as two disks, and each sees what is written to the other",
					b->path);
			if (disk_conf_only_reads(a) && !disk_conf_only_reads(b))
				a->shared = true;
			else
				b->shared = true;
		}
	}
}
