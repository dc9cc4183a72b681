// Threads that wait for a lock that is held for known times, and for a semaphore that is posted at known times. Prints, ten times a second: seconds since the start, and the seconds that the
// waiter has waited for the lock by its own clock.
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;
sem_t the_semaphore;
static volatile double waited;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

void *holder(void *unused) {
  for (;;) {
    pthread_mutex_lock(&the_lock);
    usleep(3000);
    pthread_mutex_unlock(&the_lock);
    usleep(2000);
  }
  return unused;
}

void *waiter(void *unused) {
  for (;;) {
    double begin = now();
    pthread_mutex_lock(&the_lock);
    double took = now() - begin;
    pthread_mutex_unlock(&the_lock);
    waited += took;
    usleep(100);
  }
  return unused;
}

void *sleeper(void *unused) {
  for (;;) sem_wait(&the_semaphore);
  return unused;
}

int main(void) {
  pthread_t threads[3];
  sem_init(&the_semaphore, 0, 0);
  pthread_create(&threads[0], NULL, holder, NULL);
  pthread_create(&threads[1], NULL, waiter, NULL);
  pthread_create(&threads[2], NULL, sleeper, NULL);
  double start = now();
  for (int i = 1;; i++) {
    usleep(5000);
    sem_post(&the_semaphore);
    if (i % 20 == 0) {
      printf("%.6f %.6f\n", now() - start, waited);
      fflush(stdout);
    }
  }
}
