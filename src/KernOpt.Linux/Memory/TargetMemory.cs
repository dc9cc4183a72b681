using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Memory;

/// <summary>
/// The memory of the address space that a process had when this was opened: /proc/PID/mem, opened once. After an exec the descriptor still means
/// the old address space, reads and writes of which then move 0 bytes (proc_pid_mem(5), fs/proc/base.c: mem_rw), so a write can never hit another program.
/// </summary>
internal sealed class TargetMemory : IDisposable
{
    private readonly int descriptor;

    private TargetMemory(int descriptor) => this.descriptor = descriptor;

    /// <summary>The memory, or the negated error.</summary>
    public static (TargetMemory? Memory, long Error) Open(int pid)
    {
        var descriptor = SystemCall.Open($"/proc/{pid}/mem", OpenFlags.ReadWrite);
        return descriptor < 0 ? (null, descriptor) : (new TargetMemory(descriptor), 0);
    }

    /// <summary>False after exec and exit: no user of the address space is left.</summary>
    public bool IsAlive
    {
        get
        {
            Span<byte> one = stackalloc byte[1];
            return SystemCall.ReadAt(descriptor, one, 0) != 0;   // address 0 is unmapped in a living one: EIO
        }
    }

    /// <summary>Bytes read; short where a page is not mapped.</summary>
    public int Read(Address from, Span<byte> into)
    {
        var total = 0;
        while (total < into.Length)
        {
            var count = SystemCall.ReadAt(descriptor, into[total..], (from + total).Value);
            if (count == -Errno.Interrupted) continue;
            if (count <= 0) break;
            total += (int)count;
        }
        return total;
    }

    /// <summary>One write; whether all bytes were written. Writes to read-only private pages are allowed: they get a page of their own.</summary>
    public bool Write(Address at, ReadOnlySpan<byte> bytes) => SystemCall.WriteAt(descriptor, bytes, at.Value) == bytes.Length;

    public void Dispose() => SystemCall.Close(descriptor);
}
