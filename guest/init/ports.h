/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ports to the host, by their names. */
#ifndef GUEST_INIT_PORTS_H
#define GUEST_INIT_PORTS_H

#include <stdbool.h>

enum { PORT_CONTROL, PORT_IN, PORT_OUT, PORT_ERR, NR_PORTS };

/*
 * Open them, O_NONBLOCK; the driver finds them some time after the start. False: they do not come.
 */
bool ports_open(int fds[NR_PORTS]);

#endif
