// What Crash.c and CrashSymbols.c share. All of it runs in a signal handler: system calls and memory of its own, nothing else.
#ifndef ENVOYD_CRASH_TEXT_H
#define ENVOYD_CRASH_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CL_CRASH_FRAMES = 64, CL_CRASH_MODULES = 16 };

/// A place in the code.
struct cl_frame {
    uintptr_t pc;
    /// The file that it lies in, without its directory; NULL: in none.
    const char *module;
    /// The address in that file, as addr2line takes it.
    uintptr_t address;
    /// The function, as the linker calls it; NULL: unknown.
    const char *symbol;
    /// How far into the function.
    uintptr_t offset;
    /// In the program itself or in Swift's libraries.
    bool is_swift;
};

/// Fills in what is known of places in the code. The files are read anew, so that names need not be exported.
void cl_frames_resolve(struct cl_frame *frames, int count);
#endif
