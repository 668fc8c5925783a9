/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The measurement log.
 *
 * Thread: main.
 * Trust:  none needed: the plan is ours.
 * Spec:   [TCG PC Client Platform Firmware Profile 1.06 10.2 event log structures];
 *         docs/measurement-log.md of veraison/cca-realm-measurements (what the events are)
 *
 * Parts are given as SHA-512 of their bytes, whatever hash the RMM measures with: so one value of a
 * file is good for all Realms.
 */
#include "realm/measure/eventlog.h"

#include <errno.h>
#include <string.h>

#include "lkvm/base/le.h"
#include "lkvm/vm/mem.h"
#include "realm/measure/digest.h"

/* [TCG PFP 1.06 10.4.1] */
#define EV_NO_ACTION 0x00000003u
#define EV_EVENT_TAG 0x00000006u
#define EV_POST_CODE2 0x00000013u
#define EV_EFI_PLATFORM_FIRMWARE_BLOB2 0x8000000au

#define TPM_ALG_SHA256 0x000bu
#define TPM_ALG_SHA512 0x000du
#define SHA256_LEN 32u
#define SHA512_LEN 64u

#define PCR_RIM 0u

enum tag { TAG_REALM_CREATE = 1, TAG_INIT_RIPAS = 2, TAG_REC_CREATE = 3 };

#define VM_NAME_LEN 32u
#define VM_VERSION_LEN 40u

/* What is written; when there is no more room, `full` says so. */
struct out {
	u8 *buf;
	u64 len, size;
	bool full;
};

static void put(struct out *o, const void *p, u64 len)
{
	o->full |= len > o->size - o->len;
	if (o->full)
		return;
	if (p)
		memcpy(o->buf + o->len, p, len);
	else
		memset(o->buf + o->len, 0, len);
	o->len += len;
}

static void put8(struct out *o, u8 v)
{
	put(o, &v, sizeof(v));
}

static void put16(struct out *o, u16 v)
{
	le16 x = le16_of(v);

	put(o, &x, sizeof(x));
}

static void put32(struct out *o, u32 v)
{
	le32 x = le32_of(v);

	put(o, &x, sizeof(x));
}

static void put64(struct out *o, u64 v)
{
	le64 x = le64_of(v);

	put(o, &x, sizeof(x));
}

/* A text in a field of that length. */
static void put_text(struct out *o, const char *s, u32 len)
{
	put(o, s, strlen(s));
	put(o, NULL, len - strlen(s));
}

/* ---- events ---- */

/* [TCG PFP 1.06 10.2.1, 10.4.5.1] the first one, in the older form: which hashes follow */
static void header(struct out *o)
{
	put32(o, PCR_RIM);
	put32(o, EV_NO_ACTION);
	put(o, NULL, 20); /* SHA-1 */
	put32(o, 37);
	put_text(o, "Spec ID Event03", 16);
	put32(o, 0); /* platform class: client */
	put8(o, 0);  /* version 2.0, errata 106 */
	put8(o, 2);
	put8(o, 106);
	put8(o, 2); /* UINTN: 64 bits */
	put32(o, 2);
	put16(o, TPM_ALG_SHA256);
	put16(o, SHA256_LEN);
	put16(o, TPM_ALG_SHA512);
	put16(o, SHA512_LEN);
	put8(o, 0); /* no vendor's information */
}

/* [TCG PFP 1.06 10.2.2] up to the event itself, of `len` bytes; with one digest, or NULL: zeros */
static void event(struct out *o, u32 type, const u8 *sha512, u32 len)
{
	put32(o, PCR_RIM);
	put32(o, type);
	put32(o, 1);
	put16(o, TPM_ALG_SHA512);
	put(o, sha512, SHA512_LEN);
	put32(o, len);
}

/* EV_NO_ACTION has zeros for each hash of the header. */
static void vm_version(struct out *o, const struct eventlog_conf *c)
{
	put32(o, PCR_RIM);
	put32(o, EV_NO_ACTION);
	put32(o, 2);
	put16(o, TPM_ALG_SHA256);
	put(o, NULL, SHA256_LEN);
	put16(o, TPM_ALG_SHA512);
	put(o, NULL, SHA512_LEN);
	put32(o, 16 + VM_NAME_LEN + VM_VERSION_LEN + 8 + 8 + 8 + 4);
	put_text(o, "VM VERSION", 16);
	/* The board's name and version: another one when the same options make another Realm. */
	put_text(o, "lkvm", VM_NAME_LEN);
	put_text(o, "1", VM_VERSION_LEN);
	put64(o, c->base.a);
	put64(o, c->len);
	put64(o, c->ram_size);
	put32(o, c->plan->nr_vcpus);
}

static void tag(struct out *o, enum tag id, u32 len)
{
	event(o, EV_EVENT_TAG, NULL, 8 + len);
	put32(o, id);
	put32(o, len);
}

/* Fields as the RMM has them: numbers of breakpoints and of quadwords in a vector less one. */
static void realm_create(struct out *o, const struct rim_params *p)
{
	tag(o, TAG_REALM_CREATE, 14);
	put64(o, rim_flags(p));
	put8(o, (u8)p->ipa_bits);
	put8(o, (u8)(p->sve ? p->sve_vl / 128 - 1 : 0));
	put8(o, (u8)(p->nr_bps - 1));
	put8(o, (u8)(p->nr_wps - 1));
	put8(o, (u8)(p->pmu ? p->nr_counters : 0));
	put8(o, (u8)p->hash);
}

static void init_ripas(struct out *o, const struct plan_step *s)
{
	tag(o, TAG_INIT_RIPAS, 16);
	put64(o, s->base.a);
	put64(o, s->len);
}

/* Of the one that is measured. */
static void rec_create(struct out *o, const struct plan *p)
{
	tag(o, TAG_REC_CREATE, 80);
	put64(o, BIT(0));
	put64(o, p->entry.a);
	put64(o, p->dtb.a);
	put(o, NULL, 7 * 8);
}

static int blob(struct out *o, const struct plan_step *s, struct mem *m)
{
	const struct plan_part *p = &s->part;
	u32 type = strcmp(p->log, "FIRMWARE") ? EV_POST_CODE2 : EV_EFI_PLATFORM_FIRMWARE_BLOB2;
	u8 name_len = (u8)(strlen(p->log) + 1), hash[RSI_HASH_MAX];
	const void *content = mem_load_ptr(m, p->base, p->len);

	if (!content)
		return -EFAULT;
	if (!p->unmeasured)
		digest(RSI_HASH_SHA512, content, p->len, NULL, 0, hash);
	event(o, type, p->unmeasured ? NULL : hash, 1u + name_len + 16);
	put8(o, name_len);
	put(o, p->log, name_len);
	put64(o, p->base.a);
	put64(o, p->len);
	return 0;
}

static int step(struct out *o, const struct eventlog_conf *c, const struct plan_step *s,
		struct mem *m)
{
	switch (s->kind) {
	case PLAN_CREATE:
		realm_create(o, c->params);
		break;
	case PLAN_RIPAS:
		init_ripas(o, s);
		break;
	case PLAN_DATA:
	case PLAN_UNMEASURED:
		return blob(o, s, m);
	case PLAN_RECS:
		rec_create(o, c->plan);
		break;
	}
	return 0;
}

int eventlog_write(struct mem *m, const struct eventlog_conf *c)
{
	struct out o = { .buf = mem_load_ptr(m, c->base, c->len), .size = c->len };
	int err = o.buf ? digest_load() : -EFAULT;

	if (err)
		return err;
	header(&o);
	vm_version(&o, c);
	for (unsigned i = 0; i < c->plan->nr && !err; i++)
		err = step(&o, c, &c->plan->steps[i], m);
	if (!err && o.full)
		err = -ENOSPC;
	if (!err)
		put(&o, NULL, o.size - o.len);
	return err;
}
