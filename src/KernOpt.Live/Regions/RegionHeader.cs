using System.Buffers.Binary;
using System.Text;
using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>What may be done with a region.</summary>
public enum RegionStatus
{
    /// <summary>Its header is ours and whole, and it was made for this very target.</summary>
    Usable,
    /// <summary>Its header is whole, but it was made for the process that this one was forked from: only this target's own text is ours to change.</summary>
    Inherited,
    /// <summary>Made by another format: it is left alone.</summary>
    OtherFormat,
    /// <summary>Something in it is not what KernOpt wrote: undo records that are whole are still good for reverting, nothing else is done.</summary>
    Damaged,
}

/// <summary>The first page of a region. The magic number is stored last when a region is formatted.</summary>
internal static class RegionHeader
{
    /// <summary>
    /// Whether nobody has finished formatting the region: a kernopt was killed between mapping it and storing the magic number. A header that lost its
    /// magic number otherwise has records behind it.
    /// </summary>
    public static bool IsBlank(IRegion region)
    {
        if (region.Load(RegionFormat.Header.Magic) != 0) return false;
        return IsZero(region, RegionFormat.UndoLog, RegionFormat.UndoRecordBytes * RegionFormat.UndoRecordsPerChunk)
            && IsZero(region, RegionFormat.Entries, RegionFormat.EntryBytes * RegionFormat.EntriesPerChunk);
    }

    public static void Format(IRegion region, ulong owner, string build)
    {
        var header = new byte[RegionFormat.HeaderBytes];
        Put(header, RegionFormat.Header.Version, RegionFormat.Version);
        Put(header, RegionFormat.Header.Base, region.Range.Start.Value);
        Put(header, RegionFormat.Header.TotalBytes, region.Range.Length);
        Put(header, RegionFormat.Header.DataBytes, region.DataBytes);
        Put(header, RegionFormat.Header.Owner, owner);
        Put(header, RegionFormat.Header.Created, (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        Encoding.UTF8.GetEncoder().Convert(build, header.AsSpan((int)RegionFormat.Header.Build, RegionFormat.Header.BuildBytes), true, out _, out _, out _);
        region.Write(8, header.AsSpan(8));
        region.Store(RegionFormat.Header.Magic, RegionFormat.Magic);
    }

    public static RegionStatus Check(IRegion region, ulong owner)
    {
        if (region.Load(RegionFormat.Header.Magic) != RegionFormat.Magic) return RegionStatus.Damaged;
        if (region.Load(RegionFormat.Header.Version) != RegionFormat.Version) return RegionStatus.OtherFormat;
        var isWhole = region.Load(RegionFormat.Header.Base) == region.Range.Start.Value
            && region.Load(RegionFormat.Header.TotalBytes) == region.Range.Length
            && region.Load(RegionFormat.Header.DataBytes) == region.DataBytes
            && region.DataBytes >= RegionFormat.DataHeap && region.DataBytes <= region.Range.Length;
        if (!isWhole) return RegionStatus.Damaged;
        return region.Load(RegionFormat.Header.Owner) == owner ? RegionStatus.Usable : RegionStatus.Inherited;
    }

    public static string BuildOf(IRegion region)
    {
        var bytes = new byte[RegionFormat.Header.BuildBytes];
        region.Read(RegionFormat.Header.Build, bytes);
        var end = bytes.AsSpan().IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes.AsSpan(0, end));
    }

    private static bool IsZero(IRegion region, ulong offset, int length)
    {
        var bytes = new byte[length];
        region.Read(offset, bytes);
        return bytes.AsSpan().IndexOfAnyExcept((byte)0) < 0;
    }

    private static void Put(byte[] header, ulong offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan((int)offset), value);
}
