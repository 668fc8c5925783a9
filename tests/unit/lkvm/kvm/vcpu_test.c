/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit switch and the thread: KVM_RUN is a script, the vCPU's shared page a memfd. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/kvm/vcpu.h"
#include "lkvm/vm/bus.h"
#include "lkvm/vm/mem.h"
#include "lkvm/vm/stop.h"
#include "realm/host/reasons.h"
#include "realm/realm.h"
#include "tests/unit/arm64/capture.h"

static struct {
	struct kvm_run script[8]; /* exits, in order; then EINTR */
	int ret[8];
	int nr, at;
	int again;	   /* times that KVM_RUN returns EAGAIN before that */
	bool sibling_ends; /* the guest, while this vCPU runs */
	int page_fd;
	struct kvm_run *page;
	int aborts;
	u64 reg;	     /* the value of each register */
	atomic_bool through; /* the last exit was handled, and no stop came of it */
	u8 data_back[8];     /* mmio.data as KVM finds it on the next entry */
} kernel;

static struct stop stop;

int kvm_ioctl_val(int fd, unsigned long req, unsigned long val)
{
	if (req == KVM_CREATE_VCPU)
		return dup(kernel.page_fd);
	ck_assert_uint_eq(req, KVM_RUN);
	if (kernel.at)
		memcpy(kernel.data_back, kernel.page->mmio.data, 8);
	if (kernel.page->immediate_exit)
		return -EINTR;
	if (kernel.sibling_ends)
		stop_request(&stop, STOP_ERROR);
	if (kernel.again && kernel.again--)
		return -EAGAIN;
	if (kernel.at == kernel.nr) {
		kernel.through = true;
		usleep(1000);
		return -EINTR;
	}
	*kernel.page = kernel.script[kernel.at];
	return kernel.ret[kernel.at++];
}

int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	if (req == KVM_SET_VCPU_EVENTS)
		kernel.aborts += ((struct kvm_vcpu_events *)arg)->exception.ext_dabt_pending;
	else if (req == KVM_GET_ONE_REG)
		memcpy((void *)(uintptr_t)((struct kvm_one_reg *)arg)->addr, &kernel.reg, 8);
	else
		ck_abort_msg("unexpected ioctl %#lx", req);
	return 0;
}

/* ---- a VM around it ---- */

static struct kvm kvm;
static struct bus *bus;
static struct mem *mem;
static struct realm *realm;
static const struct realm_conf no_conf;
static struct vcpu_env env;
static struct vcpu *vcpu;
static struct vcpu_gate gate;

static u64 dev_read(void *dev, u64 off, unsigned len)
{
	return 0x8877665544332211;
}

static u64 written;

static void dev_write(void *dev, u64 off, unsigned len, u64 val)
{
	written = val;
}

static const struct bus_ops dev_ops = { dev_read, dev_write };
static pthread_mutex_t dev_lock = PTHREAD_MUTEX_INITIALIZER;

static void setup_as(const struct realm_ops *ops)
{
	struct bus_range r = { .base = gpa(0x1000),
			       .len = 8,
			       .widths = BUS_W4 | BUS_W8,
			       .ops = &dev_ops,
			       .lock = &dev_lock,
			       .name = "dev" };

	memset(&kernel, 0, sizeof(kernel));
	kernel.page_fd = memfd_create("vcpu", 0);
	ck_assert_int_eq(ftruncate(kernel.page_fd, 8192), 0);
	kernel.page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, kernel.page_fd, 0);
	kvm = (struct kvm){ .dev_fd = -1, .vm_fd = -1, .run_size = 8192 };
	ck_assert_int_eq(bus_create(&bus), 0);
	ck_assert_int_eq(bus_add(bus, &r), 0);
	ck_assert_int_eq(mem_create(&mem), 0);
	ck_assert_int_eq(realm_new(&realm, ops, &no_conf, &kvm, mem), 0);
	ck_assert_int_eq(stop_init(&stop), 0);
	env = (struct vcpu_env){ .kvm = &kvm,
				 .bus = bus,
				 .stop = &stop,
				 .realm = realm,
				 .gate = &gate,
				 .log_mmio = true };
	vcpu_gate_init(&gate);
	ck_assert_int_eq(vcpu_create(&vcpu, &env, 0), 0);
}

static void setup(void)
{
	setup_as(&realm_none);
}

static struct kvm_run *add_exit(u32 reason, int ret)
{
	kernel.script[kernel.nr].exit_reason = reason;
	kernel.ret[kernel.nr] = ret;
	return &kernel.script[kernel.nr++];
}

static void add_mmio(u64 addr, u32 len, bool write)
{
	struct kvm_run *r = add_exit(KVM_EXIT_MMIO, 0);

	r->mmio.phys_addr = addr;
	r->mmio.len = len;
	r->mmio.is_write = write;
	memset(r->mmio.data, 0x5a, 8);
}

static void add_event(u32 type)
{
	add_exit(KVM_EXIT_SYSTEM_EVENT, 0)->system_event.type = type;
}

static void tear_down(void)
{
	vcpu_destroy(vcpu);
	vcpu_gate_fini(&gate);
	stop_fini(&stop);
	realm_free(realm);
	bus_destroy(bus);
	mem_destroy(mem);
}

static enum stop_reason run_and_tear_down(void)
{
	enum stop_reason why;

	ck_assert_int_eq(vcpu_start(vcpu), 0);
	for (int i = 0; i < scaled(20000) && stop_why(&stop) == STOP_NONE && !kernel.through; i++)
		usleep(1000);
	why = stop_why(&stop);
	stop_request(&stop, STOP_USER);
	vcpu_kick(vcpu);
	vcpu_join(vcpu);
	tear_down();
	return why;
}

START_TEST(mmio_reads_and_writes)
{
	setup();
	add_mmio(0x1000, 4, false);
	add_mmio(0x1000, 8, true);
	add_mmio(0x1000, 2, false); /* a width the device does not know */
	add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
	ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
	ck_assert_uint_eq(written, 0x5a5a5a5a5a5a5a5a);
	ck_assert_mem_eq(kernel.data_back, "\xff\xff", 2);
	ck_assert_int_eq(kernel.aborts, 0);
}
END_TEST

START_TEST(a_read_puts_the_value_back)
{
	setup();
	add_mmio(0x1000, 4, false);
	add_event(KVM_SYSTEM_EVENT_RESET);
	ck_assert_int_eq(run_and_tear_down(), STOP_RESET);
	ck_assert_mem_eq(kernel.data_back, "\x11\x22\x33\x44", 4);
}
END_TEST

static void reset2(const struct realm_ops *ops, u32 ndata, s64 type)
{
	struct kvm_run *r;

	setup_as(ops);
	kernel.reg = UINT64_C(0xdead00080000005);
	r = add_exit(KVM_EXIT_SYSTEM_EVENT, 0);
	r->system_event.type = KVM_SYSTEM_EVENT_RESET;
	r->system_event.ndata = ndata;
	r->system_event.data[0] = KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2;
	ck_assert_int_eq(run_and_tear_down(), STOP_RESET);
	ck_assert_int_eq(stop.reset, type);
}

/* The type is in X1 of 32 bits [DEN 0022 5.1.13]; in a Realm's, who is not asked. */
START_TEST(system_reset2)
{
	struct realm_ops ops = realm_none;

	reset2(&realm_none, 1, 0x80000005);
	reset2(&realm_none, 0, STOP_RESET_PLAIN);
	ops.realm = ops.confidential = true;
	reset2(&ops, 1, STOP_RESET_UNKNOWN);
}
END_TEST

/* A Realm gets what an RMM would give it. */
START_TEST(where_nothing_is_a_realm_aborts)
{
	struct realm_ops ops = realm_none;

	ops.realm = true;
	setup_as(&ops);
	add_mmio(0x2000, 4, false);
	add_mmio(0x2000, 4, true);
	add_exit(KVM_EXIT_ARM_NISV, 0);
	add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
	ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
	ck_assert_int_eq(kernel.aborts, 3);
}
END_TEST

/* Another guest reads zeros, as with kvmtool; but what cannot be decoded has no other answer. */
START_TEST(where_nothing_is_others_read_zeros)
{
	setup();
	add_mmio(0x2000, 4, true);
	add_mmio(0x2000, 8, false);
	add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
	ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
	ck_assert_int_eq(kernel.aborts, 0);
	ck_assert_mem_eq(kernel.data_back, "\0\0\0\0\0\0\0", 8);
	setup();
	add_exit(KVM_EXIT_ARM_NISV, 0);
	add_exit(KVM_EXIT_ARM_LDST64B, 0);
	add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
	ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
	ck_assert_int_eq(kernel.aborts, 2);
}
END_TEST

START_TEST(exits_nobody_knows_stop_the_guest)
{
	static const u32 reasons[] = { KVM_EXIT_UNKNOWN, KVM_EXIT_DEBUG, KVM_EXIT_FAIL_ENTRY,
				       KVM_EXIT_INTERNAL_ERROR, 4711 };

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		setup();
		add_exit(reasons[i], 0);
		ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
	}
	setup();
	add_event(KVM_SYSTEM_EVENT_CRASH);
	ck_assert_int_eq(run_and_tear_down(), STOP_CRASH);
	setup();
	add_mmio(0x1000, 9, true);
	ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
}
END_TEST

START_TEST(realm_exits_are_refused_by_an_ordinary_vm)
{
	setup();
	add_exit(KVM_EXIT_HYPERCALL, 0);
	ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
	/* [uapi reference 3.5] EFAULT with exit 39 is an exit, not a failure */
	setup();
	add_exit(KVM_EXIT_MEMORY_FAULT, -EFAULT);
	ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
}
END_TEST

/* ---- an exit that takes long ---- */

static atomic_int parts, last_part;

static int handle_part(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	ck_assert_uint_eq(run->exit_reason, KVM_EXIT_MEMORY_FAULT);
	return ++parts == last_part ? 0 : -EAGAIN;
}

static void setup_parts(int last)
{
	static struct realm_ops ops;

	ops = realm_none;
	ops.exit = handle_part;
	parts = 0;
	last_part = last;
	setup_as(&ops);
	add_exit(KVM_EXIT_MEMORY_FAULT, -EFAULT);
	add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
}

/* [realm.h exit] KVM may not run again before it is handled. */
START_TEST(an_exit_is_handled_in_parts)
{
	setup_parts(3);
	ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
	ck_assert_int_eq(parts, 3);
}
END_TEST

START_TEST(a_stop_is_seen_between_two_parts)
{
	setup_parts(-1);
	ck_assert_int_eq(vcpu_start(vcpu), 0);
	while (parts < 10)
		usleep(100);
	ck_assert_int_eq(kernel.at, 1);
	stop_request(&stop, STOP_USER);
	vcpu_kick(vcpu);
	vcpu_join(vcpu); /* comes back */
	ck_assert_int_eq(kernel.at, 1);
	tear_down();
}
END_TEST

START_TEST(a_pause_is_seen_between_two_parts)
{
	int seen;

	setup_parts(-1);
	ck_assert_int_eq(vcpu_start(vcpu), 0);
	while (!parts)
		usleep(100);
	vcpu_gate_set(&gate, true);
	vcpu_kick(vcpu);
	do {
		seen = parts;
		usleep(100000); /* ten times what it waits between two tries */
	} while (parts != seen);
	ck_assert_int_eq(kernel.at, 1);
	last_part = seen + 2;
	vcpu_gate_set(&gate, false);
	while (parts != last_part)
		usleep(100);
	stop_request(&stop, STOP_USER);
	vcpu_kick(vcpu);
	vcpu_join(vcpu);
	tear_down();
}
END_TEST

START_TEST(failures_of_kvm_run)
{
	setup();
	add_exit(KVM_EXIT_INTR, -EINTR);
	add_exit(KVM_EXIT_INTR, -EAGAIN);
	add_exit(KVM_EXIT_INTR, 0);
	add_exit(0, -ENOEXEC);
	ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
	ck_assert_int_eq(kernel.at, 4);
}
END_TEST

/* ---- a Realm that cannot go on ---- */

static int is_off(struct realm *r, unsigned index, int vcpu_fd, struct kvm_run *run)
{
	return -ESHUTDOWN;
}

static void setup_realm(void)
{
	static struct realm_ops ops;

	ops = realm_none;
	ops.confidential = true; /* its registers are not printed */
	ops.exit = is_off;
	ops.run_error = reason_of_run;
	setup_as(&ops);
	capture_start();
}

/* [uapi update 2: 10, 11, 25, 26] one line each that says more than errno does */
START_TEST(each_failure_has_its_reason)
{
	static const struct {
		int err;
		const char *errno_says, *reason;
	} cases[] = {
		{ EFAULT, "Bad address", "shared address" },
		{ EINVAL, "Invalid argument", "dmesg" },
		{ ENXIO, "No such device or address", "the RMM has refused" },
		{ EIO, "Input/output error", "does no more for the Realm" },
		{ ENODEV, "No such device", "GICv3" },
		{ EOPNOTSUPP, "not supported", "GICv3" },
		{ EBUSY, "busy", "GICv3" },
		{ EPERM, "not permitted", "report this" },
		{ EHWPOISON, "hardware error", "another host" },
		{ ENOMEM, "Cannot allocate memory", "--mem" },
		{ E2BIG, "Argument list too long", "; the guest cannot go on" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup_realm();
		add_exit(0, -cases[i].err);
		ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
		captured_one_error(cases[i].errno_says, cases[i].reason);
	}
	/* An ordinary VM: what errno says. */
	setup();
	add_exit(0, -EFAULT);
	ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
	ck_assert(strstr(captured(), "KVM_RUN: Bad address: the host has no page there, as when "));
	ck_assert(strstr(captured(), "used up; the guest cannot go on"));
}
END_TEST

START_TEST(an_internal_error_is_the_end_of_the_realm)
{
	setup_realm();
	add_exit(KVM_EXIT_INTERNAL_ERROR, 0)->internal.suberror = 17;
	ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
	captured_one_error("internal error 17: ", "does no more for the Realm");
}
END_TEST

/* Its siblings get EIO, or what a VM that goes says, and have nothing to add. */
START_TEST(a_dead_vm_is_reported_once)
{
	static const int errors[] = { -EIO, -ENOMEM, -EFAULT };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		setup_realm();
		kernel.sibling_ends = true;
		add_exit(0, errors[i]);
		ck_assert_int_eq(run_and_tear_down(), STOP_ERROR);
		ck_assert_int_eq(kernel.at, 1);
		ck_assert_str_eq(captured(), "");
	}
}
END_TEST

START_TEST(the_last_vcpu_that_is_off_ends_the_guest)
{
	setup_realm();
	add_exit(KVM_EXIT_SHUTDOWN, 0);
	ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
	ck_assert(strstr(captured(), "Warning: the guest has been switched off, and no vCPU"));
	/* Another one is left, which will say why. */
	setup_realm();
	gate.nr_on++;
	add_exit(KVM_EXIT_SHUTDOWN, 0);
	ck_assert_int_eq(vcpu_start(vcpu), 0);
	vcpu_join(vcpu);
	ck_assert_int_eq(stop_why(&stop), STOP_NONE);
	ck_assert_uint_eq(gate.nr_on, 1);
	ck_assert_str_eq(captured(), "");
	tear_down();
}
END_TEST

/* EAGAIN is not the end, and is told when it lasts. */
START_TEST(kvm_asks_to_try_again)
{
	setup_realm();
	kernel.again = 200;
	add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
	ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
	ck_assert_str_eq(captured(), "");
	setup_realm();
	kernel.again = 2200;
	add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
	ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
	ck_assert(strstr(captured(), "Warning: vCPU 0: KVM does not let it run (EAGAIN)"));
	ck_assert_ptr_null(strstr(strstr(captured(), "EAGAIN") + 1, "EAGAIN"));
}
END_TEST

/* A vCPU that its backend has switched off is not run, until somebody switches it on. */
static atomic_bool is_on;

static bool on(const struct realm *r, unsigned index)
{
	return is_on;
}

START_TEST(a_vcpu_that_is_off_waits)
{
	struct realm_ops ops = realm_none;

	ops.is_on = on;
	for (unsigned i = 0; i < 2; i++) {
		setup_as(&ops);
		realm_set_wake(realm, vcpu_gate_look, &gate);
		add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
		is_on = false;
		ck_assert_int_eq(vcpu_start(vcpu), 0);
		usleep(20000);
		vcpu_kick(vcpu); /* that is no reason to go on */
		usleep(20000);
		ck_assert_int_eq(kernel.at, 0);
		if (i == 0) {
			is_on = true;
			realm_wake(realm);
			while (stop_why(&stop) == STOP_NONE)
				usleep(1000);
		}
		stop_request(&stop, STOP_USER);
		vcpu_gate_set(&gate, false);
		vcpu_join(vcpu);
		ck_assert_int_eq(kernel.at, i == 0);
		tear_down();
	}
}
END_TEST

/* ---- a guest that does not know that it is a Realm ---- */

static bool aware;

static bool is_aware(const struct realm *r)
{
	return aware;
}

START_TEST(a_guest_that_is_lost_is_told_of_once)
{
	struct realm_ops ops = realm_none;
	const char *line;

	ops.devices_at_alias = true;
	ops.realm = true;
	ops.is_aware = is_aware;
	for (unsigned i = 0; i < 2; i++) {
		setup_as(&ops);
		mem_set_alias(mem, BIT(32));
		env.log_mmio = false;
		aware = i;
		add_mmio(0x1004, 4, true);
		add_mmio(0x1000, 4, false);
		add_mmio(0x2000, 4, false);
		add_mmio(BIT(32) | 0x1000, 4, false); /* where it is */
		add_event(KVM_SYSTEM_EVENT_SHUTDOWN);
		capture_start();
		ck_assert_int_eq(run_and_tear_down(), STOP_POWEROFF);
		ck_assert_int_eq(kernel.aborts, 3);
		line = strstr(captured(), "the guest writes dev (0x1004) at its protected address");
		ck_assert_msg(aware ? !*captured() : !!line, "%s", captured());
		if (line)
			ck_assert_ptr_null(strstr(line + 1, "the guest"));
	}
}
END_TEST

START_TEST(the_first_reason_wins)
{
	ck_assert_int_eq(stop_init(&stop), 0);
	stop_request(&stop, STOP_RESET);
	stop_request(&stop, STOP_POWEROFF);
	ck_assert_int_eq(stop_why(&stop), STOP_RESET);
	/* Who ends a guest that starts again and again means all of it. */
	stop_request(&stop, STOP_USER);
	ck_assert_int_eq(stop_why(&stop), STOP_USER);
	stop_request(&stop, STOP_RESET);
	stop_request(&stop, STOP_ERROR);
	ck_assert_int_eq(stop_why(&stop), STOP_USER);
	stop_fini(&stop);
	ck_assert_int_eq(stop_init(&stop), 0);
	stop_request(&stop, STOP_POWEROFF);
	stop_request(&stop, STOP_USER);
	ck_assert_int_eq(stop_why(&stop), STOP_POWEROFF);
	/* The user has been told of an error: that is no good end. */
	stop_request(&stop, STOP_ERROR);
	ck_assert_int_eq(stop_why(&stop), STOP_ERROR);
	stop_fini(&stop);
}
END_TEST

SUITE_MAIN("lkvm/vcpu", mmio_reads_and_writes, a_read_puts_the_value_back, system_reset2,
	   where_nothing_is_a_realm_aborts, where_nothing_is_others_read_zeros,
	   exits_nobody_knows_stop_the_guest, realm_exits_are_refused_by_an_ordinary_vm,
	   an_exit_is_handled_in_parts, a_stop_is_seen_between_two_parts,
	   a_pause_is_seen_between_two_parts, failures_of_kvm_run, each_failure_has_its_reason,
	   an_internal_error_is_the_end_of_the_realm, a_dead_vm_is_reported_once,
	   the_last_vcpu_that_is_off_ends_the_guest, kvm_asks_to_try_again,
	   a_vcpu_that_is_off_waits, a_guest_that_is_lost_is_told_of_once, the_first_reason_wins)
