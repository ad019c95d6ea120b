// SPDX-License-Identifier: MIT
// Version, processor, and the handler of EVL's diagnostic signal.

#include <signal.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <evl/sys.h>
#include <evl/thread-abi.h>
#include "core.h"
#include "version.h"

__oobnet_api struct evl_version evl_get_version(void)
{
	return (struct evl_version){
		.api_level = __EVL__,
		.abi_level = EVL_ABI_PREREQ,
		.version_string = OOBNET_VERSION,
	};
}

__oobnet_api bool evl_detect_fpu(void)
{
#if defined(__aarch64__)
	return getauxval(AT_HWCAP) & HWCAP_FP;
#elif defined(__arm__)
	return getauxval(AT_HWCAP) & HWCAP_ARM_VFP;
#elif defined(__riscv)
	return getauxval(AT_HWCAP) & (1UL << ('F' - 'A'));
#elif defined(__x86_64__)
	return true;	/* part of the architecture */
#else
#error "say how this architecture tells that it has a floating-point unit"
#endif
}

/* The two decimal digits of the cause go into the text: no stdio in a signal handler. */
__oobnet_api void evl_sigdebug_handler(int sig, siginfo_t *si, void *ctxt)
{
	char text[] = "oobnet: SIGDEBUG received, cause 00\n";
	unsigned int cause;

	(void)ctxt;
	if (!sigdebug_marked(si)) {
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	cause = sigdebug_cause(si) % 100;
	text[sizeof(text) - 4] = (char)('0' + cause / 10);
	text[sizeof(text) - 3] = (char)('0' + cause % 10);
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		return;
}
