/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of MSI-X tables, and eventfds that others write: what waits, and who sends it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lkvm/vm/msi.h"
#include "tests/fake/irq.h"
#include "tests/unit/suite.h"

#define DEVID 8u

static const struct msi_msg one = { .addr = 0x8000040, .data = 1, .devid = DEVID };
static const struct msi_msg two = { .addr = 0x8000040, .data = 2, .devid = DEVID };

static struct fake_irq irq;
static struct msi_source src;

/* ---- a host before Linux 5.8 ---- */

static bool old_kernel;

ssize_t preadv2(int fd, const struct iovec *v, int nr, off_t at, int flags)
{
	static ssize_t (*real)(int, const struct iovec *, int, off_t, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "preadv64v2");
	if (old_kernel && flags) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return real(fd, v, nr, at, flags);
}

static void up(void)
{
	fake_irq_init(&irq, true);
	src = (struct msi_source){ eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), -1 };
	ck_assert_int_ge(src.fd, 0);
}

static void down(void)
{
	msi_source_unbind(&src, &irq.irq);
	close(src.fd);
	fake_irq_fini(&irq);
}

/* [PCI 3.0 §6.8.2.6 to 9] Addresses are of whole words; of the control word there is the mask. */
START_TEST(words)
{
	u32 w[MSIX_NR_WORDS] = { 0 };
	struct msi_msg m;

	for (unsigned i = 0; i < MSIX_NR_WORDS; i++)
		msix_word_write(w, i, 0xfffffff0u + 15 - i);
	ck_assert_uint_eq(w[MSIX_ADDR_LOW], 0xfffffffc);
	ck_assert_uint_eq(w[MSIX_ADDR_HIGH], 0xfffffffe);
	ck_assert_uint_eq(w[MSIX_DATA], 0xfffffffd);
	ck_assert_uint_eq(w[MSIX_CONTROL], 0);
	msix_word_write(w, MSIX_CONTROL, ~0u);
	ck_assert_uint_eq(w[MSIX_CONTROL], MSIX_VECTOR_MASKED);
	m = msix_message(w, DEVID);
	ck_assert_uint_eq(m.addr, 0xfffffffefffffffc);
	ck_assert_uint_eq(m.data, 0xfffffffd);
	ck_assert_uint_eq(m.devid, DEVID);
}
END_TEST

/* What comes before it is bound waits, can be seen, and is sent once. */
START_TEST(what_waits_is_sent_once)
{
	up();
	ck_assert(!msi_source_waits(&src));
	eventfd_write(src.fd, 5);
	ck_assert(msi_source_waits(&src));
	ck_assert(msi_source_waits(&src));
	ck_assert_int_eq(msi_source_bind(&src, &irq.irq, &one, src.fd), 0);
	ck_assert_uint_eq(fake_irq_messages(&irq, DEVID, 1), 1);
	eventfd_write(src.fd, 1);
	ck_assert_uint_eq(fake_irq_messages(&irq, DEVID, 1), 1);
	/* Another message, while it is bound. */
	ck_assert_int_eq(msi_source_bind(&src, &irq.irq, &two, src.fd), 0);
	eventfd_write(src.fd, 1);
	ck_assert_uint_eq(fake_irq_messages(&irq, DEVID, 2), 1);
	ck_assert_uint_eq(fake_irq_nr_routes(&irq), 1);
	msi_source_unbind(&src, &irq.irq);
	msi_source_unbind(&src, &irq.irq);
	ck_assert_uint_eq(fake_irq_nr_routes(&irq), 0);
	down();
}
END_TEST

/* The host refuses: it waits on. Forgotten, it is gone. */
START_TEST(what_cannot_be_sent_waits_on)
{
	up();
	irq.max_routes = 0;
	eventfd_write(src.fd, 1);
	ck_assert_int_eq(msi_source_bind(&src, &irq.irq, &one, src.fd), -ENOSPC);
	ck_assert_int_eq(src.route, -1);
	ck_assert(msi_source_waits(&src));
	ck_assert(msi_source_drain(&src));
	ck_assert(!msi_source_drain(&src));
	irq.max_routes = 1;
	ck_assert_int_eq(msi_source_bind(&src, &irq.irq, &one, src.fd), 0);
	ck_assert_uint_eq(fake_irq_messages(&irq, DEVID, 1), 0);
	down();
}
END_TEST

/*
 * Somebody else who has the eventfd makes it one that blocks, and fills it: nobody waits for that,
 * and what waited in it goes where nobody else can do so.
 */
START_TEST(an_eventfd_of_others)
{
	int own = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	up();
	ck_assert_int_eq(fcntl(src.fd, F_SETFL, 0), 0);
	ck_assert(!eventfd_take(src.fd));
	ck_assert(!msi_source_drain(&src));
	ck_assert_int_eq(eventfd_write(src.fd, UINT64_MAX - 1), 0);
	ck_assert_int_eq(msi_source_bind(&src, &irq.irq, &one, own), 0);
	ck_assert(eventfd_take(own));
	ck_assert_uint_eq(irq.routes[0].fd, src.fd);
	ck_assert(!eventfd_take(src.fd));
	close(own);
	down();
}
END_TEST

START_TEST(an_old_kernel)
{
	old_kernel = true;
	up();
	ck_assert(!eventfd_take(src.fd));
	eventfd_write(src.fd, 1);
	ck_assert(eventfd_take(src.fd));
	ck_assert(!eventfd_take(src.fd));
	down();
}
END_TEST

SUITE_MAIN("lkvm/msi", words, what_waits_is_sent_once, what_cannot_be_sent_waits_on,
	   an_eventfd_of_others, an_old_kernel)
