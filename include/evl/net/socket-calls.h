/* SPDX-License-Identifier: MIT */
/*
 * The regular socket calls, led through the library: part of <evl/net/socket.h>.
 *
 * Inlines that take the place of the C library's functions where these are called by name, as glibc
 * does for _FORTIFY_SOURCE. gnu_inline: no symbol is defined here, and a pointer to the function is
 * a pointer to the C library's; a call by pointer leads here only where the compiler sees through it.
 * What is not about an out-of-band socket is passed on unchanged.
 */
#ifndef EVL_NET_SOCKET_CALLS_H
#define EVL_NET_SOCKET_CALLS_H

#include <sys/socket.h>
#include <unistd.h>
#include <evl/syscall.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As their namesakes. Call those. */
int __oobnet_socket(int domain, int type, int protocol);
int __oobnet_bind(int fd, const struct sockaddr *addr, socklen_t len);
int __oobnet_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int __oobnet_setsockopt(int fd, int level, int optname, const void *optval, socklen_t optlen);
int __oobnet_getsockopt(int fd, int level, int optname, void *optval, socklen_t *optlen);

#ifndef OOBNET_NO_SOCKET_CALLS

#define __oobnet_inline \
	extern __inline __attribute__((__always_inline__, __gnu_inline__, __artificial__))

/* Where glibc takes addresses as a transparent union of pointers, its member is what we want. */
#if defined(__cplusplus) || !defined(__USE_GNU)
#define __oobnet_sockaddr(addr) (addr)
#else
#define __oobnet_sockaddr(addr) ((addr).__sockaddr__)
#endif

__oobnet_inline int __NTH(socket(int __domain, int __type, int __protocol))
{
	return __oobnet_socket(__domain, __type, __protocol);
}

__oobnet_inline int __NTH(bind(int __fd, __CONST_SOCKADDR_ARG __addr, socklen_t __len))
{
	return __oobnet_bind(__fd, __oobnet_sockaddr(__addr), __len);
}

__oobnet_inline int __NTH(getsockname(int __fd, __SOCKADDR_ARG __addr, socklen_t *__restrict __len))
{
	return __oobnet_getsockname(__fd, __oobnet_sockaddr(__addr), __len);
}

__oobnet_inline int __NTH(setsockopt(int __fd, int __level, int __optname, const void *__optval,
				     socklen_t __optlen))
{
	return __oobnet_setsockopt(__fd, __level, __optname, __optval, __optlen);
}

__oobnet_inline int __NTH(getsockopt(int __fd, int __level, int __optname, void *__restrict __optval,
				     socklen_t *__restrict __optlen))
{
	return __oobnet_getsockopt(__fd, __level, __optname, __optval, __optlen);
}

__oobnet_inline int close(int __fd)
{
	return oobnet_close(__fd);
}

#undef __oobnet_sockaddr
#undef __oobnet_inline

#endif /* OOBNET_NO_SOCKET_CALLS */

#ifdef __cplusplus
}
#endif

#endif /* EVL_NET_SOCKET_CALLS_H */
