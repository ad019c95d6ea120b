/* SPDX-License-Identifier: MIT */
/* Mutexes of the data path: a thread that holds one inherits the priority of those who wait. */
#ifndef PORT_LOCK_H
#define PORT_LOCK_H

#include <pthread.h>

static inline void port_lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

#endif /* PORT_LOCK_H */
