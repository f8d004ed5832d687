// Included before everything in the build for AMX. gcc 12 tells the optimizer that LDTILECFG reads 8 of the 64 bytes of the
// configuration, so it drops the stores of the rest and the first tile instruction dies by SIGILL. This says all 64.
#include <immintrin.h>
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg\t%X0" ::"m"(*(const char(*)[64])(config)))
