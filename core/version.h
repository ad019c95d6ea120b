/* SPDX-License-Identifier: MIT */
/* The version that the library tells of itself. */

#ifndef OOBNET_CORE_VERSION_H
#define OOBNET_CORE_VERSION_H

/* The build may give it. */
#ifndef OOBNET_VERSION
#define OOBNET_VERSION "oobnet 0.1.0"
#endif

#endif
