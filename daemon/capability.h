/* SPDX-License-Identifier: MIT */
/* capability.h - whether a device is "oob capable" in the strict sense, and what it lacks. */
#ifndef OOBNET_DAEMON_CAPABILITY_H
#define OOBNET_DAEMON_CAPABILITY_H

/*
 * What the real device lacks, as a mask of OOB_LACKS_*; 0 is "oob capability: yes". `mode` is
 * OOB_MODE_* as its sockets really run. A queue without in-band traffic is always lacking, for
 * nothing sets one up. NAPI is in real-time threads when /sys/class/net/IF/threaded says that there
 * are threads and every one of them runs SCHED_FIFO, SCHED_RR or SCHED_DEADLINE; what cannot be
 * seen is lacking. Looks at every process: for status queries. Not real-time safe.
 */
unsigned int capability_lacks(const char *real_ifname, unsigned int mode);

#endif /* OOBNET_DAEMON_CAPABILITY_H */
