using System.Buffers.Binary;

namespace KernOpt.Linux.Native;

/// <summary>What stat(2) says of a file, in so far as it tells one file from another.</summary>
public readonly record struct FileStatus(ulong Device, ulong Inode, uint Mode)
{
    public bool IsRegular => (Mode & 0xf000) == 0x8000;

    /// <summary>Follows links; null when there is no such file or it may not be seen.</summary>
    public static unsafe FileStatus? Read(string path)
    {
        var name = SystemCall.NullTerminated(path);
        Span<byte> status = stackalloc byte[144];   // sizeof(struct stat) of x86-64
        fixed (byte* bytes = name)
        fixed (byte* into = status)
        {
            if (SystemCall.Invoke(CallNumber.stat, (long)bytes, (long)into) < 0) return null;
        }
        return new(BinaryPrimitives.ReadUInt64LittleEndian(status), BinaryPrimitives.ReadUInt64LittleEndian(status[8..]), BinaryPrimitives.ReadUInt32LittleEndian(status[24..]));
    }
}
