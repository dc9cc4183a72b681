using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Binary;

/// <summary>Something in a file that is wrong or not understood; what was read around it is still usable.</summary>
public sealed record Finding(Reason Reason, string Detail)
{
    public override string ToString() => $"{Reason}: {Detail}";
}

/// <summary>Collects findings while a file is read. A hostile file can cause millions: only the first <see cref="Limit"/> are kept, all are counted.</summary>
internal sealed class Findings
{
    private const int Limit = 32;
    private readonly List<Finding> kept = [];
    private long all;

    public void Add(Reason reason, string detail)
    {
        if (all++ < Limit) kept.Add(new Finding(reason, detail));
    }

    public ImmutableArray<Finding> Close()
    {
        if (all > Limit) kept.Add(new Finding(kept[^1].Reason, $"and {all - Limit:n0} findings more"));
        return [.. kept];
    }
}
