/* SPDX-License-Identifier: MIT */
/* daemon.h - what oobnetd knows: real devices, their ports, the VLAN set, the keeper. */
#ifndef OOBNET_DAEMON_DAEMON_H
#define OOBNET_DAEMON_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "bpf/layout.h"
#include "daemon/attach.h"
#include "daemon/keeper.h"
#include "daemon/link.h"
#include "daemon/plan.h"
#include "daemon/say.h"
#include "daemon/state.h"

/* A real device with at least one enabled port. */
struct device {
	bool used;
	unsigned int kept;	/* the keeper's index of it */
	bool orphaned;		/* its keeper has gone: see rebuild.h */
	bool orphan_said;
	struct attachment attachment;
	struct oob_keeper_device info;
	int board_fd;
	struct oob_board *board;
	struct oob_config config;	/* as it was last published, or will be */
};

struct daemon {
	struct device devices[OOB_MAX_DEVICES];
	struct keeper_link keeper;
	struct state state;
};

extern struct daemon daemon_state;	/* the process's one state */

/* Who asks: from SO_PEERCRED, at connect. */
struct peer {
	pid_t pid;
	uid_t uid;
};

/* ---- device.c: the data path of one real device ---- */

/*
 * Builds the data path on `real`: features, program, keeper, carrier. On an error everything is as it
 * was before. 0 or -errno with a sentence.
 */
int device_open(struct say *why, const struct link *real, const struct device_wish *wish, struct device **dev);

/* Has a keeper, which is started if need be, make the sockets and frames. 0 or -errno with a sentence. */
int device_hand_over(struct say *why, struct device *dev);

/* Takes it all away and restores the features. What cannot be restored is said on stderr. */
void device_close(struct device *dev);

/* Takes over what the keeper holds from an earlier daemon. 0 or -errno with a sentence. */
int device_adopt(struct say *why, unsigned int kept);

struct device *device_of(int ifindex);
void device_publish(struct device *dev);
/* -EAGAIN while the device waits for a keeper. */
int device_call(struct device *dev, struct oob_keeper_request *req, struct oob_keeper_reply *rep);

/* ---- ports.c ---- */

/* On success `why` holds what the user should know, or nothing. */
int port_enable(struct say *why, const struct port_wish *wish);
int port_disable(struct say *why, const char *name);
void port_disable_all(void);
/* Closes devices that carry no enabled port. */
void ports_close_unused(void);
int vlans_set(struct say *why, const __u64 *vlans);

/* An enabled port by its interface's index or name; NULL when there is none. */
struct oob_port_conf *port_by_index(int ifindex, struct device **dev);
struct oob_port_conf *port_by_name(const char *name, struct device **dev);
unsigned int port_number(const struct device *dev, const struct oob_port_conf *port);
unsigned int ports_enabled(void);

/* Announcements of the kernel about interfaces (daemon/monitor.h). */
extern const struct monitor_ops ports_monitor;

/* ---- clients.c: programs on ports ---- */

int client_attach(struct say *why, const struct peer *peer, int ifindex, struct oob_reply *rep, int *fds, int *nr);
int client_ready(struct say *why, const struct peer *peer, int ifindex);
int client_claim(struct say *why, const struct peer *peer, int ifindex);
int client_unclaim(struct say *why, const struct peer *peer, int ifindex);
/* Whether any program is on any device. */
bool clients_any(void);

/* ---- status.c ---- */

int port_status(struct say *why, struct device *dev, const struct oob_port_conf *port, struct oob_port_status *st);

/* ---- server.c ---- */

/* Answers one request. Returns true when the daemon is asked to stop. */
bool serve(const struct peer *peer, const struct oob_request *req, struct oob_reply *rep, int *fds, int *nr);

#endif /* OOBNET_DAEMON_DAEMON_H */
