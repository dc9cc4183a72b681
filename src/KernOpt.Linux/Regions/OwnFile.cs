using System.Buffers.Binary;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// A descriptor of our own for a memory file of the target. The target may be anybody's program, and we may be root: nothing is written before it is
/// certain that this is a memory file, which no other program has a name for.
/// </summary>
internal sealed class OwnFile : IDisposable
{
    private const int AddSeals = 1033, GetSeals = 1034, SealSeal = 1, SealShrink = 2, SealGrow = 4, SealWrite = 8;

    private OwnFile(int descriptor) => Descriptor = descriptor;

    public int Descriptor { get; }

    /// <summary>A copy of the target's descriptor, with the rights that it was opened with there.</summary>
    public static Outcome<OwnFile> Take(int pid, ulong descriptor)
    {
        var process = SystemCall.OpenProcess(pid);
        var own = (int)SystemCall.Invoke(CallNumber.pidfd_getfd, process, (long)descriptor);
        if (process >= 0) SystemCall.Close(process);
        // Kernels before 5.6 have no such call.
        if (own == -Errno.NotImplemented) own = SystemCall.Open($"/proc/{pid}/fd/{descriptor}", OpenFlags.ReadWrite | OpenFlags.NonBlocking);
        return own < 0 ? Reasons.NoMemoryFilePermission.With($"/proc/{pid}/fd/{descriptor}: {Errno.Describe(own)}") : new OwnFile(own);
    }

    /// <summary>The file behind a mapping of the target, which needs CAP_CHECKPOINT_RESTORE.</summary>
    public static Outcome<OwnFile> Behind(int pid, AddressRange mapping)
    {
        var own = SystemCall.Open($"/proc/{pid}/map_files/{mapping.Start.Value:x}-{mapping.End.Value:x}", OpenFlags.ReadWrite | OpenFlags.NonBlocking);
        return own < 0 ? Reasons.NoMemoryFilePermission.With($"the mapping at {mapping.Start}: {Errno.Describe(own)}") : new OwnFile(own);
    }

    /// <summary>A memory file as it is made: without a name, empty, and not sealed. (Other files have no seals to ask for.)</summary>
    public bool IsNew => Seals is 0 or SealSeal && Status is { Links: 0, Size: 0 };

    /// <summary>A memory file that is at least so long and cannot become shorter: a mapping of it never faults.</summary>
    public bool IsSealedAt(ulong length) => Seals >= 0 && (Seals & SealShrink) != 0 && Status is { Links: 0 } status && status.Size >= length;

    public Outcome<Done> SetLength(ulong length)
    {
        var result = SystemCall.Truncate(Descriptor, length);
        if (result >= 0) result = SystemCall.Invoke(CallNumber.fcntl, Descriptor, AddSeals, SealShrink | SealGrow | SealSeal);
        return result < 0 ? Reasons.RemoteCallFailed.With($"the length of the memory file: {Errno.Describe(result)}") : Done.It;
    }

    /// <summary>Gives a new file its contents, for ever.</summary>
    public Outcome<Done> Fill(ReadOnlySpan<byte> contents)
    {
        for (var done = 0; done < contents.Length;)
        {
            var written = SystemCall.WriteAt(Descriptor, contents[done..], (ulong)done);
            if (written <= 0) return Reasons.RemoteCallFailed.With($"the contents of the memory file: {Errno.Describe(written)}");
            done += (int)written;
        }
        var result = SystemCall.Invoke(CallNumber.fcntl, Descriptor, AddSeals, SealShrink | SealGrow | SealWrite | SealSeal);
        return result < 0 ? Reasons.RemoteCallFailed.With($"the seals of the memory file: {Errno.Describe(result)}") : Done.It;
    }

    /// <summary>The file's number, which memory maps show; 0 when it cannot be told.</summary>
    public ulong Inode => Status?.Inode ?? 0;

    public void Dispose() => SystemCall.Close(Descriptor);

    private long Seals => SystemCall.Invoke(CallNumber.fcntl, Descriptor, GetSeals);

    private unsafe (ulong Inode, ulong Links, ulong Size)? Status
    {
        get
        {
            Span<byte> status = stackalloc byte[144];   // sizeof(struct stat) of x86-64
            fixed (byte* into = status)
            {
                if (SystemCall.Invoke(CallNumber.fstat, Descriptor, (long)into) < 0) return null;
            }
            return (BinaryPrimitives.ReadUInt64LittleEndian(status[8..]), BinaryPrimitives.ReadUInt64LittleEndian(status[16..]),
                BinaryPrimitives.ReadUInt64LittleEndian(status[48..]));
        }
    }
}
