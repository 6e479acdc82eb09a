// A word in memory that one thread waits for and another one sets (futex(2)), inside one process.
#ifndef ENVOYD_CL_WORDS_H
#define ENVOYD_CL_WORDS_H
#include "cl_base.h"
#include <sys/syscall.h>
#include <time.h>
// _GNU_SOURCE only.
extern long syscall(long, ...);
enum { CL_FUTEX_WAIT_PRIVATE = 128, CL_FUTEX_WAKE_PRIVATE = 129 };
/// Waits while `*word` is `expected`, until somebody wakes those who wait for it, or for `limit_ms`. It may return early.
static inline void cl_word_wait(const uint32_t *word, uint32_t expected, int limit_ms) {
    struct timespec limit = {limit_ms / 1000, limit_ms % 1000 * 1000000L};
    syscall(SYS_futex, word, CL_FUTEX_WAIT_PRIVATE, expected, &limit, NULL, 0);
}
/// Wakes all who wait for a word.
static inline void cl_word_wake(const uint32_t *word) {
    syscall(SYS_futex, word, CL_FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
}
#endif
