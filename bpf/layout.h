/* SPDX-License-Identifier: MIT */
/*
 * layout.h - every structure shared by the divert program, the keeper, the daemon and the library.
 *
 * Nothing here has a pointer or a size that depends on the compiler. Whoever changes a structure
 * raises OOB_PROTOCOL: a process that speaks another one is refused in words.
 */
#ifndef OOBNET_LAYOUT_H
#define OOBNET_LAYOUT_H

#include <linux/types.h>

#define OOB_PROTOCOL	1u
#define OOB_MAGIC	0x6f6f626eu	/* "oobn" */

#define OOB_RUN_DIR		"/run/oobnet"
#define OOB_DAEMON_SOCKET	OOB_RUN_DIR "/oobnetd.sock"
#define OOB_KEEPER_SOCKET	OOB_RUN_DIR "/keeper.sock"
#define OOB_STATE_FILE		OOB_RUN_DIR "/state"
#define OOB_CLASS_DIR		OOB_RUN_DIR "/class"	/* EVL's pseudo-files, while oobclass runs */
#define OOB_SYSFS_DIR		"/sys/class"		/* where evl net --sysfs shows them, too */

#define OOB_IFNAMSIZ	16
#define OOB_NR_VIDS	4096
#define OOB_VLAN_WORDS	(OOB_NR_VIDS / 64)
#define OOB_MAX_DEVICES	8	/* real devices, as EVL's CONFIG_EVL_NR_NETDEV */
#define OOB_MAX_PORTS	64	/* ports of one real device */
#define OOB_MAX_QUEUES	64	/* receive queues of one real device */
#define OOB_MAX_SLOTS	8	/* programs on one real device */
#define OOB_NO_SLOT	0u	/* claims hold slot + 1, so that a fresh map claims nothing */

/* Frames: aligned UMEM chunks; the kernel starts a received packet this far into its frame. */
#define OOB_FRAME_HEADROOM	256u
#define OOB_POOL_DEFAULT	2048u
#define OOB_POOL_MAX		32768u
#define OOB_RX_RING		256u	/* entries of one program's RX ring, per queue */
#define OOB_RX_QUOTA		256u	/* frames a program may hold beside its RX ring, per queue */
#define OOB_RX_RESERVE		512u	/* frames for the fill ring that no program can hoard, per queue */

/* ---- maps of the divert program, one set per real device ---- */

/* ports[vid]: written by the daemon. Entry 0 stands for untagged frames (a port on the real device). */
struct oob_divert_port {
	__u32 enabled;
	__u32 index;		/* into claims and counters */
};

/* counters[port index], per CPU: written by the divert program alone. */
struct oob_divert_counters {
	__u64 rx_packets;	/* IPv4 frames of the port's VLAN, whatever became of them */
	__u64 rx_bytes;		/* without the tag and the FCS */
	__u64 nobody;		/* dropped: no program claims the port */
	__u64 no_socket;	/* dropped: the claiming program has no socket on this queue */
};

/* queues[rx queue], per CPU. */
struct oob_divert_queue {
	__u64 diverted;
	__u64 passed;		/* left to the regular stack */
};

/* ---- geometry of the frames of one real device ---- */

/*
 * Frames 0 .. nr_tx-1 are for transmission: slot s owns tx_per_slot of them from s * tx_per_slot on.
 * Frames nr_tx .. nr_frames-1 are for reception and wander.
 */
struct oob_geometry {
	__u32 frame_size;	/* 2048 or 4096 */
	__u32 nr_frames;
	__u32 nr_tx;
	__u32 nr_slots;
	__u32 tx_per_slot;
	__u32 nr_queues;
	__u32 rx_ring;		/* entries of a program's RX ring, one per queue */
	__u32 tx_ring;		/* entries of a program's TX ring, one per queue */
	__u32 fill_ring;	/* entries of a fill ring, one per queue */
	__u32 return_ring;	/* entries of a program's return ring, one per device */
	__u32 grant_ring;	/* entries of a program's grant ring, one per device */
	__u32 reserved;
};

/* ---- what one program shares with the keeper, and with nobody else ---- */

enum oob_held {
	OOB_HELD_NOT = 0,
	OOB_HELD_RX = 1,	/* taken from an RX ring, not yet returned */
	OOB_HELD_TX = 2,	/* taken from the grant ring, not yet submitted */
	OOB_HELD_SENT = 3,	/* about to be, or submitted to a TX ring: a completion will free it */
};

/* Indices run freely and are masked at use; one side writes each. */
struct oob_ring {
	__u32 producer __attribute__((aligned(64)));
	__u32 consumer __attribute__((aligned(64)));
};

/* Written by the program that owns the table, summed up by the keeper when it ends. */
struct oob_port_stats {
	__u64 tx_packets;
	__u64 tx_bytes;		/* without the tag and the FCS */
	__u64 tx_nomem;		/* a sender found no free frame */
	__u64 tx_errors;	/* frames given back unsent */
	__u64 rx_nomem;		/* no room in a socket's queue */
	__u64 rx_malformed;	/* not what the divert program would let through */
	__u64 rx_unwanted;	/* no socket of the program wants it */
	__u64 csum_errors;
	__u64 rx_lost;		/* received, and lost with a keeper that was killed */
};

/*
 * The program's table, a memfd. After this header, at the offsets given, stand the held marks (one
 * byte a frame), the entries of the return ring and those of the grant ring (frame numbers, __u32).
 *
 * Order of steps, so that a program killed between any two instructions loses nothing:
 *   receive: mark held[f] = RX, then advance the RX ring's consumer
 *   return:  write the entry, then advance the producer; the keeper clears held[f]
 *   take:    mark held[f] = TX, then advance the grant ring's consumer
 *   send:    mark held[f] = SENT, write the descriptor, advance the TX ring's producer;
 *            the keeper clears held[f] when the completion comes
 */
struct oob_table {
	__u32 magic;
	__u32 protocol;
	__u32 pid;
	__u32 slot;
	__u64 size;		/* of the whole memfd */
	__u64 held_offset;
	__u64 return_offset;
	__u64 grant_offset;
	struct oob_ring ret;	/* the program produces, the keeper consumes: received frames given back */
	struct oob_ring grant;	/* the keeper produces, the program consumes: frames to send with */
	__u32 wants_frames __attribute__((aligned(64)));	/* set by a sender that waits; cleared by the keeper, which rings */
	struct oob_port_stats stats[OOB_MAX_PORTS] __attribute__((aligned(64)));
};

static inline __u64 oob_align_page(__u64 n)
{
	return (n + 4095) & ~(__u64)4095;
}

/* Fills the offsets and the size; both sides compute them, neither believes the other's. */
static inline void oob_table_layout(struct oob_table *table, const struct oob_geometry *geo)
{
	table->held_offset = oob_align_page(sizeof(*table));
	table->return_offset = oob_align_page(table->held_offset + geo->nr_frames);
	table->grant_offset = oob_align_page(table->return_offset + 4ull * geo->return_ring);
	table->size = oob_align_page(table->grant_offset + 4ull * geo->grant_ring);
}

/* ---- the board: what the daemon tells the programs of one real device ---- */

#define OOB_PORT_ENABLED	0x1u
#define OOB_EGRESS_MAX		16

/* One entry of the VLAN device's egress-qos map. */
struct oob_egress {
	__u32 priority;
	__u32 pcp;
};

struct oob_port_conf {
	__s32 ifindex;		/* of the port: the VLAN device, or the device given a --vid */
	__u32 flags;
	__u64 epoch;		/* changes each time the port is enabled or disabled */
	__u32 mtu;
	__u16 vid;		/* 0: untagged */
	__u8 mac[6];
	char name[OOB_IFNAMSIZ];
	__u32 nr_egress;
	struct oob_egress egress[OOB_EGRESS_MAX];
};

struct oob_config {
	__s32 ifindex;		/* of the real device */
	__u32 nr_ports;		/* entries in use, enabled or not */
	char name[OOB_IFNAMSIZ];
	struct oob_port_conf ports[OOB_MAX_PORTS];
};

/*
 * A memfd that the daemon writes and programs map read-only. The daemon fills the copy that is not
 * current, then stores `sequence`; copy sequence & 1 is the valid one. A reader copies what it needs and
 * reads `sequence` again: changed means read once more. A daemon killed in between harms nobody.
 */
struct oob_board {
	__u32 magic;
	__u32 protocol;
	__u64 sequence;
	/*
	 * Set once by the keeper or the daemon when this device's data path is gone for good: frames and
	 * rings lead nowhere any more, and a program has to attach anew.
	 */
	__u32 gone;
	__u32 reserved;
	struct oob_config config[2];
};

/* ---- daemon and keeper ---- */

enum oob_keeper_op {
	OOB_KEEP_HELLO = 1,	/* -> hello; refused (EBUSY) while another daemon is connected */
	OOB_KEEP_GET,		/* arg: device -> device, fds: board, link, maps in enum oob_map order */
	OOB_KEEP_ADD,		/* device, fds as above -> device index, zerocopy */
	OOB_KEEP_REMOVE,	/* arg: device; detaches, ends its clients */
	OOB_KEEP_JOIN,		/* arg: device, pid, fd: pidfd -> slot; fds: umem, board (read-only), table, doorbell, one XSK per queue */
	OOB_KEEP_BIND,		/* arg: device, slot: all rings are mapped, bind them and take them into the socket map */
	OOB_KEEP_PART,		/* arg: device, slot: the program leaves; its frames and claims are taken back */
	OOB_KEEP_CLAIM,		/* arg: device, port, slot + 1 or OOB_NO_SLOT: whose the port's frames are */
	OOB_KEEP_STATUS,	/* arg: device -> status */
	OOB_KEEP_RING,		/* arg: device: ring the doorbell of every program on it */
	OOB_KEEP_LEAVE,		/* the daemon ends in good order: no grace period */
};

enum oob_map {
	OOB_MAP_XSKS,
	OOB_MAP_CLAIMS,
	OOB_MAP_PORTS,
	OOB_MAP_VLANS,
	OOB_MAP_COUNTERS,
	OOB_MAP_QUEUES,
	OOB_NR_MAPS,
};

/* fds of OOB_KEEP_GET and OOB_KEEP_ADD */
enum oob_device_fd {
	OOB_DEVFD_BOARD,
	OOB_DEVFD_LINK,
	OOB_DEVFD_MAPS,
	OOB_NR_DEVFDS = OOB_DEVFD_MAPS + OOB_NR_MAPS,
};

#define OOB_BIND_GENERIC	0x1u	/* the program runs in generic mode: never bind zero-copy */

struct oob_keeper_device {
	__s32 ifindex;
	__u32 bind_flags;
	__u32 zerocopy;		/* reply: what the sockets were bound with */
	__u32 reserved;
	struct oob_geometry geometry;
};

/* One program of one device, as the keeper sees it. */
struct oob_keeper_client {
	__s32 pid;		/* 0: slot is free */
	__u32 bound;
	char comm[16];
};

/* From XDP_STATISTICS of every socket, ended ones included, and from the keeper's own books. */
struct oob_keeper_status {
	struct oob_keeper_client clients[OOB_MAX_SLOTS];
	__u32 claims[OOB_MAX_PORTS];		/* slot + 1 */
	struct oob_port_stats ports[OOB_MAX_PORTS];	/* programs that have ended and those that run */
	__u64 rx_ring_full[OOB_MAX_QUEUES];	/* dropped: the program's RX ring was full */
	__u64 rx_dropped[OOB_MAX_QUEUES];	/* dropped: other reasons */
	__u64 fill_empty[OOB_MAX_QUEUES];	/* dropped: the fill ring was empty */
	__u64 tx_invalid;
	__u64 bad_returns;	/* frame numbers refused by the keeper */
	__u64 bad_completions;
	__u64 reclaimed;	/* frames taken back from programs that ended */
	__u64 timed_out;	/* of these, sent frames whose completion never came */
	__u32 rx_free;		/* receive frames in the keeper's hands, in no fill ring */
	__u32 rx_filled;	/* receive frames in fill rings */
	__u32 rx_total;
	__u32 tx_free;		/* transmit frames neither held nor under way */
	__u32 tx_total;
	__u32 tx_limbo;		/* frames of ended programs that wait for their completion */
};

struct oob_keeper_request {
	__u32 magic;
	__u32 protocol;
	__u32 op;
	__s32 pid;
	__u32 device;
	__u32 slot;
	__u32 port;
	__u32 reserved;
	struct oob_keeper_device info;
};

struct oob_keeper_reply {
	__u32 magic;
	__u32 protocol;
	__s32 err;		/* 0 or a negative errno */
	__u32 device;
	__u32 slot;
	__u32 devices;		/* HELLO: bit mask of the devices in use */
	struct oob_keeper_device info;
	struct oob_keeper_status status;
};

/* ---- programs (library, evl net) and daemon ---- */

enum oob_daemon_op {
	OOB_ASK_ENABLE = 1,	/* name, vid, pool, buf; root only -> text (what the user should know) */
	OOB_ASK_DISABLE,	/* name; root only */
	OOB_ASK_STATUS,		/* name -> port */
	OOB_ASK_LIST,		/* index -> name, port of the index-th enabled port; ENOENT past the last */
	OOB_ASK_SET_VLANS,	/* vlans; root only */
	OOB_ASK_GET_VLANS,	/* -> vlans */
	OOB_ASK_ATTACH,		/* ifindex of a port -> geometry, slot; fds as OOB_KEEP_JOIN */
	OOB_ASK_READY,		/* ifindex: the rings are mapped */
	OOB_ASK_CLAIM,		/* ifindex: from now on the port's frames are mine; EBUSY and text name the holder */
	OOB_ASK_UNCLAIM,	/* ifindex */
	OOB_ASK_STOP,		/* root only: disable every port, restore everything, end */
};

/* fds of OOB_KEEP_JOIN and OOB_ASK_ATTACH; from OOB_JOINFD_XSKS on one socket per queue */
enum oob_join_fd {
	OOB_JOINFD_UMEM,
	OOB_JOINFD_BOARD,
	OOB_JOINFD_TABLE,
	OOB_JOINFD_DOORBELL,
	OOB_JOINFD_XSKS,
};

#define OOB_MAX_FDS	(OOB_JOINFD_XSKS + OOB_MAX_QUEUES)

#define OOB_MODE_NATIVE		0x1u	/* else generic */
#define OOB_MODE_ZEROCOPY	0x2u	/* else copy */

/* Why a port is not "oob capable"; 0 means that it is. */
#define OOB_LACKS_NATIVE	0x1u
#define OOB_LACKS_ZEROCOPY	0x2u
#define OOB_LACKS_OWN_QUEUE	0x4u	/* its receive queue carries in-band traffic too */
#define OOB_LACKS_NAPI		0x8u	/* its NAPI runs in softirq, not in a real-time thread */

/* Device features that the daemon turned off, and turns on again with the last port. */
#define OOB_FEATURE_RXVLAN	0x1u	/* rx-vlan-offload */
#define OOB_FEATURE_RXFILTER	0x2u	/* rx-vlan-filter */

struct oob_port_status {
	char name[OOB_IFNAMSIZ];
	char real_name[OOB_IFNAMSIZ];
	__s32 ifindex;
	__s32 real_ifindex;
	__u32 vid;
	__u32 monitored;	/* the VLAN id is in the set */
	__u32 mode;		/* OOB_MODE_* */
	__u32 lacks;		/* OOB_LACKS_* */
	__u32 features_off;	/* OOB_FEATURE_* */
	__u32 nr_queues;
	__s32 holder_pid;	/* 0: nobody claims the port */
	char holder_comm[16];
	__u32 program_id;	/* of the divert program */
	__u32 mtu;
	__u32 frame_size;
	__u32 frames_free;	/* of the transmit pool */
	__u32 frames_total;
	__u32 rx_frames_home;	/* receive frames in the keeper's hands or in fill rings */
	__u32 rx_frames_total;
	struct oob_divert_counters divert;	/* of the port */
	struct oob_port_stats stats;		/* of the port */
	struct oob_divert_queue queues[OOB_MAX_QUEUES];	/* of the real device */
	__u64 rx_ring_full[OOB_MAX_QUEUES];
	__u64 rx_dropped[OOB_MAX_QUEUES];
	__u64 fill_empty[OOB_MAX_QUEUES];
	__u64 tx_invalid;
	__u64 bad_returns;
	__u64 bad_completions;
	__u64 reclaimed;
	__u64 timed_out;
	__u32 tx_limbo;
	__u32 reserved;
};

struct oob_request {
	__u32 magic;
	__u32 protocol;
	__u32 op;
	__s32 ifindex;
	__u32 index;
	__u32 vid;		/* ENABLE: 0: by the kind of the interface */
	__u64 pool;		/* ENABLE: 0 is the default */
	__u64 buf;
	char name[OOB_IFNAMSIZ];
	__u64 vlans[OOB_VLAN_WORDS];
};

struct oob_reply {
	__u32 magic;
	__u32 protocol;
	__s32 err;		/* 0 or a negative errno */
	__u32 slot;
	__s32 real_ifindex;
	__u32 reserved;
	char text[256];		/* on error why, and the remedy; else what the user should know; may be empty */
	struct oob_geometry geometry;
	struct oob_port_status port;
	__u64 vlans[OOB_VLAN_WORDS];
};

#endif /* OOBNET_LAYOUT_H */
