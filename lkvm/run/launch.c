/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From options and files to what a guest finds at its start.
 *
 * Thread: main.
 * Trust:  the user's configuration and files.
 */
#include "lkvm/run/launch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "arm64/flash.h"
#include "lkvm/base/encode.h"
#include "lkvm/base/log.h"
#include "lkvm/run/assign.h"
#include "lkvm/run/devices.h"
#include "lkvm/run/load.h"
#include "lkvm/vm/mem.h"
#include "lkvm/vm/stop.h"
#include "realm/measure/eventlog.h"
#include "realm/measure/profile.h"

static enum board_gic board_gic(enum config_irqchip chip)
{
	static const enum board_gic map[] = {
		[IRQCHIP_AUTO] = BOARD_GIC_AUTO,	[IRQCHIP_GICV2] = BOARD_GIC_V2,
		[IRQCHIP_GICV2M] = BOARD_GIC_V2M,	[IRQCHIP_GICV3] = BOARD_GIC_V3,
		[IRQCHIP_GICV3_ITS] = BOARD_GIC_V3_ITS,
	};

	return map[chip];
}

int launch_board(struct launch *l, const struct config *c, bool realm)
{
	int err = 0;

	l->c = c;
	l->realm = realm;
	l->board = (struct board_conf){
		.nr_cpus = c->cpus,
		.ram_base = c->ram_base,
		.ram_size = c->ram_size,
		.gic = board_gic(c->irqchip),
		.nr_virtio_mmio = devices_count_mmio(c),
		.pmu = c->pmu,
		.pl031 = c->rtc == RTC_AUTO ? !realm : c->rtc == RTC_PL031,
		.edk2 = c->firmware != NULL,
		.psci_smc = realm,
		.el2 = c->nested,
		.aarch32 = c->aarch32,
		.pool_size = c->bounce * MiB,
		.pci64_size = assign_window(c),
		.timer_hz = c->cntfrq,
	};
	if (c->flash)
		err = flash_size(c->flash, &l->board.flash_size);
	return err ? err : board_layout(&l->layout, &l->board);
}

unsigned launch_ipa_bits(const struct launch *l)
{
	return l->layout.ipa_bits + l->realm;
}

int launch_ram(struct launch *l, u64 flags)
{
	const struct config *c = l->c;
	const struct board_span *pool = &l->layout.pool;
	int err = mem_create(&l->mem);

	if (pool->size)
		flags |= MEM_PROTECTED;
	if (!err && l->realm)
		mem_set_alias(l->mem, BIT(launch_ipa_bits(l) - 1));
	if (!err)
		err = l->gmem ? mem_add_gmem(l->mem, gpa(c->ram_base), c->ram_size, l->gmem_fd)
			      : mem_add_ram(l->mem, gpa(c->ram_base), c->ram_size, flags,
					    c->hugetlbfs);
	if (!err && pool->size)
		err = mem_set_shared(l->mem, gpa(pool->base), pool->size, true);
	/* With --hugetlbfs mem.c has said what is wrong. */
	if (err && !c->hugetlbfs)
		log_errno(err, "cannot map %llu MiB of guest memory",
			  (unsigned long long)(c->ram_size / MiB));
	return err;
}

static struct plan_part part(const char *name, const char *log, const char *file,
			     struct boot_span s)
{
	return (struct plan_part){
		.name = name, .log = log, .file = file, .base = s.base, .len = s.len
	};
}

static int make_plan(struct launch *l, enum plan_order order, u64 page)
{
	const struct config *c = l->c;
	struct plan_conf p = {
		.order = order,
		.page = page,
		.ram_base = gpa(c->ram_base),
		.ram_size = c->ram_size,
		.nr_vcpus = l->board.nr_cpus,
		.entry = l->boot.entry,
		.dtb = l->boot.dtb.base,
	};
	int err;

	p.parts[p.nr_parts++] = c->firmware
					? part("firmware", "FIRMWARE", c->firmware, l->boot.image)
					: part("kernel", "KERNEL", c->kernel, l->boot.image);
	p.parts[p.nr_parts++] = part("initrd", "INITRD", c->initrd, l->boot.initrd);
	p.parts[p.nr_parts++] = part("device tree", "DTB", c->dtb, l->boot.dtb);
	p.parts[p.nr_parts] = part("measurement log", "LOG", NULL, l->boot.log);
	p.parts[p.nr_parts++].unmeasured = true;
	err = plan_build(&l->plan, &p);
	assert(!err); /* the loader puts nothing outside of RAM, or two things in one place */
	return err;
}

int launch_load(struct launch *l, enum plan_order order, u64 page)
{
	int err = load_all(&l->boot, l->mem, l->c, &l->board, &l->layout);

	return err ? err : make_plan(l, order, page);
}

struct draft *launch_draft(struct launch *l)
{
	l->draft = draft_create();
	return l->draft;
}

static int write_log(struct launch *l, const struct rim_params *p)
{
	const struct eventlog_conf log = {
		.plan = &l->plan,
		.params = p,
		.base = l->boot.log.base,
		.len = l->boot.log.len,
		.ram_size = l->c->ram_size,
	};

	return eventlog_write(l->mem, &log);
}

int launch_predict(struct launch *l, const struct realm_ops *ops, const struct realm_conf *conf,
		   int vcpu_fd)
{
	int rmm = ops->rmm(conf), err;
	bool predict = rmm >= 0 && (log_enabled(LOG_DEBUG) || l->c->watch.events);
	struct rim_params p;
	struct rim r;

	l->has_predicted = predict;
	if (!predict && !l->draft && !l->boot.log.len)
		return 0;
	err = profile_of_vcpu(&p, &conf->host, vcpu_fd, l->board.pmu);
	p.hash = conf->sha512 ? RSI_HASH_SHA512 : RSI_HASH_SHA256;
	p.ipa_bits = launch_ipa_bits(l);
	l->hash = p.hash;
	if (!err && l->boot.log.len)
		err = write_log(l, &p);
	if (!err && l->draft) {
		err = plan_draft(&l->plan, (enum rim_rmm)rmm, &p, l->draft);
	} else if (!err && predict) {
		err = plan_measure(&l->plan, (enum rim_rmm)rmm, &p, l->mem, NULL, NULL, &r);
		memcpy(l->predicted, r.value, sizeof(l->predicted));
	}
	if (err && err != -ELIBACC) /* who did not find libcrypto has said so */
		log_errno(err, "cannot predict how the Realm is measured");
	return err;
}

static bool is_populated(const struct plan_step *s)
{
	return s->kind == PLAN_DATA || s->kind == PLAN_UNMEASURED;
}

/* Not for the blink of an eye that a fast host needs. */
#define PATIENCE_MS 300u

static void begin_progress(struct launch *l)
{
	u64 total = 0;

	for (unsigned i = 0; i < l->plan.nr; i++)
		total += is_populated(&l->plan.steps[i]) ? l->plan.steps[i].len : 0;
	progress_begin(&l->progress, STDERR_FILENO, log_enabled(LOG_INFO) ? total : 0, PATIENCE_MS);
}

int launch_populate(struct launch *l, struct realm *r, const struct plan_step *s)
{
	u64 done = 0, n;
	int err = 0;

	if (!l->progress.total)
		begin_progress(l);
	for (; done < s->len && !err; done += n) {
		n = progress_piece(&l->progress, s->len - done);
		err = realm_populate(r, gpa(s->base.a + done), n, s->kind == PLAN_DATA);
		if (!err)
			progress_add(&l->progress, n);
		if (!err && l->stop && stop_why(l->stop) != STOP_NONE)
			err = -EINTR;
	}
	if (err || l->progress.done == l->progress.total)
		progress_end(&l->progress);
	return err;
}

const char *launch_rim(const struct launch *l, char *buf, size_t size)
{
	return l->has_predicted ? encode_hex(buf, size, l->predicted, rsi_hash_len(l->hash)) : NULL;
}

static int not_as_planned(struct launch *l)
{
	char want[HEX_SIZE(RSI_HASH_MAX)], has[HEX_SIZE(RSI_HASH_MAX)];
	u32 len = rsi_hash_len(l->hash);
	u8 value[RSI_HASH_MAX];

	draft_value(l->draft, DRAFT_PLANNED, value);
	encode_hex(want, sizeof(want), value, len);
	draft_value(l->draft, DRAFT_BUILT, value);
	log_error("the Realm measures %s, not %s as predicted: it is not started",
		  encode_hex(has, sizeof(has), value, len), want);
	return -EBADMSG;
}

int launch_check(struct launch *l)
{
	char hex[HEX_SIZE(RSI_HASH_MAX)];

	if (l->draft && !draft_is_as_planned(l->draft))
		return not_as_planned(l);
	/* Most of the work of a start: only if somebody wants to know now. */
	if (l->draft && l->has_predicted)
		draft_value(l->draft, DRAFT_BUILT, l->predicted);
	if (l->has_predicted)
		log_debug("predicted RIM: %s", launch_rim(l, hex, sizeof(hex)));
	return 0;
}

void launch_fini(struct launch *l)
{
	draft_destroy(l->draft);
	l->draft = NULL;
	mem_destroy(l->mem);
	l->mem = NULL;
}
