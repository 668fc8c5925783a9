/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of the options that may be given several times, each for one more device.
 *
 * Thread: main.
 * Trust:  the user's own command line.
 */
#include "lkvm/run/options_devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/run/config.h"

int options_add_disk(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (c->nr_disks == CONFIG_MAX_DISKS) {
		log_error("Currently only %u images are supported", CONFIG_MAX_DISKS);
		return -EINVAL;
	}
	return disk_conf_parse(val, &c->disks[c->nr_disks++]);
}

int options_add_9p(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (c->nr_shares == CONFIG_MAX_SHARES) {
		log_error("Currently only %u shared directories are supported", CONFIG_MAX_SHARES);
		return -EINVAL;
	}
	return share_conf_parse(val, &c->shares[c->nr_shares++]);
}

int options_add_fs(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (c->nr_fs == CONFIG_MAX_FS) {
		log_error("Currently only %u directories are supported by --fs", CONFIG_MAX_FS);
		return -EINVAL;
	}
	return fs_conf_parse(val, &c->fs[c->nr_fs++]);
}

int options_add_vfio(void *conf, const char *name, const char *val)
{
	struct config *c = conf;
	struct vfio_conf *v = &c->vfio[c->nr_vfio];
	int err;

	if (c->nr_vfio == CONFIG_MAX_VFIO) {
		log_error("Currently only %u devices are supported by --vfio-pci", CONFIG_MAX_VFIO);
		return -EINVAL;
	}
	err = vfio_conf_parse(val, v);
	for (unsigned i = 0; i < c->nr_vfio && !err; i++) {
		if (!strcmp(c->vfio[i].addr, v->addr)) {
			log_error("--vfio-pci %s is given twice", v->addr);
			err = -EINVAL;
		}
	}
	c->nr_vfio += !err;
	return err;
}

int options_add_port(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	if (c->nr_ports == CONFIG_MAX_PORTS) {
		log_error("Currently only %u console ports are supported", CONFIG_MAX_PORTS);
		return -EINVAL;
	}
	return port_conf_parse(val, &c->ports[c->nr_ports++]);
}

int options_rng_limit(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	return rng_conf_parse(val, &c->rng_conf);
}

int options_add_vsock(void *conf, const char *name, const char *val)
{
	struct config *c = conf;

	return vsock_conf_parse(val, &c->vsock);
}

bool config_add_share(struct config *c, const char *tag, const char *path, bool read_only)
{
	struct share_conf *s = &c->shares[c->nr_shares];

	if (c->nr_shares == CONFIG_MAX_SHARES)
		return false;
	memset(s, 0, sizeof(*s));
	snprintf(s->path, sizeof(s->path), "%s", path);
	snprintf(s->tag, sizeof(s->tag), "%s", tag);
	s->read_only = read_only;
	c->nr_shares++;
	return true;
}

bool config_add_fs(struct config *c, const char *tag, const char *path, bool read_only)
{
	struct fs_conf *f = &c->fs[c->nr_fs];

	if (c->nr_fs == CONFIG_MAX_FS)
		return false;
	/* What is below an overlay must not have other file systems in it (EREMOTE). */
	*f = (struct fs_conf){ .read_only = read_only, .one_tree = true };
	snprintf(f->path, sizeof(f->path), "%s", path);
	snprintf(f->tag, sizeof(f->tag), "%s", tag);
	c->nr_fs++;
	return true;
}
