/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm token: what a CCA attestation token says, and whether it can be believed.
 *
 * Thread: main.
 * Trust:  the user's own command line; the token is anybody's.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/token/token_print.h"
#include "realm/token/anchor.h"

#define RIM_MAX 64u
#define TEXT_MAX (3 * TOKEN_MAX_LEN) /* of the longest token in hexadecimal, with line ends */

struct token_cmd {
	const char *file, *anchor, *challenge, *rim;
	bool json;
};

static int file_word(void *conf, const char *word)
{
	struct token_cmd *cmd = conf;

	if (cmd->file) {
		log_error("'%s': the token is already given as %s", word, cmd->file);
		return -EINVAL;
	}
	cmd->file = word;
	return 0;
}

static int parse_verify(void *conf, const char *name, const char *val)
{
	return file_word(conf, val);
}

#define STRING(n, a, member, h)                                                                    \
	{                                                                                          \
		.name = n, .arg = a, .store = OPT_STRING,                                          \
		.offset = offsetof(struct token_cmd, member), .help = h                            \
	}

static const struct opt opts[] = {
	{ .store = OPT_HEADING, .help = "Options" },
	{ .name = "verify",
	  .arg = "file",
	  .store = OPT_CALL,
	  .parse = parse_verify,
	  .help = "The token, raw or in hexadecimal or base64; - is the standard input" },
	STRING("trust-anchor", "file", anchor,
	       "Public key of the platform (CPAK) as JWK or PEM. Without it nothing is verified, as "
	       "anybody can make a token with a key of his own"),
	STRING("challenge", "hex|file", challenge,
	       "The challenge that the token has to be an answer to, in hexadecimal or from a file"),
	STRING("rim", "hex|base64", rim, "The Realm Initial Measurement that is expected"),
	{ .name = "json",
	  .store = OPT_TRUE,
	  .offset = offsetof(struct token_cmd, json),
	  .help = "Print a JSON object" },
};

const struct opt_spec options_token = {
	.usage = "lkvm token [<options>] --verify <file>",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = file_word,
};

/* ---- what is expected ---- */

/* Number of bytes, or -EINVAL after one line. */
static int challenge_value(const char *s, u8 out[TOKEN_CHALLENGE_LEN])
{
	u8 buf[TOKEN_CHALLENGE_LEN];
	int n = decode_hex(buf, TOKEN_CHALLENGE_LEN, s, strlen(s));

	if (n == -EINVAL)
		n = file_read(s, buf, TOKEN_CHALLENGE_LEN);
	if (n == -ENOENT) {
		log_error("--challenge %s: neither hexadecimal digits nor a file", s);
	} else if (n == -E2BIG) {
		log_error("--challenge %s: a challenge has at most 64 bytes", s);
	} else if (n < 0) {
		log_errno(n, "--challenge %s", s);
	} else if (!n) {
		log_error("--challenge %s: is empty", s);
	} else {
		memcpy(out, buf, (size_t)n);
		return n;
	}
	return -EINVAL;
}

static int rim_value(const char *s, u8 out[RIM_MAX])
{
	size_t len = strlen(s);
	int n = decode_hex(out, RIM_MAX, s, len);

	if (n < 0)
		n = decode_base64(out, RIM_MAX, s, len);
	if (n == 32 || n == 48 || n == 64)
		return n;
	log_error("--rim %s: wants 32, 48 or 64 bytes in hexadecimal or base64", s);
	return -EINVAL;
}

/* ---- the token ---- */

/*
 * In s[0..len): text without its white space, in the alphabet of base64url and without padding.
 * Returns its length, or 0 if it is none; a token's first byte, which is not ASCII, tells at once.
 */
static size_t squeeze(char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (isspace(ch))
			continue;
		if (!isalnum(ch) && (!ch || !strchr("+/-_=", ch)))
			return 0;
		s[n++] = ch == '+' ? '-' : ch == '/' ? '_' : (char)ch;
	}
	while (n && s[n - 1] == '=')
		n--;
	return n;
}

/* The token that s[0..*len) is; if it is text, its *len bytes in `bytes`. */
static const void *decode_token(char *s, int *len, u8 *bytes)
{
	size_t n = squeeze(s, (size_t)*len);
	int nr = decode_hex(bytes, TEXT_MAX, s, n);

	if (nr < 0)
		nr = decode_base64url(bytes, TEXT_MAX, s, n);
	if (nr <= 0)
		return s;
	*len = nr;
	return bytes;
}

/* ---- command ---- */

static int print(const struct token_cmd *cmd, const struct token_report *r)
{
	if (cmd->json && token_print_json(r))
		return EXIT_DIE;
	if (!cmd->json)
		token_print_text(r);
	fflush(stdout);
	if (r->verdict == TOKEN_VERIFIED)
		return 0;
	log_error("not verified: %s", r->why);
	return EXIT_UNVERIFIED;
}

static int verify_file(const struct token_cmd *cmd, const struct token_expect *want)
{
	struct token_report *r = malloc(sizeof(*r));
	char *text = malloc(TEXT_MAX);
	u8 *bytes = malloc(TEXT_MAX);
	int status = EXIT_DIE, len;
	const void *token;

	len = r && text && bytes ? file_read(cmd->file, text, TEXT_MAX) : -ENOMEM;
	/* More than that is as much too long. */
	if (len == -E2BIG)
		len = TEXT_MAX;
	if (len < 0) {
		log_errno(len, "cannot read the token %s", cmd->file);
	} else {
		token = decode_token(text, &len, bytes);
		token_verify(token, (size_t)len, want, r);
		status = print(cmd, r);
	}
	free(bytes);
	free(text);
	free(r);
	return status;
}

int cmd_token(int argc, char **argv)
{
	u8 challenge[TOKEN_CHALLENGE_LEN], rim[RIM_MAX];
	struct token_expect want = { 0 };
	struct token_cmd cmd = { 0 };
	struct ec_public anchor;
	int err = options_parse(&options_token, &cmd, argc, argv), n;

	if (err)
		return err;
	if (!cmd.file) {
		log_error("which token? lkvm token --verify FILE");
		return EXIT_USAGE;
	}
	if (cmd.anchor) {
		if (anchor_load(&anchor, cmd.anchor))
			return EXIT_DIE;
		want.anchor = &anchor;
	}
	if (cmd.challenge) {
		n = challenge_value(cmd.challenge, challenge);
		if (n < 0)
			return EXIT_DIE;
		want.challenge = challenge;
		want.challenge_len = (size_t)n;
	}
	if (cmd.rim) {
		n = rim_value(cmd.rim, rim);
		if (n < 0)
			return EXIT_DIE;
		want.rim = rim;
		want.rim_len = (size_t)n;
	}
	return verify_file(&cmd, &want);
}
