/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking a guest: requests and answers of every kind. */
#include "lkvm/control/control_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/control/control.h"
#include "lkvm/control/control_dir.h"
#include "tests/unit/arm64/capture.h"
#include "tests/unit/lkvm/control/home.h"

static int dir(void)
{
	char why[200];
	int fd = control_dir_open(why, sizeof(why));

	ck_assert_int_ge(fd, 0);
	return fd;
}

struct heard {
	unsigned nr, enough;
	char text[200];
};

static bool on_record(void *arg, const struct ask_record *r)
{
	struct heard *h = arg;

	h->nr++;
	for (unsigned i = 0; i < r->nr; i++)
		snprintf(h->text + strlen(h->text), sizeof(h->text) - strlen(h->text), "%s|",
			 r->fields[i]);
	return h->nr != h->enough;
}

/* A server that answers with what the test says, whatever is asked. */
struct script {
	int listener;
	const char *answer;
	size_t len;
	char line[2 * CONTROL_LINE]; /* what it was asked */
};

static void *play(void *arg)
{
	struct script *p = arg;
	int s;

	do /* the listener does not block */
		s = accept(p->listener, NULL, NULL);
	while (s < 0);
	ck_assert_int_gt(recv(s, p->line, sizeof(p->line) - 1, 0), 0);
	send(s, p->answer, p->len, MSG_NOSIGNAL);
	close(s);
	return NULL;
}

static int ask_words(struct script *p, const char *words, struct heard *h)
{
	pthread_t thread;
	int d, err;

	use_home();
	d = dir();
	p->listener = control_dir_claim(d, "g");
	ck_assert_int_ge(p->listener, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, play, p), 0);
	capture_start();
	err = ask("g", words, NULL, on_record, h);
	pthread_join(thread, NULL);
	close(p->listener);
	close(d);
	drop_home();
	return err;
}

static int ask_script(const char *answer, size_t len, struct heard *h)
{
	struct script p = { .answer = answer, .len = len };

	return ask_words(&p, "status", h);
}

#define ASK(text, h) ask_script(text, sizeof(text) - 1, h)

START_TEST(asking)
{
	struct heard h = { 0 };

	ck_assert_int_eq(ASK("lkvm/1 ok\na\tb\n\t\nend\nmore\n", &h), 0);
	ck_assert_str_eq(h.text, "a|b|||");
	h = (struct heard){ .enough = 1 };
	ck_assert_int_eq(ASK("lkvm/1 ok\na\nb\nc\nend\n", &h), 0);
	ck_assert_str_eq(h.text, "a|");
	/* What a terminal would act on does not get there. */
	h = (struct heard){ 0 };
	ck_assert_int_eq(ASK("lkvm/1 ok\n\033[2J\a\nend\n", &h), 0);
	ck_assert_str_eq(h.text, "?[2J?|");
	/* More fields than anybody asked for. */
	h = (struct heard){ 0 };
	ck_assert_int_eq(ASK("lkvm/1 ok\n1\t2\t3\t4\t5\t6\t7\t8\t9\ta\tb\tc\td\te\nend\n", &h), 0);
	ck_assert_str_eq(h.text, "1|2|3|4|5|6|7|8|9|a|b|c|");
}
END_TEST

START_TEST(answers_that_are_none)
{
	static char endless[100000];
	struct heard h = { 0 };

	ck_assert_int_eq(ASK("lkvm/1 error out of order\n", &h), -EPROTO);
	captured_one_error("g: out of order", "");
	ck_assert_int_eq(ASK("lkvm/2 ok\nend\n", &h), -EPROTO);
	captured_one_error("no lkvm, or a later one", "");
	ck_assert_int_eq(ASK("lkvm/1 ok\na\n", &h), -ECONNRESET);
	captured_one_error("it ended before it had answered", "");
	ck_assert_int_eq(ASK("", &h), -ECONNRESET);
	memset(endless, 'x', sizeof(endless));
	memcpy(endless, "lkvm/1 ok\n", 10);
	ck_assert_int_eq(ask_script(endless, sizeof(endless), &h), -EPROTO);
	captured_one_error("cannot be understood", "");
	/* Nobody there. */
	use_home();
	capture_start();
	ck_assert_int_eq(ask("nobody", "status", NULL, on_record, &h), -ENOENT);
	captured_one_error("no guest called nobody", "lkvm list");
	drop_home();
	unsetenv("HOME");
	capture_start();
	ck_assert_int_lt(ask("nobody", "status", NULL, on_record, &h), 0);
	captured_one_error("$HOME is not set", "");
}
END_TEST

/* What a user has typed becomes a part of it: a word of 300 letters, for instance. */
START_TEST(a_request_that_is_too_long)
{
	struct script p = { .answer = "lkvm/1 ok\nend\n", .len = 14 };
	char words[CONTROL_LINE], line[2 * CONTROL_LINE];
	struct heard h = { 0 };

	/* The longest one arrives whole. */
	memset(words, 'x', sizeof(words));
	words[CONTROL_LINE - 1 - strlen("lkvm/1 \n")] = 0;
	snprintf(line, sizeof(line), "lkvm/1 %s\n", words);
	ck_assert_int_eq(ask_words(&p, words, &h), 0);
	ck_assert_str_eq(p.line, line);
	/* Nobody is asked anything longer. */
	words[strlen(words)] = 'x';
	words[sizeof(words) - 1] = 0;
	capture_start();
	ck_assert_int_eq(ask("g", words, NULL, on_record, &h), -E2BIG);
	captured_one_error("cannot ask guest g", "at most 247 characters");
}
END_TEST

/* A listener that never answers. */
START_TEST(silence)
{
	const struct ask_more patient = { .pass_fd = -1, .stop_fd = -1 };
	struct heard h = { 0 };
	int d, l;

	use_home();
	d = dir();
	l = control_dir_claim(d, "g");
	capture_start();
	ck_assert_int_eq(ask("g", "status", NULL, on_record, &h), -ETIMEDOUT);
	captured_one_error("it does not answer", "");
	/* However long the rest may take. */
	ck_assert_int_eq(ask("g", "stop", &patient, on_record, &h), -ETIMEDOUT);
	captured_one_error("it does not answer", "");
	close(l);
	close(d);
	drop_home();
}
END_TEST

SUITE_MAIN("lkvm/control/control_client", asking, answers_that_are_none, a_request_that_is_too_long,
	   silence)
