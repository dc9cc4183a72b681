namespace KernOpt.Code.Bodies;

/// <summary>A second body that says the same and can be changed without touching the first.</summary>
public sealed class BodyCopy
{
    private readonly Dictionary<BodyBlock, BodyBlock> copies = [];

    private BodyCopy(FunctionBody original)
    {
        Body = new FunctionBody(original.Function);
        foreach (var block in original.Order)
        {
            var copy = Body.NewBlock(block.Origin);
            copy.Instructions.AddRange(block.Instructions);
            copy.Count = block.Count;
            copies[block] = copy;
        }
        foreach (var block in original.Order) copies[block].End = Translate(block.End);
        Body.Entries.AddRange(original.Entries.Select(e => copies[e]));
        Body.Rebuild();
    }

    public FunctionBody Body { get; }

    /// <summary>The copy of a block of the original.</summary>
    public BodyBlock this[BodyBlock original] => copies[original];

    public static BodyCopy Of(FunctionBody original) => new(original);

    private Terminator Translate(Terminator end) => end switch
    {
        Terminator.Goto to => new Terminator.Goto(copies[to.To]),
        Terminator.Branch branch => branch with { Taken = copies[branch.Taken], Else = copies[branch.Else] },
        Terminator.CounterBranch counter => counter with { Taken = copies[counter.Taken], Else = copies[counter.Else] },
        Terminator.Table table => table with { Cases = [.. table.Cases.Select(c => copies[c])] },
        _ => end,
    };
}
