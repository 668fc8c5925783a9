/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A home of the test's own, for the sockets that a guest has there. */
#ifndef TESTS_UNIT_LKVM_CONTROL_HOME_H
#define TESTS_UNIT_LKVM_CONTROL_HOME_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

static char home[] = "/tmp/lkvm-home-XXXXXX";

static inline void use_home(void)
{
	strcpy(home + sizeof(home) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	setenv("HOME", home, 1);
}

static inline void drop_home(void)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", home);
	ck_assert_int_eq(system(cmd), 0);
}

#endif
