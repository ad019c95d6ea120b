/* SPDX-License-Identifier: MIT */
/* rebuild.h - what becomes of devices whose keeper has been killed. */
#ifndef OOBNET_DAEMON_REBUILD_H
#define OOBNET_DAEMON_REBUILD_H

/*
 * A keeper that is killed takes sockets, frames and tables with it. The divert program, its maps and the
 * board live on in the daemon, so nothing falls back in-band meanwhile: frames are dropped and counted
 * (no_socket, nobody). Programs hear of it by their doorbells, let go of their sockets, and attach again
 * as soon as a new keeper has the device.
 */

/* Milliseconds until rebuild_try() is due: 0 now, -1 there is nothing to rebuild. */
int rebuild_due(void);

/*
 * The keeper has gone: marks every device that it held. To be called before another keeper is asked for
 * anything, for to that one the devices' numbers mean others, or none.
 */
void rebuild_find_orphans(void);

/* Starts a keeper if there is none, and hands it the devices that wait. What fails is tried again. */
void rebuild_try(void);

#endif /* OOBNET_DAEMON_REBUILD_H */
