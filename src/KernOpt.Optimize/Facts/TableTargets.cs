using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;

namespace KernOpt.Optimize.Facts;

/// <summary>
/// The case that a jump through a table takes when enough is known. Judged by the original table's address and entries: a copy's own table has the same
/// cases at the same indexes.
/// </summary>
internal static class TableTargets
{
    /// <summary>
    /// The cases that the jump may lead to, also of a table that is the original's: facts about a body are facts about the original's flow, too
    /// (<see cref="Optimize.Versions.CallSiteConstants"/>), and there such a jump leads back to code that the body has a copy of.
    /// </summary>
    public static IEnumerable<BodyBlock> Possible(Terminator.Table table, MachineFacts facts) =>
        TryDecide(table, facts) is { } target ? [target] : table.Cases.Distinct();

    public static BodyBlock? TryDecide(Terminator.Table table, MachineFacts facts)
    {
        var index = table.Jump.Op0Kind == OpKind.Register ? IndexByTarget(table, facts) : IndexByEntry(table, facts);
        return index is { } i && i >= 0 && i < table.Cases.Count ? table.Cases[i] : null;
    }

    /// <summary>jmp rax: the register holds the original target. Entries with the same target lead to the same block.</summary>
    private static int? IndexByTarget(Terminator.Table table, MachineFacts facts)
    {
        var target = facts[table.Jump.Op0Register];
        return target.IsConstant && MachineFacts.WidthOf(table.Jump.Op0Register) == 64 ? table.Original.Targets.IndexOf(new(target.Value)) : null;
    }

    /// <summary>jmp [table+rax*8]: the address of the entry. The entries themselves may be relocated data.</summary>
    private static int? IndexByEntry(Terminator.Table table, MachineFacts facts)
    {
        if (table.Original.Kind != JumpTableKind.Absolute || table.Jump.Op0Kind != OpKind.Memory || Transfer.IsSegmented(table.Jump)) return null;
        var entry = Transfer.Address(table.Jump, facts);
        if (!entry.IsConstant) return null;
        var offset = unchecked(entry.Value - table.Original.Table.Value);
        return offset % 8 == 0 && offset / 8 < (ulong)table.Cases.Count ? (int)(offset / 8) : null;
    }
}
