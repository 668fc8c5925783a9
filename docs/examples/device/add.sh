#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# add.sh: adds the device of this folder to the tree that it lies in: two new files, one line in each of two old
# ones, and what `make man` writes by itself. docs/add-a-device.md explains each step.
set -eu
cd "$(dirname "$0")/../../.."
example=docs/examples/device

cp $example/button.c virtio/dev/button.c
cp $example/button_test.c tests/unit/virtio/dev/button_test.c

# The row that makes it a device: the option, its help, the constructor's prototype, its place on the bus. Behind
# the others, whose places stay.
row='	X(button, "Give the guest a button that is pressed once (virtio-input)") \\'
sed -i "/a new row goes in front of this line/i\\
$row" virtio/dev/singles.h
# Each folder's README names its files.
sed -i '/^  balloon  /i\
  button         a key that is pressed once: the example of docs/add-a-device.md' virtio/dev/README
