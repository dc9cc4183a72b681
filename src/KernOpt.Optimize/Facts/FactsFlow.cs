using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Images;

namespace KernOpt.Optimize.Facts;

/// <summary>
/// Conditional constant propagation: a forward worklist over the edges that can be taken according to what is known, so that what merges only from edges
/// never taken stays known (Wegman and Zadeck, "Constant propagation with conditional branches", TOPLAS 13(2), 1991; here on machine state in place
/// of SSA names).
/// </summary>
internal sealed class FactsFlow
{
    private readonly FunctionBody body;
    private readonly Assumptions assumptions;
    private readonly Transfer transfer;
    private readonly Dictionary<BodyBlock, MachineFacts> atStart = [];

    private FactsFlow(FunctionBody body, ICodeSource? source, Assumptions assumptions)
    {
        this.body = body;
        this.assumptions = assumptions;
        transfer = new Transfer(source, OwnTableBases(body));
    }

    public Transfer Transfer => transfer;

    public static FactsFlow Solve(FunctionBody body, ICodeSource? source, Assumptions assumptions)
    {
        var flow = new FactsFlow(body, source, assumptions);
        flow.Run();
        return flow;
    }

    /// <summary>What holds on entry of a block, or null when it is never reached.</summary>
    public MachineFacts? AtStart(BodyBlock block) => atStart.TryGetValue(block, out var facts) ? facts.Copy() : null;

    /// <summary>What holds where a block's terminator decides, or null when it is never reached.</summary>
    public MachineFacts? AtEnd(BodyBlock block)
    {
        if (AtStart(block) is not { } facts) return null;
        foreach (var instruction in block.Instructions) transfer.Apply(instruction, facts);
        return facts;
    }

    private void Run()
    {
        var work = new Queue<BodyBlock>();
        foreach (var entry in body.Entries) Reach(entry, MachineFacts.Nothing(), work);
        while (work.TryDequeue(out var block))
        {
            var facts = AtEnd(block)!;
            foreach (var (target, learned) in Edges(block, facts)) Reach(target, learned, work);
        }
    }

    private void Reach(BodyBlock target, MachineFacts facts, Queue<BodyBlock> work)
    {
        if (assumptions.At(target) is { } assumed)
        {
            facts = facts.Copy();
            facts.Learn(assumed);
        }
        if (!atStart.TryGetValue(target, out var before)) atStart.Add(target, facts.Copy());
        else if (!before.JoinWith(facts)) return;
        work.Enqueue(target);
    }

    /// <summary>The edges that can be taken, with what holds along each.</summary>
    private IEnumerable<(BodyBlock Target, MachineFacts Facts)> Edges(BodyBlock block, MachineFacts facts)
    {
        switch (block.End)
        {
            case Terminator.Branch branch:
                var holds = Conditions.Holds(branch.Condition, facts);
                if (holds != false) yield return (branch.Taken, EdgeFacts.Along(block, branch.Condition, taken: true, facts, transfer));
                if (holds != true) yield return (branch.Else, EdgeFacts.Along(block, branch.Condition, taken: false, facts, transfer));
                break;
            case Terminator.CounterBranch counter:
                var after = facts.Copy();
                transfer.Apply(counter.Instruction, after);
                yield return (counter.Taken, after);
                yield return (counter.Else, after);
                break;
            case Terminator.Table table:
                foreach (var target in TableTargets.Possible(table, facts)) yield return (target, facts);
                break;
            default:
                foreach (var target in FunctionBody.SuccessorsOf(block.End)) yield return (target, facts);
                break;
        }
    }

    /// <summary>
    /// Instructions that load the address of a table which the copy will have of its own: what they load is not decided yet. An undecided table is judged
    /// by the original addresses first (<see cref="TableTargets"/>), which are right for the choice of the case.
    /// </summary>
    private HashSet<ulong> OwnTableBases(FunctionBody of) => assumptions.TablesAreMoved
        ? [.. of.Order.Select(b => b.End).OfType<Terminator.Table>().Where(t => t is { OwnTable: true, Original.BaseInstruction: not null })
            .Select(t => t.Original.BaseInstruction!.Value.Value)]
        : [];
}
