/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminals to ports: the user's terminal goes to the console that was chosen, --tty N to a pty.
 *
 * Thread: main, before others run.
 * Trust:  the user's configuration.
 */
#include "lkvm/run/consoles.h"

#include <unistd.h>

#include "lkvm/console/stream.h"
#include "lkvm/exec/session.h"
#include "lkvm/run/filter.h"
#include "lkvm/vm/stop.h"
#include "lkvm/watch/watch.h"

/* Does somebody look at what the command writes? It is faster without. */
static bool watches_command(const struct config *c)
{
	const struct watch_conf *w = &c->watch;

	return c->session && (w->until || w->fail_on || w->status_from || w->log || w->report);
}

unsigned consoles_sources(const struct config *c)
{
	unsigned sources = 1u;

	for (unsigned i = 0; i < CONFIG_NR_TTYS; i++)
		sources |= c->tty[i] ? 1u << i : 0;
	if (watches_command(c))
		sources |= 1u << WATCH_OUT | 1u << WATCH_ERR;
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

static int add_port(struct consoles *cs, const struct port_conf *conf, struct loop *loop)
{
	unsigned n = cs->virtio.nr_ports;
	int err = port_create(&cs->ports[n], conf, loop);

	if (err)
		return err;
	cs->named[n] = (struct virtio_console_port){ conf->name, port_chardev(cs->ports[n]) };
	cs->virtio.nr_ports++;
	return 0;
}

/* The ports of the command's streams, behind those that were asked for. */
static int add_session(struct consoles *cs, const struct config *c, struct loop *loop,
		       struct stop *stop, struct watch *watch)
{
	struct session *s = c->session;
	struct tap *out = NULL, *err_tap = NULL;
	int err;

	if (watch && watches_command(c)) {
		out = watch_tap(watch, WATCH_OUT);
		err_tap = watch_tap(watch, WATCH_ERR);
	}
	cs->session = s;
	err = session_open(s, loop, stop, out, err_tap);
	for (unsigned i = 0; i < SESSION_PORTS && !err; i++) {
		struct virtio_console_port *p = &cs->named[cs->virtio.nr_ports++];

		p->chr = session_port(s, i, &p->name);
	}
	return err;
}

/*
 * The terminal is the command's. What the guest's kernel says is for --console-log and, if messages
 * are wanted, for people.
 */
static void leave_terminal(struct console_conf *term, const struct config *c)
{
	if (!c->session)
		return;
	term->in_fd = -1;
	term->out_fd = c->loglevel >= LOG_INFO ? STDERR_FILENO : -1;
	term->unread = NULL;
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
	struct console_conf out_only;
	bool virtio = c->console == CONSOLE_VIRTIO;
	int err = 0;

	leave_terminal(&term, c);
	out_only = term;
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
		err = add_terminal(cs, &term, loop, &cs->virtio.console);
	if (!err && !cs->uart[0])
		err = add_terminal(cs, virtio ? &out_only : &term, loop, &cs->uart[0]);
	cs->virtio.ports = cs->named;
	for (unsigned i = 0; i < c->nr_ports && !err; i++)
		err = add_port(cs, &c->ports[i], loop);
	if (!err && c->session)
		err = add_session(cs, c, loop, stop, watch);
	return err;
}

void consoles_fini(struct consoles *cs)
{
	if (cs->session)
		session_close(cs->session);
	while (cs->virtio.nr_ports)
		port_destroy(cs->ports[--cs->virtio.nr_ports]);
	while (cs->nr)
		console_destroy(cs->all[--cs->nr]);
}

void consoles_calls(const struct config *c, struct filter *f)
{
	bool sockets = false;

	for (unsigned i = 0; i < c->nr_ports; i++)
		sockets |= c->ports[i].kind == PORT_SOCKET;
	if (c->nr_ports)
		filter_add(f, &stream_calls);
	if (sockets)
		filter_add(f, &port_calls);
	if (c->session)
		filter_add(f, &session_calls);
}
