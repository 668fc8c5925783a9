# SPDX-License-Identifier: GPL-2.0
#
# make            build/lkvm for this machine
# make arm64      build/arm64/lkvm, cross-built (or native on arm64)
# make demo       install what is missing, build, boot a guest in this terminal
# make demo-attest  a Realm gets a key from a key broker, and another one does not
# make check      unit tests, fuzz corpora, lints, boots in the rig; prints a total
# make bench      lkvm beside QEMU in the same rig
# make man install clean
#
# Sources are listed by hand, one room a line: the list is the table of contents.

CROSS_COMPILE ?=
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
AR := $(CROSS_COMPILE)ar
CLANG ?= clang
PKG_CONFIG ?= pkg-config
O ?= build
V ?=
Q := $(if $(V),,@)
say = @printf '  %-8s%s\n' '$(1)' '$(2)'

# ---- what is built -------------------------------------------------------------------------------

mem := lkvm/vm/mem.c lkvm/vm/mem_map.c lkvm/vm/mem_guard.c lkvm/vm/mem_users.c lkvm/base/file.c

# The simulated RMM, but for its tokens.
sim-fault := realm/sim/fault.c realm/sim/calltext.c
sim := $(addprefix realm/sim/,sim.c calls.c calllog.c regs.c psci.c rsi.c ripas.c) $(sim-fault)

LKVM_SRCS := \
	lkvm/base/log.c lkvm/base/iov.c $(mem) lkvm/vm/loop.c lkvm/vm/bus.c lkvm/vm/pci.c lkvm/vm/msix.c \
	lkvm/kvm/kvm.c lkvm/kvm/kvm_ioctl.c lkvm/kvm/kvm_event.c lkvm/vm/stop.c lkvm/kvm/vcpu.c \
	lkvm/main.c lkvm/base/options.c lkvm/base/options_help.c lkvm/run/options_run.c lkvm/run/options_realm.c lkvm/run/config.c \
	lkvm/cli/cmd_help.c lkvm/cli/cmd_run.c lkvm/cli/cmd_doctor.c \
	lkvm/token/cmd_token.c lkvm/token/token_print.c lkvm/token/token_json.c lkvm/token/cmd_attest_keys.c lkvm/base/file.c \
	lkvm/cli/cmd_guests.c lkvm/cli/cmd_stat.c lkvm/cli/cmd_trace.c lkvm/cli/cmd_map.c lkvm/cli/map.c lkvm/cli/map_svg.c lkvm/cli/guests.c lkvm/base/json.c \
	lkvm/control/control.c lkvm/control/control_conn.c lkvm/control/control_dir.c lkvm/control/control_client.c lkvm/run/service.c lkvm/run/signals.c \
	lkvm/measure/cmd_measure.c lkvm/measure/measure.c lkvm/measure/measure_json.c \
	lkvm/run/machine.c lkvm/run/launch.c lkvm/run/backend.c lkvm/run/load.c lkvm/run/devices.c lkvm/run/consoles.c lkvm/console/console.c lkvm/console/outbuf.c lkvm/console/terminal.c lkvm/base/progress.c \
	virtio/core/queue.c virtio/core/account.c virtio/core/chain.c virtio/core/device.c virtio/transport/pci.c virtio/transport/pci_common.c virtio/transport/mmio.c \
	virtio/dev/rng.c virtio/dev/net.c virtio/dev/net_hdr.c virtio/core/pool.c virtio/dev/console.c \
	virtio/dev/blk.c virtio/dev/blk_req.c virtio/dev/blk_config.c virtio/dev/blk_slots.c \
	virtio/disk/disk_conf.c virtio/disk/disk_raw.c virtio/disk/disk_io.c virtio/disk/disk_uring.c \
	virtio/disk/disk_threads.c \
	net/netif.c net/netopt.c net/user/user.c net/user/slirp.c net/user/slirp_lib.c net/user/pollset.c net/user/guard.c net/user/merge.c net/user/acks.c net/user/reasm.c \
	net/user/dhcp.c net/user/segment.c net/user/backlog.c net/csum.c net/tap.c net/tap_setup.c net/pcap.c \
	arm64/board.c arm64/boot.c arm64/image.c lkvm/base/infile.c arm64/fdt.c arm64/gic.c arm64/v2m.c arm64/cpu.c \
	arm64/pvtime.c arm64/serial.c arm64/rtc.c \
	realm/realm.c realm/host/none.c realm/host/ram.c $(sim) realm/measure/digest.c \
	realm/token/cbor.c realm/token/cose.c realm/token/ec.c realm/token/libcrypto.c realm/token/token.c realm/token/token_claims.c \
	lkvm/base/encode.c realm/token/anchor.c realm/sim/keys.c realm/sim/token_make.c realm/sim/attest.c \
	realm/measure/plan.c realm/measure/rim.c realm/measure/profile.c realm/measure/eventlog.c \
	realm/host/probe.c realm/host/rme.c realm/host/rmi.c realm/host/pkvm.c realm/host/gmem.c realm/host/reasons.c

# Those whose names begin with this, wherever they lie.
named = $(foreach s,$(LKVM_SRCS),$(if $(findstring /$(1),$(s)),$(s)))

# ---- how -----------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wconversion -Wno-sign-conversion -Wundef -Wpointer-arith -Wwrite-strings -Wno-unused-parameter
WERROR ?=
CSTD := -std=gnu17 -D_GNU_SOURCE -I.
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDEN += $(if $(findstring aarch64,$(shell $(CC) -dumpmachine 2>/dev/null)),-mbranch-protection=standard)
REPRO := -ffile-prefix-map=$(CURDIR)=.
OPT ?= -O2 -g
SYSROOT ?=
ALL_CFLAGS = $(if $(SYSROOT),--sysroot=$(SYSROOT)) $(CSTD) $(WARN) $(WERROR) $(OPT) $(HARDEN) $(REPRO) $(DEFS) -MMD -MP $(CFLAGS)
ALL_LDFLAGS = $(if $(SYSROOT),--sysroot=$(SYSROOT)) -pie -Wl,-z,relro,-z,now $(LDFLAGS)

# libslirp is loaded at run time (net/user/slirp.c), so lkvm starts without it. The small libraries are
# linked statically where the distribution ships an archive: start-up then costs no relocations.
lib = $(if $(wildcard $(SYSROOT)/usr/lib/*/lib$(1).a),-l:lib$(1).a,-l$(1))
LIBS ?= $(call lib,fdt) $(call lib,z) $(call lib,zstd) $(call lib,uring) $(call lib,crypto) $(call lib,jansson) \
	-lpthread -ldl
# Debian 12's libslirp-dev does not bring the glib-2.0.pc that its own .pc file asks for.
SLIRP_CFLAGS ?= $(or $(shell $(PKG_CONFIG) --cflags slirp 2>/dev/null),-I/usr/include/slirp)

# The version: the last tag and what came after it, or the base version and the commit, or (no git,
# as in a source archive) the base version alone. Never a date: same sources, same program.
VERSION_BASE := 0.1.0
VERSION ?= $(or $(shell [ -e .git ] && { git describe --match 'v[0-9]*' --dirty || \
	{ rev=$$(git describe --always --abbrev=12 --dirty) && echo "$(VERSION_BASE)-g$$rev"; }; } 2>/dev/null),$(VERSION_BASE))

.DEFAULT_GOAL := all
.PHONY: all arm64 check demo demo-attest bench lint unit fuzz-corpora boot man install clean deps
all: $(O)/lkvm

# A Debian machine without the packages is told which in one sentence, once, before the first compile.
DEPS := $(if $(SYSROOT),,$(if $(wildcard /usr/bin/dpkg-query),build/deps))
build/deps: tests/rig/deps
	$(Q)tests/rig/deps missing build
	@mkdir -p $(@D) && touch $@

$(O)/obj/%.o: %.c | $(DEPS)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(SLIRP_CFLAGS) -c -o $@ $<

# Touched only when the version is another one than last time.
.PHONY: FORCE
$(O)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@
$(O)/obj/lkvm/cli/cmd_help.o: $(O)/version
$(O)/obj/lkvm/cli/cmd_help.o: DEFS = -DLKVM_VERSION='"$(VERSION)"'
build/san/lkvm/cli/cmd_help.o: DEFS = -DLKVM_VERSION='"test"'

$(O)/lkvm: $(LKVM_SRCS:%.c=$(O)/obj/%.o)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# ---- arm64: natively where we are on one, otherwise cross-built against packages under build/ -----

ifeq ($(shell uname -m),aarch64)
ARM64_VARS :=
else
ARM64_VARS := CROSS_COMPILE=aarch64-linux-gnu- SYSROOT=$(CURDIR)/build/sysroot/arm64 \
	SLIRP_CFLAGS=-I$(CURDIR)/build/sysroot/arm64/usr/include/slirp
ARM64_SYSROOT := build/sysroot/arm64
endif

build/sysroot/arm64:
	$(Q)tests/rig/fetch sysroot

arm64: | $(ARM64_SYSROOT)
	$(Q)$(MAKE) --no-print-directory O=build/arm64 $(ARM64_VARS) build/arm64/lkvm

# ---- unit tests: native, ASan + UBSan ------------------------------------------------------------
#
# A suite lists the sources it is linked with besides tests/unit/<name>_test.c: what it tests, what
# that needs, and fakes in place of the rest.

UNITS :=
unit = $(eval UNITS += $(1))$(eval unit-srcs-$(1) := $(2))

$(call unit,lkvm/base/iov,lkvm/base/iov.c)
$(call unit,lkvm/vm/mem,$(mem) lkvm/base/log.c)
$(call unit,lkvm/vm/mem_map,$(mem) lkvm/base/log.c)
$(call unit,lkvm/base/log,lkvm/base/log.c)
$(call unit,lkvm/base/file,lkvm/base/file.c)
$(call unit,lkvm/base/progress,lkvm/base/progress.c)
$(call unit,lkvm/vm/loop,lkvm/vm/loop.c)
$(call unit,lkvm/vm/bus,lkvm/vm/bus.c)
$(call unit,lkvm/vm/pci,lkvm/vm/pci.c lkvm/vm/bus.c tests/fake/irq.c)
$(call unit,lkvm/vm/msix,lkvm/vm/msix.c lkvm/vm/pci.c lkvm/vm/bus.c lkvm/base/log.c tests/fake/irq.c)
$(call unit,lkvm/kvm/kvm_event,lkvm/kvm/kvm_event.c lkvm/kvm/kvm.c lkvm/base/log.c)
$(call unit,lkvm/kvm/vcpu,lkvm/kvm/vcpu.c lkvm/vm/stop.c lkvm/kvm/kvm.c lkvm/vm/bus.c $(mem) lkvm/base/log.c realm/realm.c \
	realm/host/none.c realm/host/ram.c realm/host/reasons.c)
options := lkvm/base/options.c lkvm/base/options_help.c lkvm/run/options_run.c lkvm/run/options_realm.c lkvm/run/config.c \
	$(sim-fault) lkvm/base/log.c
$(call unit,lkvm/base/options,$(options))
$(call unit,lkvm/run/options_run,$(options))
$(call unit,lkvm/run/config,lkvm/run/config.c lkvm/base/log.c)
# Tokens: reading them, and all of it.
token_read := realm/token/token.c realm/token/token_claims.c realm/token/cose.c realm/token/cbor.c realm/token/ec.c realm/token/libcrypto.c \
	realm/measure/digest.c
token_all := $(filter-out realm/measure/digest.c,$(token_read)) lkvm/base/encode.c realm/token/anchor.c realm/sim/keys.c \
	realm/sim/token_make.c realm/sim/attest.c
token_cmds := lkvm/token/cmd_token.c lkvm/token/token_print.c lkvm/token/token_json.c lkvm/token/cmd_attest_keys.c $(token_all)
fake_host := tests/fake/kvm.c tests/fake/kvm_vcpu.c tests/fake/kvm_pages.c tests/fake/kvm_realm.c tests/fake/kvm_guest.c \
	tests/fake/punch.c lkvm/kvm/kvm.c $(mem) \
	realm/realm.c realm/host/none.c realm/host/ram.c realm/host/rme.c realm/host/rmi.c realm/host/pkvm.c realm/host/gmem.c realm/host/reasons.c realm/host/probe.c \
	$(sim) realm/measure/digest.c realm/measure/rim.c realm/measure/profile.c $(token_all)
$(call unit,lkvm/cli/cmd_doctor,lkvm/cli/cmd_doctor.c lkvm/base/json.c lkvm/base/options.c lkvm/base/options_help.c lkvm/base/log.c $(fake_host))
$(call unit,lkvm/control/control,lkvm/control/control.c lkvm/control/control_conn.c lkvm/control/control_dir.c lkvm/control/control_client.c \
	lkvm/base/options.c lkvm/base/options_help.c lkvm/vm/loop.c lkvm/base/log.c)
$(call unit,lkvm/control/control_dir,lkvm/control/control_dir.c lkvm/base/log.c)
$(call unit,lkvm/control/control_user,lkvm/control/control.c lkvm/control/control_conn.c lkvm/control/control_dir.c \
	lkvm/vm/loop.c lkvm/base/log.c)
$(call unit,lkvm/token/cmd_token,$(token_cmds) realm/measure/digest.c lkvm/base/file.c lkvm/base/options.c lkvm/base/options_help.c lkvm/base/log.c)
# The whole program below its command line, on a fake host.
$(call unit,lkvm/run/machine,$(filter-out lkvm/main.c $(call named,cmd_) $(call named,options) lkvm/control/control_client.c lkvm/cli/guests.c lkvm/cli/map.c lkvm/cli/map_svg.c \
	lkvm/kvm/kvm_ioctl.c,$(LKVM_SRCS)) \
	$(filter tests/fake/%,$(fake_host)))
# main_test.c includes lkvm/main.c, to call its main() by another name.
$(call unit,lkvm/main,$(filter-out lkvm/main.c lkvm/run/machine.c lkvm/kvm/kvm_ioctl.c,$(LKVM_SRCS)) \
	$(filter tests/fake/%,$(fake_host)))
$(call unit,lkvm/measure/cmd_measure,lkvm/measure/cmd_measure.c $(filter-out lkvm/main.c lkvm/run/machine.c $(call named,cmd_) lkvm/cli/map_svg.c \
	lkvm/kvm/kvm_ioctl.c,$(LKVM_SRCS)) $(filter tests/fake/%,$(fake_host)))
$(call unit,lkvm/console/outbuf,lkvm/console/outbuf.c lkvm/vm/loop.c lkvm/base/log.c)
$(call unit,lkvm/console/console,lkvm/console/console.c lkvm/console/outbuf.c lkvm/console/terminal.c lkvm/vm/loop.c lkvm/base/log.c)
$(call unit,virtio/core/queue,virtio/core/queue.c virtio/core/account.c lkvm/vm/loop.c $(mem) lkvm/base/log.c tests/fake/driver.c)
$(call unit,virtio/core/chain,virtio/core/queue.c virtio/core/account.c lkvm/vm/loop.c virtio/core/chain.c $(mem) lkvm/base/log.c lkvm/base/iov.c \
	tests/fake/driver.c tests/fake/driver_bad.c)
$(call unit,virtio/core/device,virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c $(mem) lkvm/base/log.c lkvm/vm/loop.c \
	tests/fake/echo.c tests/fake/driver.c tests/fake/transport.c)
$(call unit,virtio/core/device_run,virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c $(mem) lkvm/base/log.c \
	lkvm/vm/loop.c tests/fake/echo.c tests/fake/driver.c tests/fake/driver_bad.c tests/fake/transport.c)
$(call unit,virtio/core/account,virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c $(mem) \
	lkvm/base/log.c lkvm/vm/loop.c tests/fake/echo.c tests/fake/driver.c)
$(call unit,virtio/dev/rng,virtio/dev/rng.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c $(mem) lkvm/base/log.c \
	lkvm/vm/loop.c tests/fake/driver.c tests/fake/driver_bad.c tests/fake/transport.c)

transport_srcs := lkvm/vm/bus.c lkvm/vm/loop.c $(mem) lkvm/base/log.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c \
	tests/fake/irq.c tests/fake/echo.c tests/fake/driver.c tests/fake/driver_bad.c tests/fake/driver_dev.c
virtio_pci_srcs := virtio/transport/pci.c virtio/transport/pci_common.c lkvm/vm/pci.c lkvm/vm/msix.c $(transport_srcs)
$(call unit,virtio/transport/pci,$(virtio_pci_srcs))
$(call unit,virtio/transport/pci_run,$(virtio_pci_srcs))
$(call unit,virtio/transport/mmio,virtio/transport/mmio.c $(transport_srcs))

$(call unit,virtio/disk/disk_conf,virtio/disk/disk_conf.c lkvm/base/log.c)
$(call unit,virtio/disk/disk_io,virtio/disk/disk_io.c)
disk_srcs := virtio/disk/disk_raw.c virtio/disk/disk_io.c virtio/disk/disk_uring.c virtio/disk/disk_threads.c \
	lkvm/vm/loop.c lkvm/base/log.c
$(call unit,virtio/disk/disk_uring,$(disk_srcs))
$(call unit,virtio/disk/disk_threads,$(disk_srcs))
$(call unit,virtio/disk/disk_raw,$(disk_srcs))
$(call unit,virtio/dev/console,virtio/dev/console.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c $(mem) \
	lkvm/base/iov.c lkvm/base/log.c lkvm/vm/loop.c tests/fake/driver.c tests/fake/driver_bad.c \
	tests/fake/transport.c)
$(call unit,virtio/core/pool,virtio/core/pool.c)
$(call unit,virtio/dev/blk,virtio/core/pool.c virtio/dev/blk.c virtio/dev/blk_req.c virtio/dev/blk_config.c virtio/dev/blk_slots.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c \
	virtio/core/chain.c $(mem) lkvm/base/iov.c lkvm/base/log.c lkvm/vm/loop.c tests/fake/disk.c \
	tests/fake/driver.c tests/fake/driver_bad.c tests/fake/transport.c)
$(call unit,virtio/dev/blk_disk,virtio/core/pool.c virtio/dev/blk.c virtio/dev/blk_req.c virtio/dev/blk_config.c virtio/dev/blk_slots.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c \
	virtio/core/chain.c $(mem) lkvm/base/iov.c $(disk_srcs) tests/fake/driver.c \
	tests/fake/transport.c)

$(call unit,arm64/board,arm64/board.c arm64/serial.c arm64/rtc.c lkvm/vm/bus.c lkvm/base/log.c)
$(call unit,arm64/boot,arm64/boot.c arm64/image.c lkvm/base/infile.c $(mem) lkvm/base/log.c)
$(call unit,lkvm/base/infile,lkvm/base/infile.c lkvm/base/log.c)
$(call unit,arm64/boot_bad,arm64/boot.c arm64/image.c lkvm/base/infile.c $(mem) lkvm/base/log.c)
$(call unit,arm64/serial,arm64/serial.c lkvm/vm/bus.c lkvm/base/log.c)
$(call unit,arm64/serial_input,arm64/serial.c lkvm/vm/bus.c lkvm/base/log.c)
$(call unit,arm64/rtc,arm64/rtc.c lkvm/vm/bus.c lkvm/base/log.c)
$(call unit,arm64/gic,arm64/gic.c arm64/board.c arm64/serial.c arm64/rtc.c lkvm/kvm/kvm.c lkvm/vm/bus.c lkvm/base/log.c)
$(call unit,arm64/cpu,arm64/cpu.c arm64/pvtime.c lkvm/kvm/kvm.c lkvm/base/log.c)
$(call unit,arm64/v2m,arm64/v2m.c lkvm/vm/bus.c lkvm/base/log.c)
$(call unit,arm64/fdt,arm64/fdt.c arm64/board.c arm64/serial.c arm64/rtc.c lkvm/vm/bus.c lkvm/base/log.c)
net-user := net/user/user.c net/user/slirp.c net/user/slirp_lib.c net/user/pollset.c net/user/guard.c net/user/merge.c net/user/acks.c net/user/reasm.c net/user/dhcp.c net/user/segment.c \
	net/user/backlog.c net/csum.c
net-all := net/netif.c net/netopt.c $(net-user) net/tap.c net/tap_setup.c net/pcap.c
$(call unit,virtio/dev/net,virtio/core/pool.c virtio/dev/net.c virtio/dev/net_hdr.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c $(mem) \
	lkvm/base/iov.c lkvm/base/log.c lkvm/vm/loop.c tests/fake/netif.c tests/fake/driver.c \
	tests/fake/driver_bad.c tests/fake/transport.c)
$(call unit,net/user/user,$(net-all) tests/fake/netif.c lkvm/vm/loop.c lkvm/base/log.c lkvm/base/iov.c)
$(call unit,net/pcap,net/pcap.c tests/fake/netif.c lkvm/base/log.c lkvm/base/iov.c)
$(call unit,net/netopt,net/netopt.c lkvm/base/log.c)
$(call unit,net/tap,$(net-all) tests/fake/netif.c lkvm/vm/loop.c lkvm/base/log.c lkvm/base/iov.c)
$(call unit,net/user/slirp,net/user/slirp.c net/user/pollset.c lkvm/vm/loop.c lkvm/base/log.c)
$(call unit,net/user/pollset,net/user/pollset.c lkvm/vm/loop.c)
$(call unit,net/user/dhcp,net/user/dhcp.c net/csum.c)
$(call unit,net/user/guard,net/user/guard.c net/csum.c)
$(call unit,net/user/merge,net/user/merge.c net/user/guard.c net/csum.c)
$(call unit,net/user/acks,net/user/acks.c net/csum.c)
$(call unit,net/user/segment,net/user/segment.c net/user/reasm.c net/user/backlog.c net/csum.c tests/fake/netif.c lkvm/base/iov.c)

$(call unit,realm/sim/rsi,realm/sim/rsi.c realm/measure/digest.c)
$(call unit,realm/sim/psci,realm/sim/psci.c)
$(call unit,realm/sim/fault,$(sim-fault) lkvm/base/log.c)
$(call unit,realm/sim/calltext,realm/sim/calltext.c realm/sim/calllog.c lkvm/base/log.c)
$(call unit,realm/sim/regs,realm/sim/regs.c lkvm/kvm/kvm.c lkvm/base/log.c)
$(call unit,lkvm/base/encode,lkvm/base/encode.c)
$(call unit,realm/token/cbor,realm/token/cbor.c)
$(call unit,realm/sim/keys,$(token_all) realm/measure/digest.c lkvm/base/log.c)
$(call unit,realm/token/token,$(token_all) realm/measure/digest.c lkvm/base/log.c)
$(call unit,realm/measure/digest,realm/measure/digest.c)
$(call unit,realm/measure/rim,realm/measure/rim.c realm/measure/digest.c)
$(call unit,realm/measure/plan,realm/measure/plan.c realm/measure/rim.c realm/measure/digest.c $(mem) lkvm/base/log.c)
$(call unit,realm/measure/eventlog,realm/measure/eventlog.c realm/measure/plan.c realm/measure/rim.c realm/measure/digest.c $(mem) \
	lkvm/base/log.c)
$(call unit,realm/sim/ripas,realm/sim/ripas.c $(mem) lkvm/base/log.c)
$(call unit,realm/sim/ripas_calls,realm/sim/ripas.c $(mem) lkvm/base/log.c)
$(call unit,realm/host/rme,lkvm/base/log.c $(fake_host))
$(call unit,realm/host/rmi,lkvm/base/log.c $(fake_host))
$(call unit,realm/host/probe,lkvm/base/log.c $(fake_host))
$(call unit,realm/realm,lkvm/base/log.c $(fake_host))
$(call unit,realm/host/replay,lkvm/base/log.c $(fake_host))
$(call unit,fake/kvm_rme,lkvm/kvm/kvm.c lkvm/base/log.c $(filter tests/fake/%,$(fake_host)))
$(call unit,fake/kvm_populate,lkvm/kvm/kvm.c lkvm/base/log.c $(filter tests/fake/%,$(fake_host)))
$(call unit,fake/kvm_run,lkvm/kvm/kvm.c lkvm/base/log.c $(filter tests/fake/%,$(fake_host)))
$(call unit,fake/kvm_pages,lkvm/kvm/kvm.c lkvm/base/log.c $(filter tests/fake/%,$(fake_host)))

keybroker-common := guest/keybroker/http.c guest/keybroker/http_text.c guest/keybroker/message.c guest/keybroker/url.c guest/keybroker/wrap.c \
	lkvm/base/encode.c
keybroker-server := tests/keybroker/challenges.c tests/keybroker/policy.c tests/keybroker/broker.c \
	tests/keybroker/server.c $(keybroker-common) lkvm/vm/loop.c
# As tests have it: with keys to sign tokens with, too.
keybroker-tested := $(keybroker-server) $(filter-out lkvm/base/encode.c,$(token_all)) realm/measure/digest.c lkvm/base/log.c
KEYBROKER_APP_SRCS := $(addprefix guest/keybroker/,app.c client.c dial.c log.c mock.c tsm.c libcrypto_linked.c) \
	$(keybroker-common) $(filter-out realm/token/libcrypto.c lkvm/base/encode.c realm/token/anchor.c realm/sim/attest.c,$(token_all)) \
	realm/measure/digest.c
KEYBROKER_SERVER_SRCS := tests/keybroker/main.c $(keybroker-server) guest/keybroker/log.c lkvm/base/file.c realm/token/anchor.c \
	guest/keybroker/libcrypto_linked.c $(filter-out realm/token/libcrypto.c,$(token_read))

$(call unit,keybroker/http,guest/keybroker/http.c guest/keybroker/http_text.c)
$(call unit,keybroker/url,guest/keybroker/url.c)
$(call unit,keybroker/wrap,guest/keybroker/wrap.c)
$(call unit,keybroker/client,guest/keybroker/client.c guest/keybroker/dial.c $(keybroker-common) lkvm/base/log.c)
$(call unit,keybroker/challenges,tests/keybroker/challenges.c)
$(call unit,keybroker/policy,tests/keybroker/policy.c $(token_all) realm/measure/digest.c lkvm/base/log.c)
$(call unit,keybroker/broker,$(keybroker-tested))
$(call unit,keybroker/server,$(keybroker-tested))

SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_CFLAGS = $(CSTD) $(WARN) $(WERROR) -O1 -g $(SAN) $(DEFS) -MMD -MP $(SLIRP_CFLAGS) \
	$(shell $(PKG_CONFIG) --cflags check 2>/dev/null)
SAN_LIBS = $(shell $(PKG_CONFIG) --libs check 2>/dev/null) -lfdt -lz -lzstd -luring -lcrypto -ljansson -lpthread -ldl

build/san/%.o: %.c
	$(call say,CC[san],$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN_CFLAGS) -c -o $@ $<

define unit_rule
build/unit/$(1): $(patsubst %.c,build/san/%.o,tests/unit/$(1)_test.c $(unit-srcs-$(1)))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(SAN) -o $$@ $$^ $$(SAN_LIBS)
endef
$(foreach u,$(UNITS),$(eval $(call unit_rule,$(u))))

unit: $(UNITS:%=build/unit/%)
	$(Q)tests/run-units $(UNITS)

# Write the device trees of tests/golden anew. Read the diff: they are measured into Realms.
.PHONY: golden
golden: build/unit/arm64/fdt
	$(Q)GOLDEN=write $<

# ---- fuzz targets: libFuzzer (clang); corpora are replayed by `make check` -----------------------

FUZZERS :=
fuzz = $(eval FUZZERS += $(1))$(eval fuzz-srcs-$(1) := $(2))

$(call fuzz,guard,net/user/guard.c net/user/reasm.c net/user/segment.c net/csum.c lkvm/base/iov.c)
$(call fuzz,dhcp,net/user/dhcp.c net/csum.c)
$(call fuzz,user_net,$(net-all) lkvm/vm/loop.c lkvm/base/log.c lkvm/base/iov.c)
$(call fuzz,virtio_net,virtio/core/pool.c virtio/dev/net.c virtio/dev/net_hdr.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c $(mem) \
	lkvm/base/iov.c lkvm/base/log.c lkvm/vm/loop.c tests/fake/netif.c tests/fake/driver.c tests/fake/transport.c)
$(call fuzz,chain,virtio/core/queue.c virtio/core/account.c lkvm/vm/loop.c virtio/core/chain.c $(mem) lkvm/base/log.c tests/fake/driver.c)
$(call fuzz,virtio_pci,virtio/transport/mmio.c $(virtio_pci_srcs))
$(call fuzz,blk,virtio/core/pool.c virtio/dev/blk.c virtio/dev/blk_req.c virtio/dev/blk_config.c virtio/dev/blk_slots.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c \
	virtio/core/chain.c $(mem) lkvm/base/iov.c lkvm/base/log.c lkvm/vm/loop.c tests/fake/disk.c \
	tests/fake/driver.c tests/fake/transport.c)
$(call fuzz,boot,arm64/boot.c arm64/image.c lkvm/base/infile.c $(mem))
$(call fuzz,token,$(token_all) realm/measure/digest.c lkvm/token/token_print.c lkvm/token/token_json.c lkvm/base/log.c)
$(call fuzz,broker,$(keybroker-tested))
$(call fuzz,answer,$(keybroker-common))
$(call fuzz,options,lkvm/base/options.c lkvm/base/options_help.c lkvm/run/options_run.c lkvm/run/options_realm.c lkvm/run/config.c $(sim-fault) net/netopt.c \
	virtio/disk/disk_conf.c)

FUZZ_SAN := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

build/fuzz/obj/%.o: %.c
	$(call say,CC[fuzz],$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CSTD) $(WARN) $(WERROR) -O1 -g $(FUZZ_SAN) -MMD -MP $(SLIRP_CFLAGS) -c -o $@ $<

define fuzz_rule
build/fuzz/$(1): $(patsubst %.c,build/fuzz/obj/%.o,tests/fuzz/$(1).c $(fuzz-srcs-$(1)))
	$$(call say,LD,$$@)
	$$(Q)$$(CLANG) $$(FUZZ_SAN) -o $$@ $$^ -lfdt -lz -lzstd -luring -lcrypto -ljansson -lpthread -ldl
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rule,$(f))))

.PHONY: corpora
corpora: $(FUZZERS:%=build/fuzz/%)
	$(Q)tests/run-corpora $(FUZZERS)

# ---- payloads of guest/: freestanding arm64 binaries ----------------------------------------------

PAYLOADS := hello reset spin faultloop smp timer args sea uart rtc pci badqueue rsi rsibad regs protected convert pkvm
GUEST_LIB := guest/lib.c guest/fdt.c guest/gic.c guest/realm.c guest/virtio.c
GUEST_CROSS := $(if $(filter aarch64%,$(shell $(CC) -dumpmachine 2>/dev/null)),,aarch64-linux-gnu-)
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
build/arm64/tests/tool: tests/boot/tool_net.c tests/boot/tool_pty.c tests/boot/tool.h
build/arm64/tests/%: tests/boot/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(CSTD) -O2 -Wall -Wextra $(WERROR) $(REPRO) -static -o $@ $(filter %.c,$^)
build/arm64/tests/%: tests/bench/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(CSTD) -O2 -Wall -Wextra $(WERROR) $(REPRO) -static -o $@ $<

.PHONY: payloads
.SECONDARY: $(PAYLOADS:%=$(GUEST_OBJ)/guest/%.o) $(GUEST_LIB:%.c=$(GUEST_OBJ)/%.o)
payloads: build/arm64/tests/tool build/arm64/tests/count $(PAYLOADS:%=$(GUEST_OUT)/%.flat) $(GUEST_OUT)/hello.img $(GUEST_OUT)/args.img

# ---- key broker: the server is for tests and demonstrations, see tests/keybroker/README -------------

$(O)/tests/keybroker-server: $(KEYBROKER_SERVER_SRCS:%.c=$(O)/obj/%.o)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(call lib,z) $(call lib,zstd)

$(O)/guest/keybroker-app: $(KEYBROKER_APP_SRCS:%.c=$(O)/obj/%.o)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -pie,$(ALL_LDFLAGS)) -static -Wl,--no-warnings -o $@ $^ $(LIBS) $(call lib,z) $(call lib,zstd)

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

objs = $(sort $(patsubst %.c,$(O)/obj/%.o,$(1)))

# The native device path, counted by callgrind: no sanitizers, optimised as lkvm is.
bench-virtio := virtio/core/pool.c virtio/dev/net.c virtio/dev/net_hdr.c virtio/dev/blk.c virtio/dev/blk_req.c virtio/dev/blk_config.c virtio/dev/blk_slots.c \
	virtio/dev/rng.c virtio/core/device.c virtio/core/queue.c virtio/core/account.c virtio/core/chain.c $(mem) lkvm/base/iov.c \
	tests/fake/driver.c tests/fake/transport.c
build/bench/native_virtio: $(call objs,tests/bench/native_virtio.c $(bench-virtio) lkvm/base/log.c lkvm/vm/loop.c)
build/bench/net_path: $(call objs,tests/bench/net_path.c $(bench-virtio) $(net-all) \
	lkvm/base/log.c lkvm/vm/loop.c)
build/bench/native_virtio build/bench/net_path:
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(sort $^) -lpthread -ldl

bench: arm64 payloads build/bench/native_virtio build/bench/net_path
	$(Q)tests/bench/run

# BOOT="payload cloud" runs only these groups.
boot: all arm64 payloads keybroker
	$(Q)tests/boot/run $(BOOT)

# ---- manual, installation ------------------------------------------------------------------------
#
# docs/lkvm.1 is committed, so that people can read it without building; `make lint` checks that it is
# what the option table gives.

man: $(O)/lkvm
	$(call say,MAN,docs/lkvm.1)
	$(Q)tests/lint/man --write $<

prefix ?= /usr/local
install: $(O)/lkvm
	install -D -m 755 $< $(DESTDIR)$(prefix)/bin/lkvm
	install -D -m 644 docs/lkvm.1 $(DESTDIR)$(prefix)/share/man/man1/lkvm.1
	install -d $(DESTDIR)$(prefix)/share/bash-completion/completions
	$< help --completion > $(DESTDIR)$(prefix)/share/bash-completion/completions/lkvm

# ---- lints: each script of tests/lint/ is one, and says what it is for ----------------------------

LINTS := layering primitives room-cards size words shell self-test
.PHONY: lint-headers lint-tidy lint-cppcheck lint-man
lint: lint-headers lint-man lint-cppcheck
	$(Q)tests/lint/run $(LINTS)

lint-headers:
	$(call say,LINT,headers compile alone)
	$(Q)CC='$(CC)' CFLAGS='$(CSTD) $(WARN) $(SLIRP_CFLAGS) -Werror' tests/lint/headers
lint-man: $(O)/lkvm
	$(call say,LINT,manual)
	$(Q)tests/lint/man --check $<
lint-cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)tests/lint/cppcheck $(LKVM_SRCS) $(filter tests/keybroker/% guest/keybroker/%,$(KEYBROKER_SERVER_SRCS) $(KEYBROKER_APP_SRCS))
# Slow (a minute or two): `make check` runs it, an edit need not.
lint-tidy:
	$(call say,LINT,clang-tidy)
	$(Q)tests/lint/tidy '$(CSTD) $(SLIRP_CFLAGS)' $(LKVM_SRCS) $(filter tests/keybroker/% guest/keybroker/%,$(KEYBROKER_SERVER_SRCS) $(KEYBROKER_APP_SRCS))

clean:
	rm -rf build/obj build/san build/unit build/fuzz build/lkvm build/arm64 build/guest

-include $(shell find $(O)/obj build/san build/fuzz build/guest -name '*.d' 2>/dev/null)
