// Owned by SharedMemory.
#ifndef ENVOYD_CL_MUTEX_H
#define ENVOYD_CL_MUTEX_H
#include "cl_base.h"
#endif
