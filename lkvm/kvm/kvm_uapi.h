/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of KVM's user ABI that lkvm uses, arm64 numbering, written down here instead of taken
 * from <linux/kvm.h>: the build machine's header may be older than the running kernel, it is
 * another architecture's on the machines where tests run, and no header has all CCA generations.
 * Names and values are the kernel's. [KVM api] = Documentation/virt/kvm/api.rst
 */
#ifndef LKVM_KVM_UAPI_H
#define LKVM_KVM_UAPI_H

#include <sys/ioctl.h>

#include "lkvm/base/util.h"

#define KVM_API_VERSION 12
#define KVMIO 0xAE

/* ---- capabilities [KVM api 4.4, 8] ---- */
#define KVM_CAP_IRQCHIP 0
#define KVM_CAP_NR_VCPUS 9
#define KVM_CAP_COALESCED_MMIO 15 /* its value: the page of a vCPU's mapping that has the ring */
#define KVM_CAP_SET_GUEST_DEBUG 23
#define KVM_CAP_IRQ_ROUTING 25
#define KVM_CAP_IRQFD 32
#define KVM_CAP_IOEVENTFD 36
#define KVM_CAP_VCPU_EVENTS 41
#define KVM_CAP_MAX_VCPUS 66
#define KVM_CAP_ONE_REG 70
#define KVM_CAP_SIGNAL_MSI 77
#define KVM_CAP_READONLY_MEM 81
#define KVM_CAP_ARM_EL1_32BIT 93
#define KVM_CAP_ARM_PSCI_0_2 102
#define KVM_CAP_GUEST_DEBUG_HW_BPS 119
#define KVM_CAP_GUEST_DEBUG_HW_WPS 120
#define KVM_CAP_ARM_PMU_V3 126
#define KVM_CAP_MSI_DEVID 131
#define KVM_CAP_IMMEDIATE_EXIT 136
#define KVM_CAP_ARM_VM_IPA_SIZE 165
#define KVM_CAP_ARM_SVE 170
#define KVM_CAP_ARM_PTRAUTH_ADDRESS 171
#define KVM_CAP_ARM_PTRAUTH_GENERIC 172
#define KVM_CAP_ARM_NISV_TO_USER 177
#define KVM_CAP_ARM_INJECT_EXT_DABT 178
#define KVM_CAP_STEAL_TIME 187
#define KVM_CAP_ARM_MTE 205
#define KVM_CAP_COUNTER_OFFSET 227
#define KVM_CAP_MEMORY_ATTRIBUTES 233
#define KVM_CAP_GUEST_MEMFD 234
#define KVM_CAP_ARM_EL2 240
#define KVM_CAP_ARM_EL2_E2H0 241
#define KVM_CAP_GUEST_MEMFD_FLAGS 244

/* ---- ioctls on /dev/kvm ---- */
#define KVM_GET_API_VERSION _IO(KVMIO, 0x00)
#define KVM_CREATE_VM _IO(KVMIO, 0x01)
#define KVM_CHECK_EXTENSION _IO(KVMIO, 0x03)
#define KVM_GET_VCPU_MMAP_SIZE _IO(KVMIO, 0x04)

/* ---- VM ---- */
#define KVM_CREATE_VCPU _IO(KVMIO, 0x41)

struct kvm_userspace_memory_region {
	u32 slot;
	u32 flags;
	u64 guest_phys_addr;
	u64 memory_size; /* 0 deletes the slot */
	u64 userspace_addr;
};
#define KVM_MEM_READONLY (1u << 1)
#define KVM_SET_USER_MEMORY_REGION _IOW(KVMIO, 0x46, struct kvm_userspace_memory_region)

/*
 * Writes to a zone go to a ring, which is the page behind struct kvm_run [KVM api 4.116]. KVM
 * writes `last`, its reader `first`; it is full with one place left.
 */
struct kvm_coalesced_mmio_zone {
	u64 addr;
	u32 size;
	u32 pio;
};
struct kvm_coalesced_mmio {
	u64 phys_addr;
	u32 len;
	u32 pio;
	u8 data[8];
};
struct kvm_coalesced_mmio_ring {
	u32 first, last;
	struct kvm_coalesced_mmio coalesced_mmio[];
};
#define KVM_REGISTER_COALESCED_MMIO _IOW(KVMIO, 0x67, struct kvm_coalesced_mmio_zone)
#define KVM_UNREGISTER_COALESCED_MMIO _IOW(KVMIO, 0x68, struct kvm_coalesced_mmio_zone)

/* Memory of the guest that user space cannot map [KVM api 4.140-4.142]. */
struct kvm_userspace_memory_region2 {
	u32 slot;
	u32 flags;
	u64 guest_phys_addr;
	u64 memory_size;
	u64 userspace_addr; /* of the shared view, also with a guest_memfd */
	u64 guest_memfd_offset;
	u32 guest_memfd;
	u32 pad1;
	u64 pad2[14];
};
#define KVM_MEM_GUEST_MEMFD (1u << 2)
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)

struct kvm_memory_attributes {
	u64 address;
	u64 size;
	u64 attributes;
	u64 flags;
};
#define KVM_MEMORY_ATTRIBUTE_PRIVATE BIT(3)
#define KVM_SET_MEMORY_ATTRIBUTES _IOW(KVMIO, 0xd2, struct kvm_memory_attributes)

struct kvm_create_guest_memfd {
	u64 size;
	u64 flags;
	u64 reserved[6];
};
#define KVM_GUEST_MEMFD_MMAP BIT(0)
#define KVM_GUEST_MEMFD_INIT_SHARED BIT(1)
#define KVM_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)

struct kvm_irq_level {
	u32 irq;
	u32 level;
};
#define KVM_IRQ_LINE _IOW(KVMIO, 0x61, struct kvm_irq_level)
#define KVM_ARM_IRQ_TYPE_SHIFT 24
#define KVM_ARM_IRQ_TYPE_SPI 1u

struct kvm_irq_routing_msi {
	u32 address_lo;
	u32 address_hi;
	u32 data;
	u32 devid;
};
struct kvm_irq_routing_irqchip {
	u32 irqchip;
	u32 pin;
};
struct kvm_irq_routing_entry {
	u32 gsi;
	u32 type;
	u32 flags;
	u32 pad;
	union {
		struct kvm_irq_routing_irqchip irqchip;
		struct kvm_irq_routing_msi msi;
		u32 pad[8];
	} u;
};
struct kvm_irq_routing {
	u32 nr;
	u32 flags;
	struct kvm_irq_routing_entry entries[];
};
#define KVM_IRQ_ROUTING_IRQCHIP 1u
#define KVM_IRQ_ROUTING_MSI 2u
#define KVM_MSI_VALID_DEVID (1u << 0)
#define KVM_SET_GSI_ROUTING _IOW(KVMIO, 0x6a, struct kvm_irq_routing)

struct kvm_irqfd {
	u32 fd;
	u32 gsi;
	u32 flags;
	u32 resamplefd;
	u8 pad[16];
};
#define KVM_IRQFD_FLAG_DEASSIGN (1u << 0)
#define KVM_IRQFD_FLAG_RESAMPLE (1u << 1)
#define KVM_IRQFD _IOW(KVMIO, 0x76, struct kvm_irqfd)

struct kvm_ioeventfd {
	u64 datamatch;
	u64 addr;
	u32 len;
	s32 fd;
	u32 flags;
	u8 pad[36];
};
#define KVM_IOEVENTFD_FLAG_DATAMATCH (1u << 0)
#define KVM_IOEVENTFD_FLAG_DEASSIGN (1u << 2)
#define KVM_IOEVENTFD _IOW(KVMIO, 0x79, struct kvm_ioeventfd)

struct kvm_enable_cap {
	u32 cap;
	u32 flags;
	u64 args[4];
	u8 pad[64];
};
#define KVM_ENABLE_CAP _IOW(KVMIO, 0xa3, struct kvm_enable_cap)

/* Type word of KVM_CREATE_VM: bits 7:0 are the IPA width, 0 means 40. [KVM api 4.2] */
#define KVM_VM_TYPE_ARM_IPA_SIZE_MASK 0xffu
#define KVM_VM_TYPE_ARM_PROTECTED (1u << 31) /* pKVM */

/* ---- devices [KVM api 4.79, 4.80; devices/arm-vgic*.rst] ---- */
struct kvm_create_device {
	u32 type;
	u32 fd; /* out */
	u32 flags;
};
#define KVM_CREATE_DEVICE_TEST 1u
#define KVM_CREATE_DEVICE _IOWR(KVMIO, 0xe0, struct kvm_create_device)
#define KVM_DEV_TYPE_VFIO 4u
#define KVM_DEV_TYPE_ARM_VGIC_V2 5u
#define KVM_DEV_TYPE_ARM_VGIC_V3 7u
#define KVM_DEV_TYPE_ARM_VGIC_ITS 8u

struct kvm_device_attr {
	u32 flags;
	u32 group;
	u64 attr;
	u64 addr;
};
#define KVM_SET_DEVICE_ATTR _IOW(KVMIO, 0xe1, struct kvm_device_attr)
#define KVM_GET_DEVICE_ATTR _IOW(KVMIO, 0xe2, struct kvm_device_attr)
#define KVM_HAS_DEVICE_ATTR _IOW(KVMIO, 0xe3, struct kvm_device_attr)

/* Devices of the host that the guest has [devices/vfio.rst]; the attribute's value is a file. */
#define KVM_DEV_VFIO_FILE 1u
#define KVM_DEV_VFIO_FILE_ADD 1u

/* On the VM fd [devices/vm.rst 6]: who answers SMC and HVC calls, before the first KVM_RUN. */
#define KVM_ARM_VM_SMCCC_CTRL 0u
#define KVM_ARM_VM_SMCCC_FILTER 0u
struct kvm_smccc_filter {
	u32 base;
	u32 nr_functions;
	u8 action;
	u8 pad[15];
};
#define KVM_SMCCC_FILTER_HANDLE 0u
#define KVM_SMCCC_FILTER_DENY 1u
#define KVM_SMCCC_FILTER_FWD_TO_USER 2u
#define KVM_HYPERCALL_EXIT_SMC 1u

#define KVM_DEV_ARM_VGIC_GRP_ADDR 0u
#define KVM_VGIC_V2_ADDR_TYPE_DIST 0u
#define KVM_VGIC_V2_ADDR_TYPE_CPU 1u
#define KVM_VGIC_V3_ADDR_TYPE_DIST 2u
#define KVM_VGIC_V3_ADDR_TYPE_REDIST 3u
#define KVM_VGIC_ITS_ADDR_TYPE 4u
#define KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION 5u
#define KVM_DEV_ARM_VGIC_GRP_NR_IRQS 3u
#define KVM_DEV_ARM_VGIC_GRP_CTRL 4u
#define KVM_DEV_ARM_VGIC_CTRL_INIT 0u

struct kvm_arm_counter_offset {
	u64 counter_offset;
	u64 reserved;
};
#define KVM_ARM_SET_COUNTER_OFFSET _IOW(KVMIO, 0xb5, struct kvm_arm_counter_offset)

/* arm64's: bits 16 and up of `control`, and the registers. */
#define KVM_GUESTDBG_ENABLE BIT(0)
#define KVM_GUESTDBG_SINGLESTEP BIT(1)
#define KVM_GUESTDBG_USE_SW_BP BIT(16)
#define KVM_GUESTDBG_USE_HW BIT(17)
#define KVM_ARM_MAX_DBG_REGS 16u
struct kvm_guest_debug {
	u32 control;
	u32 pad;
	u64 bcr[KVM_ARM_MAX_DBG_REGS];
	u64 bvr[KVM_ARM_MAX_DBG_REGS];
	u64 wcr[KVM_ARM_MAX_DBG_REGS];
	u64 wvr[KVM_ARM_MAX_DBG_REGS];
};
#define KVM_SET_GUEST_DEBUG _IOW(KVMIO, 0x9b, struct kvm_guest_debug)

/* ---- vCPU ---- */
#define KVM_RUN _IO(KVMIO, 0x80)

struct kvm_mp_state {
	u32 mp_state;
};
#define KVM_MP_STATE_RUNNABLE 0u
#define KVM_MP_STATE_STOPPED 5u
#define KVM_GET_MP_STATE _IOR(KVMIO, 0x98, struct kvm_mp_state)
#define KVM_SET_MP_STATE _IOW(KVMIO, 0x99, struct kvm_mp_state)

struct kvm_vcpu_events {
	struct {
		u8 serror_pending;
		u8 serror_has_esr;
		u8 ext_dabt_pending;
		u8 pad[5];
		u64 serror_esr;
	} exception;
	u32 reserved[12];
};
#define KVM_GET_VCPU_EVENTS _IOR(KVMIO, 0x9f, struct kvm_vcpu_events)
#define KVM_SET_VCPU_EVENTS _IOW(KVMIO, 0xa0, struct kvm_vcpu_events)

struct kvm_one_reg {
	u64 id;
	u64 addr;
};
#define KVM_GET_ONE_REG _IOW(KVMIO, 0xab, struct kvm_one_reg)
#define KVM_SET_ONE_REG _IOW(KVMIO, 0xac, struct kvm_one_reg)

struct kvm_reg_list {
	u64 n; /* of `reg`; the call says how many there are */
	u64 reg[];
};
#define KVM_GET_REG_LIST _IOWR(KVMIO, 0xb0, struct kvm_reg_list)

struct kvm_vcpu_init {
	u32 target;
	u32 features[7];
};
#define KVM_ARM_VCPU_INIT _IOW(KVMIO, 0xae, struct kvm_vcpu_init)
#define KVM_ARM_PREFERRED_TARGET _IOR(KVMIO, 0xaf, struct kvm_vcpu_init)
#define KVM_ARM_VCPU_FINALIZE _IOW(KVMIO, 0xc2, int)

#define KVM_ARM_VCPU_POWER_OFF 0u
#define KVM_ARM_VCPU_EL1_32BIT 1u
#define KVM_ARM_VCPU_PSCI_0_2 2u
#define KVM_ARM_VCPU_PMU_V3 3u
#define KVM_ARM_VCPU_SVE 4u
#define KVM_ARM_VCPU_PTRAUTH_ADDRESS 5u
#define KVM_ARM_VCPU_PTRAUTH_GENERIC 6u
#define KVM_ARM_VCPU_HAS_EL2 7u
#define KVM_ARM_VCPU_HAS_EL2_E2H0 8u

#define KVM_ARM_VCPU_PMU_V3_CTRL 0u
#define KVM_ARM_VCPU_PMU_V3_IRQ 0u
#define KVM_ARM_VCPU_PMU_V3_INIT 1u
#define KVM_ARM_VCPU_PMU_V3_SET_PMU 3u
#define KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS 4u
#define KVM_ARM_VCPU_PVTIME_CTRL 2u
#define KVM_ARM_VCPU_PVTIME_IPA 0u

/* Register ids [KVM api 4.68]. */
#define KVM_REG_ARM64 UINT64_C(0x6000000000000000)
#define KVM_REG_SIZE_U64 UINT64_C(0x0030000000000000)
#define KVM_REG_SIZE_U512 UINT64_C(0x0060000000000000)
#define KVM_REG_ARM_CORE UINT64_C(0x00100000)
#define KVM_REG_ARM64_SYSREG UINT64_C(0x00130000)
#define KVM_REG_ARM_COPROC_MASK UINT64_C(0x0fff0000)
#define KVM_REG_ARM64_SVE UINT64_C(0x00150000)
/* Core registers are numbered by their offset in struct kvm_regs in 32-bit words. */
#define KVM_REG_X(n) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | (2u * (n)))
#define KVM_REG_SP KVM_REG_X(31u)
#define KVM_REG_PC KVM_REG_X(32u)
#define KVM_REG_PSTATE KVM_REG_X(33u)
#define KVM_REG_SP_EL1 KVM_REG_X(34u)
#define KVM_REG_ELR_EL1 KVM_REG_X(35u)
#define KVM_REG_SPSR_EL1 KVM_REG_X(36u)
#define KVM_REG_SYS(op0, op1, crn, crm, op2)                                                       \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG |                                 \
	 ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))
#define KVM_REG_ARM64_SVE_VLS (KVM_REG_ARM64 | KVM_REG_ARM64_SVE | KVM_REG_SIZE_U512 | 0xffffu)
#define KVM_ARM64_SVE_VLS_WORDS 8

/* ---- exits: the page shared with the kernel [KVM api 5] ---- */
/* Of KVM_EXIT_DEBUG: the class of the exception [Arm ARM D24.2.40 ESR_EL2]. */
#define KVM_ESR_CLASS_SHIFT 26
#define KVM_ESR_BREAKPOINT 0x30u
#define KVM_ESR_WATCHPOINT 0x34u
#define KVM_ESR_BKPT32 0x38u
#define KVM_ESR_BRK 0x3cu
#define KVM_ESR_BRK_NUMBER 0xffffu

#define KVM_EXIT_UNKNOWN 0u
#define KVM_EXIT_HYPERCALL 3u
#define KVM_EXIT_DEBUG 4u
#define KVM_EXIT_MMIO 6u
#define KVM_EXIT_SHUTDOWN 8u
#define KVM_EXIT_FAIL_ENTRY 9u
#define KVM_EXIT_INTR 10u
#define KVM_EXIT_INTERNAL_ERROR 17u
#define KVM_EXIT_SYSTEM_EVENT 24u
#define KVM_EXIT_ARM_NISV 28u
#define KVM_EXIT_MEMORY_FAULT 39u
#define KVM_EXIT_ARM_LDST64B 42u /* Linux 7.0; with arm_nisv */

#define KVM_MEMORY_EXIT_FLAG_PRIVATE BIT(3)

#define KVM_SYSTEM_EVENT_SHUTDOWN 1u
#define KVM_SYSTEM_EVENT_RESET 2u
#define KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2 BIT(0) /* of data[0] */
#define KVM_SYSTEM_EVENT_CRASH 3u
#define KVM_SYSTEM_EVENT_SUSPEND 5u

struct kvm_run {
	u8 request_interrupt_window;
	u8 immediate_exit;
	u8 padding1[6];
	u32 exit_reason;
	u8 ready_for_interrupt_injection;
	u8 if_flag;
	u16 flags;
	u64 cr8;
	u64 apic_base;
	union {
		struct {
			u64 hardware_exit_reason;
		} hw;
		struct {
			u64 hardware_entry_failure_reason;
			u32 cpu;
		} fail_entry;
		struct {
			u32 hsr;
			u32 hsr_high;
			u64 far;
		} debug;
		struct {
			u64 phys_addr;
			u8 data[8];
			u32 len;
			u8 is_write;
		} mmio;
		struct {
			u64 nr;
			u64 args[6];
			u64 ret;
			u64 flags;
		} hypercall;
		struct {
			u32 suberror;
			u32 ndata;
			u64 data[16];
		} internal;
		struct {
			u32 type;
			u32 ndata;
			u64 data[16];
		} system_event;
		struct {
			u64 esr_iss;
			u64 fault_ipa;
		} arm_nisv;
		struct {
			u64 flags;
			u64 gpa;
			u64 size;
		} memory_fault;
		u8 padding[256];
	};
};

static_assert(sizeof(struct kvm_userspace_memory_region) == 32, "KVM ABI");
static_assert(sizeof(struct kvm_userspace_memory_region2) == 160, "KVM ABI");
static_assert(sizeof(struct kvm_memory_attributes) == 32, "KVM ABI");
static_assert(sizeof(struct kvm_create_guest_memfd) == 64, "KVM ABI");
static_assert(sizeof(struct kvm_irq_routing_entry) == 48, "KVM ABI");
static_assert(sizeof(struct kvm_irqfd) == 32, "KVM ABI");
static_assert(sizeof(struct kvm_ioeventfd) == 64, "KVM ABI");
static_assert(sizeof(struct kvm_enable_cap) == 104, "KVM ABI");
static_assert(sizeof(struct kvm_device_attr) == 24, "KVM ABI");
static_assert(sizeof(struct kvm_vcpu_events) == 64, "KVM ABI");
static_assert(offsetof(struct kvm_run, mmio) == 32, "KVM ABI");
static_assert(offsetof(struct kvm_run, exit_reason) == 8, "KVM ABI");

#endif
