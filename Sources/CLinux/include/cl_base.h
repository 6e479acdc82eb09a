// What every header here begins with.
#ifndef ENVOYD_CL_BASE_H
#define ENVOYD_CL_BASE_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
/// A libc result turned into "value or -errno", retried when a signal interrupted it.
#define CL_RETRY(call)                                       \
    ({                                                       \
        __typeof__(call) cl_result;                          \
        do                                                   \
            cl_result = (call);                              \
        while (cl_result < 0 && errno == EINTR);             \
        cl_result < 0 ? (__typeof__(call))-errno : cl_result; \
    })
#endif
