using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// A memory file that the target has just made: its descriptor there, and our own (pidfd_getfd(2)). Disposing closes both; what a kill leaves of it is found by
/// <see cref="Leftovers"/>.
/// </summary>
internal sealed class NewFile : IDisposable
{
    private const uint AllowSealing = 2;

    private readonly int pid;
    private readonly RemoteCalls calls;
    private int isDisposed;

    private NewFile(int pid, RemoteCalls calls, ulong descriptor, OwnFile own)
    {
        this.pid = pid;
        this.calls = calls;
        Descriptor = descriptor;
        Own = own;
    }

    /// <summary>The target's.</summary>
    public ulong Descriptor { get; }

    public OwnFile Own { get; }

    /// <param name="pid">The target.</param>
    /// <param name="calls">Its system calls.</param>
    /// <param name="nameOffset">Which of the names of <see cref="CallStub"/>.</param>
    public static Outcome<NewFile> Make(int pid, RemoteCalls calls, int nameOffset)
    {
        if (!Create(calls, nameOffset).Try(out var descriptor, out var why)) return why;
        if (Take(pid, descriptor).Try(out var own, out why)) return new NewFile(pid, calls, descriptor, own);
        Close(pid, calls, descriptor);
        return why;
    }

    /// <summary>Once only: by then the numbers may be those of other files.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0) return;
        Own.Dispose();
        Close(pid, calls, Descriptor);
    }

    /// <summary>Kernels before 6.3 do not know the flag that allows execution, and allow it without.</summary>
    private static Outcome<ulong> Create(RemoteCalls calls, int nameOffset)
    {
        const uint flags = MapFlags.MemoryFileCloseOnExec | AllowSealing;
        var created = calls.CallWithName(new(CallNumber.memfd_create, B: flags | MapFlags.MemoryFileExecutable), nameOffset);
        return created.IsDone || created.Refusal.Reason != Reasons.RemoteCallFailed ? created : calls.CallWithName(new(CallNumber.memfd_create, B: flags), nameOffset);
    }

    /// <summary>Our own descriptor for the target's, once it is known to be the file that was made: the program may have put another one in its place.</summary>
    private static Outcome<OwnFile> Take(int pid, ulong descriptor)
    {
        if (descriptor <= 2) return Reasons.NoMemoryFilePermission.With("the program has closed a standard stream, whose number the file would have");
        return OwnFile.Take(pid, descriptor).Then<OwnFile>(file =>
        {
            if (file.IsNew) return file;
            file.Dispose();
            return Reasons.NoMemoryFilePermission.With($"/proc/{pid}/fd/{descriptor} is not the file that was made");
        });
    }

    /// <summary>Should this fail, the next run closes it. A program that closes all descriptors has closed it already.</summary>
    private static void Close(int pid, RemoteCalls calls, ulong descriptor)
    {
        if (RegionMaps.IsDescriptor(pid, descriptor)) calls.Call(new(CallNumber.close, descriptor));
    }
}
