// Functions that call what looks at its caller, and one that does not: prints where they are, and waits.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noipa)) void *looks(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    return found ? found : (void *)name;
}

__attribute__((noipa)) void *opens(const char *name)
{
    void *found = dlopen(name, RTLD_LAZY);
    return found ? found : (void *)name;
}

__attribute__((noipa)) int plain(const char *name)
{
    return puts(name) + 1;
}

int main(void)
{
    printf("%p %p %p\n", (void *)looks, (void *)opens, (void *)plain);
    fflush(stdout);
    pause();
    return 0;
}
