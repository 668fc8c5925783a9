/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Killed while it writes. See the README for what is expected and what it proves.
 *
 * Thread: main; each guest is a process of its own, with the loop of its disk.
 * Trust:  none needed.
 * Spec:   virtio 1.3 §5.2.6.1 (what a flush makes stable)
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "tests/fake/disk_rig.h"
#include "virtio/dev/blk_req.h"

#define BLOCKS 64u
#define BATCH 4u
#define MAX_US 20000u /* from the first write to the end */

/* What both processes see. Written by the guest's alone while it lives. */
struct promises {
	_Atomic bool working;
	_Atomic u64 flushes;
	_Atomic u64 last;	      /* number of the last write that was begun */
	_Atomic u64 begun[BLOCKS];    /* its number may be in the file */
	_Atomic u64 promised[BLOCKS]; /* it has to be, or a later one */
};

static struct promises *promises;
static u64 seed;

static u64 draw(u64 below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

/* ---- the guest's process ---- */

struct batch {
	unsigned slot, blocks[BATCH];
	u64 first; /* number of its first write */
};

/* Every 8 bytes of a block say which write it is from, and which block it is. */
static void begin(struct disk_rig *r, struct batch *b)
{
	u64 block = draw(BLOCKS);

	b->first = promises->last + 1;
	for (unsigned i = 0; i < BATCH; i++) {
		u64 *data = (u64 *)disk_rig_data(r, b->slot + i);

		b->blocks[i] = (unsigned)(block + i * 17) % BLOCKS;
		for (unsigned k = 0; k < DISK_RIG_BLOCK / 8; k++)
			data[k] = (b->first + i) << 8 | b->blocks[i];
		promises->begun[b->blocks[i]] = b->first + i;
		promises->last = b->first + i;
		disk_rig_post(r, b->slot + i, BLK_T_OUT, b->blocks[i]);
	}
}

static void expect_ok(u8 status)
{
	if (status == BLK_S_OK)
		return;
	fprintf(stderr, "kills: the disk answers %u\n", status);
	_exit(3);
}

/* Answered, flushed, promised. */
static void finish(struct disk_rig *r, const struct batch *b, unsigned flush_slot)
{
	for (unsigned i = 0; i < BATCH; i++)
		expect_ok(disk_rig_wait(r, b->slot + i));
	disk_rig_post(r, flush_slot, BLK_T_FLUSH, 0);
	expect_ok(disk_rig_wait(r, flush_slot));
	for (unsigned i = 0; i < BATCH; i++)
		promises->promised[b->blocks[i]] = b->first + i;
	promises->flushes++;
}

static void guest(const struct disk_conf *conf, u64 its_seed)
{
	struct batch b = { .slot = 0 };
	struct disk_rig r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	seed = its_seed;
	must(!disk_rig_up(&r, conf), "kills: a disk");
	r.limit_ms = 60000;
	promises->working = true;
	for (;;) {
		begin(&r, &b);
		finish(&r, &b, BATCH);
	}
}

/* ---- the one who kills, and looks ---- */

/* A block that holds `found` is as it may be. */
static bool is_right(unsigned block, const u64 *data)
{
	u64 number = data[0] >> 8, least = promises->promised[block], most = promises->begun[block];

	for (unsigned k = 1; k < DISK_RIG_BLOCK / 8; k++) {
		if (data[k] != data[0]) {
			printf("  FAIL    block %u is torn\n", block);
			return false;
		}
	}
	if (number && (data[0] & 0xff) != block) {
		printf("  FAIL    block %u holds another block\n", block);
		return false;
	}
	if (number >= least && number <= most)
		return true;
	printf("  FAIL    block %u holds write %llu; %llu was promised, %llu begun\n", block,
	       (unsigned long long)number, (unsigned long long)least, (unsigned long long)most);
	return false;
}

static bool file_is_right(const char *path)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	u64 data[DISK_RIG_BLOCK / 8];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = true;

	/* What the process had in flight is done, as for who starts a guest with this disk. */
	must(!fcntl(fd, F_OFD_SETLKW, &lock), "kills: the file's lock");
	for (unsigned i = 0; i < BLOCKS; i++) {
		must(pread(fd, data, sizeof(data), i * (off_t)sizeof(data)) == sizeof(data),
		     "kills: the file");
		good &= is_right(i, data);
		/* The next guest finds what it finds. */
		promises->promised[i] = promises->begun[i] = data[0] >> 8;
	}
	close(fd);
	return good;
}

static bool kill_one(const struct disk_conf *conf)
{
	u64 us = draw(MAX_US), its_seed = draw(UINT64_MAX) | 1;
	int status;
	pid_t pid;

	promises->working = false;
	pid = fork();
	must(pid >= 0, "kills: fork");
	if (!pid)
		guest(conf, its_seed);
	while (!promises->working && !waitpid(pid, &status, WNOHANG))
		poll(NULL, 0, 1);
	nanosleep(&(struct timespec){ .tv_nsec = (long)us * 1000 }, NULL);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status)) {
		printf("  FAIL    the guest's process ended on its own\n");
		return false;
	}
	return file_is_right(conf->path);
}

struct counts {
	unsigned passed, failed;
};

static void kill_many(const char *name, struct disk_conf conf, unsigned times, struct counts *n)
{
	unsigned before = n->passed;
	int fd;

	snprintf(conf.path, sizeof(conf.path), "/var/tmp/lkvm-kills-XXXXXX");
	fd = mkstemp(conf.path);
	must(fd >= 0 && !ftruncate(fd, BLOCKS * DISK_RIG_BLOCK), "kills: /var/tmp");
	close(fd);
	memset(promises, 0, sizeof(*promises));
	fflush(stdout);
	for (unsigned i = 0; i < times; i++) {
		if (kill_one(&conf))
			n->passed++;
		else
			n->failed++;
	}
	unlink(conf.path);
	printf("  %-8s%s: %u of %u, after %llu writes and %llu flushes\n", "KILLS", name,
	       n->passed - before, times, (unsigned long long)promises->last,
	       (unsigned long long)promises->flushes);
	if (!promises->flushes) {
		printf("  FAIL    no guest came to a flush, so nothing is known\n");
		n->failed++;
	}
	fflush(stdout);
}

int main(void)
{
	const char *times = getenv("KILLS"), *given = getenv("KILLS_SEED");
	unsigned nr = times && *times ? (unsigned)atoi(times) : 20;
	struct counts n = { 0 };

	log_set_level(LOG_ERROR);
	seed = given && *given ? strtoull(given, NULL, 0) : (u64)time(NULL);
	printf("kills: KILLS_SEED=%llu\n", (unsigned long long)seed);
	seed = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	promises = mmap(NULL, sizeof(*promises), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	must(promises != MAP_FAILED, "kills: memory");
	kill_many("io_uring", (struct disk_conf){ .nr_queues = 1 }, nr, &n);
	kill_many("threads", (struct disk_conf){ .nr_queues = 1, .no_uring = true }, nr, &n);
	kill_many("io_uring, O_DIRECT", (struct disk_conf){ .nr_queues = 1, .direct = true }, nr,
		  &n);
	kill_many("threads, O_DIRECT",
		  (struct disk_conf){ .nr_queues = 1, .direct = true, .no_uring = true }, nr, &n);
	printf("kills: %u passed, %u failed\n", n.passed, n.failed);
	return n.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
