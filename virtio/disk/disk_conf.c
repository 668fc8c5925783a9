/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The --disk option: FILE and its flags (disk_conf.h).
 *
 * Thread: main, before others run.
 * Trust:  the user's own command line.
 *
 * kvmtool takes flags by prefix and ignores what it does not know. A typo of "ro" must not give the
 * guest write access, so here every word must be exact.
 */
#include "virtio/disk/disk_conf.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/fields.h"
#include "lkvm/base/log.h"

static int parse_format(const char *v, struct disk_conf *conf)
{
	if (strcmp(v, "raw") == 0)
		conf->format = DISK_FORMAT_RAW;
	else if (strcmp(v, "qcow2") == 0)
		conf->format = DISK_FORMAT_QCOW2;
	else {
		log_error("--disk: unknown format '%s', known are raw and qcow2", v);
		return -EINVAL;
	}
	return 0;
}

static int parse_serial(const char *v, struct disk_conf *conf)
{
	size_t n = strlen(v);

	if (!n || n > DISK_SERIAL_LEN) {
		log_error("--disk: serial '%s' must have 1 to %u characters", v, DISK_SERIAL_LEN);
		return -EINVAL;
	}
	memcpy(conf->serial, v, n + 1);
	return 0;
}

static int parse_queues(const char *v, struct disk_conf *conf)
{
	u64 n;

	if (decode_number(&n, DISK_MAX_QUEUES, NUMBER_DEC, v, strlen(v)) || !n) {
		log_error("--disk: queues=%s must be a number from 1 to %u", v, DISK_MAX_QUEUES);
		return -EINVAL;
	}
	conf->nr_queues = (unsigned)n;
	return 0;
}

static int parse_io(const char *v, struct disk_conf *conf)
{
	if (strcmp(v, "uring") && strcmp(v, "threads")) {
		log_error("--disk: unknown io '%s', known are uring and threads", v);
		return -EINVAL;
	}
	conf->no_uring = strcmp(v, "threads") == 0;
	return 0;
}

static int parse_blocksize(const char *v, struct disk_conf *conf)
{
	if (strcmp(v, "512") && strcmp(v, "4096")) {
		log_error("--disk: blocksize=%s must be 512 or 4096", v);
		return -EINVAL;
	}
	conf->block_size = strcmp(v, "512") ? 4096 : 512;
	return 0;
}

static int parse_backing(const char *v, struct disk_conf *conf)
{
	if (strcmp(v, "on") && strcmp(v, "off")) {
		log_error("--disk: backing=%s must be on or off", v);
		return -EINVAL;
	}
	conf->backing = strcmp(v, "on") == 0;
	return 0;
}

static int parse_field(const char *field, struct disk_conf *conf)
{
	static const struct {
		const char *key;
		int (*parse)(const char *v, struct disk_conf *conf);
	} keys[] = {
		{ "format", parse_format },	  { "serial", parse_serial },
		{ "queues", parse_queues },	  { "io", parse_io },
		{ "blocksize", parse_blocksize }, { "backing", parse_backing },
	};
	const struct {
		const char *word;
		bool *flag;
	} words[] = {
		{ "ro", &conf->read_only },
		{ "direct", &conf->direct },
		{ "ephemeral", &conf->ephemeral },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(field, words[i].word) == 0) {
			*words[i].flag = true;
			return 0;
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *v = field_value(field, keys[i].key);

		if (v)
			return keys[i].parse(v, conf);
	}
	log_error("--disk: unknown flag '%s' (a comma in a file name is written ',,')", field);
	return -EINVAL;
}

static int check_together(const struct disk_conf *c)
{
	bool qcow2 = c->format == DISK_FORMAT_QCOW2;
	const char *why = NULL;

	if (c->read_only && c->ephemeral)
		why = "ro and ephemeral exclude each other";
	else if (qcow2 && !c->read_only && !c->ephemeral)
		why = "a qcow2 image is not written to: add ro, or ephemeral";
	else if (c->backing && !qcow2)
		why = "backing=on goes with format=qcow2";
	else if (c->direct && (qcow2 || c->ephemeral))
		why = "direct is for raw images that are not ephemeral";
	if (why)
		log_error("--disk %s: %s", c->path, why);
	return why ? -EINVAL : 0;
}

int disk_conf_parse(const char *arg, struct disk_conf *conf)
{
	char field[64];
	int more, err;

	*conf = (struct disk_conf){ .nr_queues = 1 };
	more = field_next(&arg, conf->path, sizeof(conf->path));
	if (more < 0) {
		log_error("--disk: the file name is too long");
		return -EINVAL;
	}
	if (!conf->path[0]) {
		log_error("--disk: a file name is missing");
		return -EINVAL;
	}
	if (strncmp(conf->path, "scsi:", 5) == 0) {
		log_error(
			"--disk %s: vhost-scsi targets are not supported, give the file or block device behind it",
			conf->path);
		return -EINVAL;
	}
	while (more) {
		more = field_next(&arg, field, sizeof(field));
		if (more < 0) {
			log_error("--disk: a flag is too long");
			return -EINVAL;
		}
		err = parse_field(field, conf);
		if (err)
			return err;
	}
	return check_together(conf);
}
