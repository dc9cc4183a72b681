using System.Globalization;
using System.Runtime.InteropServices;
using KernOpt.Target;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>Memory of this process near a given address, written once and then made executable.</summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    private const int ReadWrite = 3, ReadExecute = 5, PrivateAnonymous = 0x22, FixedNoReplace = 0x100000;
    private const long Reach = 0x7000_0000;
    private readonly nuint length;

    public ExecutableMemory(Address near, int bytes)
    {
        length = (nuint)((bytes + 4095) & ~4095);
        At = MapNear(near);
    }

    public Address At { get; }

    /// <summary>Writes the bytes to the start; from now on they can be executed and no longer be written.</summary>
    public void Fill(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(new Span<byte>((void*)At.Value, (int)length));
        if (Protect((void*)At.Value, length, ReadExecute) != 0) throw new InvalidOperationException("mprotect failed");
    }

    public void Dispose() => _ = Unmap((void*)At.Value, length);

    /// <summary>Takes the first gap of the address space that is in reach; another thread may be faster, then the next.</summary>
    private Address MapNear(Address near)
    {
        var last = Address.Zero;
        foreach (var line in File.ReadLines("/proc/self/maps"))
        {
            var ends = line.Split('-', ' ');
            var start = new Address(ulong.Parse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            var hint = start - (ulong)length;
            if (hint >= last && start > last + (ulong)length && Math.Abs(hint - near) < Reach)
            {
                var at = Map((void*)hint.Value, length, ReadWrite, PrivateAnonymous | FixedNoReplace, -1, 0);
                if ((ulong)at == hint.Value) return hint;
                if ((nint)at > 0) _ = Unmap(at, length);
            }
            last = new Address(ulong.Parse(ends[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }
        throw new InvalidOperationException($"no free memory near {near}");
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* at, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* at, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* at, nuint length, int protection);
}
