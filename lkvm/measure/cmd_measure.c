/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm measure: the Realm Initial Measurement that `lkvm run` with the same options would get, from
 * files alone, on any machine.
 *
 * Thread: main.
 * Trust:  the user's own command line and files.
 *
 * Nothing that is measured has a silent default: what depends on the host has to be given, or the
 * command fails and says what is missing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/base/file.h"
#include "lkvm/base/log.h"
#include "lkvm/cli/cmd.h"
#include "lkvm/kvm/kvm.h"
#include "lkvm/measure/measure.h"
#include "lkvm/run/options_run.h"
#include "realm/host/probe.h"

enum form { FORM_TEXT, FORM_JSON, FORM_REFERENCE_VALUES, FORM_COMID, FORM_CORIM, FORM_NR };

struct measure {
	struct config c; /* first: the options of `lkvm run` are stored into it */
	const char *rmm;
	const char *host; /* --host-params */
	bool explain;
	bool form[FORM_NR];
	struct profile profile;
};

/* ---- options ---- */

#define MEASURE_FIELD(member) offsetof(struct measure, member)

/* clang-format off */
static const struct opt opts[] = {
	{ .store = OPT_HEADING, .help = "Options of measure" },
	{ .name = "rmm", .own = true, .arg = "1.0|2.0", .store = OPT_STRING, .offset = MEASURE_FIELD(rmm),
	  .help = "Version of the RMM's interface: 1.0 with hosts of v2 to v11 of the KVM patches, 2.0 from v13 on. "
		  "Needed if neither --realm=rme, rmi or sim nor the host parameters say it" },
	{ .name = "host-params", .own = true, .arg = "list|file|host", .store = OPT_STRING, .offset = MEASURE_FIELD(host),
	  .help = "What of the host is measured too: rmm=,ipa_bits=,bps=,wps=,sve_vl=,pmu=,page=,lpa2= as 'lkvm doctor' prints "
		  "it there, or a file with it, or 'host': the machine this runs on" },
	{ .name = "explain", .own = true, .store = OPT_TRUE, .offset = MEASURE_FIELD(explain),
	  .help = "Each measured step, with the measurement after it" },
	{ .name = "json", .own = true, .store = OPT_TRUE, .offset = MEASURE_FIELD(form[FORM_JSON]),
	  .help = "Print a JSON object" },
	{ .name = "reference-values", .own = true, .store = OPT_TRUE, .offset = MEASURE_FIELD(form[FORM_REFERENCE_VALUES]),
	  .help = "Print the file that the server of the key broker takes" },
	{ .name = "comid", .own = true, .store = OPT_TRUE, .offset = MEASURE_FIELD(form[FORM_COMID]),
	  .help = "Print reference values for Veraison: a CoMID as JSON, for 'cocli comid create'" },
	{ .name = "corim", .own = true, .store = OPT_TRUE, .offset = MEASURE_FIELD(form[FORM_CORIM]),
	  .help = "Print the CoRIM that such a CoMID goes into, for 'cocli corim create'" },
};
/* clang-format on */

static int word(void *conf, const char *word)
{
	return options_run.word(conf, word);
}

const struct opt_spec options_measure = {
	.usage = "lkvm measure [<options of measure and of run>] [<kernel image>]",
	.base = &options_run,
	.opts = opts,
	.nr_opts = ARRAY_SIZE(opts),
	.word = word,
};

static int refuse(const char *why)
{
	log_error("lkvm measure: %s", why);
	return -EINVAL;
}

/* ---- the host that is asked for ---- */

#define PROFILE_FILE_MAX 4096u

static int read_profile_file(const char *name, char *buf, size_t *len)
{
	int n = file_read(name, buf, PROFILE_FILE_MAX);

	if (n == -E2BIG)
		log_error("--host-params: %s is too long for a list of parameters", name);
	else if (n < 0)
		log_errno(n, "--host-params: cannot read %s", name);
	*len = (size_t)MAX(n, 0);
	return MIN(n, 0);
}

static int profile_of_text(struct measure *m)
{
	char buf[PROFILE_FILE_MAX], why[PROFILE_WHY_SIZE];
	bool is_list = strchr(m->host, '=');
	const char *text = is_list ? m->host : buf;
	size_t len = strlen(m->host);
	int err = is_list ? 0 : read_profile_file(m->host, buf, &len);

	if (err)
		return err;
	err = profile_parse(&m->profile, text, len, why);
	if (err)
		log_error("--host-params%s%s: %s", is_list ? "" : " ", is_list ? "" : m->host, why);
	return err;
}

/* This machine, with the kind of Realm that it has, or the simulated one. */
static int profile_of_host(struct measure *m)
{
	struct probe p = { 0 };
	struct kvm k;
	int err = kvm_open(&k, m->c.kvm_dev);

	if (err)
		return err;
	if (m->c.realm == REALM_SIM)
		probe_sim(&p, &k);
	else
		probe_cca(&p, &k);
	err = p.ops ? probe_profile(&m->profile, &p, &k) : -ENODEV;
	if (!p.ops)
		log_error("--host-params host: %s", p.why);
	else if (err)
		log_errno(err,
			  "--host-params host: cannot tell how this host's Realms (generation %s) "
			  "are measured",
			  p.host.gen ? p.host.gen : "sim");
	kvm_close(&k);
	return err;
}

static int get_profile(struct measure *m)
{
	if (!m->host)
		return 0;
	return strcmp(m->host, "host") ? profile_of_text(m) : profile_of_host(m);
}

/* ---- which rule ---- */

static const char *const rmm_of_realm[] = {
	[REALM_RME] = "1.0", [REALM_RMI] = "2.0", [REALM_SIM] = "1.0"
};

/* --rmm, or what --realm=KIND says, or the profile: they must not contradict each other. */
static int choose_rmm(const struct measure *m, enum rim_rmm *out)
{
	const char *kind = m->c.realm < ARRAY_SIZE(rmm_of_realm) ? rmm_of_realm[m->c.realm] : NULL;
	const char *rmm = m->rmm ? m->rmm : kind;

	if (m->rmm && kind && strcmp(m->rmm, kind)) {
		log_error("--rmm %s: a Realm of that kind (--realm=...) is one of RMM %s", m->rmm,
			  kind);
		return -EINVAL;
	}
	if (rmm) {
		*out = strcmp(rmm, "1.0") ? RIM_RMM_2_0 : RIM_RMM_1_0;
		return *out == RIM_RMM_2_0 && strcmp(rmm, "2.0") ? refuse("--rmm is 1.0 or 2.0")
								 : 0;
	}
	if (!profile_has(&m->profile, PROFILE_RMM))
		return refuse("--rmm 1.0 or --rmm 2.0? They measure differently; 'lkvm doctor' on "
			      "the host tells which one it has");
	*out = (enum rim_rmm)m->profile.value[PROFILE_RMM];
	return 0;
}

static u64 page_size(const struct measure *m)
{
	return profile_has(&m->profile, PROFILE_PAGE) ? m->profile.value[PROFILE_PAGE] : BOOT_PAGE;
}

static int check_rule(const struct measure *m, enum rim_rmm rmm)
{
	if (m->c.realm_hash == HASH_SHA384 && rmm == RIM_RMM_1_0)
		return refuse("--measurement-algo sha384 is for --rmm 2.0: RMM 1.0 has sha256 and "
			      "sha512");
	if (rmm == RIM_RMM_2_0 && page_size(m) != BOOT_PAGE)
		return refuse("--host-params page: how RMM 2.0 measures pages of another size than "
			      "4096 bytes is not known");
	return 0;
}

/* ---- prediction ---- */

static void note(struct measurement *out, const char *text)
{
	assert(out->nr_notes < MEASURE_MAX_NOTES);
	out->notes[out->nr_notes++] = text;
}

/* What the host could still decide, though nothing but odd hosts would. */
static void note_assumptions(struct measurement *out, const struct measure *m)
{
	if (m->c.irqchip == IRQCHIP_AUTO && !m->c.dtb)
		note(out, "--irqchip gicv3-its: what a host that has an ITS chooses");
	if (!profile_has(&m->profile, PROFILE_PAGE))
		note(out, "page=4096: the page size of the host's kernel");
	if (out->rmm == RIM_RMM_2_0 && !profile_has(&m->profile, PROFILE_LPA2))
		note(out, "lpa2=0: kernels of v13 and v14 make it 1 where the CPU has LPA2");
}

static void after_step(void *arg, const struct plan_step *s, const struct rim *r)
{
	struct measurement *out = arg;

	memcpy(out->after[out->nr_after++], r->value, RSI_HASH_MAX);
}

static int parameters(struct measurement *out, const struct measure *m)
{
	static const enum rsi_hash hashes[] = {
		[HASH_SHA256] = RSI_HASH_SHA256,
		[HASH_SHA384] = RSI_HASH_SHA384,
		[HASH_SHA512] = RSI_HASH_SHA512,
	};
	const struct config *c = &m->c;
	const struct profile_wish wish = {
		.hash = hashes[c->realm_hash],
		.ipa_bits = launch_ipa_bits(&out->launch),
		.sve = c->sve,
		.sve_vl = c->sve_max_vl,
		.pmu = c->pmu,
		.counters = c->pmu_counters,
	};
	char why[PROFILE_WHY_SIZE];
	int err = profile_params(&out->params, &m->profile, &wish, why);

	if (err)
		log_error("--host-params: %s ('lkvm doctor' on the host prints them)", why);
	return err;
}

static int predict(struct measurement *out, const struct measure *m)
{
	enum plan_order order;
	int err = choose_rmm(m, &out->rmm);

	if (!err)
		err = check_rule(m, out->rmm);
	if (!err)
		err = launch_board(&out->launch, &m->c, true);
	if (!err)
		err = parameters(out, m);
	if (!err)
		err = launch_ram(&out->launch, 0);
	order = out->rmm == RIM_RMM_2_0 ? PLAN_RIPAS_LAST : PLAN_RIPAS_FIRST;
	if (!err)
		err = launch_load(&out->launch, order, page_size(m));
	if (err)
		return err;
	note_assumptions(out, m);
	return plan_measure(&out->launch.plan, out->rmm, &out->params, out->launch.mem, after_step,
			    out, &out->rim);
}

/* ---- command ---- */

static int check_form(const struct measure *m, enum form *form)
{
	unsigned nr = 0;

	*form = FORM_TEXT;
	for (unsigned i = FORM_TEXT + 1; i < FORM_NR; i++) {
		if (m->form[i])
			*form = (enum form)i;
		nr += m->form[i];
	}
	if (nr > 1)
		return refuse("one form of output at a time: --json, --reference-values, --comid "
			      "or --corim");
	if (m->explain && *form > FORM_JSON)
		return refuse("--explain goes with text and with --json");
	return 0;
}

static int print(const struct measurement *out, enum form form, bool explain)
{
	switch (form) {
	case FORM_JSON:
		return measure_print_json(out, explain);
	case FORM_REFERENCE_VALUES:
		return measure_print_reference_values(out);
	case FORM_COMID:
		return measure_print_comid(out, out->launch.c->realm_pv);
	case FORM_CORIM:
		return measure_print_corim(out);
	case FORM_TEXT:
	case FORM_NR:
		break;
	}
	measure_print_text(out, explain);
	return 0;
}

static int measure(struct measure *m)
{
	struct measurement out = { 0 };
	enum form form;
	int err;

	log_set_level(m->c.loglevel);
	if (m->c.protected_vm)
		return refuse("a protected VM is not measured, only a Realm is");
	if (m->c.realm == REALM_OFF)
		m->c.realm = REALM_ANY;
	err = check_form(m, &form);
	if (!err)
		err = config_complete(&m->c);
	if (!err)
		err = get_profile(m);
	if (!err)
		err = predict(&out, m);
	if (!err)
		err = print(&out, form, m->explain);
	launch_fini(&out.launch);
	return err;
}

int cmd_measure(int argc, char **argv)
{
	struct measure *m = calloc(1, sizeof(*m)); /* too large for a small stack */
	int status;

	if (!m) {
		log_errno(-ENOMEM, "cannot measure");
		return EXIT_DIE;
	}
	config_init(&m->c);
	m->c.measure = true;
	status = options_parse(&options_measure, m, argc, argv);
	if (!status && measure(m))
		status = EXIT_DIE;
	config_fini(&m->c);
	free(m);
	return status;
}
