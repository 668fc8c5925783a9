/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which terminal is connected to which port of the guest. Main thread.
 */
#ifndef LKVM_CONSOLES_H
#define LKVM_CONSOLES_H

#include "arm64/memmap.h"
#include "lkvm/console/console.h"
#include "lkvm/console/port.h"
#include "lkvm/run/config.h"
#include "virtio/dev/kinds.h"

struct filter;
struct stop;
struct watch;

/* The consoles that this guest has, a bit for each source of lkvm/watch. */
unsigned consoles_sources(const struct config *c);

/* Of one machine; the caller's. */
struct consoles {
	struct console *all[CONFIG_NR_TTYS + 2];
	unsigned nr;
	struct chardev *uart[MEMMAP_NR_UARTS]; /* NULL: nothing is connected */
	struct session *session;	       /* of lkvm exec; NULL: another command */
	struct port *ports[CONFIG_MAX_PORTS];
	struct virtio_console_port named[CONFIG_MAX_PORTS]; /* the same, for the device */
	struct virtio_console_conf virtio;		    /* what virtio-console is made of */
};

/*
 * Create what the config asks for; Ctrl-a x makes a stop request. `watch` sees what the guest
 * prints; NULL: nobody does. Tear down with consoles_fini(), also on error; the loop is not running
 * then. *cs stays where it is. 0 or -errno after one log_error() line.
 */
int consoles_init(struct consoles *cs, const struct config *c, struct loop *loop, struct stop *stop,
		  struct watch *watch);
void consoles_fini(struct consoles *cs);

/* Add the system calls of what the config asks for, beside those of outbuf.h and terminal.h. */
void consoles_calls(const struct config *c, struct filter *f);

#endif
