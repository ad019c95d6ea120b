// SPDX-License-Identifier: MIT
// evl_init(): memory locks, proxies, endings; and what a forked child starts with.

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <evl/sys.h>
#include "core.h"

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool initialized;
static _Atomic int memlock;	/* enum oobnet_memlock */

enum oobnet_memlock oobnet_memlock_state(void)
{
	return (enum oobnet_memlock)atomic_load(&memlock);
}

bool oobnet_is_initialized(void)
{
	return atomic_load_explicit(&initialized, memory_order_acquire);
}

/*
 * Whether locked memory is without limit. Only the kernel knows (capabilities
 * of a user namespace do not count): ask it for a mapping above the limit,
 * which is not populated, as nobody may touch it.
 */
static bool may_lock_all(void)
{
	struct rlimit limit;
	void *probe;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return false;
	if (limit.rlim_cur == RLIM_INFINITY)
		return true;
	probe = mmap(NULL, limit.rlim_cur + (size_t)sysconf(_SC_PAGESIZE), PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (probe == MAP_FAILED)
		return false;
	munmap(probe, limit.rlim_cur + (size_t)sysconf(_SC_PAGESIZE));
	return true;
}

/*
 * MCL_FUTURE under a limit would make later mappings fail, the stacks of
 * threads first: there, only what is mapped now is locked.
 */
static enum oobnet_memlock lock_memory(void)
{
	if (!mlockall(MCL_CURRENT | MCL_FUTURE)) {
		if (may_lock_all())
			return OOBNET_MEMLOCK_ALL;
		munlockall();
	}
	return mlockall(MCL_CURRENT) ? OOBNET_MEMLOCK_NONE : OOBNET_MEMLOCK_CURRENT;
}

static void after_fork(void)
{
	pthread_mutex_init(&init_lock, NULL);
	atomic_store(&initialized, false);
	atomic_store(&memlock, OOBNET_MEMLOCK_NONE);
	oobnet_threads_after_fork();
	oobnet_endings_after_fork();
	oobnet_proxies_after_fork();
}

__attribute__((constructor)) static void register_fork_handler(void)
{
	pthread_atfork(NULL, NULL, after_fork);
}

__oobnet_api int evl_init(void)
{
	int ret = 0;

	if (oobnet_is_initialized())
		return 0;
	pthread_mutex_lock(&init_lock);
	if (!oobnet_is_initialized()) {
		atomic_store(&memlock, lock_memory());
		ret = oobnet_threads_init();
		if (!ret)
			ret = oobnet_proxies_init();
		if (!ret) {
			oobnet_endings_init();
			atomic_store_explicit(&initialized, true, memory_order_release);
		}
	}
	pthread_mutex_unlock(&init_lock);
	return ret;
}

int oobnet_fd_above_std(int fd)
{
	int moved, err;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = errno;
	close(fd);
	return moved < 0 ? -err : moved;
}

int oobnet_format_name(struct oobnet_name *name, const char *fmt, va_list ap)
{
	char text[sizeof(name->text) + 1];	/* one more, for the slash */
	const char *start = text;
	int len;

	*text = '\0';
	len = fmt ? vsnprintf(text, sizeof(text), fmt, ap) : 0;
	name->is_public = *text == '/';
	if (name->is_public) {
		start++;
		len--;
	}
	if (len < 0 || len > OOBNET_NAME_MAX)
		return -EINVAL;
	memcpy(name->text, start, (size_t)len + 1);
	return 0;
}
