#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#SBATCH --job-name=boots
#SBATCH --array=0-199%16
#SBATCH --cpus-per-task=2
#SBATCH --mem=768M
#SBATCH --time=10
#SBATCH --constraint=kvm
#
# Hundreds of boots as a job array: sbatch docs/examples/ci/slurm.sh KERNEL INITRD. Which have failed, afterwards:
# grep -L 'failures="0" errors="0"' results/*.xml
exec sh docs/examples/ci/one-boot.sh "${SLURM_ARRAY_TASK_ID:-0}" "$@"
