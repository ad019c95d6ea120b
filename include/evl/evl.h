/* SPDX-License-Identifier: MIT */
/* All of the interface but the network's, which is <evl/net/net.h>. */

#ifndef EVL_EVL_H
#define EVL_EVL_H

#include <evl/version.h>
#include <evl/clock.h>
#include <evl/event.h>
#include <evl/flags.h>
#include <evl/mutex.h>
#include <evl/poll.h>
#include <evl/proxy.h>
#include <evl/rwlock.h>
#include <evl/sched.h>
#include <evl/sem.h>
#include <evl/sys.h>
#include <evl/syscall.h>
#include <evl/thread.h>
#include <evl/timer.h>
#include <evl/xbuf.h>

#endif
