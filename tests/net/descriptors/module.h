/* SPDX-License-Identifier: MIT */
/* module.h - what the module exports to a host that knows nothing of the library. */
#ifndef MODULE_H
#define MODULE_H

struct module {
	int (*attach)(void);
	int (*open_port)(void);
	int (*is_oob)(int s);
	int (*is_refused)(int s);	/* by every oob call */
	int (*exchange)(int s);		/* one packet each way */
	int (*close_here)(int s);
};

extern const struct module module;

#endif /* MODULE_H */
