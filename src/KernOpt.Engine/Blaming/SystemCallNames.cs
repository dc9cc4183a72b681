using System.Collections.Frozen;

namespace KernOpt.Engine.Blaming;

/// <summary>Names of the system calls that wait or work for long, by their numbers on x86-64 (syscall_64.tbl of Linux); the others are told by number.</summary>
internal static class SystemCallNames
{
    private static readonly FrozenDictionary<int, string> Known = new Dictionary<int, string>
    {
        [0] = "read", [1] = "write", [2] = "open", [3] = "close", [4] = "stat", [5] = "fstat", [6] = "lstat", [7] = "poll", [8] = "lseek", [9] = "mmap", [10] = "mprotect", [11] = "munmap", [12] = "brk",
        [13] = "rt_sigaction", [14] = "rt_sigprocmask", [16] = "ioctl", [17] = "pread64", [18] = "pwrite64", [19] = "readv", [20] = "writev", [21] = "access", [22] = "pipe", [23] = "select",
        [24] = "sched_yield", [25] = "mremap", [26] = "msync", [28] = "madvise", [34] = "pause", [35] = "nanosleep", [40] = "sendfile", [41] = "socket", [42] = "connect", [43] = "accept", [44] = "sendto",
        [45] = "recvfrom", [46] = "sendmsg", [47] = "recvmsg", [48] = "shutdown", [49] = "bind", [51] = "getsockname", [54] = "setsockopt", [55] = "getsockopt", [56] = "clone", [57] = "fork", [58] = "vfork",
        [59] = "execve", [61] = "wait4", [65] = "semop", [69] = "msgsnd", [70] = "msgrcv", [72] = "fcntl", [73] = "flock", [74] = "fsync", [75] = "fdatasync", [76] = "truncate", [77] = "ftruncate",
        [78] = "getdents", [80] = "chdir", [82] = "rename", [83] = "mkdir", [84] = "rmdir", [86] = "link", [87] = "unlink", [88] = "symlink", [89] = "readlink", [127] = "rt_sigpending",
        [128] = "rt_sigtimedwait", [130] = "rt_sigsuspend", [162] = "sync", [202] = "futex", [208] = "io_getevents", [209] = "io_submit", [217] = "getdents64", [220] = "semtimedop", [228] = "clock_gettime",
        [230] = "clock_nanosleep", [232] = "epoll_wait", [233] = "epoll_ctl", [247] = "waitid", [257] = "openat", [258] = "mkdirat", [262] = "newfstatat", [263] = "unlinkat", [264] = "renameat",
        [270] = "pselect6", [271] = "ppoll", [275] = "splice", [277] = "sync_file_range", [281] = "epoll_pwait", [285] = "fallocate", [288] = "accept4", [293] = "pipe2", [295] = "preadv", [296] = "pwritev",
        [299] = "recvmmsg", [306] = "syncfs", [307] = "sendmmsg", [316] = "renameat2", [318] = "getrandom", [326] = "copy_file_range", [327] = "preadv2", [328] = "pwritev2", [332] = "statx",
        [426] = "io_uring_enter", [435] = "clone3", [441] = "epoll_pwait2", [449] = "futex_waitv",
    }.ToFrozenDictionary();

    public static string Of(int? number) => number is not { } n ? "(number not known)" : Known.GetValueOrDefault(n, $"number {n}");
}
