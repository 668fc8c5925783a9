/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSI-X: table, masks, pending bits, and that no race loses or doubles a message. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lkvm/vm/msix.h"
#include "tests/fake/irq.h"
#include "tests/unit/race.h"
#include "tests/unit/suite.h"

#define ECAM UINT64_C(0x40000000)
#define MEM UINT64_C(0x50000000)
#define SLOT 3u
#define DEVID (SLOT << 3)
#define CFG (ECAM + SLOT * 0x8000)
#define TABLE (MEM + SLOT * 0x10000)
#define PBA (TABLE + 0x800)
#define NR 5u

static const struct pci_map map = {
	.ecam = { ECAM }, .ecam_size = MiB, .mem = { MEM }, .mem_size = 256 * MiB, .spi = 64
};

struct rig {
	struct bus *bus;
	struct fake_irq irq;
	struct pci *pci;
	struct pci_func func;
	pthread_mutex_t lock;
	struct msix *msix;
	u64 cap; /* address of the capability */
};

static bool intx(void *dev)
{
	struct rig *x = dev;

	return !msix_enabled(x->msix);
}

static void bar_mapped(void *dev, unsigned bar, gpa_t at, bool on)
{
}

static const struct pci_ops func_ops = { .intx = intx, .bar_mapped = bar_mapped };

static u64 bar_read(void *dev, u64 off, unsigned len)
{
	struct rig *x = dev;

	return msix_read(x->msix, off, len);
}

static void bar_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct rig *x = dev;

	msix_write(x->msix, off, len, val);
}

static const struct bus_ops bar_ops = { .read = bar_read, .write = bar_write };

static u64 rd(struct rig *x, u64 a, unsigned len)
{
	u64 val = 0;

	ck_assert_int_eq(bus_access(x->bus, gpa(a), len, false, &val), BUS_OK);
	return val;
}

static void wr(struct rig *x, u64 a, unsigned len, u64 val)
{
	ck_assert_int_eq(bus_access(x->bus, gpa(a), len, true, &val), BUS_OK);
}

static void rig_up(struct rig *x)
{
	memset(x, 0, sizeof(*x));
	ck_assert_int_eq(bus_create(&x->bus), 0);
	fake_irq_init(&x->irq, true);
	ck_assert_int_eq(pci_create(&x->pci, x->bus, &map), 0);
	pthread_mutex_init(&x->lock, NULL);
	x->func = (struct pci_func){
		.ops = &func_ops, .dev = x, .name = "fn", .lock = &x->lock, .irq = &x->irq.irq
	};
	pci_func_init(&x->func, &(struct pci_id){ .vendor = 1 });
	ck_assert_int_eq(msix_create(&x->msix, &x->func, 2, NR, &bar_ops), 0);
	ck_assert_int_eq(pci_add(x->pci, &x->func, SLOT), 0);
	x->cap = CFG + rd(x, CFG + 0x34, 1);
}

static void rig_down(struct rig *x)
{
	pci_func_fini(&x->func);
	msix_destroy(x->msix);
	pci_destroy(x->pci);
	bus_destroy(x->bus);
	fake_irq_fini(&x->irq);
}

static void control(struct rig *x, bool enable, bool mask)
{
	wr(x, x->cap + 2, 2, (enable ? 0x8000 : 0) | (mask ? 0x4000 : 0));
}

static void message(struct rig *x, unsigned i, u32 data)
{
	wr(x, TABLE + i * 16, 4, 0x8000040);
	wr(x, TABLE + i * 16 + 4, 4, 1);
	wr(x, TABLE + i * 16 + 8, 4, data);
}

static void mask(struct rig *x, unsigned i, bool on)
{
	wr(x, TABLE + i * 16 + 12, 4, on);
}

static u64 sent(struct rig *x, u32 data)
{
	return fake_irq_messages(&x->irq, DEVID, data);
}

/* [PCI 3.0 §6.8.2.1 to 5] */
START_TEST(capability)
{
	struct rig x;

	rig_up(&x);
	ck_assert_uint_eq(rd(&x, x.cap, 1), 0x11);
	ck_assert_uint_eq(rd(&x, x.cap + 2, 2), NR - 1);
	ck_assert_uint_eq(rd(&x, x.cap + 4, 4), 0x002); /* table at 0 of BAR 2 */
	ck_assert_uint_eq(rd(&x, x.cap + 8, 4), 0x802); /* pending bits */
	wr(&x, x.cap, 4, 0xffffffff);
	ck_assert_uint_eq(rd(&x, x.cap + 2, 2), 0xc000 | (NR - 1));
	ck_assert(msix_enabled(x.msix));
	wr(&x, x.cap + 4, 4, 0xffffffff);
	wr(&x, x.cap + 8, 4, 0xffffffff);
	ck_assert_uint_eq(rd(&x, x.cap + 4, 4), 0x002);
	ck_assert_uint_eq(rd(&x, x.cap + 8, 4), 0x802);
	ck_assert(!msix_enabled(NULL));
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.8.2.6 to 9] After reset all vectors are masked; reserved bits stay zero. */
START_TEST(table)
{
	struct rig x;

	rig_up(&x);
	for (unsigned i = 0; i < NR; i++) {
		ck_assert_uint_eq(rd(&x, TABLE + i * 16, 8), 0);
		ck_assert_uint_eq(rd(&x, TABLE + i * 16 + 8, 8), BIT(32));
		for (unsigned w = 0; w < 4; w++)
			wr(&x, TABLE + i * 16 + 4 * w, 4, 0xffffffff);
		ck_assert_uint_eq(rd(&x, TABLE + i * 16, 8), 0xfffffffffffffffc);
		ck_assert_uint_eq(rd(&x, TABLE + i * 16 + 8, 8), 0x1ffffffff);
	}
	/* Behind the table there is nothing, up to the pending bits and behind them. */
	for (u64 off = NR * 16; off < 0x1000; off += 8) {
		wr(&x, TABLE + off, 8, UINT64_MAX);
		ck_assert_uint_eq(rd(&x, TABLE + off, 8), 0);
	}
	/* Quadwords, in both halves of an entry. */
	wr(&x, TABLE + 16, 8, 0x1122334455667788);
	ck_assert_uint_eq(rd(&x, TABLE + 16, 4), 0x55667788);
	ck_assert_uint_eq(rd(&x, TABLE + 20, 4), 0x11223344);
	rig_down(&x);
}
END_TEST

START_TEST(fires_when_open)
{
	struct rig x;

	rig_up(&x);
	control(&x, true, false);
	message(&x, 2, 77);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0); /* still masked: nothing is bound */
	mask(&x, 2, false);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 1);
	ck_assert_uint_eq(x.irq.routes[0].msg.addr, 0x108000040);
	ck_assert_uint_eq(x.irq.routes[0].msg.devid, DEVID);
	ck_assert_uint_eq(sent(&x, 77), 0);
	msix_fire(x.msix, 2);
	msix_fire(x.msix, 2);
	ck_assert_uint_eq(sent(&x, 77), 2);
	ck_assert_uint_eq(rd(&x, PBA, 8), 0);
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.8.3.4] Masked: the pending bit; unmasked: the message, once. */
START_TEST(vector_mask)
{
	struct rig x;

	rig_up(&x);
	control(&x, true, false);
	message(&x, 1, 11);
	mask(&x, 1, false);
	mask(&x, 1, true);
	msix_fire(x.msix, 1);
	msix_fire(x.msix, 1);
	ck_assert_uint_eq(sent(&x, 11), 0);
	ck_assert_uint_eq(rd(&x, PBA, 8), BIT(1));
	ck_assert_uint_eq(rd(&x, PBA + 4, 4), 0);
	wr(&x, PBA, 4, 0); /* read-only */
	ck_assert_uint_eq(rd(&x, PBA, 4), BIT(1));
	mask(&x, 1, false);
	ck_assert_uint_eq(sent(&x, 11), 1);
	ck_assert_uint_eq(rd(&x, PBA, 8), 0);
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.8.2.3] Function Mask */
START_TEST(function_mask)
{
	struct rig x;

	rig_up(&x);
	control(&x, true, true);
	for (unsigned i = 0; i < NR; i++) {
		message(&x, i, 100 + i);
		mask(&x, i, i == 4);
		msix_fire(x.msix, i);
	}
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0);
	ck_assert_uint_eq(rd(&x, PBA, 8), BIT(NR) - 1);
	control(&x, true, false);
	for (unsigned i = 0; i < NR; i++)
		ck_assert_uint_eq(sent(&x, 100 + i), i != 4);
	ck_assert_uint_eq(rd(&x, PBA, 8), BIT(4));
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 4);
	rig_down(&x);
}
END_TEST

/* Masked, given another message, unmasked: what was pending goes to the new place. */
START_TEST(message_changes)
{
	struct rig x;

	rig_up(&x);
	control(&x, true, false);
	message(&x, 0, 1);
	mask(&x, 0, false);
	mask(&x, 0, true);
	mask(&x, 0, false);
	ck_assert_uint_eq(x.irq.msi_binds, 1); /* unchanged: nothing to tell the host */
	mask(&x, 0, true);
	msix_fire(x.msix, 0);
	message(&x, 0, 2);
	ck_assert_uint_eq(x.irq.msi_binds, 1);
	/* Data and unmask in one quadword. */
	wr(&x, TABLE + 8, 8, 3);
	ck_assert_uint_eq(x.irq.msi_binds, 2);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 1);
	ck_assert_uint_eq(sent(&x, 3), 1);
	/* An open entry that is written follows, too. */
	wr(&x, TABLE + 8, 4, 4);
	msix_fire(x.msix, 0);
	ck_assert_uint_eq(sent(&x, 4), 1);
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.8.3.3] Enabled: no INTx. Disabled: no route, nothing pending, INTx again. */
START_TEST(enable_and_disable)
{
	struct rig x;

	rig_up(&x);
	message(&x, 0, 5);
	mask(&x, 0, false);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0);
	pci_intx_update(&x.func);
	ck_assert(x.irq.level[64 + SLOT]);
	control(&x, true, false);
	ck_assert(!x.irq.level[64 + SLOT]);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 1);
	msix_fire(x.msix, 1); /* masked */
	control(&x, false, false);
	ck_assert(x.irq.level[64 + SLOT]);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0);
	ck_assert_uint_eq(rd(&x, PBA, 8), 0);
	/* A fire too late belongs to nobody: after the next enable only what comes then is sent. */
	control(&x, true, false);
	msix_fire(x.msix, 0);
	control(&x, false, false); /* with the eventfd written and not read */
	control(&x, true, false);
	ck_assert_uint_eq(sent(&x, 5), 0);
	msix_fire(x.msix, 0);
	ck_assert_uint_eq(sent(&x, 5), 1);
	rig_down(&x);
}
END_TEST

/* The host has no route left: the vector behaves as masked, until the guest tries again. */
START_TEST(out_of_routes)
{
	struct rig x;

	rig_up(&x);
	x.irq.max_routes = 1;
	control(&x, true, false);
	for (unsigned i = 0; i < 2; i++) {
		message(&x, i, 10 + i);
		mask(&x, i, false);
		msix_fire(x.msix, i);
	}
	ck_assert_uint_eq(sent(&x, 10), 1);
	ck_assert_uint_eq(sent(&x, 11), 0);
	ck_assert_uint_eq(rd(&x, PBA, 8), BIT(1));
	x.irq.max_routes = 2;
	mask(&x, 1, true);
	mask(&x, 1, false);
	ck_assert_uint_eq(sent(&x, 11), 1);
	ck_assert_uint_eq(rd(&x, PBA, 8), 0);
	rig_down(&x);
}
END_TEST

static void fire_once(void *arg)
{
	struct rig *x = arg;

	msix_fire(x->msix, 0);
}

static void mask_and_unmask(void *arg)
{
	struct rig *x = arg;

	mask(x, 0, true);
	mask(x, 0, false);
}

static void mask_all_and_unmask(void *arg)
{
	struct rig *x = arg;

	control(x, true, true);
	control(x, true, false);
}

static void expect_one(void *arg)
{
	struct rig *x = arg;

	ck_assert_uint_eq(sent(x, 9), 1);
	ck_assert_uint_eq(rd(x, PBA, 8), 0);
}

/* One fire is one message, whatever the guest does with the masks meanwhile. */
START_TEST(fire_races_with_masks)
{
	struct rig x;

	rig_up(&x);
	control(&x, true, false);
	message(&x, 0, 9);
	mask(&x, 0, false);
	race_run(fire_once, mask_and_unmask, expect_one, &x, 5000);
	race_run(fire_once, mask_all_and_unmask, expect_one, &x, 1000);
	rig_down(&x);
}
END_TEST

#define OPENINGS 300u

struct opening {
	struct rig rig;
	int (*bind)(struct irq *i, int *route, const struct msi_msg *msg, int fd);
	_Atomic unsigned opening, firing, fired; /* rounds */
};

/* A host that takes its time: meanwhile somebody fires, who still finds the vector closed. */
static int bind_slowly(struct irq *i, int *route, const struct msi_msg *msg, int fd)
{
	struct opening *o = container_of(i, struct opening, rig.irq.irq);
	unsigned round = atomic_fetch_add(&o->opening, 1) + 1;

	while (atomic_load(&o->firing) != round)
		sched_yield();
	for (unsigned k = 0; k < 20; k++)
		sched_yield();
	return o->bind(i, route, msg, fd);
}

static void *fire_meanwhile(void *arg)
{
	struct opening *o = arg;

	for (unsigned round = 1; round <= OPENINGS; round++) {
		while (atomic_load(&o->opening) != round)
			sched_yield();
		atomic_store(&o->firing, round);
		msix_fire(o->rig.msix, 0);
		atomic_store(&o->fired, round);
	}
	return NULL;
}

/* The fire that waits for the lock finds the vector open when it gets it. */
START_TEST(fire_while_opening)
{
	struct opening o;
	struct irq_ops slow;
	pthread_t t;

	rig_up(&o.rig);
	atomic_init(&o.opening, 0);
	atomic_init(&o.firing, 0);
	atomic_init(&o.fired, 0);
	slow = *o.rig.irq.irq.ops;
	o.bind = slow.msi_bind;
	slow.msi_bind = bind_slowly;
	o.rig.irq.irq.ops = &slow;
	control(&o.rig, true, false);
	message(&o.rig, 0, 9);
	ck_assert_int_eq(pthread_create(&t, NULL, fire_meanwhile, &o), 0);
	for (unsigned round = 1; round <= OPENINGS; round++) {
		mask(&o.rig, 0, false);
		while (atomic_load(&o.fired) != round)
			sched_yield();
		ck_assert_uint_eq(sent(&o.rig, 9), 1);
		mask(&o.rig, 0, true);
	}
	pthread_join(t, NULL);
	rig_down(&o.rig);
}
END_TEST

/* ---- feeds: eventfds that somebody else writes ---- */

/* Feed `n`, of vector `i`, whose message is `data`. */
static int feed_up(struct rig *x, unsigned n, unsigned i, u32 data)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	message(x, i, data);
	mask(x, i, false);
	msix_feed_vector(x->msix, n, i);
	msix_feed(x->msix, n, fd);
	return fd;
}

static void feed_down(struct rig *x, unsigned n, int fd)
{
	msix_feed(x->msix, n, -1);
	close(fd);
}

static void feed(int fd)
{
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
}

/* What the caller of msix_feed() does on its loop: is there something that nobody has sent? */
static bool heard(int fd)
{
	eventfd_t n;

	return !eventfd_read(fd, &n);
}

START_TEST(feed_is_sent)
{
	struct rig x;
	int fd;

	rig_up(&x);
	control(&x, true, false);
	fd = feed_up(&x, 31, 2, 7);
	feed(fd);
	feed(fd);
	ck_assert_uint_eq(sent(&x, 7), 2);
	/* Beside it the vector can be fired. */
	msix_fire(x.msix, 2);
	ck_assert_uint_eq(sent(&x, 7), 1);
	/* An open entry that is written again: what comes goes to the new place. */
	wr(&x, TABLE + 2 * 16 + 8, 4, 8);
	feed(fd);
	ck_assert_uint_eq(sent(&x, 8), 1);
	/* Once it is none any more, it is its owner's alone. */
	msix_feed(x.msix, 31, -1);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 1);
	feed(fd);
	ck_assert_uint_eq(sent(&x, 8), 0);
	ck_assert(heard(fd));
	close(fd);
	rig_down(&x);
}
END_TEST

/* [PCI 3.0 §6.8.3.4] Masked: nobody sends it. Who listens sets the pending bit; if it was not yet
 * heard, it is sent when the mask goes. Once in either case. */
START_TEST(feed_of_a_masked_vector)
{
	struct rig x;
	int fd;

	rig_up(&x);
	control(&x, true, false);
	fd = feed_up(&x, 0, 1, 11);
	for (unsigned whole = 0; whole < 2; whole++) {
		for (unsigned hears = 0; hears < 2; hears++) {
			if (whole)
				control(&x, true, true);
			else
				mask(&x, 1, true);
			feed(fd);
			feed(fd);
			ck_assert_uint_eq(sent(&x, 11), 0);
			if (hears) {
				ck_assert(heard(fd));
				msix_fire(x.msix, 1);
				ck_assert_uint_eq(rd(&x, PBA, 8), BIT(1));
			}
			if (whole)
				control(&x, true, false);
			else
				mask(&x, 1, false);
			ck_assert_uint_eq(sent(&x, 11), 1);
			ck_assert_uint_eq(rd(&x, PBA, 8), 0);
			ck_assert(!heard(fd));
		}
	}
	/* Masked, given another message, unmasked: to the new place. */
	mask(&x, 1, true);
	feed(fd);
	message(&x, 1, 12);
	mask(&x, 1, false);
	ck_assert_uint_eq(sent(&x, 12), 1);
	feed_down(&x, 0, fd);
	rig_down(&x);
}
END_TEST

/* Off, without a vector, or with one that there is not: nobody sends it, and nothing is lost. */
START_TEST(feed_without_a_vector)
{
	struct rig x;
	int fd;

	rig_up(&x);
	fd = feed_up(&x, 0, 1, 11);
	feed(fd);
	ck_assert(heard(fd));
	control(&x, true, false);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 2);
	control(&x, false, false);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 0);
	feed(fd);
	ck_assert(heard(fd));
	control(&x, true, false);
	msix_feed_vector(x.msix, 0, MSIX_NO_VECTOR);
	feed(fd);
	ck_assert_uint_eq(sent(&x, 11), 0);
	ck_assert(heard(fd));
	/* Another vector, which is masked at first. */
	msix_feed_vector(x.msix, 0, 3);
	message(&x, 3, 33);
	feed(fd);
	mask(&x, 3, false);
	ck_assert_uint_eq(sent(&x, 33), 1);
	ck_assert_uint_eq(sent(&x, 11), 0);
	msix_feed_vector(x.msix, 0, 1);
	feed(fd);
	ck_assert_uint_eq(sent(&x, 11), 1);
	feed_down(&x, 0, fd);
	rig_down(&x);
}
END_TEST

/* Two queues may share a vector; each of its feeds follows. */
START_TEST(feeds_share_a_vector)
{
	struct rig x;
	int fds[2];

	rig_up(&x);
	control(&x, true, false);
	fds[0] = feed_up(&x, 4, 1, 11);
	fds[1] = feed_up(&x, 5, 1, 11);
	feed(fds[0]);
	feed(fds[1]);
	ck_assert_uint_eq(sent(&x, 11), 2);
	mask(&x, 1, true);
	feed(fds[0]);
	feed(fds[1]);
	ck_assert_uint_eq(sent(&x, 11), 0);
	mask(&x, 1, false);
	ck_assert_uint_eq(sent(&x, 11), 2);
	feed_down(&x, 4, fds[0]);
	feed(fds[1]);
	ck_assert_uint_eq(sent(&x, 11), 1);
	feed_down(&x, 5, fds[1]);
	rig_down(&x);
}
END_TEST

/* The host has routes for vectors, and none for their feeds: then their owners go on listening. */
START_TEST(feed_without_a_route)
{
	struct rig x;
	int fd;

	rig_up(&x);
	x.irq.max_routes = 1;
	control(&x, true, false);
	fd = feed_up(&x, 0, 1, 11);
	ck_assert_uint_eq(fake_irq_nr_routes(&x.irq), 1);
	feed(fd);
	ck_assert_uint_eq(sent(&x, 11), 0);
	mask(&x, 1, true);
	mask(&x, 1, false);
	ck_assert_uint_eq(sent(&x, 11), 1);
	ck_assert(!heard(fd));
	feed(fd);
	ck_assert_uint_eq(sent(&x, 11), 0);
	ck_assert(heard(fd));
	msix_fire(x.msix, 1);
	ck_assert_uint_eq(sent(&x, 11), 1);
	feed_down(&x, 0, fd);
	rig_down(&x);
}
END_TEST

struct listening {
	struct rig rig;
	int fd;
};

static void feed_and_listen(void *arg)
{
	struct listening *l = arg;

	feed(l->fd);
	sched_yield();
	if (heard(l->fd))
		msix_fire(l->rig.msix, 0);
}

static void feed_masks(void *arg)
{
	mask_and_unmask(&((struct listening *)arg)->rig);
}

static void expect_fed(void *arg)
{
	expect_one(&((struct listening *)arg)->rig);
}

/* One write is one message, whoever finds it. */
START_TEST(feed_races_with_masks)
{
	struct listening l;

	rig_up(&l.rig);
	control(&l.rig, true, false);
	l.fd = feed_up(&l.rig, 0, 0, 9);
	race_run(feed_and_listen, feed_masks, expect_fed, &l, 5000);
	feed_down(&l.rig, 0, l.fd);
	rig_down(&l.rig);
}
END_TEST

START_TEST(out_of_file_descriptors)
{
	struct pci_func f = { .name = "fn", .ops = &func_ops };
	struct fake_irq irq;
	struct msix *m = NULL;
	struct rlimit old, few;

	fake_irq_init(&irq, true);
	f.irq = &irq.irq;
	pci_func_init(&f, &(struct pci_id){ .vendor = 1 });
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ 6, old.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(msix_create(&m, &f, 2, MSIX_MAX_VECTORS, &bar_ops), -EMFILE);
	ck_assert_ptr_null(m);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	msix_destroy(NULL);
	pci_func_fini(&f);
	fake_irq_fini(&irq);
}
END_TEST

START_TEST(hostile_writes)
{
	struct rig x;
	u64 seed = 7, val;

	rig_up(&x);
	for (unsigned i = 0; i < 200000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		val = seed >> 18;
		bus_access(x.bus, gpa(TABLE + ((seed >> 48) & (seed & 1 ? 0x7f : 0xfff))),
			   1u << ((seed >> 62) & 3), seed & BIT(61), &val);
		if (!(seed >> 59 & 3))
			wr(&x, x.cap + 2, 2, val);
		msix_fire(x.msix, (unsigned)(seed >> 40) % NR);
	}
	rig_down(&x);
}
END_TEST

SUITE_MAIN("lkvm/msix", capability, table, fires_when_open, vector_mask, function_mask,
	   message_changes, enable_and_disable, out_of_routes, fire_races_with_masks,
	   fire_while_opening, feed_is_sent, feed_of_a_masked_vector, feed_without_a_vector,
	   feeds_share_a_vector, feed_without_a_route, feed_races_with_masks,
	   out_of_file_descriptors, hostile_writes)
