/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys of the simulated platform: made once, for nobody else, the same ones for everybody who asks
 * at the same time; what others could have read or written is refused. And trust anchors in files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lkvm/base/encode.h"
#include "realm/sim/attest.h"
#include "realm/sim/keys.h"
#include "realm/token/anchor.h"
#include "tests/unit/arm64/capture.h"

static char base[] = "/tmp/lkvm-keys-XXXXXX", dir[64], path[128];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/a/b", base);
	capture_start();
}

static void teardown(void)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", base);
	ck_assert_int_eq(system(cmd), 0);
}

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static unsigned mode(const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(name, &st), 0);
	return st.st_mode & 07777u;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	chmod(name, 0600);
}

/* Both public keys in one string. */
static const char *identity(void)
{
	static char text[8][2 * ANCHOR_JWK_MAX];
	static unsigned next;
	char *s = text[next++ % ARRAY_SIZE(text)];
	struct attest_keys k;
	struct ec_public p;
	int n;

	ck_assert_msg(keys_open(&k, dir) == 0, "%s", captured());
	ec_public_of(k.cpak, &p);
	n = anchor_print_jwk(&p, s, ANCHOR_JWK_MAX);
	ec_public_of(k.rak, &p);
	anchor_print_jwk(&p, s + n, ANCHOR_JWK_MAX);
	keys_close(&k);
	return s;
}

static void refused(const char *a, const char *b)
{
	struct attest_keys k;

	ck_assert_int_lt(keys_open(&k, dir), 0);
	ck_assert(!k.cpak && !k.rak);
	captured_one_error(a, b);
}

/* ---- made ---- */

START_TEST(made_once_for_nobody_else)
{
	const char *first;

	umask(0); /* the user's does not count */
	first = identity();
	ck_assert_uint_eq(mode(dir), 0700);
	ck_assert_uint_eq(mode(in_dir("cpak.pem")), 0600);
	ck_assert_uint_eq(mode(in_dir("rak.pem")), 0600);
	ck_assert_str_eq(identity(), first);
	/* One that is gone is made again, the other stays. */
	unlink(in_dir("rak.pem"));
	ck_assert_str_ne(identity(), first);
	ck_assert_str_eq(captured(), "");
	/* Nothing was left behind. */
	unlink(in_dir("rak.pem"));
	unlink(in_dir("cpak.pem"));
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* Eight processes at once, without keys: all have the same afterwards. */
START_TEST(a_race_has_one_winner)
{
	char name[64], text[4096], first[4096] = "";
	pid_t pid[8];

	for (unsigned i = 0; i < ARRAY_SIZE(pid); i++) {
		pid[i] = fork();
		if (!pid[i]) {
			snprintf(name, sizeof(name), "%s/%u", base, i);
			write_file(name, identity());
			_exit(0);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pid); i++) {
		int status;
		FILE *f;

		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_int_eq(status, 0);
		snprintf(name, sizeof(name), "%s/%u", base, i);
		f = fopen(name, "r");
		text[fread(text, 1, sizeof(text) - 1, f)] = 0;
		fclose(f);
		if (!i)
			strcpy(first, text);
		ck_assert_str_eq(text, first);
	}
}
END_TEST

/* ---- refused ---- */

START_TEST(what_others_may_know_is_refused)
{
	identity();
	chmod(dir, 0750);
	refused("a/b is open to others (mode 0750)", "chmod 700");
	ck_assert_int_lt(keys_check_dir(dir), 0);
	captured_one_error("open to others", "--sim-attest-keys");
	chmod(dir, 0700);
	ck_assert_int_eq(keys_check_dir(dir), 0);
	chmod(in_dir("rak.pem"), 0640);
	refused("rak.pem is open to others (mode 0640)", "chmod 600");
	chmod(in_dir("rak.pem"), 0600);
	chmod(in_dir("cpak.pem"), 0602);
	refused("cpak.pem is open to others (mode 0602)", "chmod 600");
}
END_TEST

/* Only root can give files away; others have nothing to test here. */
START_TEST(what_belongs_to_others_is_refused)
{
	if (geteuid()) {
		printf("skip: only root can make files of other users\n");
		return;
	}
	identity();
	ck_assert_int_eq(chown(in_dir("rak.pem"), 1, 1), 0);
	refused("rak.pem belongs to another user", "--sim-attest-keys");
	ck_assert_int_eq(chown(dir, 1, 1), 0);
	refused("a/b belongs to another user", "--sim-attest-keys");
}
END_TEST

START_TEST(what_is_no_key_is_refused)
{
	struct ec_key *p256;
	char pem[EC_PEM_MAX];
	int n;

	identity();
	write_file(in_dir("rak.pem"), "");
	refused("rak.pem is not the PEM of a private key on P-384", "remove it");
	write_file(in_dir("rak.pem"),
		   "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	refused("rak.pem is not the PEM", "remove it");
	ck_assert_int_eq(ec_generate(&p256, EC_P256), 0);
	n = ec_write_private(p256, pem, sizeof(pem));
	ec_free(p256);
	ck_assert(n > 0 && n < (int)sizeof(pem));
	pem[n] = 0;
	write_file(in_dir("rak.pem"), pem);
	refused("rak.pem is not the PEM of a private key on P-384", "remove it");
	unlink(in_dir("rak.pem"));
	ck_assert_int_eq(symlink("cpak.pem", in_dir("rak.pem")), 0);
	refused("cannot open", "rak.pem");
	unlink(in_dir("rak.pem"));
	ck_assert_int_eq(mkfifo(in_dir("rak.pem"), 0600), 0); /* and does not wait for a writer */
	refused("rak.pem is not a file", "");
}
END_TEST

START_TEST(places_that_are_none)
{
	char text[64];

	snprintf(dir, sizeof(dir), "%s/file", base);
	write_file(dir, "x");
	refused("cannot open", "file");
	snprintf(dir, sizeof(dir), "%s/file/below", base);
	refused("below", "Not a directory");
	ck_assert_int_eq(keys_check_dir("/nonexistent/is/fine"), 0);
	setenv("XDG_DATA_HOME", "/x", 1);
	ck_assert_int_eq(keys_default_dir(text, sizeof(text)), 0);
	ck_assert_str_eq(text, "/x/lkvm/attest-keys");
	setenv("XDG_DATA_HOME", "relative", 1); /* is to be ignored */
	setenv("HOME", "/h", 1);
	ck_assert_int_eq(keys_default_dir(text, sizeof(text)), 0);
	ck_assert_str_eq(text, "/h/.local/share/lkvm/attest-keys");
	ck_assert_int_eq(keys_default_dir(text, 10), -ENOENT);
	captured_one_error("no place for attestation keys", "");
	unsetenv("HOME");
	ck_assert_int_eq(keys_default_dir(text, sizeof(text)), -ENOENT);
	captured_one_error("HOME is not set", "--sim-attest-keys");
}
END_TEST

/* ---- on demand ---- */

static void truncate_key(void)
{
	char rak[300];

	snprintf(rak, sizeof(rak), "%s/rak.pem", dir);
	ck_assert_int_eq(truncate(rak, 40), 0);
}

/* Keys are made for the first token; when they cannot be, that is said once: no tokens. */
START_TEST(tokens_on_demand)
{
	static const u8 challenge[TOKEN_CHALLENGE_LEN] = { 1 };
	struct rsi_realm r = { .hash_algo = RSI_HASH_SHA256 };
	struct token_report report;
	struct attest *a;
	u8 token[4096];
	u32 len;

	ck_assert_int_eq(attest_create(&a, dir, TOKEN_CMW), 0);
	ck_assert_int_lt(access(dir, F_OK), 0);
	ck_assert_int_eq(attest_token(a, &r, challenge, token, 100, &len), -ENOSPC);
	ck_assert_uint_eq(mode(dir), 0700);
	ck_assert_int_eq(ftruncate(capture_fd, 0), 0);
	lseek(capture_fd, 0, SEEK_SET);
	ck_assert_int_eq(attest_token(a, &r, challenge, token, sizeof(token), &len), 0);
	ck_assert_int_eq(token_verify(token, len, &(struct token_expect){ 0 }, &report),
			 TOKEN_UNANCHORED);
	ck_assert_int_eq(report.form, TOKEN_CMW);
	attest_destroy(a);
	attest_destroy(NULL);
	chmod(dir, 0755);
	ck_assert_int_lt(attest_create(&a, dir, TOKEN_CMW), 0);
	captured_one_error("open to others", "");
	chmod(dir, 0700);
	truncate_key();
	ck_assert_int_eq(attest_create(&a, dir, TOKEN_CMW), 0);
	ck_assert_int_lt(attest_token(a, &r, challenge, token, sizeof(token), &len), 0);
	captured_one_error("not the PEM", "");
	ck_assert_int_lt(attest_token(a, &r, challenge, token, sizeof(token), &len), 0);
	ck_assert_str_eq(captured(), "");
	attest_destroy(a);
}
END_TEST

/* ---- trust anchors ---- */

static struct ec_public anchor;
static char jwk[ANCHOR_JWK_MAX], text[ANCHOR_MAX_LEN + 2];

static int parse(const char *s, char why[200])
{
	struct ec_public got;
	int err = anchor_parse(&got, s, strlen(s), why, 200);

	if (!err)
		ck_assert(got.curve == anchor.curve && !memcmp(got.x, anchor.x, 48) &&
			  !memcmp(got.y, anchor.y, 48));
	return err;
}

static void make_anchor(void)
{
	struct attest_keys k;
	int n;

	ck_assert_int_eq(keys_open(&k, dir), 0);
	ec_public_of(k.cpak, &anchor);
	keys_close(&k);
	n = anchor_print_jwk(&anchor, jwk, sizeof(jwk));
	ck_assert(n > 0 && n < (int)sizeof(jwk) && jwk[n - 1] == '\n');
	jwk[n - 1] = 0;
}

START_TEST(anchors_in_all_forms)
{
	char why[200];
	int n;

	make_anchor();
	ck_assert_int_eq(parse(jwk, why), 0);
	snprintf(text, sizeof(text), "  {\"keys\": [%s]}\n", jwk);
	ck_assert_int_eq(parse(text, why), 0);
	snprintf(text, sizeof(text), "[{\"implementation-id\": \"x\", \"pkey\": %s}]", jwk);
	ck_assert_int_eq(parse(text, why), 0);
	n = ec_write_public(&anchor, text, sizeof(text));
	ck_assert_int_gt(n, 0);
	text[n] = 0;
	ck_assert_int_eq(parse(text, why), 0);
}
END_TEST

START_TEST(anchors_that_are_none)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{ "\"EC\"", "\"RSA\"", "type (kty) EC" },
		{ "P-384", "P-256", "not the base64url of 32 bytes" },
		{ "P-384", "secp384r1", "on the curve (crv)" },
		{ "\"x\":\"", "\"x\":\"A", "x is not the base64url of 48 bytes" },
		{ "\"y\":", "\"z\":", "y is not the base64url" },
		{ "\"y\":", "\"y\":1,\"z\":", "y is not the base64url" },
		{ "}", "", "neither PEM nor JSON" },
		{ "}", "} trailing", "neither PEM nor JSON" },
		{ "\"crv\"", "\"kty\":\"EC\",\"crv\"", "neither PEM nor JSON" }, /* twice */
	};
	char why[200], *at;

	make_anchor();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *part = strstr(jwk, cases[i].from);

		ck_assert_ptr_nonnull(part);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(part - jwk), jwk, cases[i].to,
			 part + strlen(cases[i].from));
		ck_assert_int_eq(parse(text, why), -EINVAL);
		ck_assert_msg(strstr(why, cases[i].why) != NULL, "%zu: %s", i, why);
	}
	/* A typing error: all tokens would be called forged. */
	snprintf(text, sizeof(text), "%s", jwk);
	at = strstr(text, "\"y\":\"") + strlen("\"y\":\"");
	*at = *at == 'A' ? 'B' : 'A';
	ck_assert_int_eq(parse(text, why), -EINVAL);
	ck_assert_msg(strstr(why, "no point of its curve") != NULL, "%s", why);
	snprintf(text, sizeof(text), "[%s,%s]", jwk, jwk);
	ck_assert_int_eq(parse(text, why), -EINVAL);
	ck_assert(strstr(why, "has not just one"));
	ck_assert_int_eq(parse("[]", why), -EINVAL);
	ck_assert_int_eq(parse("", why), -EINVAL);
	ck_assert_int_eq(parse("-----BEGIN PUBLIC KEY-----\n", why), -EINVAL);
	ck_assert_int_eq(parse("-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n", why),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "not the PEM of a public key"));
}
END_TEST

START_TEST(anchors_from_files)
{
	struct ec_public got;

	make_anchor();
	snprintf(path, sizeof(path), "%s/anchor", base);
	write_file(path, jwk);
	ck_assert_int_eq(anchor_load(&got, path), 0);
	ck_assert_str_eq(captured(), "");
	memset(text, ' ', ANCHOR_MAX_LEN + 1);
	write_file(path, text);
	ck_assert_int_eq(anchor_load(&got, path), -EFBIG);
	captured_one_error("anchor", "longer than 16 KiB");
	write_file(path, "{}");
	ck_assert_int_eq(anchor_load(&got, path), -EINVAL);
	captured_one_error(path, "is not a JWK of the type (kty) EC");
	ck_assert_int_eq(anchor_load(&got, base), -EISDIR);
	captured_one_error("cannot read the trust anchor", base);
	ck_assert_int_eq(anchor_load(&got, "/nowhere"), -ENOENT);
	captured_one_error("cannot open the trust anchor /nowhere", "");
}
END_TEST

SUITE_MAIN_FIXTURE("realm/keys", setup, teardown, made_once_for_nobody_else, a_race_has_one_winner,
		   what_others_may_know_is_refused, what_belongs_to_others_is_refused,
		   what_is_no_key_is_refused, places_that_are_none, tokens_on_demand,
		   anchors_in_all_forms, anchors_that_are_none, anchors_from_files)
