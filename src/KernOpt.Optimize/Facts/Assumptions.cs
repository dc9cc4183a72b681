using KernOpt.Code.Bodies;

namespace KernOpt.Optimize.Facts;

/// <summary>
/// Facts that hold from outside: at the start of a block, however it is entered (after a guard, or at a function's entry). A block with an assumption
/// keeps its start: it is not merged into a predecessor and not skipped by jumps.
/// </summary>
internal sealed class Assumptions
{
    private readonly Dictionary<BodyBlock, MachineFacts> facts = [];

    /// <summary>Addresses of jump tables are those of the copy's own tables, hence unknown.</summary>
    public bool TablesAreMoved { get; init; }

    public static Assumptions None => new();

    public void Add(BodyBlock block, MachineFacts assumed) => facts.Add(block, assumed);

    public MachineFacts? At(BodyBlock block) => facts.GetValueOrDefault(block);

    public Assumptions WithMovedTables()
    {
        var same = new Assumptions { TablesAreMoved = true };
        foreach (var (block, assumed) in facts) same.Add(block, assumed);
        return same;
    }
}
