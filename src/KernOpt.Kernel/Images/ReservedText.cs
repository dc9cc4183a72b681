using KernOpt.Target;

namespace KernOpt.Kernel.Images;

/// <summary>Text that is somebody else's, for planning around it: the driver asks the kernel itself again before each change.</summary>
internal sealed class ReservedText
{
    /// <summary>Where the kernel says what no probe may be put on ("0xSTART-0xEND\tNAME", kernel/kprobes.c); debugfs must be mounted.</summary>
    private const string Blacklist = "/sys/kernel/debug/kprobes/blacklist";

    private readonly Address[] starts, ends;

    /// <param name="ranges">In any order; they may overlap.</param>
    public ReservedText(IEnumerable<AddressRange> ranges)
    {
        var merged = new List<(Address Start, Address End)>();
        foreach (var range in ranges.OrderBy(r => r.Start))
        {
            if (merged.Count > 0 && range.Start <= merged[^1].End) merged[^1] = (merged[^1].Start, range.End > merged[^1].End ? range.End : merged[^1].End);
            else merged.Add((range.Start, range.End));
        }
        starts = [.. merged.Select(m => m.Start)];
        ends = [.. merged.Select(m => m.End)];
    }

    public bool Overlaps(AddressRange range)
    {
        var at = Array.BinarySearch(starts, range.Start);
        if (at >= 0) return range.Length > 0;
        var next = ~at;
        return (next > 0 && ends[next - 1] > range.Start) || (next < starts.Length && starts[next] < range.End);
    }

    /// <summary>The nops that functions begin with where ftrace may trace them: five bytes, behind an endbr64 if there is one.</summary>
    public static IEnumerable<AddressRange> EntryNops(ReadOnlyMemory<byte> text, Address at, IEnumerable<Address> functions)
    {
        byte[] landing = [0xF3, 0x0F, 0x1E, 0xFA], nop = [0x0F, 0x1F, 0x44, 0x00, 0x00];
        foreach (var function in functions)
        {
            var code = text.Span[(int)(function.Value - at.Value)..];
            var start = code.StartsWith(landing) ? landing.Length : 0;
            if (code[start..].StartsWith(nop)) yield return new AddressRange(function + start, (ulong)nop.Length);
        }
    }

    /// <summary>None where the file cannot be read.</summary>
    public static IReadOnlyList<AddressRange> Blacklisted()
    {
        var found = new List<AddressRange>();
        try
        {
            foreach (var line in File.ReadLines(Blacklist))
            {
                var bounds = line.Split('\t')[0].Split('-');
                if (bounds.Length == 2 && HexAddress.TryRead(bounds[0], out var start) && HexAddress.TryRead(bounds[1], out var end) && end > start) found.Add(AddressRange.Between(start, end));
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
        return found;
    }
}
