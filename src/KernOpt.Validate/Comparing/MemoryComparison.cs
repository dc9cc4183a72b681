using KernOpt.Target;
using KernOpt.Validate.Running;
using KernOpt.Validate.Sandboxing;

namespace KernOpt.Validate.Comparing;

/// <summary>
/// Compares what two runs have written so far. Not compared: the dead stack below rsp, memory of ours, and the places that hold a return address into
/// the code itself or the address of one of its jump tables, which must be each other's counterparts instead. Baseline: what a page held before any run, for pages that only one has changed.
/// </summary>
internal sealed class MemoryComparison(ValidationRequest request, SandboxLayout layout, CodeFacts facts, Func<ulong, byte[]?> baseline)
{
    public string? Differ(Observation a, Observation b, string at)
    {
        foreach (var page in a.Memory.Keys.Union(b.Memory.Keys).Order())
        {
            var original = a.Memory.GetValueOrDefault(page) ?? BaselineOf(page);
            var version = b.Memory.GetValueOrDefault(page) ?? BaselineOf(page);
            var live = layout.IsStack(page) ? Math.Clamp((long)(a.Registers.Rsp - page), 0, (long)SandboxLayout.PageSize) : 0;
            if (original.AsSpan((int)live).SequenceEqual(version.AsSpan((int)live))) continue;
            if (FirstDifference(page, (int)live, original, version) is { } what) return $"{what} when it {at}";
        }
        return null;
    }

    private string? FirstDifference(ulong page, int from, byte[] original, byte[] version)
    {
        for (var i = from; i < original.Length; i++)
        {
            if (original[i] == version[i]) continue;
            var address = page + (ulong)i;
            if (request.NotCompared.Any(r => r.Contains(new Address(address)))) continue;
            var word = i & ~7;
            var (x, y) = (BitConverter.ToUInt64(original, word), BitConverter.ToUInt64(version, word));
            if (layout.IsStack(page) && word >= from && AreCounterparts(x, y))
            {
                i = word + 7;
                continue;
            }
            return $"the 8 bytes at 0x{page + (ulong)word:x}{Place(address)} are 0x{x:x} in the original and 0x{y:x} in the version";
        }
        return null;
    }

    /// <summary>Addresses that the same call, in the original and in its copy, returns to; those of a jump table and its copy.</summary>
    private bool AreCounterparts(ulong original, ulong version)
    {
        if (facts.AreSameOfTable(original, version)) return true;
        if (facts.TryTranslate(version, out var translated)) return translated == original;
        // A call of a stub, or one that a pass made anew, has no counterpart by name: any return into the original's code will do.
        var address = new Address(version);
        return facts.Original.ContainsKey(original)
            && (request.Version.Code.Range.Contains(address) || request.Extra.Any(e => e.IsCode && e.Range.Contains(address)));
    }

    private string Place(ulong address)
    {
        if (layout.IsStack(address)) return address >= layout.EntryStackPointer ? " (the caller's stack)" : " (the function's own frame)";
        return layout.IsScratch(address) ? " (behind a pointer argument)" : "";
    }

    private byte[] BaselineOf(ulong page) => baseline(page) ?? throw new InvalidOperationException($"page 0x{page:x} changed without having been there");
}
