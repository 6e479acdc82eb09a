#include <ares.h>
#include <netdb.h>
#include <arpa/inet.h>
