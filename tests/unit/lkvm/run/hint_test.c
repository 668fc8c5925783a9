/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to try when a guest prints nothing: an address that works where the guest is.
 */
#include <string.h>

#include "lkvm/run/hint.h"
#include "tests/unit/suite.h"

static struct config c;
static char buf[HINT_SIZE];

static const char *said(u64 alias)
{
	const char *s = hint_silent(buf, &c, alias);

	return s ? s : "nothing";
}

START_TEST(for_each_guest)
{
	config_init(&c);
	ck_assert(strstr(said(0), "it adds earlycon=uart8250,mmio,0x1000000"));
	ck_assert(!strstr(said(0), "Realm"));
	c.realm = REALM_SIM;
	ck_assert(strstr(said(BIT(32)), "earlycon=uart8250,mmio,0x101000000 (which a Realm's"));
	c.earlycon = true;
	ck_assert(strstr(said(BIT(32)), "not even early"));
	c.earlycon = false;
	c.params = "root=/dev/vda earlycon=uart8250,mmio,0x101000000";
	ck_assert(strstr(said(BIT(32)), "not even early"));
	c.firmware = "FW";
	ck_assert(strstr(said(0), "16550A at 0x1000000"));
}
END_TEST

START_TEST(not_for_quiet_ones)
{
	static const char *const quiet[] = { "quiet", "a quiet", "quiet b", "quieter quiet" };
	static const char *const loud[] = { "", "quieter", "unquiet", "x=quiet" };

	config_init(&c);
	for (unsigned i = 0; i < ARRAY_SIZE(quiet); i++) {
		c.params = quiet[i];
		ck_assert_str_eq(said(0), "nothing");
		c.params = loud[i];
		ck_assert_str_ne(said(0), "nothing");
	}
}
END_TEST

SUITE_MAIN("lkvm/run/hint", for_each_guest, not_for_quiet_ones)
