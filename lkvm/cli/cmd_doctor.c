/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm doctor: what this host can do, and why not more. Text for people, JSON for programs.
 *
 * Thread: main.
 * Trust:  the kernel, and what its log says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/base/json.h"
#include "lkvm/base/log.h"
#include "lkvm/base/options.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/kvm/smccc.h"
#include "lkvm/run/confine.h"
#include "lkvm/vfio/lacks.h"
#include "realm/host/probe.h"

struct doctor {
	bool json;
	const char *dev;
	const char *backend; /* NULL: a Realm of either kind */
};

/* ---- findings ---- */

enum kind { FOUND_STATE, FOUND_NUMBER, FOUND_TEXT };

struct finding {
	const char *key;   /* in JSON */
	const char *label; /* for people */
	enum kind kind;
	bool ok;		 /* STATE */
	unsigned nr;		 /* NUMBER */
	char text[KVM_WHY_SIZE]; /* TEXT; STATE: reason or details, may be empty */
};

struct findings {
	unsigned nr;
	struct finding list[21];
};

static struct finding *add(struct findings *f, const char *key, const char *label, enum kind kind)
{
	struct finding *new = &f->list[f->nr++];

	assert(f->nr <= ARRAY_SIZE(f->list));
	*new = (struct finding){ .key = key, .label = label, .kind = kind };
	return new;
}

__attribute__((format(printf, 5, 6))) static void add_state(struct findings *f, const char *key,
							    const char *label, bool ok,
							    const char *fmt, ...)
{
	struct finding *new = add(f, key, label, FOUND_STATE);
	va_list ap;
	int n;

	new->ok = ok;
	va_start(ap, fmt);
	n = vsnprintf(new->text, sizeof(new->text), fmt, ap);
	va_end(ap);
	assert(n < (int)sizeof(new->text));
}

static void add_text(struct findings *f, const char *key, const char *label, const char *text)
{
	snprintf(add(f, key, label, FOUND_TEXT)->text, sizeof(f->list[0].text), "%s", text);
}

static void add_number(struct findings *f, const char *key, const char *label, unsigned nr)
{
	add(f, key, label, FOUND_NUMBER)->nr = nr;
}

/* ---- output ---- */

static void print_text(const struct findings *f)
{
	for (unsigned i = 0; i < f->nr; i++) {
		const struct finding *x = &f->list[i];

		printf("%-22s ", x->label);
		if (x->kind == FOUND_NUMBER)
			printf("%u\n", x->nr);
		else if (x->kind == FOUND_TEXT)
			printf("%s\n", x->text);
		else
			printf("%s%s%s\n", x->ok ? "yes" : "no", *x->text ? ": " : "", x->text);
	}
}

static json_t *json_of(const struct finding *x)
{
	switch (x->kind) {
	case FOUND_NUMBER:
		return json_integer(x->nr);
	case FOUND_TEXT:
		return json_text(x->text);
	case FOUND_STATE:
		break;
	}
	return json_pack("{s:b, s:o}", "ok", x->ok, "detail", json_text(x->text));
}

static int print_json(const struct findings *f)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < f->nr; i++)
		json_add(&all, f->list[i].key, json_of(&f->list[i]));
	return json_print(all, 2);
}

/* ---- examination ---- */

/*
 * What the kernel said at boot about the RMM: "RMI ABI version 1.0". There is no other place where
 * it could be seen; the log may be closed to us, and the line may be gone.
 */
static void rmm_version(char *out, size_t len)
{
	static const char mark[] = "RMI ABI version ";
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char line[1024];
	ssize_t n;

	snprintf(out, len, "not visible");
	if (fd < 0)
		return;
	/* One record a read; EPIPE: it was overwritten, and the next read goes on behind it. */
	while ((n = read(fd, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		const char *at;

		line[MAX(n, 0)] = 0;
		at = strstr(line, mark);
		if (at)
			snprintf(out, len, "%.*s", (int)strcspn(at + sizeof(mark) - 1, " \n"),
				 at + sizeof(mark) - 1);
	}
	close(fd);
}

static void examine_vm(struct findings *f, const struct kvm *k)
{
	static const struct {
		u32 type;
		const char *name;
	} gics[] = {
		{ KVM_DEV_TYPE_ARM_VGIC_ITS, "gicv3-its " },
		{ KVM_DEV_TYPE_ARM_VGIC_V3, "gicv3 " },
		{ KVM_DEV_TYPE_ARM_VGIC_V2, "gicv2 gicv2m " },
	};
	struct kvm vm = { .dev_fd = k->dev_fd, .vm_fd = -1 };
	char text[64] = "";
	bool filter;
	int err = kvm_vm_create(&vm, 0);

	add_state(f, "vm", "virtual machines", !err, "%s%s", err ? strerror(-err) : "",
		  err ? "; the host's log (dmesg) may say why" : "");
	if (err)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(gics); i++) {
		if (kvm_device_create(&vm, gics[i].type, KVM_CREATE_DEVICE_TEST) >= 0)
			strncat(text, gics[i].name, sizeof(text) - strlen(text) - 1);
	}
	if (*text)
		text[strlen(text) - 1] = 0;
	add_text(f, "irqchips", "interrupt controllers", *text ? text : "none");
	filter = smccc_has_filter(&vm);
	add_state(f, "smccc_filter", "SMCCC filter", filter, "%s",
		  filter ? "" : "Linux 6.4 or later has it");
	close(vm.vm_fd);
}

/* What another machine has to know to predict measurements for this one. */
static void examine_profile(struct findings *f, const struct kvm *k, const struct probe *p,
			    const char *key, const char *label)
{
	char text[PROFILE_TEXT_SIZE];
	struct profile profile;
	int err = probe_profile(&profile, p, k);

	if (err == -ENOTSUP)
		snprintf(text, sizeof(text), "not known for this generation");
	else if (err)
		snprintf(text, sizeof(text), "not known: %s", strerror(-err));
	else
		profile_print(&profile, text);
	add_text(f, key, label, text);
}

static void examine_cca(struct findings *f, const struct kvm *k, struct probe *cca)
{
	char rmm[32];

	probe_cca(cca, k);
	if (!cca->ops) {
		add_state(f, "realm", "Realms", false, "%s", cca->why);
		return;
	}
	add_state(f, "realm", "Realms", true,
		  "--realm=%s, generation %s of the kernel's interface%s", cca->ops->name,
		  cca->host.gen, cca->host.pmu ? "" : ", no PMU");
	add_text(f, "realm_backend", "Realm backend", cca->ops->name);
	add_text(f, "realm_generation", "Realm generation", cca->host.gen);
	add_number(f, "realm_ipa_bits", "Realm IPA bits", probe_ipa_bits(cca, k));
	rmm_version(rmm, sizeof(rmm));
	add_text(f, "rmi_version", "RMM speaks RMI", rmm);
	examine_profile(f, k, cca, "realm_profile", "Realm profile");
}

static void examine_host(struct findings *f, const struct kvm *k, struct probe *p)
{
	static const struct {
		unsigned cap;
		const char *key, *label, *needs;
	} caps[] = {
		{ KVM_CAP_ARM_SVE, "sve", "SVE",
		  "it needs a CPU with SVE, and a host that was not booted with arm64.nosve; guests do without" },
		{ KVM_CAP_ARM_PMU_V3, "pmu", "PMU",
		  "it needs a CPU with a PMUv3 that the host's kernel uses; guests do without" },
		{ KVM_CAP_GUEST_MEMFD, "guest_memfd", "guest_memfd",
		  "Linux 6.18 or later has it; only --guest-memfd and Realms need it" },
	};
	int ipa = kvm_cap(k, KVM_CAP_ARM_VM_IPA_SIZE);

	add_number(f, "ipa_bits", "IPA bits", ipa ? (unsigned)ipa : 40);
	add_number(f, "max_vcpus", "vCPUs of a guest", (unsigned)kvm_cap(k, KVM_CAP_MAX_VCPUS));
	examine_vm(f, k);
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		const bool ok = kvm_cap(k, caps[i].cap);

		add_state(f, caps[i].key, caps[i].label, ok, "%s", ok ? "" : caps[i].needs);
	}
	examine_cca(f, k, &p[0]);
	probe_pkvm(&p[1], k);
	add_state(f, "pkvm", "protected VMs (pKVM)", p[1].ops, "%s", p[1].ops ? "" : p[1].why);
	probe_sim(&p[2], k);
	add_state(f, "sim", "simulated Realms", p[2].ops, "%s",
		  p[2].ops ? "--realm=sim, no isolation" : p[2].why);
	if (p[2].ops)
		examine_profile(f, k, &p[2], "sim_profile", "simulated profile");
}

static void examine_sandbox(struct findings *f)
{
	char lacks[CONFINE_LACKS_SIZE];

	confine_lacks(lacks);
	add_state(f, "sandbox", "sandbox (--confine)", !*lacks, "%s%s", *lacks ? "it needs " : "",
		  lacks);
}

/* Sockets of the guest are there in any case; this is about AF_VSOCK for the host's programs. */
static void examine_vsock(struct findings *f)
{
	int err = access(VSOCK_KERNEL_PATH, R_OK | W_OK) < 0 ? errno : 0;

	add_state(f, "vhost_vsock", "--vsock vhost=on", !err, "%s%s%s",
		  err ? VSOCK_KERNEL_PATH : "", err ? ": " : "", err ? strerror(err) : "");
}

static void examine_vfio(struct findings *f)
{
	char text[VFIO_LACKS_SIZE];
	const bool ok = vfio_lacks(text);

	add_state(f, "vfio", "--vfio-pci", ok, "%s%s", ok ? "" : "it needs ", text);
}

/* ---- command ---- */

static int backend_word(void *conf, const char *word)
{
	static const char *const known[] = { "rme", "rmi", "pkvm", "sim" };
	struct doctor *d = conf;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!strcmp(word, known[i])) {
			d->backend = word;
			return 0;
		}
	}
	log_error("'%s': unknown backend, known are rme, rmi, pkvm and sim", word);
	return -EINVAL;
}

static const struct opt opts[] = {
	{ .store = OPT_HEADING, .help = "Options" },
	{ .name = "json",
	  .store = OPT_TRUE,
	  .offset = offsetof(struct doctor, json),
	  .help = "Print a JSON object" },
	{ .name = "dev",
	  .arg = "file",
	  .store = OPT_STRING,
	  .offset = offsetof(struct doctor, dev),
	  .help = "KVM's device node; default /dev/kvm" },
};

const struct opt_spec options_doctor = {
	.usage = "lkvm doctor [<options>] [rme|rmi|pkvm|sim]",
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = backend_word,
};

static bool has_backend(const struct probe *p, unsigned nr, const char *name)
{
	for (unsigned i = 0; i < nr; i++) {
		if (p[i].ops && !strcmp(p[i].ops->name, name))
			return true;
	}
	return false;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor d = { .dev = "/dev/kvm" };
	struct findings f = { 0 };
	struct probe p[3] = { { 0 } };
	char why[KVM_WHY_SIZE] = "";
	struct kvm k;
	int err = options_parse(&options_doctor, &d, argc, argv);

	if (err)
		return err;
	err = kvm_open_why(&k, d.dev, why);
	add_state(&f, "kvm", "KVM", !err, "%s", why);
	if (!err) {
		examine_host(&f, &k, p);
		kvm_close(&k);
	} else {
		add_state(&f, "realm", "Realms", false, "no KVM");
		add_state(&f, "pkvm", "protected VMs (pKVM)", false, "no KVM");
		add_state(&f, "sim", "simulated Realms", false, "no KVM");
	}
	examine_vsock(&f);
	examine_vfio(&f);
	examine_sandbox(&f);
	err = 0;
	if (d.json)
		err = print_json(&f);
	else
		print_text(&f);
	if (err)
		return EXIT_DIE;
	if (d.backend)
		return has_backend(p, ARRAY_SIZE(p), d.backend) ? 0 : EXIT_CANNOT;
	return p[0].ops ? 0 : EXIT_CANNOT;
}
