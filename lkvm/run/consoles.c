/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminals to ports: the user's terminal goes to the console that was chosen, --tty N to a pty.
 *
 * Thread: main, before others run.
 * Trust:  the user's configuration.
 */
#include "lkvm/run/consoles.h"

#include <unistd.h>

#include "lkvm/vm/stop.h"
#include "lkvm/watch/watch.h"

unsigned consoles_sources(const struct config *c)
{
	unsigned sources = 1u;

	for (unsigned i = 0; i < CONFIG_NR_TTYS; i++)
		sources |= c->tty[i] ? 1u << i : 0;
	return sources | (c->console == CONSOLE_VIRTIO ? 1u << WATCH_VIRTIO : 0);
}

static void on_stop(void *arg)
{
	stop_request(arg, STOP_KEYS);
}

static void on_unread(void *arg)
{
	stop_request(arg, STOP_UNREAD);
}

static int add_terminal(struct consoles *cs, const struct console_conf *conf, struct loop *loop,
			struct chardev **chr)
{
	int err = console_create(&cs->all[cs->nr], conf, loop);

	if (!err)
		*chr = console_chardev(cs->all[cs->nr++]);
	return err;
}

static int add_pty(struct consoles *cs, unsigned index, struct loop *loop, struct watch *watch)
{
	struct tap *tap = watch ? watch_tap(watch, index) : NULL;
	int err = console_create_pty(&cs->all[cs->nr], index, loop, tap);

	if (!err)
		cs->uart[index] = console_chardev(cs->all[cs->nr++]);
	return err;
}

int consoles_init(struct consoles *cs, const struct config *c, struct loop *loop, struct stop *stop,
		  struct watch *watch)
{
	struct console_conf term = { .in_fd = STDIN_FILENO,
				     .out_fd = STDOUT_FILENO,
				     .stop = on_stop,
				     .unread = c->watch.log ? NULL : on_unread,
				     .stop_arg = stop,
				     .logged = c->watch.log };
	/* With a virtio console UART 0 still shows what the guest says before its driver is up. */
	struct console_conf out_only = term;
	bool virtio = c->console == CONSOLE_VIRTIO;
	int err = 0;

	out_only.in_fd = -1;
	if (watch) {
		term.tap = watch_tap(watch, virtio ? WATCH_VIRTIO : 0);
		out_only.tap = watch_tap(watch, 0);
	}
	*cs = (struct consoles){ .nr = 0 };
	for (unsigned i = 0; i < CONFIG_NR_TTYS && !err; i++) {
		if (c->tty[i])
			err = add_pty(cs, i, loop, watch);
	}
	if (!err && virtio)
		err = add_terminal(cs, &term, loop, &cs->virtio);
	if (!err && !cs->uart[0])
		err = add_terminal(cs, virtio ? &out_only : &term, loop, &cs->uart[0]);
	return err;
}

void consoles_fini(struct consoles *cs)
{
	while (cs->nr)
		console_destroy(cs->all[--cs->nr]);
}
