/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evidence without a Realm.
 *
 * Thread: any.
 * Trust:  the user's own files.
 */
#include "guest/keybroker/mock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "realm/sim/keys.h"
#include "realm/sim/token_make.h"

#define PLATFORM_MAX 4096u

int mock_token(const char *keys_dir, const u8 challenge[CHALLENGE_LEN], u8 *out, size_t size)
{
	const struct rsi_realm realm = { .hash_algo = RSI_HASH_SHA256 };
	struct attest_keys keys;
	u8 platform[PLATFORM_MAX];
	size_t platform_len, len = 0;
	char dir[PATH_MAX];
	int err = keys_dir ? 0 : keys_default_dir(dir, sizeof(dir));

	if (err)
		return err;
	err = keys_open(&keys, keys_dir ? keys_dir : dir);
	if (err)
		return err;
	err = token_make_platform(&keys, platform, sizeof(platform), &platform_len);
	if (!err)
		err = token_make(&keys, TOKEN_COLLECTION, platform, platform_len, &realm, challenge,
				 out, size, &len);
	keys_close(&keys);
	if (err)
		log_errno(err, "cannot make a mock token");
	return err ? err : (int)len;
}

int mock_file(const char *path, u8 *out, size_t size)
{
	int n = file_read(path, out, size);

	return n < 0 ? log_errno(n, "--mock-evidence=%s", path) : n;
}
