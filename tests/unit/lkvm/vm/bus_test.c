/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MMIO dispatch: who gets which access, and that ranges may come and go meanwhile. */
#include <errno.h>
#include <stdatomic.h>

#include "lkvm/vm/bus.h"
#include "tests/unit/suite.h"

/* Reads return its tag and the offset, writes are remembered. */
struct dev {
	pthread_mutex_t lock;
	u64 tag;
	u64 off, val;
	unsigned len, writes;
	bool locked; /* was the lock held in the last handler? */
	struct bus *bus;
	gpa_t move_to; /* where the next write moves the range, unless 0 */
};

static u64 dev_read(void *arg, u64 off, unsigned len)
{
	struct dev *d = arg;

	d->locked = pthread_mutex_trylock(&d->lock) == EBUSY;
	return d->tag | off;
}

static void dev_write(void *arg, u64 off, unsigned len, u64 val)
{
	struct dev *d = arg;

	d->locked = pthread_mutex_trylock(&d->lock) == EBUSY;
	d->off = off;
	d->len = len;
	d->val = val;
	d->writes++;
}

static const struct bus_ops dev_ops = { .read = dev_read, .write = dev_write };

static struct bus_range range(struct dev *d, u64 base, u64 len, unsigned widths)
{
	return (struct bus_range){ .base = gpa(base),
				   .len = len,
				   .widths = widths,
				   .ops = &dev_ops,
				   .dev = d,
				   .lock = &d->lock,
				   .name = "dev" };
}

static struct bus *make_bus(void)
{
	struct bus *b;

	ck_assert_int_eq(bus_create(&b), 0);
	return b;
}

static void dev_init(struct dev *d, u64 tag)
{
	*d = (struct dev){ .tag = tag };
	pthread_mutex_init(&d->lock, NULL);
}

static void add(struct bus *b, struct dev *d, u64 base, u64 len, unsigned widths)
{
	struct bus_range r = range(d, base, len, widths);

	ck_assert_int_eq(bus_add(b, &r), 0);
}

static enum bus_result rd(struct bus *b, u64 a, unsigned len, u64 *val)
{
	*val = 0xdead;
	return bus_access(b, gpa(a), len, false, val);
}

static enum bus_result wr(struct bus *b, u64 a, unsigned len, u64 val)
{
	return bus_access(b, gpa(a), len, true, &val);
}

START_TEST(finds_the_range)
{
	struct bus *b = make_bus();
	struct dev d[40];
	u64 val;

	/* In an order that is not sorted; 37 is prime to 40. */
	for (unsigned i = 0; i < 40; i++) {
		unsigned n = i * 37 % 40;

		dev_init(&d[n], (u64)n << 32);
		add(b, &d[n], 0x10000 + n * 0x1000, 0x800, BUS_W_ALL);
	}
	for (u64 n = 0; n < 40; n++) {
		u64 base = 0x10000 + n * 0x1000;

		ck_assert_int_eq(rd(b, base, 8, &val), BUS_OK);
		ck_assert_uint_eq(val, n << 32);
		ck_assert_int_eq(rd(b, base + 0x7f8, 8, &val), BUS_OK);
		ck_assert_uint_eq(val, n << 32 | 0x7f8);
		ck_assert_int_eq(rd(b, base + 0x800, 8, &val), BUS_UNMAPPED);
	}
	ck_assert_int_eq(rd(b, 0xfff8, 8, &val), BUS_UNMAPPED);
	ck_assert_int_eq(rd(b, 0, 1, &val), BUS_UNMAPPED);
	ck_assert_int_eq(rd(b, UINT64_MAX, 1, &val), BUS_UNMAPPED);
	ck_assert_str_eq(bus_name(b, gpa(0x107ff)), "dev");
	ck_assert_ptr_null(bus_name(b, gpa(0x10800)));
	bus_destroy(b);
}
END_TEST

/* The same access as a thread that has been here before makes it. */
static enum bus_result rd_near(struct bus *b, struct bus_near *near, u64 a, unsigned len, u64 *val)
{
	*val = 0xdead;
	return bus_access_near(b, near, gpa(a), len, false, val);
}

START_TEST(the_last_range_again)
{
	struct bus *b = make_bus();
	struct bus_near near = { 0 };
	struct dev d[3];
	u64 val;

	for (unsigned i = 0; i < 3; i++)
		dev_init(&d[i], (u64)i << 32);
	add(b, &d[1], 0x1000, 0x100, BUS_W4);
	add(b, &d[2], 0x2000, 0x100, BUS_W4);
	ck_assert_int_eq(rd_near(b, &near, 0x1004, 4, &val), BUS_OK);
	ck_assert_uint_eq(val, 4);
	for (unsigned i = 0; i < 2; i++) {
		u64 other = 0xdead;

		/* As bus_access() has it, wherever the last one was. */
		for (u64 a = 0xff0; a < 0x2110; a += 2) {
			ck_assert_int_eq(rd_near(b, &near, a, 4, &val), rd(b, a, 4, &other));
			ck_assert_uint_eq(val, other);
		}
		ck_assert_int_eq(rd_near(b, &near, 0x1000, 4, &val), BUS_OK);
	}
	/* Gone, and another one's. */
	ck_assert_int_eq(bus_remove(b, gpa(0x1000), &d[1]), 0);
	ck_assert_int_eq(rd_near(b, &near, 0x1000, 4, &val), BUS_UNMAPPED);
	d[0].tag = 0x4200;
	add(b, &d[1], 0x1000, 0x100, BUS_W4);
	ck_assert_int_eq(rd_near(b, &near, 0x1000, 4, &val), BUS_OK);
	ck_assert_int_eq(bus_remove(b, gpa(0x1000), &d[1]), 0);
	add(b, &d[0], 0x1000, 0x100, BUS_W4);
	ck_assert_int_eq(rd_near(b, &near, 0x1008, 4, &val), BUS_OK);
	ck_assert_uint_eq(val, 0x4208);
	ck_assert(d[0].locked);
	bus_destroy(b);
}
END_TEST

START_TEST(a_window_is_ones_where_nothing_is)
{
	struct bus *b = make_bus();
	struct bus_near near = { 0 };
	struct dev d;
	u64 val;

	dev_init(&d, 0);
	bus_add_window(b, gpa(0x10000), 0x10000);
	bus_add_window(b, gpa(UINT64_MAX - 0xff), 0x100);
	add(b, &d, 0x18000, 0x100, BUS_W4);
	ck_assert_int_eq(rd(b, 0x10000, 1, &val), BUS_OK);
	ck_assert_uint_eq(val, 0xff);
	ck_assert_int_eq(rd(b, 0x1fff8, 8, &val), BUS_OK);
	ck_assert_uint_eq(val, UINT64_MAX);
	ck_assert_int_eq(rd(b, UINT64_MAX - 3, 4, &val), BUS_OK);
	ck_assert_uint_eq(val, UINT32_MAX);
	ck_assert_int_eq(wr(b, 0x10000, 4, 1), BUS_OK);
	/* What is in it has its own ways, and is found first. */
	ck_assert_int_eq(rd_near(b, &near, 0x18000, 4, &val), BUS_OK);
	ck_assert_uint_eq(val, 0);
	ck_assert_int_eq(rd_near(b, &near, 0x18000, 2, &val), BUS_BAD);
	ck_assert_int_eq(rd_near(b, &near, 0x18100, 2, &val), BUS_OK);
	ck_assert_uint_eq(val, 0xffff);
	/* Neither aligned nor wholly inside: ones, but it is told. */
	ck_assert_int_eq(rd(b, 0x10001, 2, &val), BUS_BAD);
	ck_assert_uint_eq(val, 0xffff);
	ck_assert_int_eq(rd(b, 0xfffe, 4, &val), BUS_BAD);
	ck_assert_int_eq(rd(b, 0xfffc, 4, &val), BUS_UNMAPPED);
	ck_assert_int_eq(rd(b, 0x20000, 4, &val), BUS_UNMAPPED);
	ck_assert_ptr_null(bus_name(b, gpa(0x10000)));
	bus_destroy(b);
}
END_TEST

START_TEST(more_ranges_than_the_first_allocation)
{
	struct bus *b = make_bus();
	struct dev d;
	u64 val;

	dev_init(&d, 0);
	for (u64 i = 0; i < 300; i++)
		add(b, &d, i * 16, 16, BUS_W1);
	for (u64 i = 0; i < 300; i++)
		ck_assert_int_eq(rd(b, i * 16 + 15, 1, &val), BUS_OK);
	ck_assert_int_eq(rd(b, 300 * 16, 1, &val), BUS_UNMAPPED);
	bus_destroy(b);
}
END_TEST

START_TEST(refuses_overlap_and_nonsense)
{
	struct bus *b = make_bus();
	struct dev d;
	const struct {
		u64 base, len;
		int err;
	} t[] = {
		{ 0x1000, 0x1000, -EEXIST },	 { 0x0fff, 2, -EEXIST },
		{ 0x1fff, 1, -EEXIST },		 { 0x0000, 0x9000, -EEXIST },
		{ 0x1800, 0x1000, -EEXIST },	 { 0x1400, 16, -EEXIST },
		{ 0x0000, UINT64_MAX, -EEXIST }, { 0x3000, 0, -EINVAL },
		{ UINT64_MAX, 2, -EINVAL },	 { 1, UINT64_MAX, -EEXIST },
		{ 2, UINT64_MAX, -EINVAL },	 { 0x0000, 0x1000, 0 },
		{ 0x2000, 0x1000, 0 },		 { UINT64_MAX - 15, 16, 0 },
		{ UINT64_MAX, 1, -EEXIST },
	};

	dev_init(&d, 0);
	add(b, &d, 0x1000, 0x1000, BUS_W_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bus_range r = range(&d, t[i].base, t[i].len, BUS_W_ALL);

		ck_assert_msg(bus_add(b, &r) == t[i].err, "case %zu", i);
	}
	bus_destroy(b);
}
END_TEST

START_TEST(top_of_the_address_space)
{
	struct bus *b = make_bus();
	struct dev d;
	u64 val;

	dev_init(&d, 0);
	add(b, &d, UINT64_MAX - 15, 16, BUS_W_ALL);
	ck_assert_int_eq(rd(b, UINT64_MAX, 1, &val), BUS_OK);
	ck_assert_uint_eq(val, 15);
	ck_assert_int_eq(rd(b, UINT64_MAX - 7, 8, &val), BUS_OK);
	ck_assert_int_eq(rd(b, UINT64_MAX, 8, &val), BUS_BAD);
	bus_destroy(b);
}
END_TEST

START_TEST(widths_and_alignment)
{
	struct bus *b = make_bus();
	struct dev d;
	u64 val;

	dev_init(&d, 0);
	add(b, &d, 0x1000, 0x100, BUS_W1 | BUS_W4);
	ck_assert_int_eq(rd(b, 0x1001, 1, &val), BUS_OK);
	ck_assert_int_eq(rd(b, 0x1004, 4, &val), BUS_OK);
	/* Not this device's width: ones of the access, not more. */
	ck_assert_int_eq(rd(b, 0x1002, 2, &val), BUS_BAD);
	ck_assert_uint_eq(val, 0xffff);
	ck_assert_int_eq(rd(b, 0x1008, 8, &val), BUS_BAD);
	ck_assert_uint_eq(val, UINT64_MAX);
	/* Unaligned. */
	ck_assert_int_eq(rd(b, 0x1002, 4, &val), BUS_BAD);
	ck_assert_uint_eq(val, UINT32_MAX);
	/* No width at all. */
	ck_assert_int_eq(rd(b, 0x1000, 3, &val), BUS_BAD);
	ck_assert_int_eq(rd(b, 0x1000, 5, &val), BUS_BAD);
	ck_assert_int_eq(rd(b, 0x1000, 0, &val), BUS_BAD);
	ck_assert_int_eq(rd(b, 0x1000, 16, &val), BUS_BAD);
	ck_assert_int_eq(wr(b, 0x1002, 2, 0), BUS_BAD);
	ck_assert_uint_eq(d.writes, 0);
	bus_destroy(b);
}
END_TEST

START_TEST(straddling)
{
	struct bus *b = make_bus();
	struct dev d;
	u64 val;

	/* Odd bounds, so that an aligned access can cross them. */
	dev_init(&d, 0);
	add(b, &d, 0x1002, 4, BUS_W_ALL);
	ck_assert_int_eq(rd(b, 0x1004, 2, &val), BUS_OK);
	ck_assert_int_eq(rd(b, 0x1004, 4, &val), BUS_BAD); /* over the end */
	ck_assert_int_eq(rd(b, 0x1000, 4, &val), BUS_BAD); /* begins before */
	ck_assert_int_eq(rd(b, 0x1000, 8, &val), BUS_BAD); /* all around */
	ck_assert_int_eq(rd(b, 0x1000, 2, &val), BUS_UNMAPPED);
	ck_assert_int_eq(wr(b, 0x1000, 4, 0), BUS_BAD);
	ck_assert_uint_eq(d.writes, 0);
	bus_destroy(b);
}
END_TEST

START_TEST(values_and_lock)
{
	struct bus *b = make_bus();
	struct dev d;
	u64 val;

	dev_init(&d, UINT64_C(0x1122334455667700));
	add(b, &d, 0, 0x1000, BUS_W_ALL);
	ck_assert_int_eq(rd(b, 4, 4, &val), BUS_OK);
	ck_assert_uint_eq(val, 0x55667704); /* zero-extended */
	ck_assert(d.locked);
	ck_assert_int_eq(wr(b, 6, 2, 0xabcdef), BUS_OK);
	ck_assert_uint_eq(d.off, 6);
	ck_assert_uint_eq(d.len, 2);
	ck_assert_uint_eq(d.val, 0xcdef);
	ck_assert(d.locked);
	/* Dropped afterwards. */
	ck_assert_int_eq(pthread_mutex_trylock(&d.lock), 0);
	bus_destroy(b);
}
END_TEST

START_TEST(removal)
{
	struct bus *b = make_bus();
	struct dev d, other;
	u64 val;

	dev_init(&d, 0);
	dev_init(&other, 0);
	add(b, &d, 0x1000, 0x1000, BUS_W_ALL);
	add(b, &d, 0x2000, 0x1000, BUS_W_ALL);
	ck_assert_int_eq(bus_remove(b, gpa(0x1000), &other), -ENOENT);
	ck_assert_int_eq(bus_remove(b, gpa(0x1008), &d), -ENOENT);
	ck_assert_int_eq(bus_remove(b, gpa(0x9000), &d), -ENOENT);
	ck_assert_int_eq(bus_remove(b, gpa(0x1000), &d), 0);
	ck_assert_int_eq(bus_remove(b, gpa(0x1000), &d), -ENOENT);
	ck_assert_int_eq(rd(b, 0x1000, 4, &val), BUS_UNMAPPED);
	ck_assert_int_eq(rd(b, 0x2000, 4, &val), BUS_OK);
	bus_destroy(b);
}
END_TEST

static void move_write(void *arg, u64 off, unsigned len, u64 val)
{
	struct dev *d = arg;
	struct bus_range r = range(d, val, 0x1000, BUS_W_ALL);
	static const struct bus_ops move_ops = { .read = dev_read, .write = move_write };

	r.ops = &move_ops;
	ck_assert_int_eq(bus_remove(d->bus, d->move_to, d), 0);
	ck_assert_int_eq(bus_add(d->bus, &r), 0);
	d->move_to = gpa(val);
}

/* A BAR that is moved by a write to itself. */
START_TEST(handler_moves_its_range)
{
	static const struct bus_ops move_ops = { .read = dev_read, .write = move_write };
	struct bus *b = make_bus();
	struct dev d;
	struct bus_range r;
	u64 val;

	dev_init(&d, 0);
	d.bus = b;
	d.move_to = gpa(0x1000);
	r = range(&d, 0x1000, 0x1000, BUS_W_ALL);
	r.ops = &move_ops;
	ck_assert_int_eq(bus_add(b, &r), 0);
	ck_assert_int_eq(wr(b, 0x1000, 8, 0x7000), BUS_OK);
	ck_assert_int_eq(rd(b, 0x1000, 4, &val), BUS_UNMAPPED);
	ck_assert_int_eq(wr(b, 0x7000, 8, 0x1000), BUS_OK);
	ck_assert_int_eq(rd(b, 0x1000, 4, &val), BUS_OK);
	bus_destroy(b);
}
END_TEST

struct race {
	struct bus *bus;
	struct dev still, moving;
	_Atomic bool stop;
};

static void *move_about(void *arg)
{
	struct race *x = arg;

	while (!atomic_load(&x->stop)) {
		add(x->bus, &x->moving, 0x1000, 0x1000, BUS_W_ALL);
		ck_assert_int_eq(bus_remove(x->bus, gpa(0x1000), &x->moving), 0);
	}
	return NULL;
}

/* While another thread adds and removes, a range that stays is always found, and found right. */
START_TEST(readers_beside_a_writer)
{
	struct race x = { .bus = make_bus() };
	pthread_t t;
	u64 val;

	dev_init(&x.still, 0xa0000);
	dev_init(&x.moving, 0xb0000);
	add(x.bus, &x.still, 0x3000, 0x1000, BUS_W_ALL);
	ck_assert_int_eq(pthread_create(&t, NULL, move_about, &x), 0);
	for (unsigned i = 0; i < 20000; i++) {
		ck_assert_int_eq(rd(x.bus, 0x3010, 4, &val), BUS_OK);
		ck_assert_uint_eq(val, 0xa0010);
		if (rd(x.bus, 0x1020, 4, &val) == BUS_OK)
			ck_assert_uint_eq(val, 0xb0020);
	}
	atomic_store(&x.stop, true);
	pthread_join(t, NULL);
	bus_destroy(x.bus);
}
END_TEST

START_TEST(destroy_takes_null)
{
	bus_destroy(NULL);
}
END_TEST

SUITE_MAIN("lkvm/bus", finds_the_range, the_last_range_again, a_window_is_ones_where_nothing_is,
	   more_ranges_than_the_first_allocation, refuses_overlap_and_nonsense,
	   top_of_the_address_space, widths_and_alignment, straddling, values_and_lock, removal,
	   handler_moves_its_range, readers_beside_a_writer, destroy_takes_null)
