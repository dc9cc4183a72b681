namespace KernOpt.Target;

/// <summary>4000–4099: the target itself. 4100–4199: a permission is missing (exit code 77). 4200–4299: memory. 4300–4399: threads. 4400–4499: sampling.</summary>
public static partial class Reasons
{
    public static readonly Reason NoSuchProcess = new(4001, nameof(NoSuchProcess), "There is no process of this number; it may have exited. Check it with ps.");
    public static readonly Reason NotNative64Bit = new(4002, nameof(NotNative64Bit), "The program is not 64-bit x86 code. Only x86-64 ELF programs can be changed.");
    public static readonly Reason ProcessIsZombie = new(4003, nameof(ProcessIsZombie), "The process (or its first thread) has exited and waits to be collected by its parent; nothing of it can be changed.");
    public static readonly Reason ProcessIsKernelThread = new(4004, nameof(ProcessIsKernelThread), "It is a thread of the kernel and has no program of its own.");
    public static readonly Reason ProcessIsStopped = new(4005, nameof(ProcessIsStopped), "The process is stopped by job control (SIGSTOP or SIGTSTP). Continue it with kill -CONT, then try again.");
    public static readonly Reason NotAProcess = new(4006, nameof(NotAProcess), "The number is a thread's, not a process's. Give the number of its process.");
    public static readonly Reason ProcessIsSelf = new(4007, nameof(ProcessIsSelf), "A process cannot change itself this way.");
    public static readonly Reason TargetGone = new(4008, nameof(TargetGone), "The target has exited.");
    public static readonly Reason TargetReplaced = new(4009, nameof(TargetReplaced), "The target has executed another program since it was attached. Attach again.");
    public static readonly Reason LaunchFailed = new(4010, nameof(LaunchFailed), "The command could not be started, or ended before its program ran.");
    public static readonly Reason TargetBusy = new(4011, nameof(TargetBusy), "Another kernopt is changing this target. Wait until it ends.");
    public static readonly Reason TargetUnreadable = new(4012, nameof(TargetUnreadable), "A file of the target under /proc could not be read or had an unexpected form.");

    public static readonly Reason NoTracePermission = new(4101, nameof(NoTracePermission), "The kernel does not allow this user to change this process. The detail says which permission is missing.");
    public static readonly Reason AlreadyTraced = new(4102, nameof(AlreadyTraced), "Another tracer (a debugger, strace) is attached, and Linux allows only one. Detach it first.");
    public static readonly Reason NoMemoryFilePermission = new(4103, nameof(NoMemoryFilePermission), "The memory files of the target (/proc/PID/fd, map_files) may not be opened by this user.");
    public static readonly Reason SamplingForbidden = new(4104, nameof(SamplingForbidden), "This user may not sample the target. Lower kernel.perf_event_paranoid, or give CAP_PERFMON.");

    public static readonly Reason TextDiffers = new(4201, nameof(TextDiffers), "The text of the target does not hold the bytes that were expected there; somebody else changed it.");
    public static readonly Reason NotOneStore = new(4202, nameof(NotOneStore), "These bytes cannot be replaced by one atomic store at this place.");
    public static readonly Reason StoreFailed = new(4203, nameof(StoreFailed), "The target's memory could not be written at this place.");
    public static readonly Reason NoGapInReach = new(4204, nameof(NoGapInReach), "There is no free address range of the needed size within 2 GiB of the code.");
    public static readonly Reason RemoteCallFailed = new(4205, nameof(RemoteCallFailed), "A system call made on behalf of the target answered an error.");
    public static readonly Reason NoRoomForStub = new(4206, nameof(NoRoomForStub), "No executable mapping of the target has room for the few bytes that a borrowed thread must run.");
    public static readonly Reason NotARegion = new(4207, nameof(NotARegion), "The region is not one of this target's.");
    public static readonly Reason ModuleFileChanged = new(4208, nameof(ModuleFileChanged), "The file of a loaded module was replaced or cannot be read, so its bytes are not known.");

    public static readonly Reason TooManyMappings = new(4209, nameof(TooManyMappings), "The target has so many mappings that it needs what is left of vm.max_map_count for itself. Use fewer places at once.");

    public static readonly Reason NoThreadToBorrow = new(4301, nameof(NoThreadToBorrow), "No thread of the target could be borrowed for a moment: all are in waits that cannot be interrupted, or being stopped otherwise.");
    public static readonly Reason SystemCallFilter = new(4303, nameof(SystemCallFilter), "All threads of the target run under a filter of system calls (seccomp), which could end the process for a call made on its behalf.");
    public static readonly Reason ThreadNumberNotFound = new(4304, nameof(ThreadNumberNotFound), "The program's threads do not keep their numbers where the C library does (glibc, musl), so that code in it cannot tell them apart.");
    public static readonly Reason ThreadLost = new(4302, nameof(ThreadLost), "The borrowed thread ended (or was killed) while it was borrowed.");

    public static readonly Reason NoKernelDriver = new(4601, nameof(NoKernelDriver), "The running kernel can be changed only with KernOpt's driver: build src/KernOpt.Driver against its headers, and insmod kernopt.ko.");
    public static readonly Reason NoKernelPermission = new(4602, nameof(NoKernelPermission), "The kernel may be changed by CAP_SYS_ADMIN alone, and not where it is locked down.");
    public static readonly Reason OtherKernelDriver = new(4603, nameof(OtherKernelDriver), "The driver is of another version than this kernopt. Build it again, and load it instead.");
    public static readonly Reason KernelAddressesHidden = new(4604, nameof(KernelAddressesHidden), "The kernel does not say where its functions and tables are. Set kernel.kptr_restrict to 0 or 1, and run as root.");
    public static readonly Reason KernelCallFailed = new(4605, nameof(KernelCallFailed), "The driver answered an error that is not expected.");
    public static readonly Reason NotForKernel = new(4606, nameof(NotForKernel), "A kernel has no such thing, or KernOpt cannot do it there yet.");
    public static readonly Reason TextReserved = new(4607, nameof(TextReserved), "Something else changes this text or knows it by its address: entry code, ftrace, a kprobe, a static key or call, an alternative, a table of exceptions or bugs.");

    public static readonly Reason SamplerUnavailable = new(4401, nameof(SamplerUnavailable), "Neither the kernel's performance events nor looking at threads is possible here.");
}
