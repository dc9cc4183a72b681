// Links in what never returns.
#define _GNU_SOURCE
#include <assert.h>
#include <err.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

extern void __chk_fail(void) __attribute__((noreturn));
static sigjmp_buf place;

int main(int n, char **arguments)
{
    switch (n) {
    case 1: abort();
    case 2: quick_exit(1);
    case 3: pthread_exit(arguments);
    case 4: siglongjmp(place, 1);
    case 5: err(1, "%s", arguments[0]);
    case 6: errx(1, "%s", arguments[0]);
    case 7: __chk_fail();
    case 8: _exit(2);
    default: assert(n > 100); exit(0);
    }
}
