/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address map and the interrupt map of the board. Constants only, no types and no suffixes: C,
 * assembly and the payloads of guest/ read the same page.
 *
 *   0x0000_0000  PCI I/O space                 0x3fff_0000  GIC distributor
 *   0x0100_0000  UART 0..3, one page each        below it   redistributors, 128 KiB per CPU
 *   0x0101_0000  RTC                             below them ITS
 *   0x0102_0000  stolen time, 64 B per CPU     0x4000_0000  PCI ECAM (bus 0 only)
 *   0x0103_0000  PL031 (--rtc pl031)           0x5000_0000  PCI memory window
 *   0x0200_0000  CFI flash                     0x8000_0000  RAM (or higher: --mem SIZE@ADDR)
 *   0x0300_0000  virtio-mmio, 512 B each
 *
 * What depends on the options (GIC below the distributor, what is loaded into RAM) is computed in
 * board.h and boot.h. This is kvmtool's map, which the public Realm-VM layout standardises, and the
 * PL031, which neither has: its page and the interrupts of the clocks lie behind all of theirs.
 */
#ifndef ARM64_MEMMAP_H
#define ARM64_MEMMAP_H

#define MEMMAP_PCI_IO 0x00000000
#define MEMMAP_PCI_IO_SIZE 0x00010000

#define MEMMAP_UART 0x01000000
#define MEMMAP_UART_STRIDE 0x1000
#define MEMMAP_UART_SIZE 8 /* registers, one byte each */
#define MEMMAP_NR_UARTS 4

#define MEMMAP_RTC 0x01010000
#define MEMMAP_RTC_SIZE 2 /* index, data */

#define MEMMAP_PVTIME 0x01020000
#define MEMMAP_PVTIME_SIZE 0x00010000
#define MEMMAP_PVTIME_STRIDE 64

#define MEMMAP_PL031 0x01030000
#define MEMMAP_PL031_SIZE 0x1000

#define MEMMAP_FLASH 0x02000000
#define MEMMAP_FLASH_MAX 0x01000000

#define MEMMAP_VIRTIO_MMIO 0x03000000
#define MEMMAP_VIRTIO_MMIO_STRIDE 0x200
#define MEMMAP_NR_VIRTIO_MMIO 58

#define MEMMAP_GIC_END 0x40000000
#define MEMMAP_GICD 0x3fff0000
#define MEMMAP_GICD_SIZE 0x00010000
#define MEMMAP_GICR_STRIDE 0x00020000 /* RD_base and SGI_base frame of one CPU */
#define MEMMAP_ITS_SIZE 0x00020000
#define MEMMAP_GICC 0x3ffd0000 /* GICv2 CPU interface */
#define MEMMAP_GICC_SIZE 0x00020000
#define MEMMAP_V2M 0x3ffcf000 /* GICv2m frame */
#define MEMMAP_V2M_SIZE 0x00001000
#define MEMMAP_V2M_SETSPI 0x40 /* offset of the doorbell in the frame */

#define MEMMAP_PCI_ECAM 0x40000000
#define MEMMAP_PCI_ECAM_SIZE 0x10000000
#define MEMMAP_PCI_MEM 0x50000000
#define MEMMAP_PCI_MEM_SIZE 0x30000000
#define MEMMAP_NR_PCI_SLOTS 32

#define MEMMAP_RAM 0x80000000

/* SPI numbers as in the device tree: SPI 0 is INTID 32. */
#define MEMMAP_SPI_UART 0	 /* 0-3, level high */
#define MEMMAP_SPI_VIRTIO_MMIO 4 /* 4-61, edge rising */
#define MEMMAP_SPI_RTC 62	 /* level high; so the next. Connected where there is a PL031 */
#define MEMMAP_SPI_PL031 63
#define MEMMAP_SPI_PCI 64 /* 64-95, INTA of slot n, level high */
#define MEMMAP_SPI_V2M 96 /* 96-159, only with GICv2m */
#define MEMMAP_NR_SPI_V2M 64

/* PPI numbers as in the device tree: PPI 0 is INTID 16. */
#define MEMMAP_PPI_PMU 7
#define MEMMAP_PPI_GIC_MAINT 9 /* only with --nested, as is the next */
#define MEMMAP_PPI_TIMER_HYP_VIRT 12
#define MEMMAP_PPI_TIMER_HYP 10
#define MEMMAP_PPI_TIMER_VIRT 11
#define MEMMAP_PPI_TIMER_SEC 13
#define MEMMAP_PPI_TIMER_PHYS 14

#endif
