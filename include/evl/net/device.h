/* SPDX-License-Identifier: MIT */
/* Network devices. */
#ifndef EVL_NET_DEVICE_H
#define EVL_NET_DEVICE_H

#include <evl/version.h>
#include <evl/net/device-abi.h>

#endif /* EVL_NET_DEVICE_H */
