/* SPDX-License-Identifier: MIT */
/* attach.h - loads the divert program and attaches it to a real device. */
#ifndef OOBNET_DAEMON_ATTACH_H
#define OOBNET_DAEMON_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/layout.h"
#include "daemon/link.h"

/*
 * A divert program on its device, with maps of its own. All descriptors are close-on-exec; when the
 * last one of the link is closed, here or wherever it was passed to, the kernel detaches the
 * program.
 */
struct attachment {
	int link_fd;
	int map_fds[OOB_NR_MAPS];
	uint32_t prog_id;
	unsigned int mode;	/* OOB_MODE_NATIVE or 0: generic */
	unsigned int nr_queues;	/* receive queues, counted with the program attached */
};

/*
 * Attaches to the device, native mode first. Generic mode is used only where the driver answers
 * that it cannot do native mode at all (EOPNOTSUPP); then `why` has a note about it for the user,
 * which is the only text on success. Every other refusal is the caller's to report. A driver may
 * reset its link: see carrier.h. No VLAN id is monitored and no port enabled at first. Needs
 * CAP_BPF and CAP_NET_ADMIN; with CAP_SYS_ADMIN, a program in the way can be named, not only
 * numbered. Not real-time safe. Returns 0 or, with a sentence: -EBUSY (a foreign program is
 * attached, in whatever mode, and stays), -E2BIG (more than OOB_MAX_QUEUES receive queues),
 * -ENODEV, -EPERM, -ERANGE, -EINVAL, -ENOMEM, or another negative errno of bpf(2). On an error
 * nothing stays attached or open.
 */
int divert_attach(struct say *why, int ifindex, struct attachment *attachment);

/*
 * Loads the divert program, attaches it nowhere, and unloads it again. *jited: it was compiled to machine
 * code. Returns 0, or what divert_attach() returns for a program that does not load, with a sentence.
 */
int divert_probe(struct say *why, bool *jited);

/* Closes all descriptors, which detaches the program unless another process holds the link. */
void divert_close(struct attachment *attachment);

#endif /* OOBNET_DAEMON_ATTACH_H */
