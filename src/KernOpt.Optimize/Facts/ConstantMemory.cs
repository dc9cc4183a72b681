using System.Buffers.Binary;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Optimize.Facts;

/// <summary>Reads data that cannot change while its module is loaded (<see cref="ICodeSource.IsConstantData"/>).</summary>
internal static class ConstantMemory
{
    /// <summary>A little-endian value of 1, 2, 4 or 8 bytes.</summary>
    public static bool TryRead(ICodeSource? source, ulong address, int bytes, out ulong value)
    {
        value = 0;
        if (source is null || bytes is not (1 or 2 or 4 or 8)) return false;
        var at = new Address(address);
        if (!source.IsConstantData(new AddressRange(at, (ulong)bytes))) return false;
        Span<byte> buffer = stackalloc byte[8];
        buffer.Clear();
        if (source.Read(at, buffer[..bytes]) != bytes) return false;
        value = BinaryPrimitives.ReadUInt64LittleEndian(buffer);
        return true;
    }
}
