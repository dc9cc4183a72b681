// Makes so many getppid calls in each of two processes, after so many seconds.
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	long calls = count > 1 ? atol(arguments[1]) : 0, i;

	sleep(count > 2 ? atoi(arguments[2]) : 0);
	if (fork() == 0) {
		for (i = 0; i < calls; i++)
			syscall(SYS_getppid);
		_exit(0);
	}
	for (i = 0; i < calls; i++)
		syscall(SYS_getppid);
	return wait(0) < 0;
}
