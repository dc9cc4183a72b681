// Functions through which exceptions pass: thrown, cleaned up behind, caught, thrown on. "N T" runs them N times in each of T threads, holds the results against what they must be,
// and answers "ok", or "wrong".
#include <cstdio>
#include <pthread.h>

#define PROBED extern "C" __attribute__((noinline, noipa))

struct Counted {
    unsigned long *count;
    ~Counted() { ++*count; }
};

PROBED unsigned long t_throw(unsigned long x)
{
    if (x % 3 == 0) throw x;
    return x;
}

PROBED unsigned long t_clean(unsigned long x, unsigned long *cleaned)
{
    Counted counted{cleaned};
    return t_throw(x) + 1;
}

PROBED unsigned long t_catch(unsigned long x, unsigned long *cleaned)
{
    try {
        return t_clean(x, cleaned);
    } catch (unsigned long thrown) {
        return 2 * thrown + 1000;
    }
}

PROBED unsigned long t_loop(unsigned long x, unsigned long *cleaned)
{
    unsigned long sum = 0;
    for (unsigned long i = 0; i < 6; i++) {
        try {
            sum += t_catch(x + i, cleaned);
            if (i % 2) throw (int)i;
            sum += 7;
        } catch (int thrown) {
            sum += 100 * thrown;
        }
    }
    return sum;
}

static unsigned long expected(unsigned long x)
{
    unsigned long sum = 0;
    for (unsigned long i = 0; i < 6; i++) sum += ((x + i) % 3 == 0 ? 2 * (x + i) + 1000 : x + i + 1) + (i % 2 ? 100 * i : 7);
    return sum;
}

static unsigned long rounds;

static void *run(void *)
{
    static char wrong;
    for (unsigned long x = 0; x < rounds; x++) {
        unsigned long cleaned = 0;
        if (t_loop(x, &cleaned) != expected(x) || cleaned != 6) return &wrong;
    }
    return nullptr;
}

int main()
{
    int threads;
    while (scanf("%lu %d", &rounds, &threads) == 2) {
        pthread_t all[16];
        bool right = true;
        for (int t = 0; t < threads; t++) pthread_create(&all[t], nullptr, run, nullptr);
        for (int t = 0; t < threads; t++) {
            void *answer;
            pthread_join(all[t], &answer);
            right &= !answer;
        }
        puts(right ? "ok" : "wrong");
        fflush(stdout);
    }
    return 0;
}
