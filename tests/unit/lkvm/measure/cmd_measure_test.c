/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm measure from its command line to what it prints: published values out of files, each form,
 * what counts and what does not, and one line for each mistake.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lkvm/base/cpio.h"
#include "lkvm/cli/cmd.h"
#include "tests/fake/kvm.h"
#include "tests/unit/arm64/capture.h"

/* ---- running it ---- */

#define MAX_ARGS 40u

static char dir[] = "/tmp/lkvm-measure-XXXXXX", out[65536];
static int out_fd = -1, real_stdout = -1;

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % ARRAY_SIZE(path)];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void write_file(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(in_dir(name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void setup(void)
{
	static u8 kernel[10000], initrd[5000];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(kernel); i++)
		kernel[i] = (u8)(i * 13 + 1);
	memset(initrd, 0x55, sizeof(initrd));
	write_file("kernel", kernel, sizeof(kernel));
	write_file("initrd", initrd, sizeof(initrd));
	write_file("firmware", "FW CONTENT", 10);
	capture_start();
	real_stdout = dup(STDOUT_FILENO);
	out_fd = memfd_create("stdout", MFD_CLOEXEC);
	dup2(out_fd, STDOUT_FILENO);
}

static void teardown(void)
{
	static const char *const files[] = { "kernel", "initrd", "firmware", "profile", "dtb" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlink(in_dir(files[i]));
	rmdir(dir);
}

/* Words between blanks; %K, %I, %F, %P, %D stand for the files. */
static int measure(const char *line)
{
	static char words[2048], *argv[MAX_ARGS];
	int argc = 1, status;
	ssize_t n;

	snprintf(words, sizeof(words), "%s", line);
	argv[0] = (char[]){ "measure" };
	if (strstr(line, "-k "))
		argv[argc++] = strdup("--flat"); /* it is any file */
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
		ck_assert_int_lt(argc, (int)MAX_ARGS);
		argv[argc++] = w;
	}
	for (int i = 1; i < argc; i++) {
		const char *f = argv[i];

		if (f[0] == '%')
			argv[i] = strdup(in_dir(f[1] == 'K'   ? "kernel"
						: f[1] == 'I' ? "initrd"
						: f[1] == 'F' ? "firmware"
						: f[1] == 'P' ? "profile"
							      : "dtb"));
	}
	ck_assert_int_eq(ftruncate(out_fd, 0), 0);
	lseek(out_fd, 0, SEEK_SET);
	status = cmd_measure(argc, argv);
	fflush(stdout);
	n = pread(out_fd, out, sizeof(out) - 1, 0);
	out[MAX(n, 0)] = 0;
	for (int i = 1; i < argc; i++) {
		if (argv[i] < words || argv[i] >= words + sizeof(words))
			free(argv[i]);
	}
	return status;
}

#define BOOT "-k %K -c 2 -m 512 "
#define HOST "--host-params rmm=1.0,bps=6,wps=4,sve_vl=256,pmu=6 "
#define SAYS(text) ck_assert_msg(strstr(out, text), "no '%s' in '%s'", text, out)

/* The measurement that was printed as text. */
static const char *rim(const char *line)
{
	static char hex[16][132];
	static unsigned next;
	char *p = hex[next++ % ARRAY_SIZE(hex)];

	ck_assert_msg(measure(line) == 0, "%s: %s", line, captured());
	ck_assert_msg(sscanf(strstr(out, "RIM "), "RIM %130[0-9a-f]", p) == 1, "%s", out);
	return p;
}

static json_t *document(const char *line)
{
	json_t *o;

	ck_assert_int_eq(measure(line), 0);
	o = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(o != NULL, "%s", out);
	return o;
}

static const char *text(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* What was said so far. */
static void forget(void)
{
	ck_assert_int_eq(ftruncate(capture_fd, 0), 0);
	lseek(capture_fd, 0, SEEK_SET);
}

static void refused(const char *line, const char *a, const char *b)
{
	ck_assert_int_eq(measure(line), EXIT_DIE);
	ck_assert_str_eq(out, "");
	captured_one_error(a, b);
}

/* ---- values ---- */

/* P4 of the attestation reference: published, for kvmtool's device tree and these bytes. */
START_TEST(a_published_value_from_files)
{
	const char *vectors = getenv("LKVM_VECTORS");
	char dtb[256], line[512];

	snprintf(dtb, sizeof(dtb), "%s/kvmtool_vec.dtb", vectors ? vectors : "../shared/vectors");
	if (access(dtb, R_OK)) {
		dprintf(real_stdout, "skip: no device tree of kvmtool at %s\n", dtb);
		return;
	}
	snprintf(line, sizeof(line),
		 "-f %%F -c 1 -m 512 --dtb %s --rmm 1.0 --host-params bps=6,wps=6,sve_vl=0", dtb);
	ck_assert_str_eq(rim(line),
			 "cf37146fce0ad50e1be1a04580c1024e5449b430b0dd96b6ef5c9a2b73767bf5");
}
END_TEST

/*
 * What may not change, or nobody's reference values hold any longer. Computed by another program,
 * from these files and the tree of --dump-dtb.
 */
START_TEST(values_stay)
{
	static const struct {
		const char *line, *rim;
	} cases[] = {
		{ BOOT HOST, "c202c7f0a3886913fded6b97fca25510428d1f3c9a00848f496316c3f9a31f72" },
		{ BOOT "-i %I --pmu " HOST,
		  "d2feea464f3d22d3b9c11d1a7a67972000a9a5fe0b69cce92e2339c9eb35dde0" },
		{ BOOT "--measurement-algo sha512 " HOST,
		  "3912ad047152638bb06f959a4b20e8182fa47538c17d0c8042133f7517ea084b"
		  "ad81d7f7fa63d5a61b11b1704981fc2b661b00c713ed282ca135ec63d43d31d9" },
		{ "-f %F -c 1 -m 256 --disable-sve " HOST,
		  "bc68ab2ec99cb12f6f19819339cc44d62a680c2eb6e8a5b64437022e587b6570" },
		{ BOOT "--rmm 2.0 --host-params bps=6,wps=4,sve_vl=0",
		  "b8df4cbd399a4f5242ab0810a68516a871956cda2a37997a4f143825577a83bf" },
		{ BOOT "--rmm 2.0 --measurement-algo sha384 --host-params bps=6,wps=4,sve_vl=0",
		  "0f00ceec9b904b77267ef7ca01699cdb8c56084d5ade2dc9eb92f4f2d98ac0c9"
		  "df34e0b10848aa05ce63245d28c5577b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(rim(cases[i].line), cases[i].rim);
}
END_TEST

/* Same value as the first, or another one. */
START_TEST(what_counts)
{
	static const char *const same[] = {
		BOOT HOST "--realm",
		BOOT HOST "--realm=sim --realm-pv somebody",
		BOOT HOST "-n mode=none --rng -d /dev/null --name x --no-pvtime",
		BOOT HOST "--irqchip gicv3-its --virtio-transport pci",
		BOOT "--rmm 1.0 --host-params bps=6,wps=4,sve_vl=256",
		BOOT "--host-params rmm=1.0,ipa_bits=48,bps=6,wps=4,sve_vl=256,pmu=0,page=4096",
		BOOT "--host-params rmm=1.0,bps=6,wps=4,sve_vl=256,lpa2=0",
	};
	static const char *const others[] = {
		"-k %K -c 1 -m 512 " HOST,
		"-k %K -c 2 -m 514 " HOST,
		"-k %I -c 2 -m 512 " HOST,
		BOOT HOST "-i %I",
		BOOT HOST "-p quiet",
		BOOT HOST "--pmu",
		BOOT HOST "--pmu --pmu-counters 4",
		BOOT HOST "--disable-sve",
		BOOT HOST "--sve-max-vl 128",
		BOOT HOST "--irqchip gicv3",
		BOOT HOST "--virtio-transport mmio",
		BOOT HOST "--swiotlb 16",
		BOOT HOST "--measurement-log",
		BOOT HOST "--kaslr-seed 1",
		BOOT "--host-params rmm=1.0,bps=6,wps=6,sve_vl=256",
		BOOT "--host-params rmm=1.0,bps=4,wps=4,sve_vl=256",
		BOOT "--host-params rmm=2.0,bps=6,wps=4,sve_vl=256",
		BOOT "--host-params rmm=1.0,bps=6,wps=4,sve_vl=256,page=65536",
		BOOT "--host-params rmm=1.0,bps=6,wps=4,sve_vl=256,lpa2=1",
	};
	const char *first = strdup(rim(BOOT HOST));

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		ck_assert_msg(!strcmp(rim(same[i]), first), "%s", same[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert_msg(strcmp(rim(others[i]), first), "%s", others[i]);
	free((char *)(uintptr_t)first);
}
END_TEST

/* The tree that the options make, given back, is the same one; a changed one is not. */
START_TEST(a_tree_from_a_file)
{
	char first[132];

	snprintf(first, sizeof(first), "%s", rim(BOOT HOST "-i %I --dump-dtb %D"));
	ck_assert_str_eq(rim(BOOT HOST "-i %I --dtb %D"), first);
	ck_assert_int_eq(measure(BOOT HOST "-i %I --dtb %D --explain"), 0);
	SAYS("/dtb from offset 0\n");
	ck_assert_str_eq(captured(), "");
	ck_assert_str_eq(rim(BOOT HOST "-i %I --dtb %D -p quiet"), first);
	ck_assert(strstr(captured(), "Warning: --params is of no use"));
	forget();
	refused(BOOT HOST "--dtb %D", "says where an initrd is", "no --initrd");
	refused(BOOT HOST "-m 256 -i %I --dtb %D", "/dtb", "other memory than --mem");
	refused(BOOT HOST "-i %K --dtb %D", "/chosen does not say", "0x8fdfd8ec");
	refused(BOOT HOST "-i %I --dtb %D --swiotlb 8", "--dtb", "put them into that tree");
	refused(BOOT HOST "-i %I --dtb %K", "/kernel", "no device tree blob");
	refused(BOOT HOST "-i %I --dtb /nowhere", "/nowhere", "No such file");
	refused(BOOT HOST "-i %I --dtb /dev/zero", "/dev/zero", "larger than 64 KiB");
}
END_TEST

/* ---- forms ---- */

START_TEST(text_for_people)
{
	ck_assert_int_eq(measure(BOOT "-i %I --rmm 1.0 --host-params bps=6,wps=4,sve_vl=0"), 0);
	SAYS("rule       RMM 1.0, sha-256\n");
	SAYS("assumed    --irqchip gicv3-its: ");
	SAYS("assumed    page=4096: ");
	/* Nothing is assumed when all is given. */
	ck_assert_int_eq(measure(BOOT "--irqchip gicv3-its --host-params "
				      "rmm=1.0,bps=6,wps=4,sve_vl=0,page=4096 --dump-dtb %D"),
			 0);
	ck_assert_ptr_null(strstr(out, "assumed"));
	ck_assert_int_eq(measure(BOOT "--dtb %D --host-params "
				      "rmm=1.0,bps=6,wps=4,sve_vl=0,page=4096"),
			 0);
	ck_assert_ptr_null(strstr(out, "assumed"));
	/* What only some hosts of RMM 2.0 do */
	ck_assert_int_eq(
		measure(BOOT "--dtb %D --host-params rmm=2.0,bps=6,wps=4,sve_vl=0,page=4096"), 0);
	SAYS("assumed    lpa2=0: kernels of v13 and v14 make it 1 where the CPU has LPA2\n");
	ck_assert_int_eq(measure(BOOT "--dtb %D --explain --host-params "
				      "rmm=2.0,bps=6,wps=4,sve_vl=0,page=4096,lpa2=1"),
			 0);
	ck_assert_ptr_null(strstr(out, "assumed"));
	SAYS("no SVE, no PMU, LPA2\n");
	ck_assert_int_eq(measure(BOOT "-i %I --pmu --explain " HOST), 0);
	SAYS("create     ipa_bits 33, breakpoints 6, watchpoints 4, SVE vectors of 256 bits, "
	     "PMU with 6 counters\n");
	SAYS("ripas      0x80000000-0xa0000000 is RAM\n");
	SAYS("data       0x80080000-0x80083000  3 pages, kernel ");
	SAYS("/kernel from offset 0\n");
	SAYS("data       0x8fdfe000-0x8fe00000  2 pages, initrd ");
	SAYS("/initrd, which starts at 0x8fdfec74\n");
	SAYS("data       0x8fe00000-0x8fe10000  16 pages, device tree\n");
	SAYS("rec        vCPU 0: pc 0x80080000, x0 0x8fe00000; the other 1 cannot run yet: not "
	     "measured\n");
	ck_assert_int_eq(measure(BOOT "--measurement-log --explain " HOST), 0);
	SAYS("unmeasured 0x8fff0000-0x90000000  16 pages, measurement log, only its place is "
	     "measured\n");
	ck_assert_int_eq(measure(BOOT "--explain --rmm 2.0 --host-params bps=6,wps=4,sve_vl=0"), 0);
	SAYS("0x80000000-0xa0000000 is RAM; not measured by RMM 2.0\n");
}
END_TEST

START_TEST(json_for_programs)
{
	static const char *const steps[] = { "create", "ripas", "data", "data", "data", "rec" };
	const char *value = rim(BOOT "-i %I " HOST);
	json_t *o = document(BOOT "-i %I --json --explain " HOST), *list, *s = NULL;

	ck_assert_str_eq(text(o, "rim"), value);
	ck_assert_str_eq(text(o, "rmm"), "1.0");
	ck_assert_str_eq(text(o, "hash"), "sha-256");
	list = json_object_get(o, "steps");
	ck_assert_uint_eq(json_array_size(list), ARRAY_SIZE(steps));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		s = json_array_get(list, i);
		ck_assert_str_eq(text(s, "step"), steps[i]);
		ck_assert_uint_eq(strlen(text(s, "rim")), 64);
	}
	ck_assert_str_eq(text(s, "rim"), value);
	s = json_array_get(list, 2);
	ck_assert_str_eq(text(s, "base"), "0x80080000");
	ck_assert_int_eq(json_integer_value(json_object_get(s, "offset")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(s, "size")), 12288);
	ck_assert_ptr_nonnull(strstr(text(s, "file"), "/kernel"));
	json_decref(o);
	o = document(BOOT "--json " HOST);
	ck_assert_ptr_null(json_object_get(o, "steps"));
	json_decref(o);
}
END_TEST

/* What each verifier takes has the value that the text has. */
START_TEST(files_for_verifiers)
{
	char base64[100], digest[120], hex[132];
	json_t *o, *list;

	snprintf(hex, sizeof(hex), "%s", rim(BOOT HOST));
	ck_assert_int_eq(sscanf(strstr(out, "base64 "), "base64 %99s", base64), 1);
	ck_assert_uint_eq(strlen(base64), 44);
	o = document(BOOT "--reference-values " HOST);
	list = json_object_get(o, "reference-values");
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(json_string_value(json_array_get(list, 0)), base64);
	json_decref(o);
	ck_assert_int_eq(measure(BOOT "--comid --realm-pv hello " HOST), 0);
	snprintf(digest, sizeof(digest), "\"sha-256;%s\"", base64);
	SAYS(digest);
	SAYS("\"cca.rim\"");
	SAYS("\"cca.rpv\"");
	SAYS("\"aGVsbG8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	     "==\"");
	o = document(BOOT "--comid " HOST);
	list = json_object_get(json_object_get(o, "triples"), "reference-values");
	ck_assert_uint_eq(json_array_size(list), 1);
	list = json_object_get(json_array_get(list, 0), "environment");
	ck_assert_str_eq(text(json_object_get(json_object_get(list, "class"), "id"), "value"),
			 base64);
	json_decref(o);
	o = document(BOOT "--corim " HOST);
	ck_assert_str_eq(text(o, "profile"), "tag:arm.com,2025:cca_realm#1.0.0");
	ck_assert_ptr_nonnull(strstr(text(o, "corim-id"), hex));
	json_decref(o);
}
END_TEST

/* ---- profiles ---- */

START_TEST(a_profile_from_a_file)
{
	static const char list[] = "# of host7, by lkvm doctor\n"
				   "rmm=1.0,ipa_bits=48,bps=6, wps=4\r\n"
				   "sve_vl=256 pmu=6\tpage=4096 # all of it\n";
	static char large[5000];

	write_file("profile", list, strlen(list));
	ck_assert_str_eq(rim(BOOT "--host-params %P"), rim(BOOT HOST));
	refused(BOOT "--host-params /nowhere", "/nowhere", "No such file");
	memset(large, '\n', sizeof(large));
	write_file("profile", large, sizeof(large));
	refused(BOOT "--host-params %P", "/profile", "too long");
	write_file("profile", "bps=6 colour=red", 16);
	refused(BOOT "--host-params %P", "/profile", "'colour=red' is none of");
	write_file("profile", "# lkvm doctor\n", 14);
	refused(BOOT "--rmm 1.0 --host-params %P", "/profile", "there is no parameter in it");
}
END_TEST

/* This machine, here one of the models. */
START_TEST(the_profile_of_this_host)
{
	static const struct fake_op nothing[] = { { GUEST_END, 0, 0, NULL } };

	fake_kvm_init(HOST_B2, nothing);
	ck_assert_str_eq(rim(BOOT "--host-params host --dev /dev/null"), rim(BOOT HOST));
	ck_assert_str_eq(rim(BOOT "--realm=sim --host-params host --dev /dev/null"),
			 rim(BOOT HOST));
	fake_kvm_init(HOST_PLAIN, nothing);
	refused(BOOT "--host-params host --dev /dev/null", "--host-params host",
		"does not know Realms");
	fake_kvm_init(HOST_C1, nothing);
	refused(BOOT "--host-params host --dev /dev/null", "generation C1", "cannot tell");
	refused(BOOT "--host-params host --dev /nowhere", "/nowhere", "exist");
}
END_TEST

/* ---- mistakes ---- */

START_TEST(what_is_missing)
{
	refused("-k %K -m 512 " HOST, "--cpus is missing", "");
	refused("-k %K -c 2 " HOST, "--mem is missing", "");
	refused("-k %K -c 2 -m 512 --sandbox %K " HOST, "--sandbox: the initrd", "");
	refused("-c 2 -m 512 " HOST, "--kernel", "is missing");
	refused(BOOT, "--rmm 1.0 or --rmm 2.0?", "lkvm doctor");
	refused(BOOT "--rmm 1.0", "bps=, wps=, sve_vl=", "lkvm doctor");
	refused(BOOT "--rmm 1.0 --host-params wps=4,sve_vl=0 --pmu", "bps=, pmu=", "");
	refused("-k /nowhere -c 2 -m 512 " HOST, "Unable to open kernel /nowhere", "");
}
END_TEST

START_TEST(what_cannot_be)
{
	refused(BOOT HOST "--rmm 3.0", "--rmm is 1.0 or 2.0", "");
	refused(BOOT HOST "--realm=rmi --rmm 1.0", "--rmm 1.0", "RMM 2.0");
	refused(BOOT HOST "--measurement-algo sha384", "sha384 is for --rmm 2.0", "");
	refused(BOOT HOST "--measurement-algo md5", "md5", "");
	refused(BOOT HOST "--sve-max-vl 512", "SVE vectors of bits up to 256, not 512", "");
	refused(BOOT HOST "--pmu --pmu-counters 8", "PMU counters up to 6, not 8", "");
	refused("-k %K -c 2 -m 8g --host-params rmm=1.0,ipa_bits=33,bps=6,wps=4,sve_vl=0",
		"address space of bits up to 33, not 35", "");
	refused(BOOT "--host-params rmm=2.0,bps=6,wps=4,sve_vl=0,page=16384", "RMM 2.0", "4096");
	refused(BOOT "--host-params rmm=1.0,bps=6,bps=6", "bps is given twice", "");
	refused(BOOT "--host-params rmm=1.1", "rmm is 1.0 or 2.0", "1.1");
	refused(BOOT "--host-params sve_vl=100", "steps of 128", "100");
	refused(BOOT "--host-params sve_vl=200", "steps of 128", "200");
	refused(BOOT "--host-params lpa2=2", "lpa2 is 0 or 1", "not '2'");
	refused(BOOT "--host-params page=12288", "a power of two", "12288");
	refused(BOOT "--host-params bps=99999999999999", "bps is 2 to 16", "");
	refused(BOOT HOST "--json --comid", "one form of output", "");
	refused(BOOT HOST "--explain --corim", "--explain goes with", "");
	refused(BOOT HOST "--protected", "only a Realm is", "");
	refused("-k %K -c 2 -m 513 " HOST, "multiple of 2 MiB", "");
	refused("-k %K -c 2 -m 2m " HOST, "guest memory", "increase --mem");
}
END_TEST

/* --add-file is measured as the same initrd, put together by hand, is. */
START_TEST(added_files)
{
	static u8 initrd[8192];
	struct cpio *files = cpio_create();
	char plain[200], line[400];

	snprintf(plain, sizeof(plain), "%s", rim(BOOT HOST "-i %I"));
	snprintf(line, sizeof(line), "%s-i %%I --add-file %s:/etc/k:600", BOOT HOST,
		 in_dir("firmware"));
	ck_assert_str_ne(rim(line), plain);
	snprintf(plain, sizeof(plain), "%s", rim(line));
	memset(initrd, 0x55, 5000);
	ck_assert_int_eq(cpio_add_file(files, "t", in_dir("firmware"), "/etc/k", 0600), 0);
	ck_assert_int_eq(cpio_write(files, initrd + 5000), 0);
	write_file("initrd", initrd, 5000 + cpio_size(files));
	ck_assert_str_eq(rim(BOOT HOST "-i %I"), plain);
	cpio_destroy(files);
}
END_TEST

SUITE_MAIN_FIXTURE("lkvm/cmd_measure", setup, teardown, a_published_value_from_files, values_stay,
		   what_counts, a_tree_from_a_file, text_for_people, json_for_programs,
		   files_for_verifiers, a_profile_from_a_file, the_profile_of_this_host,
		   what_is_missing, what_cannot_be, added_files)
