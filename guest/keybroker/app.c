/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keybroker-app: asks a key broker for a key, and proves with an attestation token of the Realm it
 * runs in that it may have it. The same command line, messages and exit status as the program of
 * that name of veraison/keybroker-demo.
 *
 * Thread: main.
 * Trust:  the user's own command line; for the server's answers see client.c.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/keybroker/client.h"
#include "guest/keybroker/dial.h"
#include "guest/keybroker/mock.h"
#include "guest/keybroker/tsm.h"
#include "lkvm/base/encode.h"
#include "lkvm/base/file.h"
#include "lkvm/base/log.h"

enum { EXIT_OK, EXIT_NOT_ATTESTED, EXIT_OTHER };

struct app {
	struct client client;
	bool mock;
	const char *mock_path;
	const char *keys_dir;
};

static const char usage[] =
	"Usage: keybroker-app [OPTIONS] <KEY_NAME>\n"
	"\n"
	"Arguments:\n"
	"  <KEY_NAME>  The key name to use\n"
	"\n"
	"Options:\n"
	"  -e, --endpoint <URL>          The server to request a key from [default: "
	"http://127.0.0.1:8088]\n"
	"  -m, --mock-evidence[=<FILE>]  Instead of a report of this Realm: the token in FILE, or\n"
	"                                one made with the keys of this user's simulator\n"
	"      --keys <DIR>              Where these are; default as for lkvm attest-keys\n"
	"      --alg <RSA1_5|RSA-OAEP>   How the key is to be wrapped [default: RSA1_5]\n"
	"      --unbound                 Take challenges that are not bound to our wrapping key, as\n"
	"                                the public server's: a host in between can get the key\n"
	"      --timeout <SECONDS>       For each of the two requests [default: 30]\n"
	"  -v                            Increase verbosity; -v prints what happens, and the key\n"
	"  -q, --quiet                   Silence all output\n"
	"  -h, --help                    Print help\n"
	"\n"
	"Exit status: 0 with the key; 1 if attestation failed; 2 for anything else.\n";

static int evidence(void *arg, const u8 challenge[CHALLENGE_LEN], u8 *out, size_t size)
{
	const struct app *a = arg;

	if (a->mock_path)
		return mock_file(a->mock_path, out, size);
	if (a->mock)
		return mock_token(a->keys_dir, challenge, out, size);
	return tsm_report(TSM_REPORTS, challenge, CHALLENGE_LEN, out, size);
}

static int refuse(const char *what, const char *value)
{
	fprintf(stderr, "error: %s%s%s\n\nFor more information, try '--help'.\n", what,
		value ? " " : "", value ? value : "");
	return EXIT_OTHER;
}

static int set_timeout(struct app *a, const char *s)
{
	u64 seconds;

	if (decode_number(&seconds, 3600, NUMBER_DEC, s, strlen(s)) || !seconds)
		return refuse("--timeout wants seconds from 1 to 3600, not", s);
	a->client.timeout_ms = (int)seconds * 1000;
	return 0;
}

/* EXIT_OTHER after a message, 0, or -1: there is nothing to do. */
static int parse(struct app *a, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "endpoint", required_argument, NULL, 'e' },
		{ "mock-evidence", optional_argument, NULL, 'm' },
		{ "keys", required_argument, NULL, 'k' },
		{ "alg", required_argument, NULL, 'a' },
		{ "timeout", required_argument, NULL, 't' },
		{ "unbound", no_argument, NULL, 'u' },
		{ "verbosity", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, verbosity = LOG_WARNING;
	bool quiet = false;

	while ((c = getopt_long(argc, argv, "e:mvqh", longopts, NULL)) != -1) {
		switch (c) {
		case 'e':
			a->client.endpoint = optarg;
			break;
		case 'm':
			a->mock = true;
			a->mock_path = optarg;
			break;
		case 'k':
			a->keys_dir = optarg;
			break;
		case 'a':
			if (wrap_alg_by_name(&a->client.alg, optarg))
				return refuse("--alg is RSA1_5 or RSA-OAEP, not", optarg);
			break;
		case 't':
			if (set_timeout(a, optarg))
				return EXIT_OTHER;
			break;
		case 'u':
			a->client.unbound = true;
			break;
		case 'v':
			verbosity += verbosity < LOG_DEBUG;
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			return EXIT_OTHER;
		}
	}
	log_set_level(quiet ? LOG_FATAL : (enum log_level)verbosity);
	if (optind + 1 != argc)
		return refuse(optind == argc ? "which key? <KEY_NAME> is missing"
					     : "one <KEY_NAME>, please; this is one too many:",
			      optind == argc ? NULL : argv[optind + 1]);
	a->client.key_name = argv[optind];
	return a->client.key_name[0] ? 0 : refuse("<KEY_NAME> is empty", NULL);
}

int main(int argc, char **argv)
{
	struct app a = { .client = { .endpoint = "http://127.0.0.1:8088",
				     .timeout_ms = DIAL_TIMEOUT_MS,
				     .evidence = evidence } };
	struct client_answer answer;
	int status;

	file_occupy_standard();
	status = parse(&a, argc, argv);
	if (status)
		return status < 0 ? EXIT_OK : status;
	a.client.arg = &a;
	switch (client_get_key(&a.client, &answer)) {
	case CLIENT_KEY:
		log_info("Attestation success :-) ! The key returned from the keybroker is '%.*s'",
			 (int)answer.key_len, (const char *)answer.key);
		return EXIT_OK;
	case CLIENT_REFUSED:
		log_info("Attestation failure :-( ! %s: %s", answer.failure.type,
			 answer.failure.detail);
		return EXIT_NOT_ATTESTED;
	case CLIENT_ERROR:
		break;
	}
	return EXIT_OTHER;
}
