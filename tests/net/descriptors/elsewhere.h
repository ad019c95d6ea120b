/* SPDX-License-Identifier: MIT */
/* elsewhere.h - what a file does to descriptors that knows nothing of the library. */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

#ifdef __cplusplus
extern "C" {
#endif

enum kind {
	KIND_NOTHING, KIND_MEMFD, KIND_EVENTFD, KIND_PIPE, KIND_UNIX, KIND_UDP, KIND_PACKET, KIND_EPOLL, KIND_COPY,
	NR_KINDS
};

int elsewhere_close(int fd);
int elsewhere_socket(int domain, int type, int protocol);
int elsewhere_bind(int fd, int ifindex, int protocol);	/* a packet socket; host order */

/* Closes @fd and puts another file under its number. 0, or -1. */
int elsewhere_replace(int fd, enum kind kind);

#ifdef __cplusplus
}
#endif

#endif /* ELSEWHERE_H */
