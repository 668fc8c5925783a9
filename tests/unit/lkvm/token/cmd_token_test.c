/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm token and lkvm attest-keys as their users see them: what is printed, the exit status, and
 * one line for each thing that is wrong.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>

#include "lkvm/base/encode.h"
#include "lkvm/cli/cmd.h"
#include "realm/sim/keys.h"
#include "realm/token/anchor.h"
#include "tests/unit/arm64/capture.h"
#include "tests/unit/realm/token/tokens.h"

static char base[] = "/tmp/lkvm-token-XXXXXX", out[65536];
static int out_fd = -1;
static struct attest_keys keys;
static u8 token[TOKENS_MAX], challenge[64];
static size_t token_len;

static const char *file(const char *name)
{
	static char path[8][64];
	static unsigned next;
	char *p = path[next++ % ARRAY_SIZE(path)];

	snprintf(p, sizeof(path[0]), "%s/%s", base, name);
	return p;
}

static void write_file(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(file(name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void setup(void)
{
	struct rsi_realm r = tokens_realm(RSI_HASH_SHA256);
	struct ec_public public;
	char jwk[ANCHOR_JWK_MAX];
	int n;

	ck_assert_ptr_nonnull(mkdtemp(base));
	capture_start();
	out_fd = memfd_create("stdout", MFD_CLOEXEC);
	dup2(out_fd, STDOUT_FILENO);
	ck_assert_int_eq(keys_open(&keys, file("keys")), 0);
	memset(challenge, 0xc5, sizeof(challenge));
	token_len = tokens_good(&keys, TOKEN_COLLECTION, &r, challenge, token);
	write_file("token", token, token_len);
	write_file("challenge", challenge, sizeof(challenge));
	ec_public_of(keys.cpak, &public);
	n = anchor_print_jwk(&public, jwk, sizeof(jwk));
	write_file("anchor", jwk, (size_t)n);
}

static void teardown(void)
{
	char cmd[64];

	keys_close(&keys);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", base);
	ck_assert_int_eq(system(cmd), 0);
}

static int run(int (*cmd)(int, char **), const char *const *argv, int argc)
{
	int status;
	ssize_t n;

	ck_assert_int_eq(ftruncate(out_fd, 0), 0);
	lseek(out_fd, 0, SEEK_SET);
	status = cmd(argc, (char **)(uintptr_t)argv);
	fflush(stdout);
	n = pread(out_fd, out, sizeof(out) - 1, 0);
	out[MAX(n, 0)] = 0;
	return status;
}

#define RUN(cmd, ...)                                                                              \
	run(cmd, (const char *[]){ "x", __VA_ARGS__ },                                             \
	    (int)ARRAY_SIZE(((const char *[]){ "x", __VA_ARGS__ })))
#define TOKEN(...) RUN(cmd_token, __VA_ARGS__)
#define SAYS(text) ck_assert_msg(strstr(out, text), "no '%s' in '%s'", text, out)

#define HEX32(xx)                                                                                  \
	xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx xx  \
		xx xx

/* ---- verified ---- */

START_TEST(all_of_it)
{
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--trust-anchor", file("anchor"),
			       "--challenge", file("challenge"), "--rim", HEX32("11")),
			 0);
	ck_assert_str_eq(captured(), "");
	SAYS("CCA token, tag 399 (EAT collection)\n");
	SAYS("  RIM                    " HEX32("11") "\n");
	SAYS("lkvm simulator, no isolation");
	SAYS("\nVerified");
	/* The other spellings of the same. */
	ck_assert_int_eq(TOKEN(file("token"), "--trust-anchor", file("anchor"), "--challenge",
			       HEX32("c5") HEX32("c5"), "--rim",
			       "ERERERERERERERERERERERERERERERERERERERERERE="),
			 0);
}
END_TEST

static void verified_as(const char *text)
{
	write_file("text", text, strlen(text));
	ck_assert_msg(!TOKEN("--verify", file("text"), "--trust-anchor", file("anchor")), "%s",
		      text);
}

/* As tokens stand in logs and in JSON: broken into lines, or not, in either alphabet. */
START_TEST(tokens_as_text)
{
	char text[3 * TOKENS_MAX], lines[4 * TOKENS_MAX], *to = lines;

	verified_as(encode_hex(text, sizeof(text), token, token_len));
	for (size_t i = 0; text[i]; i++)
		to += sprintf(to, "%c%s", toupper(text[i]), i % 32 == 31 ? "\r\n  " : "");
	verified_as(lines);
	/* One digit less is no token. */
	write_file("text", text, strlen(text) - 1);
	ck_assert_int_eq(TOKEN("--verify", file("text"), "--trust-anchor", file("anchor")), 1);
	captured_one_error("not verified: ", "");
	verified_as(encode_base64(text, sizeof(text), token, token_len));
	strcat(text, "\n");
	verified_as(text);
	verified_as(encode_base64url(text, sizeof(text), token, token_len));
	write_file("text", "hello, world\n", 13);
	ck_assert_int_eq(TOKEN("--verify", file("text")), 1);
	captured_one_error("not verified: ", "");
}
END_TEST

START_TEST(json_for_programs)
{
	json_t *o, *checks;

	ck_assert_int_eq(
		TOKEN("--json", "--verify", file("token"), "--trust-anchor", file("anchor")), 0);
	o = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(o != NULL, "%s", out);
	ck_assert_str_eq(json_string_value(json_object_get(o, "verdict")), "verified");
	checks = json_object_get(o, "checks");
	ck_assert_str_eq(json_string_value(json_object_get(checks, "platform-signature")), "good");
	ck_assert_str_eq(json_string_value(json_object_get(checks, "challenge")), "unchecked");
	json_decref(o);
	token[token_len - 1] ^= 1;
	write_file("token", token, token_len);
	ck_assert_int_eq(
		TOKEN("--json", "--verify", file("token"), "--trust-anchor", file("anchor")), 1);
	o = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(o, "verdict")), "realm-forged");
	json_decref(o);
}
END_TEST

/* Terminals obey U+009B as they obey ESC [. */
START_TEST(no_controls_for_the_terminal)
{
	struct tokens_half platform, realm;
	u8 other[TOKENS_MAX];

	tokens_claims(token, token_len, TOKEN_PLATFORM, &platform);
	tokens_claims(token, token_len, TOKEN_REALM, &realm);
	tokens_set_text(&platform, CLAIM_VERIFICATION, "a\033b\302\233c\177d\303\251");
	write_file("controls", other,
		   tokens_sign(&keys, TOKEN_COLLECTION, &platform, &realm, other));
	ck_assert_int_eq(TOKEN("--verify", file("controls"), "--trust-anchor", file("anchor")), 0);
	SAYS(" a\\x1bb\\x9bc\\x7fd\303\251\n");
}
END_TEST

START_TEST(from_the_standard_input)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[0], STDIN_FILENO);
	ck_assert_int_eq(write(fds[1], token, token_len), token_len);
	close(fds[1]);
	ck_assert_int_eq(TOKEN("--verify", "-", "--trust-anchor", file("anchor")), 0);
}
END_TEST

/* ---- not verified ---- */

static void not_verified(const char *why)
{
	SAYS("\nNOT verified");
	captured_one_error("not verified: ", why);
}

START_TEST(each_thing_that_is_wrong)
{
	ck_assert_int_eq(TOKEN("--verify", file("token")), 1);
	not_verified("anybody could have made this token");
	challenge[0] ^= 1;
	write_file("challenge", challenge, sizeof(challenge));
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--trust-anchor", file("anchor"),
			       "--challenge", file("challenge")),
			 1);
	not_verified("challenge");
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--trust-anchor", file("anchor"), "--rim",
			       HEX32("12")),
			 1);
	not_verified("RIM");
	/* A token of the same form from other keys. */
	ck_assert_int_eq(RUN(cmd_attest_keys, "--sim-attest-keys", file("others"), "--pem"), 0);
	write_file("other", out, strlen(out));
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--trust-anchor", file("other")), 1);
	not_verified("not signed with the key of the trust anchor");
}
END_TEST

START_TEST(what_is_no_token)
{
	static u8 large[TOKEN_MAX_LEN + 2];

	write_file("short", token, token_len - 1);
	ck_assert_int_eq(TOKEN("--verify", file("short"), "--trust-anchor", file("anchor")), 1);
	ck_assert_str_eq(out, "NOT verified\n");
	captured_one_error("not verified: ", "ends in the middle");
	memcpy(large, token, token_len);
	write_file("large", large, TOKEN_MAX_LEN);
	ck_assert_int_eq(TOKEN("--verify", file("large")), 1);
	captured_one_error("not verified: ", "followed by something");
	write_file("large", large, sizeof(large));
	ck_assert_int_eq(TOKEN("--verify", file("large")), 1);
	captured_one_error("not verified: ", "longer than 64 KiB");
	write_file("empty", "", 0);
	ck_assert_int_eq(TOKEN("--verify", file("empty")), 1);
	captured_one_error("not verified: ", "ends in the middle");
	/* The tag 399 in four bytes is another way to say the same: not taken. */
	memcpy(large, "\xda\x00\x00\x01\x8f", 5);
	memcpy(large + 5, token + 3, token_len - 3);
	write_file("long-tag", large, token_len + 2);
	ck_assert_int_eq(TOKEN("--verify", file("long-tag")), 1);
	captured_one_error("not verified: ", "shortest");
	ck_assert_int_eq(TOKEN("--verify", "/dev/zero"), 1); /* ends */
	captured_one_error("not verified: ", "longer than 64 KiB");
}
END_TEST

/* ---- mistakes of the user ---- */

START_TEST(what_cannot_be_done)
{
	static char blanks[20000];

	ck_assert_int_eq(TOKEN("--json"), EXIT_USAGE);
	captured_one_error("which token?", "--verify FILE");
	ck_assert_int_eq(TOKEN("--verify", "/nowhere"), EXIT_DIE);
	captured_one_error("cannot read the token /nowhere", "No such file");
	ck_assert_int_eq(TOKEN("--verify", base), EXIT_DIE);
	captured_one_error("cannot read the token", "Is a directory");
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--trust-anchor", file("token")),
			 EXIT_DIE);
	captured_one_error("the trust anchor", "neither PEM nor JSON");
	memset(blanks, ' ', sizeof(blanks));
	memcpy(blanks, "{}", 2);
	write_file("blanks", blanks, sizeof(blanks));
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--trust-anchor", file("blanks")),
			 EXIT_DIE);
	captured_one_error("the trust anchor", "longer than 16 KiB");
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--rim", "1122"), EXIT_DIE);
	captured_one_error("--rim 1122", "32, 48 or 64 bytes");
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--challenge", "0g"), EXIT_DIE);
	captured_one_error("--challenge 0g", "neither hexadecimal digits nor a file");
	ck_assert_int_eq(
		TOKEN("--verify", file("token"), "--challenge", HEX32("c5") HEX32("c5") "00"),
		EXIT_DIE);
	captured_one_error("--challenge", "at most 64 bytes");
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--challenge", file("token")), EXIT_DIE);
	captured_one_error("--challenge", "at most 64 bytes");
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--challenge", "/dev/null"), EXIT_DIE);
	captured_one_error("--challenge", "is empty");
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--challenge", ""), EXIT_USAGE);
	ck_assert_ptr_nonnull(strstr(captured(), "its value is empty"));
	ck_assert_int_eq(TOKEN("--verify", file("token"), "another"), EXIT_USAGE);
	ck_assert_ptr_nonnull(strstr(captured(), "the token is already given as"));
	ck_assert_str_eq(out, "");
}
END_TEST

/* ---- attest-keys ---- */

START_TEST(the_same_anchor_in_both_forms)
{
	char jwk[ANCHOR_JWK_MAX];

	ck_assert_int_eq(RUN(cmd_attest_keys, "--sim-attest-keys", file("keys")), 0);
	ck_assert_int_eq(strncmp(out, "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"", 31), 0);
	snprintf(jwk, sizeof(jwk), "%.500s", out);
	ck_assert_int_eq(RUN(cmd_attest_keys, "--sim-attest-keys", file("keys"), "--pem", "--jwk"),
			 0);
	ck_assert_str_eq(out, jwk);
	ck_assert_int_eq(RUN(cmd_attest_keys, "--sim-attest-keys", file("keys"), "--pem"), 0);
	ck_assert_int_eq(strncmp(out, "-----BEGIN PUBLIC KEY-----\n", 27), 0);
	ck_assert_ptr_null(strstr(out, "PRIVATE"));
	write_file("pem", out, strlen(out));
	ck_assert_int_eq(TOKEN("--verify", file("token"), "--trust-anchor", file("pem")), 0);
	/* Where the user's are by default; made, too. */
	setenv("XDG_DATA_HOME", file("home"), 1);
	ck_assert_int_eq(RUN(cmd_attest_keys, "--jwk"), 0);
	ck_assert_int_eq(access(file("home/lkvm/attest-keys/cpak.pem"), R_OK), 0);
	ck_assert_int_eq(RUN(cmd_attest_keys, "word"), EXIT_USAGE);
	ck_assert_ptr_nonnull(strstr(captured(), "takes options only, not 'word'"));
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/cmd_token", setup, teardown, all_of_it, tokens_as_text, json_for_programs,
		   no_controls_for_the_terminal, from_the_standard_input, each_thing_that_is_wrong,
		   what_is_no_token, what_cannot_be_done, the_same_anchor_in_both_forms)
