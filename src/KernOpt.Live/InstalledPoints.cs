using KernOpt.Live.Regions;

namespace KernOpt.Live;

/// <summary>Points that were installed together: their code, and the words that it writes. They are taken out together.</summary>
public sealed class InstalledPoints : Installed
{
    private const int MostPoints = 1 << 20, MostWords = 1 << 16;

    internal InstalledPoints(LiveRegion region, PlacedEntry placed) : base(region, placed)
    {
    }

    /// <summary>How many points.</summary>
    public int Points => (int)(uint)Entry.Facts;

    /// <summary>64-bit words of each point.</summary>
    public int Words => (int)(Entry.Facts >> 32);

    /// <summary>A point's word as it is now: a plain load of memory that is shared with the target.</summary>
    public ulong Word(int point, int word) => LoadData(8 * ((ulong)point * (ulong)Words + (ulong)word));

    /// <summary>More than there can be where the figures are none.</summary>
    internal static ulong LeastDataOf(Entry entry) =>
        (int)(uint)entry.Facts is > 0 and <= MostPoints and var points && (int)(entry.Facts >> 32) is > 0 and <= MostWords and var words ? DataBytes(points, words) : ulong.MaxValue;

    internal static ulong DataBytes(int points, int words) => 8 * (ulong)points * (ulong)words;

    internal static ulong Facts(int points, int words) => (ulong)(uint)words << 32 | (uint)points;
}
