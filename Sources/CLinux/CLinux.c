#include "CLinux.h"
#include <signal.h>

// The guard needs state that all of a program shares, so it cannot be inline.

enum { CL_GUARDS = 256 };
static struct { uintptr_t base, end; uint64_t hits; } cl_guards[CL_GUARDS];
static struct sigaction cl_before;
static pthread_once_t cl_once = PTHREAD_ONCE_INIT;

/// Async-signal-safe: loads, mmap and sigaction only.
static void cl_bus(int signo, siginfo_t *info, void *context) {
    uintptr_t at = (uintptr_t)info->si_addr;
    for (int i = 0; i < CL_GUARDS; i++) {
        uintptr_t base = __atomic_load_n(&cl_guards[i].base, __ATOMIC_ACQUIRE);
        if (base == 0 || at < base || at >= __atomic_load_n(&cl_guards[i].end, __ATOMIC_ACQUIRE)) continue;
        void *page = (void *)(at & ~(uintptr_t)(CL_REGION_PAGE - 1));
        if (mmap(page, CL_REGION_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != page) break;
        __atomic_fetch_add(&cl_guards[i].hits, 1, __ATOMIC_RELAXED);
        return;
    }
    if (cl_before.sa_flags & SA_SIGINFO && cl_before.sa_sigaction != NULL) {
        cl_before.sa_sigaction(signo, info, context);
        return;
    }
    // Once more, with what was there before: usually death with a core.
    sigaction(SIGBUS, &cl_before, NULL);
}

static void cl_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = cl_bus;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGBUS, &action, &cl_before);
}

int cl_guard(void *base, size_t size) {
    pthread_once(&cl_once, cl_install);
    for (int i = 0; i < CL_GUARDS; i++) {
        uintptr_t none = 0;
        // Taken with an empty range, then widened.
        if (!__atomic_compare_exchange_n(&cl_guards[i].base, &none, (uintptr_t)base, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) continue;
        __atomic_store_n(&cl_guards[i].hits, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&cl_guards[i].end, (uintptr_t)base + size, __ATOMIC_RELEASE);
        return i;
    }
    return -1;
}

void cl_unguard(int slot) {
    if (slot < 0 || slot >= CL_GUARDS) return;
    __atomic_store_n(&cl_guards[slot].end, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&cl_guards[slot].base, 0, __ATOMIC_RELEASE);
}

uint64_t cl_guard_hits(int slot) {
    return slot < 0 || slot >= CL_GUARDS ? 0 : __atomic_load_n(&cl_guards[slot].hits, __ATOMIC_RELAXED);
}
