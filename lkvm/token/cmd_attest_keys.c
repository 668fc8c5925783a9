/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm attest-keys: the trust anchor of this user's simulated platform, for verifiers.
 *
 * Thread: main.
 * Trust:  the user's own command line and files.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"
#include "realm/sim/keys.h"
#include "realm/token/anchor.h"

static_assert(EC_PEM_MAX >= ANCHOR_JWK_MAX, "one buffer for both");

struct attest_cmd {
	const char *dir;
	bool pem;
};

static int no_words(void *conf, const char *word)
{
	log_error("attest-keys takes options only, not '%s'", word);
	return -1;
}

static const struct opt opts[] = {
	{ .store = OPT_HEADING, .help = "Options" },
	{ .name = "sim-attest-keys",
	  .arg = "dir",
	  .store = OPT_STRING,
	  .offset = offsetof(struct attest_cmd, dir),
	  .help = "Where the keys are; default $XDG_DATA_HOME/lkvm/attest-keys, or the same in "
		  "~/.local/share. They are made if there are none" },
	{ .name = "jwk",
	  .store = OPT_FALSE,
	  .offset = offsetof(struct attest_cmd, pem),
	  .help = "Print the public key as JWK; so by default" },
	{ .name = "pem",
	  .store = OPT_TRUE,
	  .offset = offsetof(struct attest_cmd, pem),
	  .help = "Print it as PEM" },
};

const struct opt_spec options_attest_keys = {
	.usage = "lkvm attest-keys [<options>]",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = no_words,
};

static int print_key(const struct ec_public *key, bool pem)
{
	char text[EC_PEM_MAX];
	int n = pem ? ec_write_public(key, text, sizeof(text))
		    : anchor_print_jwk(key, text, sizeof(text));

	if (n < 0) {
		log_errno(n, "cannot print the public key");
		return EXIT_DIE;
	}
	fwrite(text, 1, (size_t)n, stdout);
	return 0;
}

int cmd_attest_keys(int argc, char **argv)
{
	struct attest_cmd cmd = { 0 };
	struct attest_keys keys;
	struct ec_public public;
	char dir[PATH_MAX];
	int err = options_parse(&options_attest_keys, &cmd, argc, argv);

	if (err)
		return err;
	if (!cmd.dir && keys_default_dir(dir, sizeof(dir)))
		return EXIT_DIE;
	if (keys_open(&keys, cmd.dir ? cmd.dir : dir))
		return EXIT_DIE;
	ec_public_of(keys.cpak, &public);
	keys_close(&keys);
	return print_key(&public, cmd.pem);
}
