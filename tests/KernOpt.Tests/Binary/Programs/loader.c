// On each line of input loads ("load PATH") or unloads ("unload") a library, then answers.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int table[4] = {1, 2, 3, 4};
const int constants[4] = {5, 6, 7, 8};
int (*const relocated[2])(const char *) = {puts, puts};

int main(void)
{
    char line[512];
    void *library = NULL;
    printf("%lx %lx %lx\n", (unsigned long)table, (unsigned long)constants, (unsigned long)relocated);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "load ", 5)) library = dlopen(line + 5, RTLD_NOW);
        else dlclose(library);
        puts(library ? "done" : dlerror());
        fflush(stdout);
    }
    return 0;
}
