/* SPDX-License-Identifier: MIT */
/* What oobnet has beyond EVL's interface. Programs test for it by the macro __OOBNET__. */
#ifndef EVL_NET_OOBNET_H
#define EVL_NET_OOBNET_H

#include <evl/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * oobnet_explain - what the last error of this thread was about
 *
 * A sentence in English, without a full stop or newline, about the last call of this library that
 * failed on the calling thread and had more to say than its error number: who holds the port, which
 * command helps. Look at it right after such a failure: calls that succeed do not clear it. Never
 * null; "" when there is none. Valid until the next failure of this thread. Real-time safe.
 */
const char *oobnet_explain(void);

#ifdef __cplusplus
}
#endif

#endif /* EVL_NET_OOBNET_H */
