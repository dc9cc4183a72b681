// A program whose time goes where its arguments say: microseconds a round, each spent by the clock in a function of its own.
//   direct POINTER LIBRARY RECURSION TAIL SLEEP
// With -DLIBRARY it is the library that it calls.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define APART __attribute__((noinline, noclone))

static uint64_t ticks_of_microsecond;

static inline void spin(uint64_t microseconds, uint64_t ticks) {
  uint64_t until = __rdtsc() + microseconds * ticks;
  while (__rdtsc() < until) _mm_pause();
}

#ifdef LIBRARY
void library_deep(uint64_t microseconds, uint64_t ticks);
void APART library_deep(uint64_t microseconds, uint64_t ticks) { spin(microseconds, ticks); }
int library_work(uint64_t microseconds, uint64_t ticks);
int library_work(uint64_t microseconds, uint64_t ticks) {
  library_deep(microseconds, ticks);
  return getppid();
}
#else
int library_work(uint64_t microseconds, uint64_t ticks);

static volatile uint64_t rounds;

int APART direct_work(uint64_t us) { spin(us, ticks_of_microsecond); return 1; }
int APART pointer_slow(uint64_t us) { spin(us, ticks_of_microsecond); return 2; }
int APART pointer_quick(uint64_t us) { return (int)us; }

static int (*volatile handlers[2])(uint64_t) = { pointer_quick, pointer_slow };

int APART dispatch(uint64_t us) {
  int sum = 0;
  for (int i = 0; i < 2; i++) sum += handlers[i](us);
  return sum;
}

// Half of it at each of two levels, so that time in the inner calls counts once.
int APART recursive_work(uint64_t us, int depth) {
  spin(us, ticks_of_microsecond);
  return depth == 0 ? 1 : recursive_work(us, depth - 1) + 1;
}

int APART tail_end(uint64_t us) { spin(us, ticks_of_microsecond); return 3; }
int APART tail_begin(uint64_t us) { __asm__ volatile(""); return tail_end(us); }

int APART sleeping(uint64_t us) {
  struct timespec time = { 0, (long)us * 1000 };
  return clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL) + 1;
}

int APART middle(uint64_t *us) {
  int sum = 0;
  if (us[0]) sum += direct_work(us[0]);
  if (us[1]) sum += dispatch(us[1]);
  return sum;
}

int APART work_round(uint64_t *us) {
  int sum = middle(us);
  if (us[2]) sum += library_work(us[2], ticks_of_microsecond);
  if (us[3]) sum += recursive_work(us[3] / 4, 3);
  if (us[4]) sum += tail_begin(us[4]);
  if (us[5]) sum += sleeping(us[5]);
  return sum;
}

int main(int count, char **arguments) {
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  uint64_t from = __rdtsc();
  do clock_gettime(CLOCK_MONOTONIC, &end); while ((end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec < 50000000L);
  ticks_of_microsecond = (__rdtsc() - from) / 50000;
  uint64_t us[6] = { 0 };
  for (int i = 0; i < 6 && i + 1 < count; i++) us[i] = strtoull(arguments[i + 1], NULL, 10);
  puts("ready");
  fflush(stdout);
  for (;;) {
    if (work_round(us) < 0) return 1;
    rounds++;
  }
}
#endif
