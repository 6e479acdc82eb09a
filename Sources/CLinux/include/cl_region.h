// Owned by SharedMemory.
#ifndef ENVOYD_CL_REGION_H
#define ENVOYD_CL_REGION_H
#include "cl_base.h"
#endif
