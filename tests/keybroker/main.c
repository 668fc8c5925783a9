/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keybroker-server: hands out keys to Realms that prove what they are. The same protocol and
 * command line as the program of that name of veraison/keybroker-demo, except that it verifies
 * evidence by itself. For tests and demonstrations: its keys are no secrets.
 *
 * Thread: main.
 * Trust:  the operator's command line and files; for requests see broker.c.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lkvm/base/encode.h"
#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "realm/token/anchor.h"
#include "tests/keybroker/server.h"

#define CHALLENGES_MAX (UINT64_C(1) << 24) /* bits: 50,000 a second, which no broker issues */
#define CHALLENGE_NS (UINT64_C(300) * 1000000000)
#define REFERENCES_MAX 16384u

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

/* Of --mock-challenge: the one that the example token of the public client answers. */
static const u8 mock_challenge[CHALLENGE_LEN] = {
	0x6e, 0x86, 0xd6, 0xd9, 0x7c, 0xc7, 0x13, 0xbc, 0x6d, 0xd4, 0x3d, 0xbc, 0xe4,
	0x91, 0xa6, 0xb4, 0x03, 0x11, 0xc0, 0x27, 0xa8, 0xbf, 0x85, 0xa3, 0x9d, 0xa6,
	0x3e, 0x9c, 0xe4, 0x4c, 0x13, 0x2a, 0x8a, 0x11, 0x9d, 0x29, 0x6f, 0xae, 0x6a,
	0x69, 0x99, 0xe9, 0xbf, 0x3e, 0x44, 0x71, 0xb0, 0xce, 0x01, 0x24, 0x5d, 0x88,
	0x94, 0x24, 0xc3, 0x1e, 0x89, 0x79, 0x3b, 0x3b, 0x1d, 0x6b, 0x15, 0x04,
};

static const char usage[] =
	"Usage: keybroker-server [OPTIONS]\n"
	"\n"
	"Options:\n"
	"  -a, --addr <ADDR>              The address to listen on; 0.0.0.0 for all interfaces\n"
	"                                 [default: 127.0.0.1]\n"
	"  -p, --port <PORT>              The port to listen on, 0 for any [default: 8088]\n"
	"  -e, --endpoint <URL>           Where clients find this server, without the port [default:\n"
	"                                 http://<ADDR>]\n"
	"      --reference-values <FILE>  Known-good RIMs: { \"reference-values\": [ \"<base64>\" ] },\n"
	"                                 as 'lkvm measure --reference-values' prints it\n"
	"      --trust-anchor <FILE>      Public key (CPAK) of a platform, as JWK or PEM; those of the\n"
	"                                 simulator: 'lkvm attest-keys'. May be given more than once\n"
	"      --allow-unsecured          Believe platforms in any lifecycle state, as simulated ones\n"
	"                                 are in, which protect nothing\n"
	"  -m, --mock-challenge           The challenge of the CCA example token, always\n"
	"      --dump-evidence-cbor       Write evidence to the file 'evidence-<CHALLENGE_ID>.cbor'\n"
	"  -v                             Increase verbosity; -v prints what happens\n"
	"  -q, --quiet                    Silence all output\n"
	"  -h, --help                     Print help\n";

struct app {
	struct server_conf conf;
	const char *endpoint, *references;
	bool mock;
	struct policy policy;
	struct broker broker;
	struct loop *loop;
	struct server *server;
	int signals;
	struct loop_fd *signals_reg;
};

/* ---- command line ---- */

static int refuse(const char *what, const char *value, const char *why)
{
	fprintf(stderr, "error: %s%s%s: %s\n\nFor more information, try '--help'.\n", what,
		value ? " " : "", value ? value : "", why);
	return EXIT_USAGE;
}

static int set_port(struct app *a, const char *s)
{
	u64 port;

	if (decode_number(&port, UINT16_MAX, NUMBER_DEC, s, strlen(s)))
		return refuse("--port", s, "wants a number of at most 65535");
	a->conf.port = (u16)port;
	return 0;
}

static int add_anchor(struct app *a, const char *path)
{
	if (a->policy.nr_anchors == POLICY_MAX_ANCHORS)
		return refuse("--trust-anchor", path, "there are eight already");
	if (anchor_load(&a->policy.anchors[a->policy.nr_anchors], path))
		return EXIT_FAILED;
	a->policy.nr_anchors++;
	return 0;
}

enum { OPT_REFERENCES = 256, OPT_ANCHOR, OPT_UNSECURED, OPT_DUMP, OPT_VERIFIER };

static const struct option longopts[] = {
	{ "addr", required_argument, NULL, 'a' },
	{ "port", required_argument, NULL, 'p' },
	{ "endpoint", required_argument, NULL, 'e' },
	{ "reference-values", required_argument, NULL, OPT_REFERENCES },
	{ "trust-anchor", required_argument, NULL, OPT_ANCHOR },
	{ "allow-unsecured", no_argument, NULL, OPT_UNSECURED },
	{ "mock-challenge", no_argument, NULL, 'm' },
	{ "dump-evidence-cbor", no_argument, NULL, OPT_DUMP },
	{ "verifier", required_argument, NULL, OPT_VERIFIER },
	{ "verifier-root-certificate", required_argument, NULL, OPT_VERIFIER },
	{ "verbosity", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* One option with a value or an effect on the policy; the exit status, or 0. */
static int set_option(struct app *a, int c, const char *val)
{
	switch (c) {
	case 'a':
		a->conf.addr = val;
		return 0;
	case 'p':
		return set_port(a, val);
	case 'e':
		a->endpoint = val;
		return 0;
	case 'm':
		a->mock = true;
		return 0;
	case OPT_REFERENCES:
		a->references = val;
		return 0;
	case OPT_ANCHOR:
		return add_anchor(a, val);
	case OPT_UNSECURED:
		a->policy.unsecured = true;
		return 0;
	case OPT_DUMP:
		a->broker.dump_evidence = true;
		return 0;
	case OPT_VERIFIER:
		return refuse("--verifier", val,
			      "this server verifies by itself, see "
			      "--trust-anchor");
	default:
		return EXIT_USAGE;
	}
}

/* The exit status; -1: go on. */
static int parse(struct app *a, int argc, char **argv)
{
	int c, status = 0, level = LOG_WARNING;
	bool quiet = false;

	while (!status && (c = getopt_long(argc, argv, "a:p:e:mvqh", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return EXIT_OK;
		}
		if (c == 'v')
			level += level < LOG_DEBUG;
		else if (c == 'q')
			quiet = true;
		else
			status = set_option(a, c, optarg);
	}
	if (status)
		return status;
	if (optind < argc)
		return refuse(argv[optind], NULL, "is no option");
	log_set_level(quiet ? LOG_FATAL : (enum log_level)level);
	return -1;
}

/* ---- files and policy ---- */

static int load_references(struct app *a)
{
	char *text = malloc(REFERENCES_MAX);
	const char *why = "it has more than 16 KiB";
	int n = text ? file_read(a->references, text, REFERENCES_MAX) : -ENOMEM;
	int err = n < 0 ? n : policy_parse_references(&a->policy, text, (size_t)n, &why);

	if (n < 0 && n != -E2BIG)
		why = strerror(-n);
	if (err)
		log_error("--reference-values %s: %s", a->references, why);
	free(text);
	return err;
}

/* What the operator should know about the answers that there will be. */
static void warn(const struct app *a)
{
	bool everywhere = !strcmp(a->conf.addr, "0.0.0.0") || !strcmp(a->conf.addr, "::");

	if (everywhere && !a->endpoint)
		log_warn("Clients are told to send their evidence to %s: say where they find this "
			 "server with --endpoint",
			 a->broker.endpoint);
	if (!a->policy.nr_anchors)
		log_warn("No platform is known, all evidence will be refused: see --trust-anchor");
	if (a->policy.unsecured)
		log_warn("Platforms that protect nothing are believed, too (--allow-unsecured)");
	if (a->mock)
		log_warn(
			"All challenges are the same: evidence can be replayed (--mock-challenge)");
}

/* Where clients find this server. */
static int set_endpoint(struct app *a)
{
	char *out = a->broker.endpoint;
	const char *why = "is too long";
	struct url url;
	int n;

	if (!a->endpoint) {
		server_url(a->server, out, URL_MAX);
		return 0;
	}
	n = snprintf(out, URL_MAX, "%s:%u", a->endpoint, server_port(a->server));
	if (n < (int)URL_MAX && !url_parse(&url, out, (size_t)n, &why)) {
		if (!strcmp(url.path, "/"))
			return 0;
		why = "wants http://host, to which the port is appended";
	}
	log_error("--endpoint %s: %s", a->endpoint, why);
	return -EINVAL;
}

/* ---- running ---- */

static void on_signal(void *arg, u32 events)
{
	struct app *a = arg;

	loop_quit(a->loop);
}

/* What was ignored at the start (SIGINT in a script's background job) stays ignored. */
static int watch_signals(struct app *a)
{
	static const int all[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now;
	sigset_t ends;

	sigemptyset(&ends);
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		if (!sigaction(all[i], NULL, &now) && now.sa_handler != SIG_IGN)
			sigaddset(&ends, all[i]);
	}
	sigprocmask(SIG_BLOCK, &ends, NULL);
	a->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	return a->signals < 0
		       ? -errno
		       : loop_fd_add(a->loop, a->signals, EPOLLIN, on_signal, a, &a->signals_reg);
}

static int create(struct app *a)
{
	int err = challenges_create(&a->broker.challenges, CHALLENGES_MAX, CHALLENGE_NS,
				    a->mock ? mock_challenge : NULL);

	if (!err)
		err = loop_create(&a->loop, "keybroker");
	if (!err)
		err = watch_signals(a);
	if (err)
		return log_errno(err, "Cannot start");
	err = a->references ? load_references(a) : 0;
	if (!err)
		err = server_create(&a->server, a->loop, &a->conf, &a->broker);
	return err ? err : set_endpoint(a);
}

static void destroy(struct app *a)
{
	server_destroy(a->server);
	loop_fd_del(a->signals_reg);
	if (a->signals >= 0)
		close(a->signals);
	loop_destroy(a->loop);
	challenges_destroy(a->broker.challenges);
}

int main(int argc, char **argv)
{
	struct app a = { .conf = server_defaults, .signals = -1 };
	int status;

	file_occupy_standard();
	status = parse(&a, argc, argv);
	if (status >= 0)
		return status;
	a.broker.policy = &a.policy;
	status = create(&a) ? EXIT_FAILED : EXIT_OK;
	if (!status) {
		warn(&a);
		log_info("starting service: \"keybroker-server-%s:%u\", workers: 1, listening on: "
			 "%s:%u",
			 a.conf.addr, server_port(a.server), a.conf.addr, server_port(a.server));
		loop_run(a.loop);
	}
	destroy(&a);
	return status;
}
