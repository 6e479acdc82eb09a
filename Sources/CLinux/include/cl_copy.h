// Copies of what may be long.
#ifndef ENVOYD_CL_COPY_H
#define ENVOYD_CL_COPY_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/// memcpy at its usual speed wherever both stand.
///
/// For more than 2 KB glibc takes `rep movsb`, which AMD's Zen 3 and later do at a twentieth of its speed when the
/// destination stands 1 to 32 bytes behind the source, counted within a page: just where a body stands that is written
/// behind a chunk's size. So then it goes in pieces, from the end, as no load waits for the store before it then.
static inline void cl_copy_long(void *to, const void *from, size_t count) {
    char *t = to;
    const char *f = from;
    if (count > 2048 && (((uintptr_t)t - (uintptr_t)f) & 4095) - 1 < 32) {
        size_t rest = count % 1024;
        count -= rest;
        memcpy(t + count, f + count, rest);
        while (count > 0) {
            count -= 1024;
            memcpy(t + count, f + count, 1024);
            // Else the compiler may make one copy of all.
            __asm__ volatile("" ::: "memory");
        }
        return;
    }
    memcpy(t, f, count);
}
#endif
