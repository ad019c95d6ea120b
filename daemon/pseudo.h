/* SPDX-License-Identifier: MIT */
/* pseudo.h - oobclass, the process that serves EVL's pseudo-files: started, watched, ended. */
#ifndef OOBNET_DAEMON_PSEUDO_H
#define OOBNET_DAEMON_PSEUDO_H

/*
 * Starts oobclass and waits until its files are there, 3 s at most. Without it the daemon goes on: what is
 * wrong is said once on stderr. To be called once, with SIGCHLD blocked.
 */
void pseudo_start(void);

/*
 * To be called after a SIGCHLD. An oobclass that was killed is started again, three times in a row; one
 * that ended by itself has said why, and is not.
 */
void pseudo_child(void);

/* Lets oobclass end, and waits until its mounts are off, 2 s at most. A killed daemon ends it likewise. */
void pseudo_stop(void);

#endif /* OOBNET_DAEMON_PSEUDO_H */
