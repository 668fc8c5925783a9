/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallel NOR flash: two 16-bit chips side by side, of which each word of 32 bits is half and
 * half.
 *
 * Thread: register handlers on vCPU threads, under f->lock (bus.c).
 * Trust:  commands, addresses and data are the guest's; the file is the user's.
 * Spec:   JEDEC JESD68.01 (CFI), JEP137 (command set 0001h), Intel StrataFlash P30 data sheet
 *
 * In array mode the file is a slot of KVM that the guest cannot write: it reads (and executes) at
 * the speed of memory, and each write is an exit. Any command takes the slot away, so that reads
 * come here too, until READ ARRAY brings it back.
 *
 * What is programmed or erased is in the host's page cache with the write, word by word. So a
 * killed lkvm loses nothing that the guest was told is done, and leaves half of what it was just
 * doing, as a chip does whose power fails; EDK2's variable store is made for that.
 *
 * The mapping is KVM's alone. Whoever makes the file shorter, or fills the disk below a hole of it,
 * would make each access of ours to it a SIGBUS; read(2) and write(2) say what is wrong, and so
 * does the chip. (The guest's own reads in array mode then end it, with KVM's EFAULT.)
 *
 * Both chips get the same commands, as 32-bit writes; a 16- or 8-bit write counts for both.
 */
#include "arm64/flash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arm64/memmap.h"
#include "lkvm/base/log.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/vm/bus.h"

/* Commands [P30 §9]. */
enum {
	PROGRAM_ALT = 0x10,
	ERASE = 0x20,
	PROGRAM = 0x40,
	CLEAR_STATUS = 0x50,
	LOCK = 0x60,
	READ_STATUS = 0x70,
	READ_ID = 0x90,
	READ_QUERY = 0x98,
	CONFIRM = 0xd0, /* also: unlock */
	BUFFERED = 0xe8,
	READ_ARRAY = 0xff,
	LOCK_BLOCK = 0x01,
};

/* Bits of the status register [P30 §10.1]. */
#define SR_READY 0x80u
#define SR_ERASE 0x20u
#define SR_PROGRAM 0x10u
#define SR_LOCKED 0x02u

#define MANUFACTURER 0x89u /* Intel */
#define DEVICE 0x8922u
#define BUFFER_WORDS 32u /* of 32 bits: 128 bytes */

/* What the next read shows. */
enum shows { ARRAY, STATUS, ID, QUERY };
/* What the next write is. */
enum expects { COMMAND, DATA, ERASE_CONFIRM, LOCK_CONFIRM, COUNT, BUFFER_DATA, BUFFER_CONFIRM };

struct flash {
	pthread_mutex_t lock;
	struct kvm *kvm;
	struct bus *bus;
	gpa_t base;
	u64 size;
	const char *path;
	int fd;
	bool failed; /* the file, which was said */
	void *map;
	u32 slot;
	bool has_slot;
	enum shows shows;
	enum expects expects;
	u32 status;
	u64 block;	/* of ERASE, LOCK and BUFFERED: its offset */
	unsigned count; /* words of the buffer that are to come */
	unsigned filled;
	struct {
		u64 off;
		unsigned len;
		u64 val;
	} buffer[BUFFER_WORDS];
	u8 locked[MEMMAP_FLASH_MAX / FLASH_BLOCK / 8];
};

/* ---- the array ---- */

static bool is_locked(const struct flash *f, u64 block)
{
	u64 n = block / FLASH_BLOCK;

	return f->locked[n / 8] >> n % 8 & 1;
}

static void set_locked(struct flash *f, u64 block, bool on)
{
	u64 n = block / FLASH_BLOCK;

	if (on)
		f->locked[n / 8] |= (u8)BIT(n % 8);
	else
		f->locked[n / 8] &= (u8)~BIT(n % 8);
}

/* Of the file; `n` is what pread(2) or pwrite(2) has returned. */
static bool done(struct flash *f, ssize_t n, size_t len)
{
	if (n == (ssize_t)len)
		return true;
	if (!f->failed)
		log_error("--flash %s: %s; the guest is told that its flash has failed", f->path,
			  n < 0 ? strerror(errno) : "it has become shorter, or its disk is full");
	f->failed = true;
	return false;
}

/* A cell only loses bits, until its block is erased. */
static void program(struct flash *f, u64 off, unsigned len, u64 val)
{
	u64 cells = 0;

	if (is_locked(f, off)) {
		f->status |= SR_PROGRAM | SR_LOCKED;
		return;
	}
	if (done(f, pread(f->fd, &cells, len, (off_t)off), len)) {
		cells &= val;
		if (done(f, pwrite(f->fd, &cells, len, (off_t)off), len))
			return;
	}
	f->status |= SR_PROGRAM;
}

static void erase(struct flash *f)
{
	u8 erased[FLASH_BLOCK];

	memset(erased, 0xff, sizeof(erased));
	if (is_locked(f, f->block))
		f->status |= SR_ERASE | SR_LOCKED;
	else if (!done(f, pwrite(f->fd, erased, sizeof(erased), (off_t)f->block), sizeof(erased)))
		f->status |= SR_ERASE;
}

/* ---- the slot ---- */

static void leave_array(struct flash *f)
{
	int err = f->has_slot ? kvm_set_slot(f->kvm, f->slot, f->base, 0, NULL, 0) : 0;

	if (err)
		log_errno(err, "flash: KVM keeps the slot");
	f->has_slot = false;
}

static int enter_array(struct flash *f)
{
	int err = f->has_slot ? 0
			      : kvm_set_slot(f->kvm, f->slot, f->base, f->size, f->map,
					     KVM_MEM_READONLY);

	f->has_slot = f->has_slot || !err;
	f->shows = ARRAY;
	/* Without the slot reads come here, which is slower and no more. */
	return err;
}

/* ---- commands ---- */

static u32 both(u32 chip)
{
	return chip | chip << 16;
}

static void command(struct flash *f, u64 off, u32 cmd)
{
	f->block = align_down(off, FLASH_BLOCK);
	f->shows = STATUS;
	switch (cmd) {
	case PROGRAM:
	case PROGRAM_ALT:
		f->expects = DATA;
		return;
	case ERASE:
		f->expects = ERASE_CONFIRM;
		return;
	case LOCK:
		f->expects = LOCK_CONFIRM;
		return;
	case BUFFERED:
		f->expects = COUNT;
		return;
	case CLEAR_STATUS:
		f->status = SR_READY;
		return;
	case READ_ID:
		f->shows = ID;
		return;
	case READ_QUERY:
		f->shows = QUERY;
		return;
	case READ_STATUS:
		return;
	case READ_ARRAY:
	default: /* [P30 §9] what is no command is READ ARRAY */
		enter_array(f);
	}
}

static void wrong_sequence(struct flash *f)
{
	f->status |= SR_ERASE | SR_PROGRAM;
}

static void lock_confirm(struct flash *f, u32 cmd)
{
	if (cmd == LOCK_BLOCK || cmd == CONFIRM)
		set_locked(f, f->block, cmd == LOCK_BLOCK);
	else
		wrong_sequence(f);
}

/* All words of a buffer are in one block. */
static void buffer_data(struct flash *f, u64 off, unsigned len, u64 val)
{
	if (align_down(off, FLASH_BLOCK) != f->block) {
		wrong_sequence(f);
		f->expects = COMMAND;
		return;
	}
	f->buffer[f->filled].off = off;
	f->buffer[f->filled].len = len;
	f->buffer[f->filled].val = val;
	f->filled++;
	f->expects = f->filled == f->count ? BUFFER_CONFIRM : BUFFER_DATA;
}

static void buffer_confirm(struct flash *f, u32 cmd)
{
	if (cmd != CONFIRM) {
		wrong_sequence(f);
		return;
	}
	for (unsigned i = 0; i < f->filled; i++)
		program(f, f->buffer[i].off, f->buffer[i].len, f->buffer[i].val);
}

static void take_count(struct flash *f, u32 count)
{
	/* One less than the words that follow. */
	if (count >= BUFFER_WORDS) {
		wrong_sequence(f);
		f->expects = COMMAND;
		return;
	}
	f->count = count + 1;
	f->filled = 0;
	f->expects = BUFFER_DATA;
}

static void flash_write(void *dev, u64 off, unsigned len, u64 val)
{
	struct flash *f = dev;
	u32 cmd = (u32)val & 0xff;
	enum expects was = f->expects;

	leave_array(f);
	switch (was) {
	case COMMAND:
		command(f, off, cmd);
		return;
	case COUNT:
		take_count(f, (u32)val & 0xffff);
		return;
	case BUFFER_DATA:
		buffer_data(f, off, len, val);
		return;
	case DATA:
		program(f, off, len, val);
		break;
	case ERASE_CONFIRM:
		if (cmd == CONFIRM)
			erase(f);
		else
			wrong_sequence(f);
		break;
	case LOCK_CONFIRM:
		lock_confirm(f, cmd);
		break;
	case BUFFER_CONFIRM:
		buffer_confirm(f, cmd);
		break;
	}
	f->expects = COMMAND;
}

/* ---- reads ---- */

/* [JESD68.01 §4] of one chip, at its word 0x10 and further. */
static u32 query(const struct flash *f, u64 word)
{
	static const u8 table[] = {
		[0x10] = 'Q',  'R',  'Y', 1,	0,
		0x31,	       0,	     /* Intel's commands, their table at 0x31 */
		[0x17] = 0,    0,    0,	  0, /* no others */
		[0x1b] = 0x17, 0x20, 0,	  0, /* 1.7 to 2.0 V, no Vpp */
		[0x1f] = 1,    1,    1,	  0, /* typically 2 us, 2 us, 2 ms */
		[0x23] = 1,    1,    1,	  0, /* at most twice that */
		[0x28] = 1,    0,    6,	  0, /* 16 bits wide; buffers of 2^6 bytes */
		[0x2c] = 1,		     /* erase blocks of one size, below */
		[0x31] = 'P',  'R',  'I', '1',	'0',
		0x20,				   /* version 1.0; locks of single blocks */
		[0x3a] = 0,    0,    0,	  0x18, 0, /* the other features: none; Vcc 1.8 V */
		[0x3f] = 0,
	};
	u64 chip = f->size / 2, blocks = f->size / FLASH_BLOCK - 1;

	switch (word) {
	case 0x27:
		return (u32)__builtin_ctzll(chip);
	case 0x2d:
		return blocks & 0xff;
	case 0x2e:
		return (u32)(blocks >> 8);
	case 0x2f:
		return FLASH_BLOCK / 2 / 256 & 0xff;
	case 0x30:
		return FLASH_BLOCK / 2 / 256 >> 8;
	default:
		return word < ARRAY_SIZE(table) ? table[word] : 0;
	}
}

static u32 identity(const struct flash *f, u64 off)
{
	switch (off % FLASH_BLOCK / sizeof(u32)) {
	case 0:
		return MANUFACTURER;
	case 1:
		return DEVICE;
	case 2:
		return is_locked(f, off);
	default:
		return 0;
	}
}

static u64 flash_read(void *dev, u64 off, unsigned len)
{
	struct flash *f = dev;
	u64 word = off / sizeof(u32), val = 0;

	switch (f->shows) {
	case ARRAY:
		done(f, pread(f->fd, &val, len, (off_t)off), len);
		return val;
	case STATUS:
		val = both(f->status);
		break;
	case ID:
		val = both(identity(f, off));
		break;
	case QUERY:
		val = both(query(f, word));
		break;
	}
	val |= val << 32;
	val >>= 8 * (off % sizeof(u32));
	return len < sizeof(val) ? val & (BIT(8 * len) - 1) : val;
}

static const struct bus_ops ops = { .read = flash_read, .write = flash_write };

static const struct sys_call list[] = {
	CALL_IOCTL_RARE(KVM_SET_USER_MEMORY_REGION, "a command of the flash"),
	CALL_RARE(pread64, "a command of the flash"),
	CALL_RARE(pwrite64, "a command of the flash"),
};

const struct calls flash_calls = CALLS("flash", list);

/* ---- life ---- */

int flash_size(const char *path, u64 *size)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return log_errno(-errno, "--flash %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)FLASH_BLOCK ||
	    st.st_size > (off_t)MEMMAP_FLASH_MAX) {
		log_error("--flash %s: a flash is a regular file of 64 KiB to 16 MiB, see "
			  "truncate(1)",
			  path);
		return -EINVAL;
	}
	*size = BIT(63 - __builtin_clzll((u64)st.st_size));
	if (*size != (u64)st.st_size)
		log_warn("--flash %s: of its %llu KiB the first %llu are used, a power of two",
			 path, (unsigned long long)st.st_size / KiB,
			 (unsigned long long)(*size / KiB));
	return 0;
}

static int open_file(struct flash *f, const char *path)
{
	f->fd = open(path, O_RDWR | O_CLOEXEC);
	if (f->fd < 0)
		return log_errno(-errno, "--flash %s", path);
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0) {
		int err = -errno;

		log_error("--flash %s: it is the flash of another guest", path);
		return err;
	}
	/*
	 * A file of truncate(1) has holes, which cannot be written when the disk is full. Not all
	 * file systems can fill them.
	 */
	if (fallocate(f->fd, 0, 0, (off_t)f->size) < 0 && errno != EOPNOTSUPP)
		return log_errno(-errno, "--flash %s", path);
	f->map = mmap(NULL, f->size, PROT_READ, MAP_SHARED, f->fd, 0);
	if (f->map != MAP_FAILED)
		return 0;
	f->map = NULL;
	return log_errno(-errno, "--flash %s: cannot map it", path);
}

static int plug(struct flash *f)
{
	const struct bus_range r = { .base = f->base,
				     .len = f->size,
				     .widths = BUS_W_ALL,
				     .ops = &ops,
				     .dev = f,
				     .lock = &f->lock,
				     .name = "flash" };
	int err;

	f->slot = f->kvm->nr_slots++;
	err = enter_array(f);
	if (!err)
		err = bus_add(f->bus, &r);
	return err ? log_errno(err, "cannot set up the flash") : 0;
}

int flash_create(struct flash **out, const char *path, gpa_t base, u64 size, struct kvm *k,
		 struct bus *bus)
{
	struct flash *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return log_errno(-ENOMEM, "--flash");
	pthread_mutex_init(&f->lock, NULL);
	f->kvm = k;
	f->bus = bus;
	f->base = base;
	f->size = size;
	f->path = path;
	f->fd = -1;
	f->status = SR_READY;
	err = open_file(f, path);
	if (!err)
		err = plug(f);
	if (err) {
		flash_destroy(f);
		return err;
	}
	*out = f;
	return 0;
}

void flash_destroy(struct flash *f)
{
	if (!f)
		return;
	bus_remove(f->bus, f->base, f);
	if (f->map)
		munmap(f->map, f->size);
	if (f->fd >= 0)
		close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
