using System.Buffers.Binary;
using KernOpt.Target;

namespace KernOpt.Linux.Memory;

/// <summary>
/// Replaces bytes of live text by one store. The form that is one store on every processor is the aligned 8-byte word: the kernel's memcpy moves it
/// by `rep movsb` (with FSRM) or by one 8-byte move, done twice with the same value. Bytes that cross such a boundary inside one cache line are stored in
/// one piece only by the former; otherwise two overlapping moves tear them. See adr/0003-one-store.md.
/// </summary>
internal sealed class TextStore(TargetMemory memory)
{
    private const int Line = 64, Word = 8, Longest = 16;

    /// <summary>Whether the kernel of this machine copies short pieces by `rep movsb` (fast short rep mov).</summary>
    public static bool CopiesInOnePiece { get; } = HasFlag("fsrm");

    private readonly Lock gate = new();

    public static bool CanStoreAtOnce(Address at, int length)
    {
        if (length is < 1 or > Longest || (at.Value % Line) + (ulong)length > Line) return false;
        return IsInOneWord(at, length) || CopiesInOnePiece;
    }

    public Outcome<Done> Store(Address at, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> replacement)
    {
        if (expected.Length != replacement.Length || !CanStoreAtOnce(at, expected.Length))
            return Reasons.NotOneStore.With($"{expected.Length} bytes at {at}");
        lock (gate)
        {
            return IsInOneWord(at, expected.Length) ? StoreWord(at, expected, replacement) : StorePiece(at, expected, replacement);
        }
    }

    private static bool IsInOneWord(Address at, int length) => (at.Value % Word) + (ulong)length <= Word;

    private Outcome<Done> StoreWord(Address at, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> replacement)
    {
        var start = at.AlignDown(Word);
        var offset = (int)(at.Value % Word);
        Span<byte> word = stackalloc byte[Word];
        if (memory.Read(start, word) != Word) return Reasons.StoreFailed.With($"{at} is not mapped");
        if (!word.Slice(offset, expected.Length).SequenceEqual(expected)) return Differs(at, expected, word.Slice(offset, expected.Length));
        replacement.CopyTo(word[offset..]);
        return Put(start, word);
    }

    private Outcome<Done> StorePiece(Address at, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> replacement)
    {
        Span<byte> found = stackalloc byte[Longest];
        found = found[..expected.Length];
        if (memory.Read(at, found) != found.Length) return Reasons.StoreFailed.With($"{at} is not mapped");
        return found.SequenceEqual(expected) ? Put(at, replacement) : Differs(at, expected, found);
    }

    private Outcome<Done> Put(Address at, ReadOnlySpan<byte> bytes)
    {
        if (!memory.Write(at, bytes)) return Reasons.StoreFailed.With($"{at}");
        Span<byte> found = stackalloc byte[Longest];
        found = found[..bytes.Length];
        var isThere = memory.Read(at, found) == found.Length && found.SequenceEqual(bytes);
        return isThere ? Done.It : Differs(at, bytes, found);
    }

    private static Refusal Differs(Address at, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> found)
        => Reasons.TextDiffers.With($"at {at} expected {Convert.ToHexString(expected)}, found {Convert.ToHexString(found)}");

    private static bool HasFlag(string name)
    {
        foreach (var line in File.ReadLines("/proc/cpuinfo"))
        {
            if (line.StartsWith("flags", StringComparison.Ordinal)) return line.Split(' ').Contains(name);
        }
        return false;
    }
}
