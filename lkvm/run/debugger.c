/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GDB at a machine: how vCPUs stop for it and go on.
 *
 * Thread: the loop of the devices; debugger_vcpu on vCPU threads.
 * Trust:  whoever connects may do to the guest what the user of lkvm may.
 * Spec:   [KVM api 4.87 KVM_SET_GUEST_DEBUG]
 *
 * While `held` is set no vCPU enters the guest but `stepper`. GDB is served only when all are out
 * of it: whoever sets `held` kicks them, and a timer looks until they are. Then registers and
 * memory are nobody else's.
 */
#include "lkvm/run/debugger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/base/log.h"
#include "lkvm/gdb/listen.h"
#include "lkvm/gdb/own.h"
#include "lkvm/gdb/points.h"
#include "lkvm/gdb/stub.h"
#include "lkvm/vm/loop.h"
#include "lkvm/vm/mem.h"
#include "lkvm/vm/stop.h"

#define LOOK_NS 1000000u
#define NOBODY (-1)

/* A vCPU has met something. */
struct meeting {
	bool is;
	unsigned cpu;
	enum gdb_why why;
	u32 esr;
	u64 va;
};

struct debugger {
	struct debugger_env env;
	struct gdb_target target;
	struct gdb_stub stub;
	struct points points;
	struct gdb_listener *listener;
	struct loop_fd *conn_fd, *event_fd, *listen_fd;
	struct loop_timer *timer;
	int conn, event;
	_Atomic bool held;
	_Atomic int stepper;
	int wanted; /* the stepper as GDB has said */
	bool asked; /* to halt, since they run */
	pthread_mutex_t lock;
	struct meeting met; /* what has stopped them: who came first */
	u8 buf[PACKET_MAX];
};

/* ---- vCPU threads ---- */

static bool may_run(void *arg, unsigned index)
{
	const struct debugger *d = arg;

	return !atomic_load(&d->held) || atomic_load(&d->stepper) == (int)index;
}

bool debugger_holds(const struct debugger *d)
{
	return d && atomic_load(&d->held);
}

static enum gdb_why why_of(u32 class)
{
	switch (class) {
	case KVM_ESR_BRK:
		return GDB_MET_SW;
	case KVM_ESR_BREAKPOINT:
		return GDB_MET_HW;
	case KVM_ESR_WATCHPOINT:
		return GDB_WATCHED;
	default:
		return GDB_TRAPPED;
	}
}

static void vcpu_exit(void *arg, unsigned index, const struct kvm_run *run)
{
	struct debugger *d = arg;

	pthread_mutex_lock(&d->lock);
	if (!d->met.is)
		d->met = (struct meeting){ .is = true,
					   .cpu = index,
					   .why = why_of(run->debug.hsr >> KVM_ESR_CLASS_SHIFT),
					   .esr = run->debug.hsr,
					   .va = run->debug.far };
	atomic_store(&d->held, true);
	atomic_store(&d->stepper, NOBODY);
	pthread_mutex_unlock(&d->lock);
	eventfd_write(d->event, 1);
}

const struct vcpu_debug debugger_vcpu = { .may_run = may_run, .exit = vcpu_exit };

/* ---- stopping and running ---- */

static void kick_all(struct debugger *d)
{
	for (unsigned i = 0; i < d->env.nr_vcpus; i++)
		vcpu_kick(d->env.vcpus[i]);
	loop_timer_arm(d->timer, LOOK_NS);
}

static bool all_stand(const struct debugger *d)
{
	for (unsigned i = 0; i < d->env.nr_vcpus; i++) {
		if (vcpu_place(d->env.vcpus[i]) == VCPU_IN_KVM_RUN)
			return false;
	}
	return true;
}

static struct meeting take_meeting(struct debugger *d)
{
	struct meeting met;

	pthread_mutex_lock(&d->lock);
	met = d->met;
	d->met.is = false;
	pthread_mutex_unlock(&d->lock);
	return met;
}

static void let_run(struct debugger *d, int stepper)
{
	for (unsigned i = 0; i < d->env.nr_vcpus; i++) {
		struct kvm_guest_debug g = { 0 };
		int err;

		points_debug(&d->points, &g);
		if (stepper == (int)i)
			g.control |= KVM_GUESTDBG_SINGLESTEP;
		err = kvm_guest_debug(vcpu_fd(d->env.vcpus[i]), &g);
		if (err)
			log_errno(err, "--gdb: KVM does not take the breakpoints of vCPU %u", i);
	}
	/*
	 * What somebody else has met since GDB was told of the first one: it is met again, or is
	 * there no more, and then it must not be why the next halt was.
	 */
	take_meeting(d);
	d->asked = false;
	d->wanted = stepper;
	atomic_store(&d->stepper, stepper);
	atomic_store(&d->held, stepper != NOBODY);
	vcpu_gate_look(d->env.gate);
}

static void forget(void *arg)
{
	struct debugger *d = arg;

	points_clear(&d->points, d->env.mem);
	let_run(d, NOBODY);
}

/* ---- telling GDB ---- */

/* Is there something that GDB has to hear? What was the guest's own is none, and given to it. */
static bool is_news(struct debugger *d, struct meeting *met)
{
	if (!met->is || !own_brk(vcpu_fd(d->env.vcpus[met->cpu]), d->env.mem, &d->points, met->esr))
		return true;
	/* One that was to be stepped has done so: it is at its vector. */
	met->is = d->wanted == (int)met->cpu;
	met->why = GDB_TRAPPED;
	return met->is || d->asked;
}

static void on_bytes(void *arg, u32 events);
static void hang_up(struct debugger *d);

/* All stand: tell GDB, and from now on hear it. */
static void on_timer(void *arg)
{
	struct debugger *d = arg;
	struct meeting met;
	bool news;

	/* They have been let run since. */
	if (!atomic_load(&d->held) || atomic_load(&d->stepper) != NOBODY)
		return;
	if (!all_stand(d)) {
		kick_all(d);
		return;
	}
	met = take_meeting(d);
	news = is_news(d, &met);
	if (d->conn < 0) {
		forget(d);
		return;
	}
	if (!news) {
		let_run(d, d->wanted);
		return;
	}
	if (!d->conn_fd) /* what the one before has left */
		points_clear(&d->points, d->env.mem);
	gdb_stopped(&d->stub, met.is ? met.cpu : d->stub.cpu, met.is ? met.why : GDB_HALTED,
		    points_watched(&d->points, met.va));
	if (!d->conn_fd && loop_fd_add(d->env.loop, d->conn, EPOLLIN, on_bytes, d, &d->conn_fd)) {
		log_warn("--gdb: out of memory");
		hang_up(d);
	}
}

static void on_event(void *arg, u32 events)
{
	struct debugger *d = arg;
	eventfd_t n;

	eventfd_read(d->event, &n);
	kick_all(d);
}

static void halt(void *arg)
{
	struct debugger *d = arg;

	d->asked = true;
	atomic_store(&d->stepper, NOBODY);
	atomic_store(&d->held, true);
	kick_all(d);
}

static void run(void *arg)
{
	let_run(arg, NOBODY);
}

static void step(void *arg, unsigned cpu)
{
	let_run(arg, (int)cpu);
}

static void end_guest(void *arg)
{
	struct debugger *d = arg;

	stop_request(d->env.stop, STOP_USER);
}

/* ---- what GDB asks for ---- */

static int regs_get(void *arg, unsigned cpu, struct view_regs *r)
{
	return view_regs_get(vcpu_fd(((struct debugger *)arg)->env.vcpus[cpu]), r);
}

static int regs_set(void *arg, unsigned cpu, const struct view_regs *r)
{
	return view_regs_set(vcpu_fd(((struct debugger *)arg)->env.vcpus[cpu]), r);
}

/* [va, va + len) to `in` or from `out`, whichever is not NULL; GDB's breakpoints are not seen. */
static u64 copy_memory(struct debugger *d, unsigned cpu, u64 va, void *in, const void *out, u64 len)
{
	struct view_map m;
	u64 n;

	if (view_map_get(vcpu_fd(d->env.vcpus[cpu]), &m))
		return 0;
	points_lift(&d->points, d->env.mem, va, len);
	n = in ? view_read(d->env.mem, &m, va, in, len) : view_write(d->env.mem, &m, va, out, len);
	points_lower(&d->points, d->env.mem);
	return n;
}

static u64 read_memory(void *arg, unsigned cpu, u64 va, void *buf, u64 len)
{
	return copy_memory(arg, cpu, va, buf, NULL, len);
}

static u64 write_memory(void *arg, unsigned cpu, u64 va, const void *buf, u64 len)
{
	return copy_memory(arg, cpu, va, NULL, buf, len);
}

static int point(void *arg, unsigned cpu, enum gdb_point kind, u64 va, u64 len, bool set)
{
	struct debugger *d = arg;
	struct view_map m;
	int err = view_map_get(vcpu_fd(d->env.vcpus[cpu]), &m);

	if (err)
		return err;
	return set ? points_set(&d->points, d->env.mem, &m, kind, va, len)
		   : points_unset(&d->points, d->env.mem, kind, va, len);
}

/* ---- the connection ---- */

static void hang_up(struct debugger *d)
{
	if (d->conn < 0)
		return;
	loop_fd_del(d->conn_fd);
	d->conn_fd = NULL;
	close(d->conn);
	d->conn = -1;
	/* KVM sets no vCPU's breakpoints while it runs: that ioctl would wait for it. */
	halt(d);
	log_info("--gdb: GDB has gone, the guest goes on");
}

/* A socket's buffer has room for more than GDB asks for before it has read the answer. */
static void send_bytes(void *arg, const char *bytes, unsigned len)
{
	struct debugger *d = arg;

	if (d->conn >= 0 && send(d->conn, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
		shutdown(d->conn, SHUT_RDWR);
}

static void on_bytes(void *arg, u32 events)
{
	struct debugger *d = arg;
	ssize_t n = recv(d->conn, d->buf, sizeof(d->buf), MSG_DONTWAIT);

	if (n > 0)
		gdb_bytes(&d->stub, d->buf, (u64)n);
	else if (!n || errno != EAGAIN)
		hang_up(d);
}

static void on_connect(void *arg, u32 events)
{
	struct debugger *d = arg;
	int fd = gdb_accept(d->listener);

	if (fd == -EAGAIN || fd == -ECONNABORTED)
		return;
	if (fd < 0) {
		guest_err("--gdb", "cannot take a connection: %s", strerror(-fd));
		/* No descriptor left, for instance: the loop must not spin on it. */
		loop_fd_rest(d->listen_fd);
		return;
	}
	if (d->conn >= 0) {
		close(fd); /* one at a time */
		return;
	}
	d->conn = fd;
	log_info("--gdb: GDB is here, the guest stands");
	gdb_begin(&d->stub, &d->target);
}

static const struct sys_call list[] = {
	CALL(accept4),
	CALL(recvfrom),
	CALL(sendto),
	CALL_RARE(shutdown, "a debugger that is sent away"),
	CALL(close),
	CALL(newfstatat), /* removing the socket's name at the end */
	CALL(unlinkat),
	CALL_RARE(setsockopt, "a debugger that comes by TCP"),
	CALL_IOCTL(KVM_GET_ONE_REG),
	CALL_IOCTL(KVM_SET_ONE_REG),
	CALL_IOCTL(KVM_SET_GUEST_DEBUG),
};

const struct calls debugger_calls = CALLS("gdb", list);

/* ---- life ---- */

static int watch_fds(struct debugger *d)
{
	int err = loop_timer_add(d->env.loop, on_timer, d, &d->timer);

	d->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!err && d->event < 0)
		err = -errno;
	if (!err)
		err = loop_fd_add(d->env.loop, d->event, EPOLLIN, on_event, d, &d->event_fd);
	if (!err)
		err = loop_fd_add(d->env.loop, gdb_listener_fd(d->listener), EPOLLIN, on_connect, d,
				  &d->listen_fd);
	return err;
}

int debugger_create(struct debugger **out, const char *where, const struct debugger_env *env)
{
	struct debugger *d = calloc(1, sizeof(*d));
	bool waits = false;
	int err;

	if (!d)
		return log_errno(-ENOMEM, "--gdb");
	d->env = *env;
	d->conn = d->event = -1;
	atomic_store(&d->stepper, NOBODY);
	d->wanted = NOBODY;
	pthread_mutex_init(&d->lock, NULL);
	points_init(&d->points, env->kvm);
	d->target = (struct gdb_target){
		.arg = d,
		.nr_cpus = env->nr_vcpus,
		.regs_get = regs_get,
		.regs_set = regs_set,
		.read = read_memory,
		.write = write_memory,
		.point = point,
		.run = run,
		.step = step,
		.halt = halt,
		.detach = forget,
		.kill = end_guest,
		.send = send_bytes,
	};
	err = gdb_listen(&d->listener, where, &waits);
	atomic_store(&d->held, waits);
	if (!err && waits)
		log_info("--gdb: the guest waits for GDB");
	if (!err) {
		err = watch_fds(d);
		if (err)
			log_errno(err, "--gdb");
	}
	if (err) {
		debugger_destroy(d);
		return err;
	}
	*out = d;
	return 0;
}

void debugger_destroy(struct debugger *d)
{
	if (!d)
		return;
	loop_fd_del(d->conn_fd);
	loop_fd_del(d->event_fd);
	loop_fd_del(d->listen_fd);
	loop_timer_del(d->timer);
	if (d->conn >= 0)
		close(d->conn);
	if (d->event >= 0)
		close(d->event);
	gdb_listener_destroy(d->listener);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
