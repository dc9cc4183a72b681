using System.Buffers.Binary;

namespace KernOpt.Live.Regions;

/// <summary>
/// FNV-1a (Fowler, Noll, Vo) of 64 bits, folded to 32 where a record has room for no more. It tells torn and overwritten records from good ones;
/// it is no defence against somebody who forges them, and need not be: a target can harm its own text without us.
/// </summary>
internal static class Checksum
{
    private const ulong Basis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        var hash = Basis;
        foreach (var b in bytes) hash = unchecked((hash ^ b) * Prime);
        return hash;
    }

    public static ulong Of(ulong a, ulong b, ulong c)
    {
        Span<byte> bytes = stackalloc byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, a);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], b);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[16..], c);
        return Of(bytes);
    }

    /// <summary>Never 0, so that a word that was never written is never a good one.</summary>
    public static uint Fold(ulong hash) => (uint)(hash ^ (hash >> 32)) is var folded && folded == 0 ? 1 : (uint)(hash ^ (hash >> 32));
}
