// SPDX-License-Identifier: MIT
// privileges.c - the keeper keeps the capabilities that it uses, and gives up the rest.

#include <cap-ng.h>
#include <errno.h>

#include "keeper/keeper.h"

int keep_privileges(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			  CAP_NET_RAW,		/* AF_XDP sockets */
			  CAP_BPF,		/* entries of the divert program's maps */
			  CAP_IPC_LOCK,		/* frames are pinned, everything else is locked */
			  CAP_SYS_NICE,		/* the service thread's priority */
			  CAP_NET_ADMIN,	/* oobnetd --restore, which it becomes at its end */
			  -1))
		return -EINVAL;
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
}
