#!/bin/sh
# SPDX-License-Identifier: MIT
# First process of a lab machine: mounts, loads the drivers, then becomes the agent.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/usr/evl/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
mount -t bpf bpf /sys/fs/bpf
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
while read -r module; do
	insmod "/lib/modules/$(uname -r)/$module.ko" || echo "lab init: cannot load $module"
done </etc/lab-modules
hostname "$(cat /proc/cmdline | tr ' ' '\n' | sed -n 's/^lab\.name=//p')"
ip link set lo up
waited=0
while [ ! -c /dev/vport0p1 ] && [ "$waited" -lt 200 ]; do
	sleep 0.05
	waited=$((waited + 1))
done
# On PREEMPT_RT the interrupts of the control port have threads: above any program under test, or one
# that spins would cut the port.
device=$(basename "$(readlink -f /sys/class/virtio-ports/vport0p1/device)")
for thread in $(pgrep "irq/[0-9]*-$device"); do
	chrt -f -p 97 "$thread"
done
exec /sbin/lab-agent /dev/vport0p1
