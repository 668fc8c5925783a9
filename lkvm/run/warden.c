/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The warden: signals, the control socket, and the last resort of a machine that does not end.
 *
 * Thread: its own, which never waits for another for more than a few seconds; see warden.h.
 * Trust:  requests are words, compared with the ones below. What a guest does cannot keep the
 *         warden from its work: it takes no lock that a vCPU or a device holds for long.
 *
 * The last resort loses nothing that the guest was told is safe: what it has flushed was on the
 * disk before the answer, and what it has written was with the host's kernel, which keeps it when
 * the process ends. What was still on its way may be missing, as when power fails.
 */
#include "lkvm/run/warden.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lkvm/base/exit.h"
#include "lkvm/base/log.h"
#include "lkvm/base/ready.h"
#include "lkvm/console/terminal.h"

#define STDERR_PATIENCE_MS 1000
#define WORD_SIZE 600u

static const struct sys_call list[] = {
	CALL_IOCTL_RARE(TCSETS, "the last resort"),
	CALL_RARE(exit_group, "the last resort"),
};

const struct calls warden_calls = CALLS("warden", list);

enum phase { STARTING, RUNNING, ENDING };

struct warden {
	struct warden_conf conf;
	struct stop stop;
	struct ready err; /* stderr takes more */
	pid_t pid;
	struct loop *loop;
	struct signals *signals;
	struct loop_fd *stop_fd;
	struct loop_timer *limit;
	struct control *control; /* NULL: there is no place for its socket */
	/* From here on: its own thread. */
	enum phase phase;
	struct service *service; /* NULL: no machine that requests can be about */
	warden_suspect_fn suspect;
	void *arg;
	warden_word_fn word; /* NULL: nobody */
	void *word_arg;
	struct control_client *waiters[CONTROL_CLIENTS]; /* for the end */
};

/* ---- requests ---- */

/* As the user sees it: between two machines the guest starts. */
static enum phase phase(const struct warden *w)
{
	enum stop_reason why = stop_why(&w->stop);

	if (why == STOP_RESET && w->conf.reboots)
		return STARTING;
	return why == STOP_NONE ? w->phase : ENDING;
}

static const char *state(const struct warden *w)
{
	static const char *const names[] = { [STARTING] = "starting", [ENDING] = "ending" };

	if (phase(w) != RUNNING)
		return names[phase(w)];
	return service_paused(w->service) ? "paused" : "running";
}

static void answer_status(struct warden *w, struct control_client *c)
{
	control_record(c, "pid\t%d", (int)w->pid);
	control_record(c, "state\t%s", state(w));
	control_end(c);
}

/* The end of the answer is the end of the guest. */
static void answer_stop(struct warden *w, struct control_client *c)
{
	control_list_add(w->waiters, c);
	control_follow(c);
	stop_request(&w->stop, STOP_USER);
}

static void on_request(void *arg, struct control_client *c, const struct control_request *r)
{
	struct warden *w = arg;

	if (!strcmp(r->words[0], "status") && r->nr == 1)
		answer_status(w, c);
	else if (!strcmp(r->words[0], "stop") && r->nr == 1)
		answer_stop(w, c);
	else if (phase(w) == RUNNING)
		service_request(w->service, c, r);
	else
		control_refuse(c, phase(w) == STARTING
					  ? "it is still starting: 'lkvm list' says when it runs"
					  : "it is ending");
}

static void on_gone(void *arg, struct control_client *c)
{
	struct warden *w = arg;

	control_list_del(w->waiters, c);
	if (w->service)
		service_gone(w->service, c);
}

static const struct control_ops ops = { .request = on_request, .gone = on_gone };

/* ---- the last resort ---- */

static void on_stop(void *arg, u32 events)
{
	struct warden *w = arg;

	loop_timer_arm(w->limit, (u64)w->conf.limit_ms * 1000000u);
}

static void on_limit(void *arg)
{
	struct warden *w = arg;
	char who[120] = "lkvm", line[WORD_SIZE] = "";
	int status = EXIT_TORN_DOWN;

	if (w->suspect)
		w->suspect(w->arg, who, sizeof(who));
	terminal_restore();
	control_give_back(w->control);
	if (w->word)
		status = w->word(w->word_arg, who, line, sizeof(line));
	/* Its reader may be what hangs: a pipe that is full, a terminal that was halted. */
	if (ready_wait(&w->err, STDERR_PATIENCE_MS)) {
		log_error(
			"the guest was to end, and did not within %u s: %s. lkvm ends without "
			"it; what the guest has flushed to its disks is there, what it has not may "
			"be missing",
			(w->conf.limit_ms + 999) / 1000, who);
		if (*line)
			log_error("%s", line);
	}
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (w->waiters[i])
			control_record(w->waiters[i], "torn\t%s", who);
	}
	control_list_end(w->waiters);
	control_rest(w->control);
	_exit(status);
}

/* ---- what main tells it ---- */

struct word {
	struct warden *w;
	const struct service_env *env;
	warden_suspect_fn suspect;
	warden_word_fn last;
	void *arg;
	enum phase phase;
	int err;
};

static void do_watch(void *arg)
{
	struct word *word = arg;

	word->w->phase = STARTING;
	word->w->suspect = word->suspect;
	word->w->arg = word->arg;
}

void warden_watch(struct warden *w, warden_suspect_fn suspect, void *arg)
{
	struct word word = { .w = w, .suspect = suspect, .arg = arg };

	loop_do(w->loop, do_watch, &word);
}

static void do_last_word(void *arg)
{
	struct word *word = arg;

	word->w->word = word->last;
	word->w->word_arg = word->arg;
}

void warden_last_word(struct warden *w, warden_word_fn fn, void *arg)
{
	struct word word = { .w = w, .last = fn, .arg = arg };

	loop_do(w->loop, do_last_word, &word);
}

static void do_serve(void *arg)
{
	struct word *word = arg;

	word->err = service_create(&word->w->service, word->env, word->w->loop);
}

int warden_serve(struct warden *w, const struct service_env *env)
{
	struct word word = { .w = w, .env = env };

	loop_do(w->loop, do_serve, &word);
	return word.err ? log_errno(word.err, "cannot serve the control socket") : 0;
}

static void do_phase(void *arg)
{
	struct word *word = arg;

	word->w->phase = word->phase;
}

void warden_runs(struct warden *w)
{
	loop_do(w->loop, do_phase, &(struct word){ .w = w, .phase = RUNNING });
}

void warden_ends(struct warden *w)
{
	loop_do(w->loop, do_phase, &(struct word){ .w = w, .phase = ENDING });
}

static void do_unserve(void *arg)
{
	struct warden *w = arg;

	w->phase = ENDING;
	service_destroy(w->service);
	w->service = NULL;
}

void warden_unserve(struct warden *w)
{
	if (w)
		loop_do(w->loop, do_unserve, w);
}

static void do_unwatch(void *arg)
{
	struct warden *w = arg;

	w->suspect = NULL;
}

void warden_unwatch(struct warden *w)
{
	if (w)
		loop_do(w->loop, do_unwatch, w);
}

static void do_give_back(void *arg)
{
	struct warden *w = arg;

	control_give_back(w->control);
}

void warden_give_back(struct warden *w)
{
	loop_call(w->loop, do_give_back, w);
}

static void do_again(void *arg)
{
	struct warden *w = arg;

	w->phase = STARTING;
	/* Before the next request can come, which arms it again. */
	loop_timer_disarm(w->limit);
}

bool warden_again(struct warden *w)
{
	loop_do(w->loop, do_again, w);
	return stop_again(&w->stop);
}

void warden_call(struct warden *w, loop_call_fn fn, void *arg)
{
	loop_call(w->loop, fn, arg);
}

void warden_leave_now(void *warden)
{
	const struct warden *w = warden;

	control_remove_now(w->control);
}

/* ---- life ---- */

static int begin(struct warden *w)
{
	int err = stop_init(&w->stop);

	if (!err)
		err = loop_create(&w->loop, "lkvm-warden");
	if (!err)
		err = signals_create_for(&w->signals, w->loop, &w->stop, w->conf.signal,
					 w->conf.arg);
	if (!err)
		err = loop_fd_add(w->loop, w->stop.fd, EPOLLIN | EPOLLET, on_stop, w, &w->stop_fd);
	if (!err)
		err = loop_timer_add(w->loop, on_limit, w, &w->limit);
	if (!err && w->control)
		err = control_serve(w->control, w->loop, &ops, w);
	return err ? log_errno(err, "cannot watch for signals and requests") : 0;
}

int warden_create(struct warden **out, const struct warden_conf *conf)
{
	struct warden *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return log_errno(-ENOMEM, "cannot start");
	w->stop.fd = -1;
	w->pid = getpid();
	/* Where it is closed there is nothing to wait for. */
	ready_init(&w->err, STDERR_FILENO, EPOLLOUT);
	w->conf = *conf;
	/* Before there is a socket that the end of the process would leave behind. */
	signals_block();
	err = conf->name ? control_create(&w->control, conf->name) : 0;
	if (!err)
		err = begin(w);
	if (!err) {
		err = loop_start(w->loop);
		if (err)
			log_errno(err, "cannot start a thread");
	}
	if (err) {
		warden_destroy(w);
		return err;
	}
	*out = w;
	return 0;
}

struct stop *warden_stop(struct warden *w)
{
	return &w->stop;
}

void warden_destroy(struct warden *w)
{
	if (!w)
		return;
	if (w->loop)
		loop_stop(w->loop);
	control_list_end(w->waiters);
	control_rest(w->control);
	control_destroy(w->control);
	signals_destroy(w->signals);
	loop_destroy(w->loop);
	stop_fini(&w->stop);
	ready_fini(&w->err);
	free(w);
}
