// The robust, process-shared mutex of the region: pthread_mutexattr_setrobust(3), pthread_mutex_consistent(3).
#ifndef ENVOYD_CL_MUTEX_H
#define ENVOYD_CL_MUTEX_H
#include "cl_base.h"
#include <pthread.h>
#include <time.h>
/// Room in the region for a pthread_mutex_t of any libc we know.
enum { CL_MUTEX_WORDS = 8 };
_Static_assert(sizeof(pthread_mutex_t) <= CL_MUTEX_WORDS * 8, "a mutex fits in its room in the region");
/// Names the C library and the size of its mutex: a process of another one must never lock ours.
static inline uint32_t cl_mutex_tag(void) {
#if defined(__GLIBC__)
    return 0x676c0000u | (uint32_t)sizeof(pthread_mutex_t);
#else
    return 0x6d750000u | (uint32_t)sizeof(pthread_mutex_t);
#endif
}
static inline int cl_mutex_init(uint64_t *words) {
    pthread_mutexattr_t a;
    int rc = pthread_mutexattr_init(&a);
    if (rc != 0) return -rc;
    rc = pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    if (rc == 0) rc = pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    if (rc == 0) rc = pthread_mutex_init((pthread_mutex_t *)words, &a);
    pthread_mutexattr_destroy(&a);
    return -rc;
}
/// Whether these are the words of a mutex as we make them, whatever its state: another kind may do anything when locked.
static inline bool cl_mutex_has_our_kind(const uint64_t *words) {
#if defined(__GLIBC__)
    uint64_t fresh[CL_MUTEX_WORDS] = {0};
    if (cl_mutex_init(fresh) != 0) return false;
    size_t at = offsetof(pthread_mutex_t, __data.__kind);
    return memcmp((const char *)words + at, (const char *)fresh + at, sizeof(int)) == 0;
#else
    (void)words;
    return true;
#endif
}
/// 0: held. -EOWNERDEAD: held, and its last owner died inside. -ETIMEDOUT, -ENOTRECOVERABLE: not held.
static inline int cl_mutex_lock(uint64_t *words, uint32_t limit_ms) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += limit_ms / 1000;
    t.tv_nsec += (long)(limit_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) { t.tv_sec++; t.tv_nsec -= 1000000000; }
    return -pthread_mutex_timedlock((pthread_mutex_t *)words, &t);
}
/// Makes a mutex usable again after -EOWNERDEAD; without it the unlock makes it unrecoverable for good.
static inline int cl_mutex_mark_consistent(uint64_t *words) { return -pthread_mutex_consistent((pthread_mutex_t *)words); }
static inline int cl_mutex_unlock(uint64_t *words) { return -pthread_mutex_unlock((pthread_mutex_t *)words); }
#endif
