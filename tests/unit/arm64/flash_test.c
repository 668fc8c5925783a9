/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flash: commands, errors, locks, what CFI says; what was programmed is in the file. */
#include "arm64/flash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arm64/memmap.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/bus.h"
#include "tests/unit/arm64/capture.h"

#define SIZE (256 * KiB)

static char name[] = "/tmp/lkvm-flash-XXXXXX";
static struct bus *bus;
static struct flash *flash;
static struct kvm k = { .vm_fd = 42 };
static struct kvm_userspace_memory_region slot;
static unsigned nr_slots_set;

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	ck_abort_msg("ioctl %#lx", req);
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	ck_assert_uint_eq(req, KVM_SET_USER_MEMORY_REGION);
	slot = *(struct kvm_userspace_memory_region *)arg;
	ck_assert_uint_eq(slot.guest_phys_addr, MEMMAP_FLASH);
	ck_assert(!slot.memory_size || slot.flags == KVM_MEM_READONLY);
	nr_slots_set++;
	return 0;
}

static void make_file(u64 size)
{
	int fd;

	snprintf(name, sizeof(name), "/tmp/lkvm-flash-XXXXXX");
	fd = mkstemp(name);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static void setup(void)
{
	make_file(SIZE);
	k.nr_slots = 1;
	ck_assert_int_eq(bus_create(&bus), 0);
	ck_assert_int_eq(flash_create(&flash, name, gpa(MEMMAP_FLASH), SIZE, &k, bus), 0);
	nr_slots_set = 0;
}

static void teardown(void)
{
	flash_destroy(flash);
	bus_destroy(bus);
	unlink(name);
}

static void put(u64 off, unsigned len, u64 val)
{
	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_FLASH + off), len, true, &val), BUS_OK);
}

static u64 get(u64 off, unsigned len)
{
	u64 val;

	ck_assert_int_eq(bus_access(bus, gpa(MEMMAP_FLASH + off), len, false, &val), BUS_OK);
	return val;
}

/* As drivers do: the same command for both chips. */
static void cmd(u64 off, u32 c)
{
	put(off, 4, c | c << 16);
}

static u32 in_file(u64 off)
{
	u32 val = 0;
	int fd = open(name, O_RDONLY);

	ck_assert_int_eq(pread(fd, &val, 4, (off_t)off), 4);
	close(fd);
	return val;
}

static void erase(u64 off)
{
	cmd(off, 0x20);
	cmd(off, 0xd0);
}

static void word(u64 off, u32 val)
{
	cmd(off, 0x40);
	put(off, 4, val);
}

static void limit_files(rlim_t size)
{
	const struct rlimit r = { size, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
}

START_TEST(programmed_and_erased)
{
	setup();
	erase(64 * KiB);
	ck_assert_uint_eq(get(64 * KiB, 4), 0x00800080);
	ck_assert_uint_eq(in_file(64 * KiB), 0xffffffff);
	ck_assert_uint_eq(in_file(128 * KiB - 4), 0xffffffff);
	ck_assert_uint_eq(in_file(64 * KiB - 4), 0);
	ck_assert_uint_eq(in_file(128 * KiB), 0);
	word(64 * KiB + 8, 0x12345678);
	ck_assert_uint_eq(get(64 * KiB, 4), 0x00800080);
	/* Bits only go. */
	word(64 * KiB + 8, 0xffff00ff);
	ck_assert_uint_eq(in_file(64 * KiB + 8), 0x12340078);
	/* A word of one chip, and a byte. */
	cmd(64 * KiB + 16, 0x10);
	put(64 * KiB + 18, 2, 0xabcd);
	ck_assert_uint_eq(in_file(64 * KiB + 16), 0xabcdffff);
	cmd(0, 0xff);
	ck_assert_uint_eq(get(64 * KiB + 8, 4), 0x12340078);
	ck_assert_uint_eq(get(64 * KiB + 8, 8), 0xffffffff12340078);
	teardown();
}
END_TEST

/* The guest reads without us in array mode, and in no other. */
/* A full disk would be an error when a command needs a place that the file does not have. */
START_TEST(the_file_has_its_space)
{
	struct stat st;

	setup();
	ck_assert_int_eq(stat(name, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, (long)SIZE);
	ck_assert_uint_eq(in_file(0), 0);
	teardown();
}
END_TEST

START_TEST(the_slot_is_there_in_array_mode)
{
	setup();
	ck_assert_uint_eq(slot.memory_size, SIZE);
	ck_assert_uint_eq(slot.slot, 1);
	ck_assert_uint_eq(k.nr_slots, 2);
	cmd(0, 0x70);
	ck_assert_uint_eq(slot.memory_size, 0);
	ck_assert_uint_eq(nr_slots_set, 1);
	cmd(0, 0x70);
	ck_assert_uint_eq(nr_slots_set, 1);
	cmd(0, 0xff);
	ck_assert_uint_eq(slot.memory_size, SIZE);
	/* What is no command is one to read the array. */
	cmd(0, 0x70);
	cmd(0, 0x33);
	ck_assert_uint_eq(slot.memory_size, SIZE);
	teardown();
}
END_TEST

START_TEST(a_buffer_is_programmed)
{
	setup();
	erase(0);
	cmd(0x100, 0xe8);
	ck_assert_uint_eq(get(0x100, 4), 0x00800080);
	put(0x100, 4, 31 | 31 << 16);
	for (u32 i = 0; i < 32; i++)
		put(0x100 + 4 * i, 4, 0x1000 + i);
	ck_assert_uint_eq(in_file(0x100), 0xffffffff);
	cmd(0x100, 0xd0);
	for (u32 i = 0; i < 32; i++)
		ck_assert_uint_eq(in_file(0x100 + 4 * i), 0x1000 + i);
	/* Two at once. */
	cmd(0x200, 0xe8);
	put(0x200, 4, 0);
	put(0x200, 8, 0x123456789abcdef0);
	cmd(0x200, 0xd0);
	ck_assert_uint_eq(in_file(0x200), 0x9abcdef0);
	ck_assert_uint_eq(in_file(0x204), 0x12345678);
	ck_assert_uint_eq(get(0, 4), 0x00800080);
	teardown();
}
END_TEST

/* [P30 §10.1] Both bits: the sequence was wrong. Nothing has changed, and CLEAR STATUS clears. */
START_TEST(wrong_sequences)
{
	setup();
	erase(0);
	cmd(0, 0x20);
	cmd(0, 0x70);
	ck_assert_uint_eq(get(0, 4), 0x00b000b0);
	cmd(0, 0x50);
	cmd(0, 0x70);
	ck_assert_uint_eq(get(0, 4), 0x00800080);
	/* Too many words; a word in another block; no confirmation. */
	cmd(0, 0xe8);
	put(0, 4, 32 | 32 << 16);
	ck_assert_uint_eq(get(0, 4), 0x00b000b0);
	cmd(0, 0x50);
	cmd(0, 0xe8);
	put(0, 4, 0);
	put(64 * KiB, 4, 0x1234);
	cmd(0, 0x70);
	ck_assert_uint_eq(get(0, 4), 0x00b000b0);
	ck_assert_uint_eq(in_file(64 * KiB), 0);
	cmd(0, 0x50);
	cmd(0, 0xe8);
	put(0, 4, 0);
	put(0, 4, 0x1234);
	cmd(0, 0xff);
	cmd(0, 0x70);
	ck_assert_uint_eq(get(0, 4), 0x00b000b0);
	ck_assert_uint_eq(in_file(0), 0xffffffff);
	teardown();
}
END_TEST

START_TEST(locked_blocks)
{
	setup();
	cmd(64 * KiB, 0x60);
	cmd(64 * KiB, 0x01);
	cmd(64 * KiB, 0x90);
	ck_assert_uint_eq(get(64 * KiB + 8, 4), 0x00010001);
	ck_assert_uint_eq(get(8, 4), 0);
	ck_assert_uint_eq(get(0, 4), 0x00890089);
	erase(64 * KiB);
	ck_assert_uint_eq(get(0, 4), 0x00a200a2);
	ck_assert_uint_eq(in_file(64 * KiB), 0);
	cmd(0, 0x50);
	word(64 * KiB, 0);
	ck_assert_uint_eq(get(0, 4), 0x00920092);
	cmd(0, 0x50);
	cmd(64 * KiB, 0x60);
	cmd(64 * KiB, 0xd0);
	erase(64 * KiB);
	ck_assert_uint_eq(get(0, 4), 0x00800080);
	ck_assert_uint_eq(in_file(64 * KiB), 0xffffffff);
	teardown();
}
END_TEST

/* [JESD68.01] */
START_TEST(what_cfi_says)
{
	setup();
	cmd(0x55 * 4, 0x98);
	ck_assert_uint_eq(get(0x10 * 4, 4), 0x00510051);
	ck_assert_uint_eq(get(0x11 * 4, 2), 0x52);
	ck_assert_uint_eq(get(0x12 * 4 + 2, 2), 0x59);
	ck_assert_uint_eq(get(0x13 * 4, 1), 1);
	ck_assert_uint_eq(get(0x27 * 4, 1), 17); /* 128 KiB a chip */
	ck_assert_uint_eq(get(0x2a * 4, 1), 6);
	ck_assert_uint_eq(get(0x2c * 4, 1), 1);
	ck_assert_uint_eq(get(0x2d * 4, 1), 3); /* four blocks ... */
	ck_assert_uint_eq(get(0x2e * 4, 1), 0);
	ck_assert_uint_eq(get(0x2f * 4, 1), 128); /* ... of 32 KiB a chip */
	ck_assert_uint_eq(get(0x31 * 4, 1), 'P');
	ck_assert_uint_eq(get(0x33 * 4, 1), 'I');
	ck_assert_uint_eq(get(SIZE - 4, 4), 0);
	teardown();
}
END_TEST

/* Nothing that a guest writes leads past the end, and any state ends with READ ARRAY. */
START_TEST(a_guest_that_writes_anything)
{
	static const unsigned widths[] = { 1, 2, 4, 8 };
	u32 seed = 4711;

	setup();
	for (unsigned i = 0; i < 200000; i++) {
		unsigned len;
		u64 off;

		seed = seed * 1664525 + 1013904223;
		len = widths[seed >> 28 & 3];
		off = align_down(seed >> 8 & (SIZE - 1), len);
		if (seed & 0x40)
			get(off, len);
		else
			put(off, len,
			    seed & 0x80 ? (u64[]){ 0x20, 0xd0, 0x40, 0xe8, 0x60, 1, 0xff,
						   0x98 }[seed >> 12 & 7]
					: seed);
	}
	for (unsigned i = 0; i < 40; i++)
		cmd(0, 0xff);
	ck_assert_uint_eq(slot.memory_size, SIZE);
	teardown();
}
END_TEST

/* Somebody truncates the file while the guest runs: an error for it and a line, no SIGBUS. */
START_TEST(a_file_that_becomes_shorter)
{
	setup();
	capture_start();
	ck_assert_int_eq(truncate(name, 64 * KiB), 0);
	word(128 * KiB, 0x12345678);
	ck_assert_uint_eq(get(128 * KiB, 4), 0x00900090);
	captured_one_error("become shorter", "the guest is told that its flash has failed");
	cmd(0, 0xff);
	ck_assert_uint_eq(get(128 * KiB, 4), 0);
	ck_assert_str_eq(captured(), ""); /* it is said once */
	/* What is erased is there again. */
	cmd(0, 0x50);
	erase(128 * KiB);
	ck_assert_uint_eq(get(0, 4), 0x00800080);
	ck_assert_uint_eq(in_file(192 * KiB - 4), 0xffffffff);
	word(128 * KiB, 0x12345678);
	ck_assert_uint_eq(in_file(128 * KiB), 0x12345678);
	ck_assert_int_eq(truncate(name, SIZE), 0);
	teardown();
}
END_TEST

/* The disk is full below a file with holes that could not be filled: SR.5, as for a worn block. */
START_TEST(a_file_that_cannot_be_written)
{
	setup();
	capture_start();
	limit_files(64 * KiB);
	erase(64 * KiB);
	ck_assert_uint_eq(get(0, 4), 0x00a000a0);
	captured_one_error("--flash /tmp/", "File too large");
	limit_files(RLIM_INFINITY);
	teardown();
}
END_TEST

START_TEST(files)
{
	static const struct {
		u64 file, flash;
	} sizes[] = { { 64 * KiB, 64 * KiB },
		      { 100 * KiB, 64 * KiB },
		      { 3 * MiB, 2 * MiB },
		      { 16 * MiB, 16 * MiB } };
	struct flash *second;
	u64 size;

	capture_start();
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_file(sizes[i].file);
		ck_assert_int_eq(flash_size(name, &size), 0);
		ck_assert_uint_eq(size, sizes[i].flash);
		unlink(name);
	}
	ck_assert_int_eq(flash_size(name, &size), -ENOENT);
	ck_assert_int_eq(flash_size("/tmp", &size), -EINVAL);
	make_file(64 * KiB - 1);
	ck_assert_int_eq(flash_size(name, &size), -EINVAL);
	unlink(name);
	make_file(16 * MiB + 1);
	ck_assert_int_eq(flash_size(name, &size), -EINVAL);
	unlink(name);
	/* One guest at a time. */
	setup();
	capture_start();
	ck_assert_int_lt(flash_create(&second, name, gpa(MEMMAP_FLASH), SIZE, &k, bus), 0);
	captured_one_error("--flash", "another guest");
	teardown();
}
END_TEST

SUITE_MAIN("arm64/flash", programmed_and_erased, the_file_has_its_space,
	   the_slot_is_there_in_array_mode, a_buffer_is_programmed, wrong_sequences, locked_blocks,
	   what_cfi_says, a_guest_that_writes_anything, a_file_that_becomes_shorter,
	   a_file_that_cannot_be_written, files)
