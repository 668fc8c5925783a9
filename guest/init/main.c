/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first process of a guest of lkvm exec: mounts the host's files, runs the command, carries its
 * streams, and tells how it ended. The host then ends the guest.
 *
 * Thread: one.
 * Trust:  the host's messages: in a Realm they may be anybody's. They can feed the command, send it
 *         signals, and size its terminal, and nothing else.
 */
#include <linux/errno.h>
#include <linux/signal.h>
#include <linux/signalfd.h>
#include <linux/time.h>
#include <linux/wait.h>

#include "guest/init/command.h"
#include "guest/init/flow.h"
#include "guest/init/net.h"
#include "guest/init/ports.h"
#include "guest/init/rescue.h"
#include "guest/init/text.h"

#define NSEC_PER_MS 1000000
/* Milliseconds that a message may take: the host always reads them. */
#define SEND_TRIES 30000

struct message {
	uint32_t type, a;
	uint64_t b, c;
};
static_assert(sizeof(struct message) == EXEC_MSG_LEN, "lkvm/exec/wire.h");

struct init {
	struct plan plan;
	int ports[NR_PORTS];
	struct command command;
	struct flow in, out, err;
	uint64_t in_ends; /* after so many bytes */
	unsigned size;	  /* of the terminal */
	bool exited;
	int status;
	int signals;
	struct message got; /* from the host, so far */
	size_t got_len;
};

static struct init init; /* large */

static void pause_ms(unsigned ms)
{
	const struct timespec t = { 0, (long)ms * NSEC_PER_MS };

	SYS2(nanosleep, &t, NULL);
}

/* ---- to the host ---- */

static void send(const struct message *m)
{
	for (unsigned i = 0; i < SEND_TRIES; i++) {
		if (sys_write(init.ports[PORT_CONTROL], m, sizeof(*m)) != -EAGAIN)
			return;
		pause_ms(1);
	}
}

/* The host ends the guest, when it has passed on what was written. That may take any time. */
static void leave(const struct message *last)
{
	send(last);
	for (;;)
		pause_ms(500);
}

static void leave_failed(const struct failure *f)
{
	leave(&(struct message){ EXEC_FAILED, f->what, (uint64_t)f->err, f->which });
}

/* ---- from the host ---- */

static void take_message(const struct message *m)
{
	switch (m->type) {
	case EXEC_SIZE:
		init.size = m->a;
		command_resize(&init.command, m->a);
		break;
	case EXEC_SIGNAL:
		if (init.command.pid > 0)
			SYS2(kill, -init.command.pid, (int)m->a);
		break;
	case EXEC_EOF:
		init.in_ends = m->b;
		break;
	}
}

static void read_messages(void)
{
	char *at = (char *)&init.got;
	long n;

	while ((n = sys_read(init.ports[PORT_CONTROL], at + init.got_len,
			     sizeof(init.got) - init.got_len)) > 0) {
		init.got_len += (size_t)n;
		if (init.got_len < sizeof(init.got))
			continue;
		init.got_len = 0;
		take_message(&init.got);
	}
}

/* ---- the command ---- */

static void reap(void)
{
	struct signalfd_siginfo si;
	int status;
	long pid;

	while (sys_read(init.signals, &si, sizeof(si)) > 0)
		continue;
	while ((pid = SYS4(wait4, -1, &status, WNOHANG, NULL)) > 0) {
		if (pid != init.command.pid)
			continue;
		/* What it has left in the background would write on and on. */
		SYS2(kill, -1, SIGKILL);
		init.exited = true;
		init.status = status & 0x7f ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
	}
}

/* All of stdin is there: the command sees its end. A terminal has none but Ctrl-D. */
static void end_input(void)
{
	if (init.in.moved < init.in_ends || init.in.ended || !flow_is_empty(&init.in))
		return;
	init.in.ended = true;
	if (init.command.pty < 0)
		sys_close(init.in.to);
	init.in.to = -1;
}

static bool move_all(void)
{
	bool any = flow_move(&init.in, init.in_ends, false);

	end_input();
	any |= flow_move(&init.out, UINT64_MAX, true);
	return flow_move(&init.err, UINT64_MAX, true) || any;
}

static void wait_for_something(void)
{
	struct pollfd p[8] = { { .fd = init.ports[PORT_CONTROL], .events = POLLIN },
			       { .fd = init.signals, .events = POLLIN } };

	flow_poll(&init.in, p + 2);
	flow_poll(&init.out, p + 4);
	flow_poll(&init.err, p + 6);
	SYS5(ppoll, p, 8, NULL, NULL, 0);
	/*
	 * A port whose other side has not come yet is hung up, which is an event all the time. That
	 * is soon over.
	 */
	if ((p[0].revents | p[2].revents) & POLLHUP)
		pause_ms(1);
}

/* Until the command has ended and what it wrote is out. */
static void serve(void)
{
	for (;;) {
		bool over;

		read_messages();
		reap();
		over = init.exited;
		if (!move_all() && over && flow_is_empty(&init.out) && flow_is_empty(&init.err))
			return;
		if (!over || !flow_is_empty(&init.out) || !flow_is_empty(&init.err))
			wait_for_something();
	}
}

static void run(void)
{
	struct failure f;

	init.in_ends = UINT64_MAX;
	init.size = 0;
	read_messages();
	if (!command_start(&init.command, &init.plan, init.size, &f))
		leave_failed(&f);
	init.in.from = init.ports[PORT_IN];
	init.in.to = init.command.in;
	init.out.from = init.command.out;
	init.out.to = init.ports[PORT_OUT];
	init.err.from = init.command.err;
	init.err.to = init.ports[PORT_ERR];
	init.err.ended = init.command.err < 0;
	send(&(struct message){ .type = EXEC_STARTED });
	serve();
	plan_sync(&init.plan);
	leave(&(struct message){ EXEC_EXITED, (uint32_t)init.status, init.out.moved,
				 init.err.moved });
}

/* ---- start ---- */

static void block_signals(void)
{
	uint64_t child = UINT64_C(1) << (SIGCHLD - 1);
	const struct {
		void *handler;
		unsigned long flags, restorer;
		uint64_t mask;
	} ignore = { (void *)1, 0, 0, 0 };

	SYS4(rt_sigaction, SIGPIPE, &ignore, NULL, sizeof(uint64_t));
	SYS4(rt_sigprocmask, SIG_BLOCK, &child, NULL, sizeof(child));
	init.signals = (int)SYS4(signalfd4, -1, &child, sizeof(child), O_NONBLOCK | O_CLOEXEC);
}

static void set_up(void)
{
	struct failure f;
	bool ok = plan_read(&init.plan, &f) && plan_load(&init.plan, &f) && net_up(&init.plan, &f);

	if (init.plan.boot) {
		if (ok)
			plan_boot(&init.plan);
		rescue_say("lkvm: the directory of --disk cannot be mounted, or has no init\n");
		rescue_power_off();
	}
	if (!ports_open(init.ports)) {
		rescue_say("lkvm exec: there are no ports of virtio-console\n");
		rescue_power_off();
	}
	if (!ok || !plan_mount(&init.plan, &f))
		leave_failed(&f);
	if (init.plan.name)
		SYS2(sethostname, init.plan.name, text_len(init.plan.name));
}

/*
 * The script that plan_boot() handed on: a name at the host. Other words can be here, too, as Linux
 * gives its init each parameter that it does not know.
 */
static const char *script_of(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);

	return *stack > 1 && text_starts(argv[1], "/host/") ? argv[1] : NULL;
}

void init_main(const long *stack);

/* `stack`: as the kernel leaves it, argc and then argv. */
void init_main(const long *stack)
{
	int fd;

	block_signals();
	fd = sys_open(EXEC_CONF, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		rescue_shell(script_of(stack)); /* no guest of lkvm exec */
	sys_close(fd);
	plan_mount_kernel("");
	set_up();
	run();
}

__asm__(".globl _start\n"
	"_start:\n"
	"	mov	x29, xzr\n"
	"	mov	x30, xzr\n"
	"	mov	x0, sp\n"
	"	bl	init_main\n"
	"	brk	0\n");
