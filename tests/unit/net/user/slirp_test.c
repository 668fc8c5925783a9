/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding libslirp, and being told that it is not there. */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "net/netif.h"
#include "net/netopt.h"
#include "net/user/slirp.h"
#include "net/user/slirp_lib.h"
#include "tests/unit/suite.h"

/* In place of the C library's: what slirp.c finds is up to the test. */
static const char *lacks;     /* a symbol that the library does not have; "": no library at all */
static const char *pretended; /* version, if not NULL */

void *dlopen(const char *file, int mode)
{
	static void *(*real)(const char *, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "dlopen");
	return lacks && !*lacks && file && strstr(file, "slirp") ? NULL : real(file, mode);
}

static const char *fake_version(void)
{
	return pretended;
}

/* What libslirp would call. */
static const SlirpCb *callbacks;
static void *callbacks_arg;
static Slirp *(*real_new)(const SlirpConfig *, const SlirpCb *, void *);

static Slirp *listening_new(const SlirpConfig *cfg, const SlirpCb *cb, void *opaque)
{
	callbacks = cb;
	callbacks_arg = opaque;
	return real_new(cfg, cb, opaque);
}

/*
 * dlsym() itself cannot be replaced here, so slirp_load.c is compiled into this file with another
 * one.
 */
static void *test_dlsym(void *dl, const char *name)
{
	if (lacks && !strcmp(name, lacks))
		return NULL;
	if (pretended && !strcmp(name, "slirp_version_string"))
		return (void *)fake_version;
	if (!strcmp(name, "slirp_new")) {
		*(void **)&real_new = dlsym(dl, name);
		return (void *)listening_new;
	}
	return dlsym(dl, name);
}

#define dlsym test_dlsym
#include "net/user/slirp_load.c"
#undef dlsym

static bool is_held(void *arg)
{
	return *(bool *)arg;
}

static bool held;
static const struct slirp_conf c = { .net = { __builtin_bswap32(0xc0a82100) },
				     .mask = { __builtin_bswap32(0xffffff00) },
				     .host = { __builtin_bswap32(0xc0a82101) },
				     .dns = { __builtin_bswap32(0xc0a82103) },
				     .guest = { __builtin_bswap32(0xc0a8210f) },
				     .mtu = 1500,
				     .held = is_held,
				     .held_arg = &held };
static const struct slirp_client client; /* no frames without sockets */

/* What slirp_open() says, on stderr and as its result. */
static int open_it(char *line, size_t size)
{
	struct slirp *s = NULL;
	struct loop *l;
	int saved = dup(2), p[2], err;

	ck_assert_int_eq(loop_create(&l, "io"), 0);
	ck_assert_int_eq(pipe(p), 0);
	dup2(p[1], 2);
	err = slirp_open(&s, &c, l, &client, NULL);
	dup2(saved, 2);
	close(saved);
	close(p[1]);

	ssize_t n = read(p[0], line, size - 1);

	line[n > 0 ? n : 0] = '\0';
	close(p[0]);
	ck_assert_int_eq(!s, !!err);
	slirp_close(s);
	loop_destroy(l);
	return err;
}

START_TEST(versions)
{
	static const char *const good[] = { "4.7.0", "4.8.0", "4.9.3", "4.10.0-rc1" };
	static const char *const bad[] = { "4.6.1", "4.0.0", "3.9.9", "5.0.0", "", "x", "4" };

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert(slirp_version_fits(good[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert(!slirp_version_fits(bad[i]));
}
END_TEST

START_TEST(the_library_of_this_machine)
{
	char line[512];

	ck_assert_int_eq(open_it(line, sizeof(line)), 0);
	ck_assert_str_eq(line, "");
}
END_TEST

START_TEST(no_library)
{
	char line[512];

	lacks = "";
	ck_assert_int_eq(open_it(line, sizeof(line)), -ENOENT);
	ck_assert_str_eq(line,
			 "  Error: user-mode networking needs libslirp: install libslirp0, or use "
			 "--network mode=none\n");
}
END_TEST

START_TEST(a_library_that_is_too_old)
{
	char line[512];

	pretended = "4.4.0";
	ck_assert_int_eq(open_it(line, sizeof(line)), -ENOENT);
	ck_assert_ptr_nonnull(
		strstr(line, "needs libslirp 4.7 or later (4.x): libslirp.so.0 is version 4.4.0"));
	pretended = NULL;
	lacks = "slirp_handle_timer";
	ck_assert_int_eq(open_it(line, sizeof(line)), -ENOENT);
	ck_assert_ptr_nonnull(strstr(line, "is without slirp_handle_timer"));
}
END_TEST

/* Milliseconds. */
static long clock_of_slirp(void)
{
	return (long)(callbacks->clock_get_ns(callbacks_arg) / 1000000);
}

/* A guest that is paused, as often as it likes, loses no time before TCP gives it up. */
START_TEST(the_clock_of_a_guest_that_is_held)
{
	struct slirp *s;
	struct loop *l;
	long before, then;

	ck_assert_int_eq(loop_create(&l, "io"), 0);
	ck_assert_int_eq(slirp_open(&s, &c, l, &client, NULL), 0);
	for (int i = 0; i < 2; i++) {
		before = clock_of_slirp();
		usleep(20000);
		ck_assert_int_ge(clock_of_slirp(), before + 20);
		held = true;
		before = clock_of_slirp();
		usleep(300000);
		ck_assert_int_eq(clock_of_slirp(), before);
		held = false;
		then = clock_of_slirp();
		ck_assert(then >= before && then < before + 200);
	}
	slirp_close(s);
	loop_destroy(l);
}
END_TEST

SUITE_MAIN("net/slirp", versions, the_library_of_this_machine, no_library,
	   a_library_that_is_too_old, the_clock_of_a_guest_that_is_held)
