/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tokens on demand: keys and the platform's part at the first, the Realm's part each time.
 *
 * Thread: any, one call at a time.
 * Trust:  the challenge is the guest's.
 */
#include "realm/sim/attest.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "realm/sim/token_make.h"

#define PLATFORM_MAX 1536u

struct attest {
	const char *keys_dir;
	enum token_form form;
	bool ready; /* what follows is there, or `failed` */
	int failed; /* -errno: there are no keys, or what follows is missing */
	struct attest_keys keys;
	u8 platform[PLATFORM_MAX];
	size_t platform_len;
};

static int get_ready(struct attest *a)
{
	char dir[PATH_MAX];
	int err = 0;

	if (!a->keys_dir)
		err = keys_default_dir(dir, sizeof(dir));
	if (!err)
		err = keys_open(&a->keys, a->keys_dir ? a->keys_dir : dir);
	if (err)
		return err;
	err = token_make_platform(&a->keys, a->platform, sizeof(a->platform), &a->platform_len);
	if (err && err != -ELIBACC) /* who did not find libcrypto has said so */
		log_errno(err, "cannot sign a platform token");
	return err;
}

int attest_create(struct attest **out, const char *keys_dir, enum token_form form)
{
	struct attest *a;
	int err = keys_dir ? keys_check_dir(keys_dir) : 0;

	if (err)
		return err;
	a = calloc(1, sizeof(*a));
	if (!a)
		return log_errno(-ENOMEM, "attestation service");
	a->keys_dir = keys_dir;
	a->form = form;
	*out = a;
	return 0;
}

void attest_destroy(struct attest *a)
{
	if (!a)
		return;
	keys_close(&a->keys);
	free(a);
}

int attest_token(struct attest *a, const struct rsi_realm *r,
		 const u8 challenge[TOKEN_CHALLENGE_LEN], u8 *buf, u32 size, u32 *len)
{
	size_t n;
	int err;

	if (!a->ready)
		a->failed = get_ready(a);
	a->ready = true;
	if (a->failed)
		return a->failed;
	err = token_make(&a->keys, a->form, a->platform, a->platform_len, r, challenge, buf, size,
			 &n);
	if (err) {
		guest_err("realm", "cannot sign a token: %s", strerror(-err));
		return err;
	}
	*len = (u32)n;
	return 0;
}
