# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            build/lkvm for this machine
# make arm64      build/arm64/lkvm, cross-built (or native on arm64)
# make demo       install what is missing, build, boot a guest in this terminal
# make demo-attest  a Realm gets a key from a key broker, and another one does not
# make check      unit tests, fuzz corpora, stress, faults, kills, lints, boots in the rig; prints a total
# make faults     each call that can fail does, once; in `make check` an eighth of them
# make dist       one static program with all libraries in it, in an archive: build/dist
# make deb        Debian packages of what is committed, for arm64: build/deb (DEB_ARCH="arm64 amd64")
# make bench      lkvm beside QEMU in the same rig
# make mutate     plants faults in a copy of the tree, and has the unit tests find them
# make install  uninstall  what was built: program, manual, completion (make install-arm64 says which)
# make man clean
#
# Nothing is listed here: a .c file of the program, a suite of tests/unit and a target of tests/fuzz are
# found by where they lie. A suite is linked with archives, from which the linker takes what it needs.

CROSS_COMPILE ?=
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
AR := $(CROSS_COMPILE)ar
CLANG ?= clang
PKG_CONFIG ?= pkg-config
# The machine that is compiled for. Objects for another one than this lie in a folder of their own.
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
HERE := $(shell uname -m)
O ?= $(if $(filter $(HERE),$(or $(ARCH),$(HERE))),build,build/$(ARCH:aarch64=arm64))
# Sources that are made, for the machine that is compiled for.
GEN := build/gen/$(or $(ARCH),$(HERE))
V ?=
Q := $(if $(V),,@)
say = @printf '  %-8s%s\n' '$(1)' '$(2)'

# ---- what is built -------------------------------------------------------------------------------

# All of the program but main(), and what stands in for parts of it in tests. Libraries that few guests
# need are found at run time (X_load.c); LINKED=y is a program that has them in it (X_linked.c).
LINKED ?=
ROOM_SRCS := $(sort $(wildcard lkvm/*/*.c virtio/*/*.c net/*.c net/*/*.c arm64/*.c realm/*.c realm/*/*.c))
LIB_SRCS := $(filter-out %$(if $(LINKED),_load.c,_linked.c),$(ROOM_SRCS))
LKVM_SRCS := lkvm/main.c lkvm/start.c $(LIB_SRCS)
FAKE_SRCS := $(sort $(wildcard tests/fake/*.c))

# The key broker and its client, and what implements two of the program's headers for static programs.
KEYBROKER_STANDINS := guest/keybroker/log.c realm/libcrypto_linked.c
KEYBROKER_SRCS := $(sort $(filter-out guest/keybroker/app.c tests/keybroker/main.c $(KEYBROKER_STANDINS), \
	$(wildcard guest/keybroker/*.c tests/keybroker/*.c)))

# What the lints look at.
ALL_SRCS := lkvm/main.c lkvm/start.c $(ROOM_SRCS) $(sort $(wildcard guest/keybroker/*.c tests/keybroker/*.c))

# ---- how -----------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wconversion -Wno-sign-conversion -Wundef -Wpointer-arith -Wwrite-strings -Wno-unused-parameter
# For lkvm itself, which a stack of 256 KiB (ulimit -s) is enough for; tests have larger ones.
WARN_STACK := -Wframe-larger-than=131072
WERROR ?=
CSTD := -std=gnu17 -D_GNU_SOURCE -I. -I$(GEN)
# A distribution that has its own idea of this one says so in CPPFLAGS or CFLAGS.
HARDEN = $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3) \
	-fstack-protector-strong -fPIE $(HARDEN_KNOWN)
HARDEN_LD := -Wl,-z,relro,-z,now,-z,separate-code,-z,noexecstack
# Those that the compiler knows. The linker marks a program as having landing pads for indirect branches
# only if all that it is made of has them: out-of-line atomics are libgcc's, and have none.
known = $(foreach flag,$(1),$(shell $(CC) -Werror $(flag) -S -o /dev/null -x c /dev/null 2>/dev/null && echo '$(flag)'))
HARDEN_KNOWN := $(call known,-fstack-clash-protection -ftrivial-auto-var-init=zero \
	$(if $(filter aarch64,$(ARCH)),-mbranch-protection=standard -mno-outline-atomics) \
	$(if $(filter x86_64,$(ARCH)),-fcf-protection=full))
# The C library's start files have no landing pads either (Debian 12), so lkvm starts by lkvm/start.c.
START := $(if $(LINKED),,$(if $(filter aarch64 x86_64,$(ARCH)),lkvm/start.c))
REPRO = -ffile-prefix-map=$(CURDIR)=. $(if $(SYSROOT),-ffile-prefix-map=$(SYSROOT)=/sysroot)
OPT ?= -O2 -g
# A linked program is static, too. Its relocations are packed (RELR): start-up has tens of thousands of
# them, as all addresses in tables of libraries are.
LINKED_CFLAGS := $(if $(LINKED),-DLKVM_LINKED -ffunction-sections -fdata-sections)
# Those of libcrypto, most of them, wait until somebody needs it (lkvm/base/relocate_linked.c).
LINKED_LDFLAGS := -static-pie -fuse-ld=lld -Wl,--gc-sections,--pack-dyn-relocs=relr -Wl,--entry=relocate_start
SYSROOT ?=
ALL_CFLAGS = $(if $(SYSROOT),--sysroot=$(SYSROOT)) $(CSTD) $(WARN) $(WARN_STACK) $(WERROR) $(OPT) $(HARDEN) $(LINKED_CFLAGS) $(REPRO) $(DEFS) -MMD -MP \
	$(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(if $(SYSROOT),--sysroot=$(SYSROOT)) $(if $(LINKED),$(LINKED_LDFLAGS),-pie -Wl,--as-needed) $(HARDEN_LD) $(LDFLAGS)

# libslirp and libcrypto are loaded at run time (net/user/slirp_load.c, realm/libcrypto_load.c), so lkvm starts without
# them. The small libraries are linked statically where the distribution ships an archive with landing pads:
# start-up then costs no relocations.
lib = $(if $(shell $(PADDED) '$(firstword $(wildcard $(SYSROOT)/usr/lib/*/lib$(1).a))'),-l:lib$(1).a,-l$(1))
PADDED := READELF=$(CROSS_COMPILE)readelf tests/lint/hardened --pads
# The C library comes first, as nearly all names are its own: the linker of a start looks for each in every
# library up to the one that has it.
LIBS ?= $(if $(LINKED),,-lc) $(call lib,fdt) $(call lib,z) $(call lib,zstd) $(call lib,uring) \
	$(if $(LINKED),$(O)/relocate_begin.o) $(call lib,crypto) $(if $(LINKED),$(O)/relocate_end.o) $(call lib,jansson) \
	$(if $(LINKED),-lglib-2.0 -lpcre2-8 -llzma -llz4 -lbz2 -lm) -lpthread -ldl
# Debian 12's libslirp-dev does not bring the glib-2.0.pc that its own .pc file asks for.
SLIRP_CFLAGS ?= $(or $(if $(SYSROOT),,$(shell $(PKG_CONFIG) --cflags slirp 2>/dev/null)),-I$(SYSROOT)/usr/include/slirp)

# The version: of the last tag and what came after it, tests/dist/version. Never a date.
VERSION ?= $(shell tests/dist/version)

.DEFAULT_GOAL := all
# Objects on the way to something are kept.
.SECONDARY:
.PHONY: all arm64 check demo demo-attest bench lint boot man install clean deps
all: $(O)/lkvm

# A Debian machine without the packages is told which in one sentence, once, before the first compile.
DEPS := $(if $(SYSROOT),,$(if $(wildcard /usr/bin/dpkg-query),build/deps))
build/deps: tests/rig/deps
	$(Q)tests/rig/deps missing build
	@mkdir -p $(@D) && touch $@

$(O)/obj/%.o: %.c $(O)/hardened | $(DEPS)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(SLIRP_CFLAGS) -c -o $@ $<

# Touched only when the version, or how it is hardened, is another one than last time.
.PHONY: FORCE
$(O)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@
$(O)/hardened: FORCE
	@mkdir -p $(@D)
	@echo '$(HARDEN)' | cmp -s - $@ || echo '$(HARDEN)' > $@
$(O)/obj/lkvm/cli/cmd_help.o: $(O)/version
$(O)/obj/lkvm/cli/cmd_help.o: DEFS = -DLKVM_VERSION='"$(VERSION)"'
build/san/lkvm/cli/cmd_help.o build/tsan/lkvm/cli/cmd_help.o build/fuzz/obj/lkvm/cli/cmd_help.o: DEFS = -DLKVM_VERSION='"test"'

# Names of system calls, as the headers have them.
$(GEN)/call_names.h: Makefile
	@mkdir -p $(@D)
	$(Q)printf '#include <asm/unistd.h>\n' | $(CC) $(if $(SYSROOT),--sysroot=$(SYSROOT)) -dM -E - | \
		sed -n '/syscalls\|arch_specific/d; s/^#define __NR_\([a-z][a-z0-9_]*\) .*/CALL_NAME(\1)/p' | LC_ALL=C sort >$@.new
	$(Q)mv $@.new $@
$(O)/obj/lkvm/run/violation.o build/san/lkvm/run/violation.o build/tsan/lkvm/run/violation.o \
	build/fuzz/obj/lkvm/run/violation.o: $(GEN)/call_names.h

# Archives hold names of objects, so they cost nothing. Made anew each time: an object whose source is
# gone, or of the same name in another folder, would be trouble.
define archive
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) cqsT $@ $(filter %.o,$^)
endef
objs = $(patsubst %.c,$(1)/%.o,$(2))

# The first process of guests of `lkvm exec` is a part of the program that starts them.
INIT := build/guest/init
INIT_OBJS := $(patsubst %.c,build/guest/%.o,$(sort $(wildcard guest/init/*.c)))
ifeq ($(ARCH),aarch64)
$(O)/obj/lkvm/exec/init.o: $(INIT)/init
$(O)/obj/lkvm/exec/init.o: DEFS = -DGUEST_INIT='"$(INIT)/init"'
endif

$(O)/liblkvm.a: $(call objs,$(O)/obj,$(LIB_SRCS))
	$(archive)
$(O)/libfake.a: $(call objs,$(O)/obj,$(FAKE_SRCS))
	$(archive)
$(O)/libkeybroker.a: $(call objs,$(O)/obj,$(KEYBROKER_SRCS))
	$(archive)

$(O)/lkvm: $(call objs,$(O)/obj,$(START) lkvm/main.c) $(O)/liblkvm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(if $(START),-nostartfiles) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# ---- arm64: natively where we are on one, otherwise cross-built against packages under build/ -----

ifeq ($(HERE),aarch64)
ARM64_VARS :=
else
ARM64_VARS := CROSS_COMPILE=aarch64-linux-gnu- SYSROOT=$(CURDIR)/build/sysroot/arm64
ARM64_SYSROOT := build/sysroot/arm64
endif

build/sysroot/arm64:
	$(Q)tests/rig/fetch sysroot

arm64: | $(ARM64_SYSROOT)
	$(Q)$(MAKE) --no-print-directory O=build/arm64 $(ARM64_VARS) build/arm64/lkvm

# ---- one file that runs anywhere: build/dist/lkvm-VERSION-arm64.tar.xz -----------------------------
#
# All libraries are in it, from Debian's archives; of libslirp there is none, so it is built from source.

STATIC := build/rig/static
SLIRP := $(STATIC)/libslirp/src
ifneq ($(LINKED),)
SLIRP_CFLAGS := -I$(SLIRP) -I$(O)/slirp
SLIRP_OBJS := $(patsubst $(SLIRP)/%.c,$(O)/slirp/%.o,$(sort $(wildcard $(SLIRP)/*.c)))
$(O)/lkvm: $(O)/slirp/libslirp.o | $(O)/ld/ld.lld $(O)/relocate_begin.o $(O)/relocate_end.o
# Names for a place between two archives.
$(O)/relocate_%.o:
	@mkdir -p $(@D)
	$(Q)printf '.section .data.rel.ro,"aw"\n.global relocate_$*\n.hidden relocate_$*\nrelocate_$*:\n' | \
		$(CC) -c -x assembler -o $@ -
$(O)/lkvm: ALL_LDFLAGS += -B$(O)/ld -Wl,-Map=$(O)/lkvm.map
$(call objs,$(O)/obj,$(LIB_SRCS)): | $(O)/slirp/libslirp-version.h
# A compiler for another machine does not look for a linker in the PATH.
$(O)/ld/ld.lld:
	@mkdir -p $(@D) && ln -sf "$$(command -v ld.lld)" $@
$(O)/slirp/libslirp-version.h: $(STATIC)/packages
	@mkdir -p $(@D)
	$(Q)awk -F '[ .-]' '$$1 == "libslirp" { \
		printf "#define SLIRP_MAJOR_VERSION %d\n#define SLIRP_MINOR_VERSION %d\n", $$2, $$3; \
		printf "#define SLIRP_MICRO_VERSION %d\n#define SLIRP_VERSION_STRING \"%d.%d.%d\"\n", $$4, $$2, $$3, $$4; \
		print "#define SLIRP_CHECK_VERSION(a, b, c) (SLIRP_MAJOR_VERSION * 10000 + \\"; \
		print "	SLIRP_MINOR_VERSION * 100 + SLIRP_MICRO_VERSION >= (a) * 10000 + (b) * 100 + (c))" }' $< >$@.new
	$(Q)mv $@.new $@
$(O)/slirp/%.o: $(SLIRP)/%.c $(O)/slirp/libslirp-version.h $(O)/hardened
	$(call say,CC,libslirp/$(*F).c)
	$(Q)$(CC) --sysroot=$(SYSROOT) -std=gnu99 -D_GNU_SOURCE '-DG_LOG_DOMAIN="Slirp"' $(OPT) $(HARDEN) \
		$(LINKED_CFLAGS) $(REPRO) -I$(O)/slirp -I$(SYSROOT)/usr/include/glib-2.0 \
		-I$(firstword $(wildcard $(SYSROOT)/usr/lib/*/glib-2.0/include)) -c -o $@ $<
# Like the shared library it shows no names but its interface: we have a tcp_input(), too.
$(O)/slirp/libslirp.o: $(SLIRP_OBJS)
	$(Q)$(CC) -nostdlib -r -o $@ $^
	$(Q)$(CROSS_COMPILE)objcopy --wildcard --keep-global-symbol='slirp_*' $@
endif

$(STATIC)/packages:
	$(Q)tests/rig/deps dist
	$(Q)tests/rig/fetch static

DIST_VARS := LINKED=y O=build/dist/obj CROSS_COMPILE=$(if $(filter aarch64,$(HERE)),,aarch64-linux-gnu-) \
	SYSROOT=$(CURDIR)/$(STATIC)/sysroot VERSION=$(VERSION)
.PHONY: dist dist-lkvm
dist-lkvm: $(STATIC)/packages
	$(Q)$(MAKE) --no-print-directory $(DIST_VARS) build/dist/obj/lkvm
dist: dist-lkvm
	$(Q)VERSION=$(VERSION) CROSS_COMPILE=$(if $(filter aarch64,$(HERE)),,aarch64-linux-gnu-) tests/dist/pack build/dist/obj/lkvm

# ---- Debian packages: build/deb ------------------------------------------------------------------
#
# Of what is committed; tests/dist/debian says how. DEB_ARCH="arm64 amd64" for more than one machine.

DEB_ARCH ?= arm64
.PHONY: deb
deb:
	$(Q)tests/rig/deps deb
	$(Q)tests/dist/deb $(DEB_ARCH)

# ---- unit tests: native, ASan + UBSan; with SAN=thread, TSan ---------------------------------------
#
# A suite is tests/unit/<folder>/<name>_test.c. What it defines itself stands in for the program's, and
# what it asks of tests/fake does, too: the linker looks into the archives in that order.

UNITS := $(patsubst tests/unit/%_test.c,%,$(sort $(wildcard tests/unit/*/*_test.c tests/unit/*/*/*_test.c)))

SAN ?= address
ifeq ($(SAN),thread)
# gcc's knows no fences (queue.c has two); what it does not know it may report, never hide.
SAN_FLAGS := -fsanitize=thread -fno-omit-frame-pointer $(if $(findstring clang,$(CC)),,-Wno-tsan)
SAN_OBJ := build/tsan
UNIT := build/unit-thread
else
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_OBJ := build/san
UNIT := build/unit
endif
SAN_CFLAGS = $(CSTD) $(WARN) $(WERROR) -O1 -g $(SAN_FLAGS) $(DEFS) -MMD -MP $(CPPFLAGS) $(SLIRP_CFLAGS) \
	$(shell $(PKG_CONFIG) --cflags check 2>/dev/null)
SAN_LIBS = $(shell $(PKG_CONFIG) --libs check 2>/dev/null) -lfdt -lz -lzstd -luring -lcrypto -ljansson -lseccomp -lpthread -ldl

$(SAN_OBJ)/%.o: %.c
	$(call say,CC[san],$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN_CFLAGS) -c -o $@ $<

$(SAN_OBJ)/liblkvm.a: $(call objs,$(SAN_OBJ),$(LIB_SRCS))
	$(archive)
$(SAN_OBJ)/libfake.a: $(call objs,$(SAN_OBJ),$(FAKE_SRCS) $(KEYBROKER_SRCS))
	$(archive)

$(UNIT)/%: $(SAN_OBJ)/tests/unit/%_test.o $(SAN_OBJ)/libfake.a $(SAN_OBJ)/liblkvm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN_FLAGS) $(LDFLAGS) -o $@ $^ $(SAN_LIBS)

.PHONY: unit
unit: $(UNITS:%=$(UNIT)/%)
	$(Q)UNIT=$(UNIT) $(if $(filter thread,$(SAN)),SLOWER=5) tests/run-units $(UNITS)

# ---- stress: hostile vCPUs against all devices; each run under both kinds of sanitizers -----------
#
# STRESS_OPS=5000000 for more than a short run; see tests/stress/README.

$(UNIT)/stress: $(call objs,$(SAN_OBJ),$(sort $(wildcard tests/stress/*.c))) $(SAN_OBJ)/libfake.a $(SAN_OBJ)/liblkvm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN_FLAGS) $(LDFLAGS) -o $@ $^ $(SAN_LIBS)

.PHONY: stress
stress:
	$(Q)$(MAKE) --no-print-directory SAN=address build/unit/stress
	$(Q)$(MAKE) --no-print-directory SAN=thread build/unit-thread/stress
	$(Q)tests/run-stress build/unit/stress build/unit-thread/stress

# ---- faults: each call that can fail does, once; tests/faults/README -------------------------------
#
# The program's objects call fault_open() where they called open(), and so on.

build/faults/calls: tests/faults/calls.h
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P '-DCALL(type, name, ...)=name fault_##name' '-DCALL_MORE(type, name, ...)=name fault_##name' $< | \
		xargs -n 2 >$@
build/faults/%.o: build/san/%.o build/faults/calls
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-syms=build/faults/calls $< $@
build/faults/liblkvm.a: $(call objs,build/faults,$(LIB_SRCS))
	$(archive)
build/faults/faults: $(call objs,build/san,$(sort $(wildcard tests/faults/*.c))) build/san/libfake.a build/faults/liblkvm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN_FLAGS) $(LDFLAGS) -o $@ $^ $(SAN_LIBS)

.PHONY: faults
faults: build/faults/faults
	$(Q)TIME_SCALE=$$(tests/time-scale) FAULTS_STEP=$(FAULTS_STEP) FAULTS_TIMES=$(FAULTS_TIMES) $<

# ---- kills: SIGKILL while a guest writes; tests/kills/README -----------------------------------------

build/unit/kills: $(call objs,build/san,$(sort $(wildcard tests/kills/*.c))) build/san/libfake.a build/san/liblkvm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN_FLAGS) $(LDFLAGS) -o $@ $^ $(SAN_LIBS)

.PHONY: kills
kills: build/unit/kills
	$(Q)KILLS=$(KILLS) $<

# FAULT="virtio/dev rings" plants only those whose file or description has one of these words.
.PHONY: mutate
mutate:
	$(Q)MAKE='$(MAKE)' tests/mutate/run $(FAULT)

# Write the device trees of tests/golden anew. Read the diff: they are measured into Realms.
.PHONY: golden
golden: build/unit/arm64/fdt
	$(Q)GOLDEN=write $<

# ---- fuzz targets: libFuzzer (clang); corpora are replayed by `make check` -----------------------

FUZZERS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))

FUZZ_SAN := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

build/fuzz/obj/%.o: %.c
	$(call say,CC[fuzz],$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CSTD) $(WARN) $(WERROR) -O1 -g $(FUZZ_SAN) $(DEFS) -MMD -MP $(CPPFLAGS) \
		$(SLIRP_CFLAGS) -c -o $@ $<

build/fuzz/liblkvm.a: $(call objs,build/fuzz/obj,$(LIB_SRCS))
	$(archive)
build/fuzz/libfake.a: $(call objs,build/fuzz/obj,$(FAKE_SRCS) $(KEYBROKER_SRCS))
	$(archive)

$(FUZZERS:%=build/fuzz/%): build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o build/fuzz/libfake.a build/fuzz/liblkvm.a
	$(call say,LD,$@)
	$(Q)$(CLANG) $(FUZZ_SAN) $(LDFLAGS) -o $@ $^ -lfdt -lz -lzstd -luring -lcrypto -ljansson -lpthread -ldl

.PHONY: corpora
corpora: $(FUZZERS:%=build/fuzz/%)
	$(Q)tests/run-corpora $(FUZZERS)

# Hours of processor time for each target, counted over interrupted runs; what they find goes to build/fuzz/.
# For the nights, not for check:
# make fuzz-long HOURS=2 FUZZ="control pci" (default: one hour, all)
HOURS ?= 1
FUZZ ?= $(FUZZERS)
.PHONY: fuzz-long
fuzz-long: $(FUZZ:%=build/fuzz/%)
	$(Q)tests/run-fuzz $(HOURS) $(FUZZ)

# ---- payloads of guest/: freestanding arm64 binaries ----------------------------------------------

GUEST_LIB := guest/lib.c guest/fdt.c guest/gic.c guest/realm.c guest/virtio.c
PAYLOADS := $(patsubst guest/%.c,%,$(filter-out $(GUEST_LIB),$(sort $(wildcard guest/*.c))))
GUEST_CROSS := $(if $(filter aarch64,$(HERE)),,aarch64-linux-gnu-)
GUEST_CC := $(GUEST_CROSS)gcc
GUEST_CFLAGS := -std=gnu17 -I. -ffreestanding -fno-pic -fno-stack-protector -mgeneral-regs-only \
	-mstrict-align -mno-outline-atomics -fno-tree-loop-distribute-patterns -O2 -g \
	-Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wconversion \
	-Wno-sign-conversion $(WERROR) $(REPRO) -MMD -MP
# The rig copies build/arm64 into the emulated host, so what is only needed here lies elsewhere.
GUEST_OUT := build/arm64/guest
GUEST_OBJ := build/guest

$(GUEST_OBJ)/guest/%.o: guest/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -c -o $@ $<
$(GUEST_OBJ)/guest/start.o: guest/start.S arm64/memmap.h
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) -I. -c -o $@ $<
$(GUEST_OBJ)/guest/start-image.o: guest/start.S arm64/memmap.h
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) -I. -DIMAGE_HEADER -c -o $@ $<

# Without a C library: it is small, and what it needs is known.
$(INIT)/init: $(INIT_OBJS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) -nostdlib -static -no-pie -s -Wl,--build-id=none,-z,noexecstack -o $@ $^ -lgcc

guest_link = $(GUEST_CC) -nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096,--no-warn-rwx-segments \
	-T guest/link.ld -o $(GUEST_OBJ)/$(@F).elf $(filter %.o,$^) -lgcc && \
	$(GUEST_CROSS)objcopy -O binary $(GUEST_OBJ)/$(@F).elf $@
$(GUEST_OUT)/%.flat: $(GUEST_OBJ)/guest/start.o $(GUEST_OBJ)/guest/%.o $(GUEST_LIB:%.c=$(GUEST_OBJ)/%.o) guest/link.ld
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(guest_link)
$(GUEST_OUT)/%.img: $(GUEST_OBJ)/guest/start-image.o $(GUEST_OBJ)/guest/%.o $(GUEST_LIB:%.c=$(GUEST_OBJ)/%.o) guest/link.ld
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(guest_link)

# What boot tests and bench run inside guests and hosts: static, so that it runs in all of them.
build/arm64/tests/tool: $(wildcard tests/boot/tool_*.c) tests/boot/tool.h tests/boot/tool_fs.h
build/arm64/tests/asks: tests/boot/asks_guest.S $(wildcard tests/fake/asks*.[ch]) lkvm/kvm/kvm_ioctl.c
build/arm64/tests/%: tests/boot/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(CSTD) -O2 -Wall -Wextra -Wno-unused-parameter $(WERROR) $(REPRO) -static -o $@ $(filter %.c %.S,$^)
build/arm64/tests/%: tests/bench/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(CSTD) -O2 -Wall -Wextra $(WERROR) $(REPRO) -static -o $@ $<

.PHONY: payloads
payloads: build/arm64/tests/tool build/arm64/tests/intrude build/arm64/tests/count build/arm64/tests/asks $(PAYLOADS:%=$(GUEST_OUT)/%.flat) $(GUEST_OUT)/hello.img $(GUEST_OUT)/args.img

# ---- key broker: the server is for tests and demonstrations, see tests/keybroker/README -------------

standins := $(call objs,$(O)/obj,$(KEYBROKER_STANDINS))

$(O)/tests/keybroker-server: $(call objs,$(O)/obj,$(START) tests/keybroker/main.c) $(standins) $(O)/libkeybroker.a $(O)/liblkvm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(if $(START),-nostartfiles) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(call lib,z) $(call lib,zstd)

$(O)/guest/keybroker-app: $(O)/obj/guest/keybroker/app.o $(standins) $(O)/libkeybroker.a $(O)/liblkvm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -pie,$(ALL_LDFLAGS)) -static-pie -Wl,--no-warnings -o $@ $^ $(LIBS) $(call lib,z) $(call lib,zstd)

# For the Realm, and for hosts on which a Realm runs; with the same for this machine.
.PHONY: keybroker keybroker-arm64
keybroker-arm64: | $(ARM64_SYSROOT)
	$(Q)$(MAKE) --no-print-directory O=build/arm64 $(ARM64_VARS) build/arm64/tests/keybroker-server \
		build/arm64/guest/keybroker-app
keybroker: $(O)/tests/keybroker-server $(O)/guest/keybroker-app keybroker-arm64

# ---- all of it -----------------------------------------------------------------------------------

check:
	$(Q)tests/rig/deps check
	$(Q)MAKE='$(MAKE)' tests/check

deps:
	$(Q)tests/rig/deps build

# ---- boots in the rig ----------------------------------------------------------------------------

demo:
	$(Q)tests/rig/deps demo
	$(Q)$(MAKE) --no-print-directory arm64
	$(Q)tests/boot/demo

demo-attest:
	$(Q)tests/rig/deps demo
	$(Q)$(MAKE) --no-print-directory arm64 keybroker-arm64
	$(Q)tests/boot/demo-attest

# The native device path, counted by callgrind: no sanitizers, optimised as lkvm is.
build/bench/%: $(O)/obj/tests/bench/%.o $(O)/libfake.a $(O)/liblkvm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

bench: arm64 payloads build/bench/native_virtio build/bench/net_path
	$(Q)tests/bench/run

# BOOT="payload cloud" runs only these groups.
boot: all arm64 payloads keybroker
	$(Q)tests/boot/run $(BOOT)

# For a night: guests one after the other, and what they leave in the host. With TURNS=30 for less than an hour.
COUNT ?= 1000
.PHONY: boots-in-a-row
boots-in-a-row: arm64 payloads
	$(Q)tests/boot/in-a-row $(COUNT) $(TURNS)

# ---- manual, installation ------------------------------------------------------------------------
#
# docs/lkvm.1 and the completions of shells are committed, so that people can read the one without building, and a
# program for another machine need not be run for the other; `make lint` checks that they are what the
# option table gives.

man: $(O)/lkvm
	$(call say,MAN,docs/lkvm.1 and completions)
	$(Q)tests/lint/man --write $<

# What was built is installed: by `make` for this machine, by `make arm64` for that one, by CROSS_COMPILE
# for another. Where there are several, `install` means this machine, `install-arm64` says it.
prefix ?= /usr/local
.PHONY: install-arm64
ifeq ($(O)$(wildcard build/lkvm)$(if $(wildcard build/arm64/lkvm),/arm64),build/arm64)
install: install-arm64
else
install: $(O)/lkvm
	install -D -m 755 $< $(DESTDIR)$(prefix)/bin/lkvm
	install -D -m 644 docs/lkvm.1 $(DESTDIR)$(prefix)/share/man/man1/lkvm.1
	install -D -m 644 docs/lkvm.bash $(DESTDIR)$(prefix)/share/bash-completion/completions/lkvm
	install -D -m 644 docs/lkvm.zsh $(DESTDIR)$(prefix)/share/zsh/site-functions/_lkvm
	install -D -m 644 docs/lkvm.fish $(DESTDIR)$(prefix)/share/fish/vendor_completions.d/lkvm.fish
endif
install-arm64: arm64
	$(Q)$(MAKE) --no-print-directory O=build/arm64 $(ARM64_VARS) install

# Not a part of `install`: for tests and demonstrations.
.PHONY: install-keybroker
install-keybroker: $(O)/tests/keybroker-server $(O)/guest/keybroker-app
	install -D -m 755 -t $(DESTDIR)$(prefix)/bin $^
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man1 docs/keybroker-server.1 docs/keybroker-app.1

.PHONY: uninstall
uninstall:
	rm -f $(addprefix $(DESTDIR)$(prefix)/,bin/lkvm share/man/man1/lkvm.1 share/bash-completion/completions/lkvm \
		share/zsh/site-functions/_lkvm share/fish/vendor_completions.d/lkvm.fish \
		$(addprefix bin/,keybroker-server keybroker-app) $(addprefix share/man/man1/,keybroker-server.1 keybroker-app.1))

# ---- lints: each script of tests/lint/ is one, and says what it is for ----------------------------

LINTS := changelog completion flags house layering primitives room-cards suites size words format shell install versions self-test
.PHONY: lint-headers lint-tidy lint-cppcheck lint-man lint-docs lint-globals lint-hardened lint-mutate
lint: lint-headers lint-man lint-docs lint-mutate lint-globals lint-hardened lint-cppcheck
	$(Q)MAKE='$(MAKE)' tests/lint/run $(LINTS)

# Make the tree what `make lint` wants of it.
.PHONY: format
format:
	$(Q)tests/lint/format --write

lint-headers:
	$(call say,LINT,headers compile alone)
	$(Q)CC='$(CC)' CFLAGS='$(CSTD) $(WARN) $(SLIRP_CFLAGS) -Werror' tests/lint/headers
lint-man: $(O)/lkvm
	$(call say,LINT,manual)
	$(Q)tests/lint/man --check $<
lint-docs: $(O)/lkvm
	$(call say,LINT,documents)
	$(Q)tests/lint/docs $<
lint-globals: $(O)/liblkvm.a
	$(call say,LINT,globals)
	$(Q)tests/lint/globals $<
lint-hardened: all arm64 keybroker
	$(call say,LINT,hardened)
	$(Q)tests/lint/hardened $(foreach o,$(sort $(O) build/arm64),$(o)/lkvm $(o)/tests/keybroker-server $(o)/guest/keybroker-app) \
		$(wildcard build/dist/obj/lkvm)
lint-cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)tests/lint/cppcheck $(ALL_SRCS)
lint-mutate:
	$(call say,LINT,faults can be planted)
	$(Q)tests/mutate/run --dry
# Only `make check` runs clang-tidy: it is slow (a minute or two).
lint-tidy:
	$(call say,LINT,clang-tidy)
	$(Q)tests/lint/tidy '$(CSTD) $(SLIRP_CFLAGS)' $(ALL_SRCS)

clean:
	rm -rf build/obj build/dist build/faults build/san build/tsan build/unit build/unit-thread build/fuzz build/bench build/lib*.a build/lkvm build/arm64 build/guest build/tests

-include $(shell find $(O)/obj $(SAN_OBJ) build/fuzz build/guest -name '*.d' 2>/dev/null)
