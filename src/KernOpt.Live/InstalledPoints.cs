using System.Buffers.Binary;
using KernOpt.Live.Regions;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>
/// Points that were installed together: their code, the words that it writes, and which text is bypassed for it. They are taken out together. A process that the target
/// forks while they are in runs into them, too, and counts in the same words.
/// </summary>
public sealed class InstalledPoints : Installed
{
    private const int MostPoints = 1 << 20, MostWords = 1 << 16;
    private const int RangeBytes = 16;

    internal InstalledPoints(LiveRegion region, PlacedEntry placed) : base(region, placed)
    {
    }

    /// <summary>How many points.</summary>
    public int Points => (int)(uint)Entry.Facts;

    /// <summary>64-bit words of each point.</summary>
    public int Words => (int)(Entry.Facts >> 32);

    /// <summary>A point's word as it is now: a plain load of memory that is shared with the target.</summary>
    public ulong Word(int point, int word) => LoadData(8 * ((ulong)point * (ulong)Words + (ulong)word));

    /// <summary>A store that the target's code sees at once.</summary>
    public void StoreWord(int point, int word, ulong value) => Region.Memory.Store(DataAt(8 * ((ulong)point * (ulong)Words + (ulong)word)), value);

    /// <summary>One of the words that its points have in common, from 0.</summary>
    public ulong SharedWord(int word) => LoadData(SharedAt(Points, Words, (int)Entry.More) + 8 * (ulong)word);

    /// <summary>A store that the target's code sees at once.</summary>
    public void StoreShared(int word, ulong value) => Region.Memory.Store(DataAt(SharedAt(Points, Words, (int)Entry.More) + 8 * (ulong)word), value);

    /// <summary>The length's highest bit: control comes there by other bypassed text alone, so that no change of the text begins there.</summary>
    private const ulong ReachedByOthers = 1UL << 63;

    /// <summary>Text that is executed in the region instead of in its place, placement by placement.</summary>
    internal IReadOnlyList<(AddressRange Text, bool IsReachedByOthers)> Bypassed()
    {
        var bytes = new byte[(int)Entry.More * RangeBytes];
        Region.Memory.Read(DataAt(WordBytes(Points, Words)), bytes);
        return [.. Enumerable.Range(0, (int)Entry.More).Select(i =>
        {
            var length = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i * RangeBytes + 8));
            return (new AddressRange(new Address(BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i * RangeBytes))), length & ~ReachedByOthers), (length & ReachedByOthers) != 0);
        })];
    }

    internal static byte[] Encode(IReadOnlyList<(AddressRange Text, bool IsReachedByOthers)> bypassed)
    {
        var bytes = new byte[bypassed.Count * RangeBytes];
        for (var i = 0; i < bypassed.Count; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * RangeBytes), bypassed[i].Text.Start.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * RangeBytes + 8), bypassed[i].Text.Length | (bypassed[i].IsReachedByOthers ? ReachedByOthers : 0));
        }
        return bytes;
    }

    /// <summary>More than there can be where the figures are none.</summary>
    internal static ulong LeastDataOf(Entry entry) =>
        (int)(uint)entry.Facts is > 0 and <= MostPoints and var points && (int)(entry.Facts >> 32) is > 0 and <= MostWords and var words && entry.More <= MostPoints
            ? DataBytes(points, words, (int)entry.More, 0) : ulong.MaxValue;

    /// <summary>The words of each point, the bypassed text, the words in common.</summary>
    internal static ulong DataBytes(int points, int words, int bypassed, int sharedWords) => SharedAt(points, words, bypassed) + 8 * (ulong)sharedWords;

    internal static ulong SharedAt(int points, int words, int bypassed) => WordBytes(points, words) + (ulong)bypassed * RangeBytes;

    internal static ulong WordBytes(int points, int words) => 8 * (ulong)points * (ulong)words;

    internal static ulong Facts(int points, int words) => (ulong)(uint)words << 32 | (uint)points;
}
