/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Realm's VM that questions are asked about: made with nothing but ioctls. For asks*.c only. */
#ifndef TESTS_FAKE_ASKS_RIG_H
#define TESTS_FAKE_ASKS_RIG_H

#include "lkvm/kvm/kvm.h"
#include "realm/host/uapi_rme.h"
#include "realm/host/uapi_rmi.h"
#include "tests/fake/asks.h"

#define RAM FAKE_RAM
#define PAGE ASKS_PAGE
#define PAGES 512u /* of RAM: a huge one */
#define SIZE (PAGES * PAGE)

/* How a VM is made. */
enum {
	NO_GIC = 1,
	RAW_GIC = 2, /* not initialised */
	NO_PSCI = 4,
	WITH_SVE = 8,
	ANONYMOUS = 16, /* RAM's shared side is private memory, as malloc()'s */
	HUGE = 32,	/* and may have huge pages */
	BARE = 64,	/* nothing is loaded */
};

struct asks_vm {
	int dev, vm, gmem, gic, vcpu[2];
	struct kvm_run *run[2];
	u8 *hva, *source; /* RAM's shared side; pages to load */
};

extern const struct asks_host *asks_host;
extern struct asks_vm m;

/* "question: answer", where descriptors and counts are "ok". */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void answer(const char *question, int n);

void up(const struct fake_op *ops, unsigned how);
void down(void);
void make_gic(unsigned how);

int vm_call(unsigned long req, void *arg);
int attr_set(int fd, u32 group, u64 attr, void *val);
int set_private(u64 page, u64 nr, bool on);
int punch(int mode, u64 off, u64 len);
int free_pages(u64 page, u64 nr);

/* v7's KVM_ENABLE_CAP. */
int sub(u64 cmd, void *arg);

/* One call of KVM_ARM_RMI_POPULATE, whatever signals come. */
int once(struct rmi_populate *p);
struct rmi_populate pages(u64 page, u64 nr);
int load(u64 page, u64 nr);

/* ... and say how much of it was not done. */
void left(const char *question, struct rmi_populate p);

/* KVM_RUN, and say why it ended. */
void run(const char *question, unsigned vcpu);

int set_reg(u64 id, u64 val);
int get_reg(u64 id, u64 *val);

/* asks_run.c */
void asks_of_a_guest(void);

#endif
