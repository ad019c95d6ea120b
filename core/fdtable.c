// SPDX-License-Identifier: MIT
// Descriptor table: lock-free lookups of objects that may be closed at any time.

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "fdtable.h"

/*
 * Why this is safe without a lock for readers:
 *
 * - Entries are type-stable: once allocated they are recycled, never freed,
 *   so a pointer read from a slot always points to an entry.
 * - An entry's word counts references and says with its top bit whether it is
 *   in the table. A reader takes a reference only while that bit is set, and
 *   an entry is recycled only at word 0: so what a reader holds cannot change.
 * - Between reading the slot and taking the reference the entry may have been
 *   recycled for another descriptor. So the slot is read again afterwards:
 *   where it still points to the entry, the entry is this descriptor's.
 * - Slots are in chunks that are never freed.
 */

#define LIVE		0x80000000u
#define CHUNK_SLOTS	1024
#define NR_CHUNKS	1024

typedef struct oobnet_fd *_Atomic slot_t;

static slot_t *_Atomic chunks[NR_CHUNKS];
static const struct oobnet_fd_ops *_Atomic type_ops[OOBNET_FD_NR_TYPES];

/* Guards the lists of entries and the making of chunks: never taken by lookups. */
static pthread_mutex_t pool_lock;
static struct oobnet_fd *free_entries, *made_entries;

static void pool_lock_init(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&pool_lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

void oobnet_fd_set_ops(enum oobnet_fd_type type, const struct oobnet_fd_ops *ops)
{
	atomic_store_explicit(&type_ops[type], ops, memory_order_release);
}

const struct oobnet_fd_ops *oobnet_fd_ops(enum oobnet_fd_type type)
{
	return atomic_load_explicit(&type_ops[type], memory_order_acquire);
}

static slot_t *find_slot(int fd)
{
	slot_t *chunk;

	if (fd < 0 || fd >= NR_CHUNKS * CHUNK_SLOTS)
		return NULL;
	chunk = atomic_load_explicit(&chunks[fd / CHUNK_SLOTS], memory_order_acquire);
	return chunk ? &chunk[fd % CHUNK_SLOTS] : NULL;
}

/* With pool_lock held. */
static slot_t *make_slot(int fd)
{
	slot_t *chunk = atomic_load_explicit(&chunks[fd / CHUNK_SLOTS], memory_order_relaxed);

	if (!chunk) {
		chunk = calloc(CHUNK_SLOTS, sizeof(*chunk));
		if (!chunk)
			return NULL;
		atomic_store_explicit(&chunks[fd / CHUNK_SLOTS], chunk, memory_order_release);
	}
	return &chunk[fd % CHUNK_SLOTS];
}

/* With pool_lock held. */
static struct oobnet_fd *make_entry(void)
{
	struct oobnet_fd *entry = free_entries;

	if (entry) {
		free_entries = entry->next_free;
		return entry;
	}
	entry = calloc(1, sizeof(*entry));
	if (entry) {
		entry->next_made = made_entries;
		made_entries = entry;
	}
	return entry;
}

static struct oobnet_fd *acquire(struct oobnet_fd *entry)
{
	uint32_t word = atomic_load_explicit(&entry->word, memory_order_relaxed);

	do {
		if (!(word & LIVE))
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(&entry->word, &word, word + 1,
							memory_order_acq_rel,
							memory_order_relaxed));
	return entry;
}

void oobnet_fd_put(struct oobnet_fd *ref)
{
	const struct oobnet_fd_ops *ops;

	if (atomic_fetch_sub_explicit(&ref->word, 1, memory_order_acq_rel) != 1)
		return;

	ops = oobnet_fd_ops(ref->type);
	if (ops && ops->release)
		ops->release(ref->obj);

	pthread_mutex_lock(&pool_lock);
	ref->next_free = free_entries;
	free_entries = ref;
	pthread_mutex_unlock(&pool_lock);
}

/* Takes @entry, to which the caller has a reference, out of its slot; false if someone else did. */
static bool detach(slot_t *slot, struct oobnet_fd *entry)
{
	const struct oobnet_fd_ops *ops = oobnet_fd_ops(entry->type);
	struct oobnet_fd *expected = entry;

	if (!atomic_compare_exchange_strong(slot, &expected, NULL))
		return false;
	atomic_fetch_and_explicit(&entry->word, ~LIVE, memory_order_acq_rel);
	if (ops && ops->closing)
		ops->closing(entry->obj);
	oobnet_fd_put(entry);	/* the table's own */
	return true;
}

/* The entry in @slot with a reference, whatever its inode. */
static struct oobnet_fd *slot_get(slot_t *slot)
{
	struct oobnet_fd *entry;

	for (;;) {
		entry = atomic_load_explicit(slot, memory_order_acquire);
		if (!entry)
			return NULL;
		/* Not live: being removed, or recycled; the slot tells which at the next look. */
		if (!acquire(entry)) {
			if (atomic_load_explicit(slot, memory_order_acquire) == entry)
				return NULL;
			continue;
		}
		if (atomic_load_explicit(slot, memory_order_acquire) == entry)
			return entry;
		oobnet_fd_put(entry);
	}
}

struct oobnet_fd *oobnet_fd_lookup(int fd, enum oobnet_fd_type type)
{
	slot_t *slot = find_slot(fd);
	struct oobnet_fd *entry;
	struct stat st;

	if (!slot)
		return NULL;
	entry = slot_get(slot);
	if (!entry)
		return NULL;
	if (fstat(fd, &st) || st.st_ino != entry->ino || st.st_dev != entry->dev) {
		detach(slot, entry);
		oobnet_fd_put(entry);
		return NULL;
	}
	if (type != OOBNET_FD_ANY && type != entry->type) {
		oobnet_fd_put(entry);
		return NULL;
	}
	return entry;
}

bool oobnet_fd_remove_object(int fd, const void *obj)
{
	slot_t *slot = find_slot(fd);
	struct oobnet_fd *entry;
	bool done;

	if (!slot)
		return false;
	entry = slot_get(slot);
	if (!entry)
		return false;
	done = (!obj || entry->obj == obj) && detach(slot, entry);
	oobnet_fd_put(entry);
	return done;
}

bool oobnet_fd_remove(int fd)
{
	return oobnet_fd_remove_object(fd, NULL);
}

int oobnet_fd_install(int fd, enum oobnet_fd_type type, void *obj)
{
	struct oobnet_fd *entry;
	struct stat st;
	slot_t *slot;

	if (fstat(fd, &st))
		return -errno;
	if (fd >= NR_CHUNKS * CHUNK_SLOTS)
		return -EMFILE;
	oobnet_fd_remove(fd);

	pthread_mutex_lock(&pool_lock);
	slot = make_slot(fd);
	entry = slot ? make_entry() : NULL;
	pthread_mutex_unlock(&pool_lock);
	if (!entry)
		return -ENOMEM;

	entry->obj = obj;
	entry->type = type;
	entry->fd = fd;
	entry->dev = st.st_dev;
	entry->ino = st.st_ino;
	atomic_store_explicit(&entry->word, LIVE | 1, memory_order_release);
	atomic_store_explicit(slot, entry, memory_order_release);
	return 0;
}

/*
 * Only the forking thread lives on. Another one may have been anywhere in
 * this file: the lock is made anew, and every entry ever made is free.
 */
static void after_fork(void)
{
	struct oobnet_fd *entry;
	slot_t *chunk;
	int n, i;

	pool_lock_init();
	for (n = 0; n < NR_CHUNKS; n++) {
		chunk = atomic_load_explicit(&chunks[n], memory_order_relaxed);
		for (i = 0; chunk && i < CHUNK_SLOTS; i++)
			atomic_store_explicit(&chunk[i], NULL, memory_order_relaxed);
	}
	free_entries = NULL;
	for (entry = made_entries; entry; entry = entry->next_made) {
		atomic_store_explicit(&entry->word, 0, memory_order_relaxed);
		entry->next_free = free_entries;
		free_entries = entry;
	}
}

/* Before the constructors of those who use the table. */
__attribute__((constructor(101))) static void fdtable_init(void)
{
	pool_lock_init();
	pthread_atfork(NULL, NULL, after_fork);
}
