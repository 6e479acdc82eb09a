// The system calls, atomics and structs that Swift cannot express. Header-only: every function is `static inline`
// and is inlined into Swift. One header a subject; functions return a value >= 0, or -errno.
#ifndef ENVOYD_CLINUX_H
#define ENVOYD_CLINUX_H
#include "cl_atomics.h"
#include "cl_call.h"
#include "cl_copy.h"
#include "cl_crash.h"
#include "cl_descriptors.h"
#include "cl_events.h"
#include "cl_heads.h"
#include "cl_mutex.h"
#include "cl_passing.h"
#include "cl_process.h"
#include "cl_region.h"
#include "cl_scan.h"
#include "cl_sockets.h"
#include "cl_words.h"
#endif
