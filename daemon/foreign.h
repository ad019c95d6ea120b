/* SPDX-License-Identifier: MIT */
/* foreign.h - names an XDP program that is in the way. */
#ifndef OOBNET_DAEMON_FOREIGN_H
#define OOBNET_DAEMON_FOREIGN_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/link.h"

/* " (", a name, ")" */
#define FOREIGN_NAME_SIZE (BPF_OBJ_NAME_LEN + 4)

/*
 * Returns -EBUSY with a sentence that names the XDP program on `link` (its id, its name, who holds it)
 * and says how to remove it. Without CAP_SYS_ADMIN only its id is known. Not real-time safe, as all here.
 */
int foreign_refuse(struct say *why, const struct link *link);

/* " (name)", or nothing for a program without a name or that this process may not look at. */
void foreign_name(uint32_t prog_id, char text[FOREIGN_NAME_SIZE]);

#endif /* OOBNET_DAEMON_FOREIGN_H */
