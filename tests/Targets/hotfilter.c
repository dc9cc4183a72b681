// A server-like loop whose hot function gets two arguments that are constant 99 % of the time. It checks its own answers and
// prints, every half second of its own clock: seconds, calls per second, wrong answers, a checksum of all answers.
//   hotfilter MODE DIVISOR [CHANGE_AFTER_SECONDS MODE DIVISOR]
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SAMPLES = 256 };

__attribute__((noinline)) uint64_t fold(const uint32_t *samples, long count, unsigned mode, unsigned divisor)
{
    uint64_t sum = 0;
    for (long i = 0; i < count; i++) {
        uint32_t x = samples[i];
        switch (mode) {
        case 0: x = x + 7; break;
        case 1: x = x ^ 0x5a5a5a5a; break;
        case 2: x = x >> 3; break;
        case 3: x = x * 2654435761u; break;
        case 4: x = (x << 5) | (x >> 27); break;
        case 5: x = ~x; break;
        case 6: x = x - (x >> 1); break;
        default: break;
        }
        sum += x % divisor;
    }
    return sum;
}

// The same by other means: the answers of fold are held against it.
__attribute__((noinline)) static uint64_t reference(const uint32_t *samples, long count, unsigned mode, unsigned divisor)
{
    uint64_t sum = 0;
    for (long i = 0; i < count; i++) {
        uint32_t x = samples[i];
        if (mode == 0) x += 7;
        else if (mode == 1) x ^= 0x5a5a5a5a;
        else if (mode == 2) x >>= 3;
        else if (mode == 3) x *= 2654435761u;
        else if (mode == 4) x = (x << 5) | (x >> 27);
        else if (mode == 5) x = ~x;
        else if (mode == 6) x -= x >> 1;
        sum += x - (uint32_t)((uint64_t)x / divisor) * divisor;
    }
    return sum;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    unsigned mode = argc > 1 ? atoi(argv[1]) : 2, divisor = argc > 2 ? atoi(argv[2]) : 1000;
    double change = argc > 3 ? atof(argv[3]) : 1e18;
    static uint32_t samples[SAMPLES];
    uint64_t seed = 88172645463325252ull;
    for (int i = 0; i < SAMPLES; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        samples[i] = (uint32_t)seed;
    }
    setvbuf(stdout, 0, _IOLBF, 0);
    double start = now(), last = start;
    uint64_t calls = 0, before = 0, wrong = 0, total = 0;
    for (;;) {
        for (int i = 0; i < 1000; i++, calls++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            int rare = (seed >> 20) % 100 == 0;
            unsigned m = rare ? (seed >> 30) % 9 : mode, d = rare ? 1 + (seed >> 40) % 5000 : divisor;
            long n = SAMPLES - (seed & 15);
            uint64_t got = fold(samples, n, m, d);
            total += got;
            if (i % 50 == 0 || rare) wrong += got != reference(samples, n, m, d);
        }
        double t = now();
        if (t - last >= 0.5) {
            printf("%.3f %.0f %llu %llx\n", t - start, (calls - before) / (t - last), (unsigned long long)wrong, (unsigned long long)total);
            last = t, before = calls;
            if (t - start > change && argc > 5) mode = atoi(argv[4]), divisor = atoi(argv[5]), change = 1e18;
        }
    }
}
