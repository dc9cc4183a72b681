using System.Runtime.InteropServices;

namespace KernOpt.Linux.Native;

/// <summary>System calls by number. Each answers the call's value, or the negated error number: nothing is thrown.</summary>
public static partial class SystemCall
{
    [LibraryImport("libc.so.6", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Raw(long number, long a, long b, long c, long d, long e, long f);

    /// <summary>Any system call; arguments that are not given are 0. An interrupted call answers -EINTR: the caller decides.</summary>
    public static long Invoke(CallNumber number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0)
    {
        var result = Raw((long)number, a, b, c, d, e, f);
        return result == -1 ? -Marshal.GetLastPInvokeError() : result;
    }

    public static int ThreadId => (int)Invoke(CallNumber.gettid);

    /// <summary>Bytes read at an offset, 0 at the end (or when the memory is no more), or the negated error.</summary>
    public static unsafe long ReadAt(int descriptor, Span<byte> into, ulong offset)
    {
        // The pointer is used within the pinned span only, and the kernel is told the span's own length.
        fixed (byte* bytes = into) return Invoke(CallNumber.pread64, descriptor, (long)bytes, into.Length, (long)offset);
    }

    /// <summary>Bytes written at an offset by one call, or the negated error.</summary>
    public static unsafe long WriteAt(int descriptor, ReadOnlySpan<byte> from, ulong offset)
    {
        // The pointer is used within the pinned span only, and the kernel is told the span's own length.
        fixed (byte* bytes = from) return Invoke(CallNumber.pwrite64, descriptor, (long)bytes, from.Length, (long)offset);
    }

    /// <summary>A descriptor (close-on-exec), or the negated error.</summary>
    public static unsafe int Open(string path, int flags)
    {
        var name = NullTerminated(path);
        // The array ends with a zero byte, which open(2) needs.
        fixed (byte* bytes = name) return (int)Invoke(CallNumber.openat, OpenFlags.WorkingDirectory, (long)bytes, flags | OpenFlags.CloseOnExec);
    }

    public static void Close(int descriptor) => Invoke(CallNumber.close, descriptor);

    /// <summary>The text of a symbolic link (at most 4,095 bytes), or null.</summary>
    public static unsafe string? ReadLink(string path)
    {
        var name = NullTerminated(path);
        var target = new byte[4096];
        // Both arrays are pinned for the call; the kernel writes at most target.Length bytes.
        fixed (byte* from = name)
        fixed (byte* into = target)
        {
            var length = Invoke(CallNumber.readlink, (long)from, (long)into, target.Length);
            return length < 0 ? null : System.Text.Encoding.UTF8.GetString(target, 0, (int)length);
        }
    }

    /// <summary>Sends a signal to a process. For children that we started ourselves.</summary>
    public static long Kill(int process, int signal) => Invoke(CallNumber.kill, process, signal);

    /// <summary>Sends a signal to one thread.</summary>
    public static long KillThread(int process, int thread, int signal) => Invoke(CallNumber.tgkill, process, thread, signal);

    /// <summary>A descriptor that becomes readable when the process has exited (pidfd_open(2)), or the negated error.</summary>
    public static int OpenProcess(int process) => (int)Invoke(CallNumber.pidfd_open, process);

    /// <summary>A nameless file in memory (memfd_create(2)), or the negated error.</summary>
    public static unsafe int CreateMemoryFile(string name, uint flags)
    {
        var text = NullTerminated(name);
        fixed (byte* bytes = text) return (int)Invoke(CallNumber.memfd_create, (long)bytes, flags);
    }

    /// <summary>mmap(2): the address, or the negated error (an address is never in the last page, so the two cannot be confused).</summary>
    public static long Map(ulong address, ulong length, int protection, int flags, int descriptor, ulong offset)
        => Invoke(CallNumber.mmap, (long)address, (long)length, protection, flags, descriptor, (long)offset);

    public static long Unmap(ulong address, ulong length) => Invoke(CallNumber.munmap, (long)address, (long)length);

    public static long Truncate(int descriptor, ulong length) => Invoke(CallNumber.ftruncate, descriptor, (long)length);

    /// <summary>process_vm_readv(2): bytes read, or the negated error.</summary>
    public static unsafe long ReadProcess(int process, ulong from, Span<byte> into)
    {
        // Both vectors describe exactly the pinned span's length; the remote one is checked by the kernel.
        fixed (byte* bytes = into)
        {
            var local = stackalloc ulong[2] { (ulong)bytes, (ulong)into.Length };
            var remote = stackalloc ulong[2] { from, (ulong)into.Length };
            return Invoke(CallNumber.process_vm_readv, process, (long)local, 1, (long)remote, 1);
        }
    }

    /// <summary>Whether a descriptor is readable now (poll(2) with no wait).</summary>
    public static unsafe bool IsReadable(int descriptor) => Poll(descriptor, 0) > 0;

    /// <summary>poll(2) for one descriptor: 1 readable, 0 timed out, or the negated error.</summary>
    public static unsafe long Poll(int descriptor, int milliseconds)
    {
        var entry = stackalloc int[2] { descriptor, 1 };   // struct pollfd: fd, events = POLLIN, revents
        return Invoke(CallNumber.poll, (long)entry, 1, milliseconds);
    }

    /// <summary>Sleeps for this many nanoseconds, 0 to 999,999,999 (nanosleep(2)); a signal may end it early.</summary>
    public static unsafe void Sleep(long nanoseconds)
    {
        var time = stackalloc long[2] { 0, nanoseconds };
        Invoke(CallNumber.nanosleep, (long)time, 0);
    }

    internal static byte[] NullTerminated(string text)
    {
        var bytes = new byte[System.Text.Encoding.UTF8.GetByteCount(text) + 1];
        System.Text.Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }
}

/// <summary>Flags of open(2) for x86-64.</summary>
public static class OpenFlags
{
    public const int ReadOnly = 0;
    public const int ReadWrite = 2;
    public const int CloseOnExec = 0x80000;
    public const int NonBlocking = 0x800;
    public const int WorkingDirectory = -100;
}

/// <summary>Flags of mmap(2) and memfd_create(2) for x86-64.</summary>
public static class MapFlags
{
    public const int ProtectionRead = 1;
    public const int ProtectionWrite = 2;
    public const int ProtectionExecute = 4;
    public const int Shared = 1;
    public const int Private = 2;
    public const int Anonymous = 0x20;
    public const int FixedNoReplace = 0x100000;
    public const uint MemoryFileCloseOnExec = 1;
    public const uint MemoryFileExecutable = 0x10;
}
