using KernOpt.Target;

namespace KernOpt.Live.Text;

/// <summary>Bytes in a row that differ from the file's.</summary>
public sealed record TextDifference(AddressRange Range, byte[] Live, byte[] File);

/// <summary>Compares the executable memory of a loaded module with the bytes of its file.</summary>
public static class TextCheck
{
    private const int ChunkBytes = 1 << 16;

    /// <summary>
    /// The differences in ascending order, none when the text is the file's, byte for byte. A module with text relocations differs by them.
    /// Refused (5304) when the file or the memory cannot be read.
    /// </summary>
    public static Outcome<IReadOnlyList<TextDifference>> Compare(ITarget target, TargetModule module)
    {
        if (!module.File().Try(out var file, out var why)) return Reasons.TextNotComparable.With($"{module.Name}: {why}");
        var differences = new List<TextDifference>();
        foreach (var mapping in module.Mappings)
        {
            if (!mapping.Protection.HasFlag(Protection.Execute) || mapping.Inode == 0) continue;
            if (CompareMapping(target, mapping, file, differences) is { } refusal) return refusal;
        }
        return differences;
    }

    /// <summary>All modules of the target; those whose file cannot be read are left out and named in the second list.</summary>
    public static (IReadOnlyList<TextDifference> Differences, IReadOnlyList<Refusal> NotCompared) CompareAll(ITarget target)
    {
        var differences = new List<TextDifference>();
        var refusals = new List<Refusal>();
        foreach (var module in target.ReadMap().Modules)
        {
            if (Compare(target, module).Try(out var found, out var why)) differences.AddRange(found);
            else refusals.Add(why);
        }
        return (differences, refusals);
    }

    private static Refusal? CompareMapping(ITarget target, Mapping mapping, byte[] file, List<TextDifference> into)
    {
        var live = new byte[ChunkBytes];
        // The rest of the last page is zero behind the end of the file.
        var bytes = Math.Min(mapping.Range.Length, (ulong)file.Length - Math.Min((ulong)file.Length, mapping.FileOffset));
        for (var done = 0UL; done < bytes; done += ChunkBytes)
        {
            var length = (int)Math.Min(ChunkBytes, bytes - done);
            var at = mapping.Range.Start + done;
            if (target.Read(at, live.AsSpan(0, length)) != length) return Reasons.TextNotComparable.With($"{length} bytes at {at}");
            AddDifferences(at, live.AsSpan(0, length), file.AsSpan((int)(mapping.FileOffset + done), length), into);
        }
        return null;
    }

    private static void AddDifferences(Address at, ReadOnlySpan<byte> live, ReadOnlySpan<byte> file, List<TextDifference> into)
    {
        var from = 0;
        while (from < live.Length)
        {
            var same = live[from..].CommonPrefixLength(file[from..]);
            from += same;
            if (from == live.Length) return;
            var end = from;
            while (end < live.Length && live[end] != file[end]) end++;
            into.Add(new TextDifference(new AddressRange(at + from, (ulong)(end - from)), live[from..end].ToArray(), file[from..end].ToArray()));
            from = end;
        }
    }
}
